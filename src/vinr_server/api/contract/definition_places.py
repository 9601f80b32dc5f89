"""Places in a definition that a caller wrote as free JSON: each value is read, or what is wrong with it is kept.

So all that is wrong is found at once, each with its path, and the rest is read nevertheless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from vinr_server.api.contract.input import INTEGER_MAX
from vinr_server.api.contract.values import read_span
from vinr_server.api.edge.parse import snake
from vinr_server.api.edge.problems import Problem
from vinr_server.api.edge.suggestions import nearest_name
from vinr_server.api.edge.times import read_instant
from vinr_server.core.campaigns.rows import DefinitionProblem
from vinr_server.core.kernel.spans.durations import Duration

Json = dict[str, Any]
T = TypeVar("T")

STEP_ID = re.compile(r"[a-z0-9_]{1,40}\Z", re.ASCII)
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z", re.ASCII)
TEXT_MAX = 500
LIST_MAX = 50


class Place:
    """An object of the definition, with its path. What has been asked for by name is known; `end` refuses the rest."""

    def __init__(self, given: Any, path: str, zone: str, problems: list[DefinitionProblem]) -> None:
        self.path, self.zone, self.problems = path, zone, problems
        self._given: Mapping[str, Any] = {}
        self._asked: set[str] = set()
        if isinstance(given, dict):
            self._given = {snake(key): value for key, value in given.items()}
        else:
            self.say("", "Send an object.")

    def say(self, name: str, problem: str) -> None:
        """Keep what is wrong with a value."""
        self.problems.append(DefinitionProblem(self.at(name), problem))

    def at(self, name: str) -> str:
        """The path of a value."""
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def value(self, name: str) -> Any:
        """The value as it was sent; None where none was."""
        self._asked.add(name)
        return self._given.get(name)

    def has(self, name: str) -> bool:
        """Whether a value was sent, null included."""
        return name in self._given

    def required(self, name: str, value: T | None) -> T | None:
        """The value, which must be there; that one was sent and is wrong was said already."""
        if value is None and self._given.get(name) is None:
            self.say(name, "It is required.")
        return value

    def end(self) -> None:
        """Every value that was sent has been asked for."""
        for name in self._given:
            if name not in self._asked:
                nearest = nearest_name(name, sorted(self._asked))
                hint = f"Did you mean {nearest}?" if nearest else f"Known here: {', '.join(sorted(self._asked))}."
                self.say(name, f"It is not known. {hint}")

    # ---- values

    def read(self, name: str, read: Callable[[Any, str], T]) -> T | None:
        """What a reader of the edge makes of the value; its refusal is kept."""
        value = self.value(name)
        if value is None:
            return None
        try:
            return read(value, self.at(name))
        except Problem as problem:
            self.problems.append(DefinitionProblem(problem.param or self.at(name), problem.message))
            return None

    def text(self, name: str, *, longest: int = TEXT_MAX) -> str | None:
        """A text."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= longest or "\x00" in value:
            self.say(name, f"Send a text of 1 to {longest} characters.")
            return None
        return value

    def id(self, name: str, prefix: str) -> str | None:
        """The id of another object."""
        value = self.text(name, longest=255)
        if value is not None and not value.startswith(prefix):
            self.say(name, f"Send an id that starts with {prefix}.")
            return None
        return value

    def step(self, name: str) -> str | None:
        """The id of a step."""
        value = self.text(name)
        if value is not None and not STEP_ID.match(value):
            self.say(name, "The id of a step has 1 to 40 characters: a to z, 0 to 9 and _.")
            return None
        return value

    def whole(self, name: str, *, least: int, most: int = INTEGER_MAX) -> int | None:
        """A whole number."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.say(name, f"Send a whole number from {least} to {most}.")
            return None
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            self.say(name, "Send true or false.")
        return value if isinstance(value, bool) else default

    def choice(self, name: str, choices: Collection[str]) -> Any:
        """One of these words."""
        value = self.value(name)
        if value is not None and value not in choices:
            self.say(name, f"Send one of {', '.join(choices)}.")
            return None
        return value

    def duration(self, name: str) -> Duration | None:
        """A length of time such as 7d."""
        return self.read(name, lambda value, at: read_span(value, param=at))

    def minutes(self, name: str) -> int | None:
        """A local time of day such as 09:00, as minutes after midnight."""
        value = self.value(name)
        if value is None:
            return None
        match = _TIME_OF_DAY.match(value) if isinstance(value, str) else None
        if match is None:
            self.say(name, "Send a time of day such as 09:00.")
            return None
        return int(match[1]) * 60 + int(match[2])

    def instant(self, name: str) -> Any:
        """An instant; a bare date is midnight in the program's zone."""
        return self.read(name, lambda value, at: read_instant(value, param=at, zone=self.zone))

    def texts(self, name: str, *, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, each once; one text alone is a list of one."""
        value = self.value(name)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not 1 <= len(listed) <= LIST_MAX:
            self.say(name, f"Send a list of 1 to {LIST_MAX} texts.")
            return ()
        for n, item in enumerate(listed):
            if not isinstance(item, str) or not 1 <= len(item) <= 255:
                self.say(f"{name}[{n}]", "Send a text of 1 to 255 characters.")
                return ()
            if choices is not None and item not in choices:
                self.say(f"{name}[{n}]", f"Send one of {', '.join(choices)}.")
                return ()
        return tuple(dict.fromkeys(listed))

    # ---- objects in it

    def place(self, name: str) -> Place | None:
        """The object of this name."""
        value = self.value(name)
        return None if value is None else Place(value, self.at(name), self.zone, self.problems)

    def places(self, name: str, *, most: int) -> Iterator[Place]:
        """The objects of a list."""
        value = self.value(name)
        if value is None:
            return
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            self.say(name, f"Send a list of 1 to {most} objects.")
            return
        for n, item in enumerate(value):
            yield Place(item, self.at(f"{name}[{n}]"), self.zone, self.problems)

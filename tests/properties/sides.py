"""The product and a second opinion, side by side: each is told the same, and both refuse it or neither does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from engines import CoreRun
from opinions import Refused
from worlds import step_of

from vinr_server.core.kernel.answers import Rejected
from vinr_server.core.kernel.commands import Command
from vinr_server.engine.submission import Reply

Json = dict[str, Any]


class Sides:
    """A run in memory, and what was counted of it. Who inherits has a second opinion, and asks both."""

    def __init__(self, counted: Counter[str]) -> None:
        self.counted, self.run, self.said = counted, CoreRun(), list[Command]()

    @property
    def number(self) -> int:
        """How many commands there were: the name of what the next one makes."""
        return len(self.said)

    def do(self, command: Command) -> Json | Rejected:
        """The product's answer, or its refusal."""
        self.said.append(command)
        (outcome,) = self.run.submit([step_of(self.number, 0, command)])
        return self.run.answers[self.number] if isinstance(outcome, Reply) else outcome  # type: ignore[return-value]

    def must(self, command: Command) -> Json:
        """The product's answer; it is accepted."""
        answer = self.do(command)
        assert not isinstance(answer, Rejected), answer
        return answer

    def both(self, command: Command, opinion: Callable[[], Any]) -> tuple[Json | None, Any]:
        """What the product says and what the model says; the same refusal, or neither refuses."""
        answer = self.do(command)
        try:
            wanted = opinion()
        except Refused as refused:
            assert isinstance(answer, Rejected) and answer.code == str(refused), (command, answer, str(refused))
            self.counted[f"refused {refused}"] += 1
            return None, None
        assert not isinstance(answer, Rejected), (command, answer)
        return answer, wanted

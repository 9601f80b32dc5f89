"""Ids and e-mail addresses in one spelling, so that what looks the same is the same (R87).

An id holds no control character, no invisible one, no white space at its ends, and is composed as Unicode's NFC.
Anything else is refused with the spelling to send: an id that the engine corrected by itself would be unknown to the
system that sent it.
"""

from __future__ import annotations

import typing
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from email_validator import EmailNotValidError, validate_email

from vinr_server.api.edge.problems import Problem

# Control characters, and those that only say how others are shown: a zero-width space, a byte order mark.
_UNSEEN = ("Cc", "Cf")


def cleaned(id: str) -> str:
    """The id as it should be spelled."""
    seen = "".join(character for character in id if unicodedata.category(character) not in _UNSEEN)
    return unicodedata.normalize("NFC", seen).strip()


def require_clean(id: str, *, param: str) -> None:
    """Nothing, where the id is spelled as it should be. Raises a problem that names the spelling to send, if any is."""
    if id.isascii() and id.isprintable() and id[-1:] != " " and id[:1] != " ":
        return
    clean = cleaned(id)
    if clean not in (id, ""):
        message = f"{param}: the id {id!a} {_what_is_wrong(id)}. Send {clean!r}."
        raise Problem("parameter_invalid", message, param=param, details={"cleaned": clean})


def _what_is_wrong(id: str) -> str:
    unseen = next((character for character in id if unicodedata.category(character) in _UNSEEN), None)
    if unseen is not None:
        return f"holds the invisible character U+{ord(unseen):04X}"
    if id != id.strip():
        return "has white space at its start or end"
    return "is not in Unicode's composed form (NFC)"


# What to check of a body: the value under a name, with the path to it.
_Check = Callable[[Any, str], None]


def require_clean_ids(kind: type[msgspec.Struct], named: Mapping[str, Any], path: str) -> None:
    """Every id in a body is spelled as it should be. Expects a body that fits its type."""
    for name, check in _checks(kind):
        value = named.get(name)
        if value is not None:
            check(value, f"{path}{name}")


@cache
def _checks(kind: type[msgspec.Struct]) -> tuple[tuple[str, _Check], ...]:
    hints = typing.get_type_hints(kind, include_extras=True)
    named = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
    return tuple((name, check) for name, hint in named.items() if (check := _check_of(hint)) is not None)


def _check_of(hint: Any) -> _Check | None:
    if typing.get_origin(hint) is typing.Annotated:
        inner, *extras = typing.get_args(hint)
        if inner is str:
            return _check_id if any(_is_prefix(getattr(extra, "pattern", None)) for extra in extras) else None
        return _check_of(inner)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lambda value, path: require_clean_ids(hint, value, f"{path}.") if _checks(hint) else None
    if typing.get_origin(hint) is list:
        return _check_each(_check_of(typing.get_args(hint)[0]))
    options = [check for option in typing.get_args(hint) if (check := _check_of(option)) is not None]
    return options[0] if options else None


def _is_prefix(pattern: str | None) -> bool:
    """Whether it is the pattern of an id: `^cust_.`, see contract/input.py."""
    return pattern is not None and pattern.startswith("^") and pattern.endswith("_.")


def _check_id(value: Any, path: str) -> None:
    require_clean(value, param=path)


def _check_each(check: _Check | None) -> _Check | None:
    if check is None:
        return None

    def check_each(values: Any, path: str) -> None:
        for position, value in enumerate(values):
            check(value, f"{path}[{position}]")

    return check_each


def read_email(given: str | None, *, param: str) -> str | None:
    """The address with its domain in lower case; refused where no mail could be sent to it. DNS is not asked."""
    if given is None:
        return None
    try:
        return validate_email(given, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        message = (
            f"{param}: {given[:80]!r} is not an e-mail address: {error} Send it as ada@example.com, or leave it out."
        )
        raise Problem("parameter_invalid", message, param=param) from None


def folded_email(given: str) -> str:
    """What addresses are found by, as core's `email_key` stores it; of a text that is none, the text in lower case."""
    try:
        given = validate_email(given.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        pass
    return given.casefold()

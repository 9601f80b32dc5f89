"""The known name that an unknown one was probably meant to be, and never one that means the contrary."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Words that turn a name into its contrary; the longer ones are known with a typo as well.
NEGATIONS = frozenset(
    [
        *("not", "no", "non", "never", "none", "without", "except", "exclude", "excludes", "excluded", "excluding"),
        *("exclusion", "exclusions", "ignore", "ignored", "omit", "skip", "deny", "denied", "forbid", "forbidden"),
        *("disallow", "disallowed", "block", "blocked", "ban", "banned", "but"),
    ]
)
_LONG_NEGATIONS = [word for word in NEGATIONS if len(word) >= 6]
_PREFIXES = ("un", "in", "im", "non", "not", "dis", "no")
# Where one name says the first word and the other the second, they ask for contrary things.
OPPOSITES = (
    *(("min", "max"), ("minimum", "maximum"), ("min", "maximum"), ("minimum", "max"), ("least", "most")),
    *(("before", "after"), ("starts", "ends"), ("start", "end"), ("from", "until"), ("since", "until")),
    *(("first", "last"), ("first", "later"), ("gt", "lt"), ("gte", "lte"), ("buy", "get"), ("more", "less")),
)


def nearest_name(name: str, known: Iterable[str], *, likeness: float = 0.5) -> str | None:
    """The known name that is most like this one, among those that don't mean the contrary; None where none is."""
    possible = [one for one in known if not means_contrary(name, one)]
    return next(iter(difflib.get_close_matches(name, possible, n=1, cutoff=likeness)), None)


def means_contrary(name: str, known: str) -> bool:
    """Whether a name, perhaps with a typo, asks for what a known one forbids, or the other way round (snake_case)."""
    mine, theirs = name.split("_"), known.split("_")
    negations = [word for word in theirs if word in NEGATIONS]
    if sum(_is_negation(word, negations) for word in mine) % 2 != len(negations) % 2:
        return True
    if any(_is_negated(one, two) or _is_negated(two, one) for one in mine for two in theirs):
        return True
    return any(
        (one in mine and two in theirs and one not in theirs) or (two in mine and one in theirs and two not in theirs)
        for one, two in OPPOSITES
    )


def _is_negation(word: str, likely: Iterable[str]) -> bool:
    """Whether the word negates; with a typo too, where it is a long one or among those that the known name has."""
    if word in NEGATIONS or difflib.get_close_matches(word, _LONG_NEGATIONS, n=1, cutoff=0.8):
        return True
    return any(_likeness(word, one) >= 0.75 for one in likely)


def _is_negated(word: str, plain: str) -> bool:
    """`inactive` is `active` negated, `nonmember` `member`, with a typo too; `incentiv` is no negation of anything."""
    rests = [word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix)]
    return any(_likeness(rest, plain) >= 0.8 and _likeness(rest, plain) > _likeness(word, plain) for rest in rests)


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()

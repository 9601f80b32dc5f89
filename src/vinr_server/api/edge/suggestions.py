"""The known name that an unknown one was probably meant to be, but never one that means the contrary."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Words that turn a name into its contrary; long ones are recognized with a typo too.
NEGATIONS = frozenset(
    [
        *("not", "no", "non", "never", "none", "without", "except", "exclude", "excludes", "excluded", "excluding"),
        *("exclusion", "exclusions", "ignore", "ignored", "omit", "skip", "deny", "denied", "forbid", "forbidden"),
        *("disallow", "disallowed", "block", "blocked", "ban", "banned", "but"),
    ]
)
_LONG_NEGATIONS = [word for word in NEGATIONS if len(word) >= 6]
_PREFIXES = ("un", "in", "im", "non", "not", "dis", "no")
# If one name has the first word and the other has the second, they ask for contrary things.
OPPOSITES = (
    *(("min", "max"), ("minimum", "maximum"), ("min", "maximum"), ("minimum", "max"), ("least", "most")),
    *(("min", "most"), ("minimum", "most"), ("least", "max"), ("least", "maximum")),
    *(("before", "after"), ("starts", "ends"), ("start", "end"), ("from", "until"), ("since", "until")),
    *(("first", "last"), ("first", "later"), ("gt", "lt"), ("gte", "lte"), ("buy", "get"), ("more", "less")),
)


def nearest_name(name: str, known: Iterable[str], *, likeness: float = 0.5) -> str | None:
    """The known name that is most like this one and does not mean the contrary; None if there is none.

    Words that negate are passed over: `not_skus` is like `exclude_skus`, and `exclude_segments` is not.
    """
    possible = [known_name for known_name in known if not means_contrary(name, known_name)]
    likely = [(_likeness(*_without_negations(name, known_name)), known_name) for known_name in possible]
    best, nearest = max(likely, key=lambda pair: pair[0], default=(0.0, ""))
    return nearest if best >= likeness else None


def _without_negations(name: str, known: str) -> tuple[str, str]:
    """What both names are about; of two that don't negate, the names themselves."""
    theirs = known.split("_")
    negations = [word for word in theirs if word in NEGATIONS]
    if not negations:
        return name, known
    mine = [word for word in name.split("_") if not _is_negation(word, negations, theirs)]
    return "_".join(mine), "_".join(word for word in theirs if word not in negations)


def means_contrary(name: str, known: str) -> bool:
    """Whether a name, perhaps with a typo, asks for what a known one forbids, or the other way round (snake_case)."""
    mine, theirs = name.split("_"), known.split("_")
    negations = [word for word in theirs if word in NEGATIONS]
    if sum(_is_negation(word, negations, theirs) for word in mine) % 2 != len(negations) % 2:
        return True
    if any(_is_negated(mine_word, other) or _is_negated(other, mine_word) for mine_word in mine for other in theirs):
        return True
    return any(
        (first in mine and second in theirs and first not in theirs)
        or (second in mine and first in theirs and second not in theirs)
        for first, second in OPPOSITES
    )


def _is_negation(word: str, likely: Iterable[str], theirs: Iterable[str]) -> bool:
    """Whether the word negates; also with a typo, if it is long or among the known name's negations.

    Not if it is more like a word of the known name: `loked` is `locked`, and not `blocked`.
    """
    if word in NEGATIONS:
        return True
    similar = difflib.get_close_matches(word, _LONG_NEGATIONS, n=1, cutoff=0.8)
    if similar and all(_likeness(word, other) <= _likeness(word, similar[0]) for other in theirs):
        return True
    return any(_likeness(word, negation) >= 0.75 for negation in likely)


def _is_negated(word: str, plain: str) -> bool:
    """`inactive` negates `active`, and `nonmember` negates `member`, also with a typo; `incentiv` negates nothing."""
    rests = [word.removeprefix(prefix) for prefix in _PREFIXES if word.startswith(prefix)]
    return any(_likeness(rest, plain) >= 0.8 and _likeness(rest, plain) > _likeness(word, plain) for rest in rests)


def _likeness(word: str, other: str) -> float:
    return difflib.SequenceMatcher(None, word, other).ratio()

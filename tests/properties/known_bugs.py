"""Bugs of the engine that histories steer around while they stand, so that they don't hide others.

Each name has its minimal example in test_known_bugs.py, which fails as soon as the bug is mended; its name then goes from here.
"""

from __future__ import annotations

STANDING: frozenset[str] = frozenset()


def steers_around(bug: str) -> bool:
    """Whether the bug still stands; its name must be spelled as above."""
    return bug in STANDING

"""Bugs of the engine that histories steer around while they stand, so that they don't hide others.

Each has its minimal example in test_property_known_bugs.py, which fails as soon as the bug is mended; then its name
goes from here, and the example becomes a plain test.
"""

from __future__ import annotations

STANDING: frozenset[str] = frozenset()


def steers_around(bug: str) -> bool:
    """Whether the bug still stands; its name must be spelled as above."""
    return bug in STANDING

"""What second opinions have in common. Nothing of it is shared with the product."""

from __future__ import annotations


class Refused(Exception):
    """The call is refused with this code."""

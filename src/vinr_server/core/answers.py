"""What a decision answers when it accepts; the refusals have a module of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vinr_server.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """The object to show the caller. `is_new` tells 201 from 200: something came into existence."""

    payload: Mapping[str, Any]
    is_new: bool = True

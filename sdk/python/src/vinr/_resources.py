"""The bases of all resources: each holds the client that carries its calls out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vinr._client import AsyncVinr, Vinr


class Resource:
    """Calls that wait for their answer."""

    def __init__(self, client: Vinr) -> None:
        self._client = client
        self._bind(client)

    def _bind(self, client: Vinr) -> None:
        """Make the resources below this one."""


class AsyncResource:
    """Calls to await."""

    def __init__(self, client: AsyncVinr) -> None:
        self._client = client
        self._bind(client)

    def _bind(self, client: AsyncVinr) -> None:
        """Make the resources below this one."""

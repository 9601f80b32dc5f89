"""The bases of all resources: each holds the transport that makes its calls."""

from __future__ import annotations

from vinr._transport import AsyncTransport, Transport


class Resource:
    """Calls that wait for their answer."""

    def __init__(self, client: Transport) -> None:
        self._client = client
        self._bind(client)

    def _bind(self, client: Transport) -> None:
        """Make the resources below this one."""


class AsyncResource:
    """Calls to await."""

    def __init__(self, client: AsyncTransport) -> None:
        self._client = client
        self._bind(client)

    def _bind(self, client: AsyncTransport) -> None:
        """Make the resources below this one."""

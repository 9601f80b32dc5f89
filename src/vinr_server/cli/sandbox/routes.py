"""What only `vinr dev` answers, in addition to the API."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from vinr_server.api.edge.app import Receive, Send
from vinr_server.cli.sandbox.inbox import InboxRoutes, answer
from vinr_server.cli.sandbox.seed import RESET_PATH


class SandboxRoutes:
    """The application, with the sandbox's own routes before it."""

    def __init__(self, application: Any, *, secret_key: str, inbox: InboxRoutes, reset: Callable[[], None]) -> None:
        self._application, self._inbox, self._reset = application, inbox, reset
        self._authorization = f"Bearer {secret_key}".encode()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == RESET_PATH:
            await self._answer_reset(scope, send)
        elif scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            # Somebody who opens the printed address wants to see something.
            await answer(send, 303, headers=[(b"location", b"/_inbox")])
        elif scope["type"] == "http" and self._inbox.has(scope["path"]):
            await self._inbox(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _answer_reset(self, scope: Mapping[str, Any], send: Send) -> None:
        """With the sandbox's key, answers 202 and the sandbox starts again; a page of another site has no key."""
        given = dict(scope["headers"]).get(b"authorization", b"")
        if scope["method"] != "POST":
            status = 405
        elif not hmac.compare_digest(given, self._authorization):
            status = 401
        else:
            status = 202
            self._reset()
        await answer(send, status)

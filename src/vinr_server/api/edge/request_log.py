"""What is remembered of a request: always its figures, and a log line if all are logged, or if it was slow or failed.

A line holds the operation, not the path; the tenant's realm, not the key; the code, not the message. So neither secrets
nor personal data can enter it.
"""

from __future__ import annotations

import logging
import time

from vinr_server.engine.figures import RequestFigures

log = logging.getLogger("vinr.requests")


class Request:
    """A request on its way, with what is known of it so far."""

    __slots__ = ("code", "id", "operation", "realm", "started_at")

    def __init__(self, id: str) -> None:
        self.id = id
        self.operation = "none"
        self.realm: int | None = None
        self.code: str | None = None
        self.started_at = time.perf_counter()


class RequestLog:
    """Counts every answer of a process, and logs some of them or all."""

    def __init__(self, *, logs_all: bool = False, slow_seconds: float = 1.0) -> None:
        self.figures = RequestFigures()
        self._logs_all, self._slow_seconds = logs_all, slow_seconds

    def note(self, request: Request, status: int) -> None:
        """Count the answered request, and log it if it should be logged."""
        seconds = time.perf_counter() - request.started_at
        self.figures.observe(request.operation, status, seconds, request.code)
        if self._logs_all or status >= 500 or seconds >= self._slow_seconds:
            self._write(request, status, seconds)

    def _write(self, request: Request, status: int, seconds: float) -> None:
        level = logging.ERROR if status == 500 else logging.WARNING if status > 500 else logging.INFO
        fields = {
            "request_id": request.id,
            "operation": request.operation,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "realm": request.realm,
            "code": request.code,
        }
        log.log(level, "%s %s", request.operation, status, extra={"fields": fields})

"""Errors as callers see them: one shape, a stable code, a sentence with the values and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vinr_server.core.kernel.answers import CODES, SHAPE_CODES, Rejected
from vinr_server.storage.batch.tables import encode_json

# Codes that the edge itself answers, in addition to core's refusals.
EDGE_CODES: dict[str, int] = {
    "request_malformed": 400,
    "header_repeated": 400,
    "request_line_too_long": 414,
    "headers_too_large": 431,
    "body_invalid": 400,
    **SHAPE_CODES,
    "duplicate_key": 400,
    "api_key_missing": 401,
    "permission_missing": 403,
    "route_missing": 404,
    "method_not_allowed": 405,
    "body_too_large": 413,
    "rate_limited": 429,
    "code_attempts_exceeded": 429,
    "internal_error": 500,
    "unavailable": 503,
}
STATUS: dict[str, int] = {**CODES, **EDGE_CODES}

_TYPES = {401: "authentication_error", 403: "authentication_error", 422: "idempotency_error", 429: "rate_limit_error"}


@dataclass(slots=True)
class Problem(Exception):
    """Raised at the edge for input that can't become a command, and answered like a refusal."""

    code: str
    message: str
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, refusal: Rejected) -> Problem:
        """A refusal of core, as a problem."""
        return cls(refusal.code, refusal.message, refusal.param, refusal.details)

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return STATUS[self.code]

    def payload(self, request_id: str) -> dict[str, Any]:
        """The error object."""
        error: dict[str, Any] = {
            "type": _TYPES.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error"),
            "code": self.code,
            "message": self.message,
            "doc_url": f"/docs/errors#{self.code}",
            "request_id": request_id,
        }
        if self.param is not None:
            error["param"] = self.param
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def body(self, request_id: str) -> bytes:
        """The error object as JSON."""
        return encode_json(self.payload(request_id))

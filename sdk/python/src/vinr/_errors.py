"""What can go wrong, with a class for each reaction: fix the call, reconcile, wait, or ask for help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2


class VinrError(Exception):
    """The base of everything this package raises on purpose."""


class ApiError(VinrError):
    """The server answered with an error. `code` is stable; `details` holds the figures; `param` names the field."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        type: str = "",
        param: str | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.type = message, status, code, type
        self.param, self.details = param, dict(details or {})
        self.request_id, self.retry_after = request_id, retry_after

    def __str__(self) -> str:
        where = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code or self.status}: {self.message}{where}"


class InvalidRequestError(ApiError):
    """The call itself is wrong, or names an object that does not exist (400, 404, 405, 413). Correct it."""


class AuthenticationError(ApiError):
    """The key is missing, wrong, expired or revoked (401)."""


class PermissionDeniedError(ApiError):
    """The key is valid, but has no permission for this call (403)."""


class ConflictError(ApiError):
    """The current state refuses the call (409), such as insufficient_points. Nothing changed; `details` says why."""


class IdempotencyError(ApiError):
    """The idempotency key was already used with another body (422)."""


class RateLimitError(ApiError):
    """Too many calls (429), after all retries; `retry_after` says how many seconds to wait."""


class ServerError(ApiError):
    """The server failed (5xx). To learn whether the call was carried out, repeat it with the same idempotency key."""


class UnavailableError(ServerError):
    """The server is temporarily unavailable (503), after all retries."""


class ApiConnectionError(VinrError):
    """No answer came, after all retries. The call may have been carried out: repeat it with its idempotency key."""


class ApiTimeoutError(ApiConnectionError):
    """No answer came in time, after all retries."""


class SignatureError(VinrError):
    """A webhook's signature does not prove that the payload is genuine and recent. Don't act on it."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    409: ConflictError,
    422: IdempotencyError,
    429: RateLimitError,
    503: UnavailableError,
}


def api_error(response: httpx2.Response, *, retry_after: float | None) -> ApiError:
    """The error for a response, even if a proxy answered with a page instead of our JSON."""
    status, error = response.status_code, _error_object(response)
    by_default = InvalidRequestError if status < 500 else ServerError
    return _BY_STATUS.get(status, by_default)(
        str(error.get("message") or f"{response.url} answered {status} without an error message."),
        status=status,
        code=str(error.get("code", "")),
        type=str(error.get("type", "")),
        param=error.get("param"),
        details=error.get("details"),
        request_id=error.get("request_id") or response.headers.get("request-id"),
        retry_after=retry_after,
    )


def _error_object(response: httpx2.Response) -> Mapping[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def connection_error(error: httpx2.RequestError, *, base_url: str) -> ApiConnectionError:
    """The error for a call that got no answer."""
    if isinstance(error, httpx2.TimeoutException):
        return ApiTimeoutError(f"{base_url} did not answer in time ({type(error).__name__}).")
    return ApiConnectionError(f"No answer from {base_url}: {error or type(error).__name__}.")

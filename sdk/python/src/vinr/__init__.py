"""The Python SDK of VINR Engagement. Start with `Vinr()`, or `AsyncVinr()` for asyncio."""

from vinr import inputs, objects, webhooks
from vinr._client import AsyncVinr, Vinr
from vinr._errors import (
    ApiConnectionError,
    ApiError,
    ApiTimeoutError,
    AuthenticationError,
    ConflictError,
    IdempotencyError,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    SignatureError,
    UnavailableError,
    VinrError,
)
from vinr._pages import AsyncPage, Page
from vinr._values import NOT_GIVEN
from vinr._version import VERSION as __version__

__all__ = [
    "NOT_GIVEN",
    "ApiConnectionError",
    "ApiError",
    "ApiTimeoutError",
    "AsyncPage",
    "AsyncVinr",
    "AuthenticationError",
    "ConflictError",
    "IdempotencyError",
    "InvalidRequestError",
    "Page",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "SignatureError",
    "UnavailableError",
    "Vinr",
    "VinrError",
    "__version__",
    "inputs",
    "objects",
    "webhooks",
]

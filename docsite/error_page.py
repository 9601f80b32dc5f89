"""The page of error codes: the same words that a running engine serves at /docs/errors."""

from __future__ import annotations

from docsite.api_pages import FOLDER, anchor, slug
from vinr_server.api.contract.error_codes import ERROR_CODES
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.problems import STATUS

_HEAD = """# Errors

Every refusal has one shape, and a code that is stable:

```json
{
  "error": {
    "type": "invalid_request_error",
    "code": "insufficient_points",
    "message": "Account loy_abc123 holds 80 points; reward rwd_fiveOff costs 100.",
    "doc_url": "/docs/errors#insufficient_points",
    "request_id": "req_0197a3",
    "details": {"balance": 80, "required": 100, "shortfall": 20}
  }
}
```

`message` says what happened, with the values, and what to do next. `param` names the field at fault. `details` holds the
figures. A refusal changes nothing, and only answers of 2xx are kept under an `Idempotency-Key`: after a refusal the same
key is decided anew.

| status | what it says | what the SDKs raise |
|---|---|---|
| 400 | the request can never be right | `InvalidRequestError` |
| 401, 403 | the key is missing, unknown, or may not do this | `AuthenticationError`; `PermissionDeniedError`, in TypeScript `PermissionError` |
| 404 | no such object here | `InvalidRequestError`; in TypeScript its `NotFoundError` |
| 409 | the state refuses it: a normal outcome of loyalty, to be shown to the member | `ConflictError` |
| 422 | an idempotency key was used with another body | `IdempotencyError` |
| 429, 503 | later; `Retry-After` says when. SDKs try again | `RateLimitError`; `UnavailableError`, in TypeScript `ServiceUnavailableError` |
| 500 | a fault of ours | `ServerError` |
"""


def errors_page() -> str:
    """Each code: its status, what it means, what to do, which calls answer it."""
    parts = []
    for code, one in ERROR_CODES.items():
        calls = [
            f"[{operation.sdk}]({FOLDER.removeprefix('reference/')}/{slug(operation.sdk.rpartition('.')[0])}.md#{anchor(operation)})"
            for operation in OPERATIONS
            if code in operation.refusals
        ]
        where = f"\n\nAnswered by {', '.join(calls)}." if calls else ""
        parts.append(
            f"\n## {code} {{ #{code} }}\n\n**{STATUS[code]}.** {one.meaning}\n\nWhat to do: {one.remedy}\n\n"
            f"> {one.message}{where}\n"
        )
    return _HEAD + "".join(parts)

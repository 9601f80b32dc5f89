"""The page of error codes: the same words that a running engine serves at /docs/errors."""

from __future__ import annotations

from docsite.api_pages import FOLDER, anchor, slug
from vinr_server.api.contract.error_codes import ERROR_CODES
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.problems import STATUS

_HEAD = """# Errors

Every refusal has the same shape and a stable code:

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
figures. A refusal changes nothing, and an `Idempotency-Key` keeps only 2xx answers: after a refusal, a call with the same
key is decided again.

| status | what it means | what the SDKs raise |
|---|---|---|
| 400 | the request itself is wrong; correct it | `InvalidRequestError` |
| 401, 403 | the key is missing, unknown, or may not do this | `AuthenticationError`; `PermissionDeniedError`, in TypeScript `PermissionError` |
| 404 | the object does not exist | `InvalidRequestError`; in TypeScript its `NotFoundError` |
| 409 | the current state refuses it: a normal outcome in loyalty, to show to the member | `ConflictError` |
| 422 | the idempotency key was already used with another body | `IdempotencyError` |
| 429, 503 | try again later; `Retry-After` says when. The SDKs retry | `RateLimitError`; `UnavailableError`, in TypeScript `ServiceUnavailableError` |
| 500 | the engine failed | `ServerError` |
"""


def errors_page() -> str:
    """Each code: its status, its meaning, what to do, and which calls answer it."""
    parts = []
    for code, explained in ERROR_CODES.items():
        calls = [
            f"[{operation.sdk}]({FOLDER.removeprefix('reference/')}/{slug(operation.sdk.rpartition('.')[0])}.md#{anchor(operation)})"
            for operation in OPERATIONS
            if code in operation.refusals
        ]
        where = f"\n\nAnswered by {', '.join(calls)}." if calls else ""
        parts.append(
            f"\n## {code} {{ #{code} }}\n\n**{STATUS[code]}.** {explained.meaning}\n\nWhat to do: {explained.remedy}\n\n"
            f"> {explained.message}{where}\n"
        )
    return _HEAD + "".join(parts)

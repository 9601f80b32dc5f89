"""What is retried, and after how long: connection errors, 429, 503 and idempotency_key_in_use; nothing else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from vinr._errors import ApiConnectionError, ApiError, VinrError

FIRST_DELAY_SECONDS = 0.5
DELAY_SECONDS_MAX = 8.0
# If a server asks for more than this, the caller gets the error and decides, instead of a call that hangs.
RETRY_AFTER_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is retried at most."""

    max_retries: int

    def delay(self, error: VinrError, *, retries_done: int) -> float | None:
        """Seconds to wait before the next attempt; None if there is none."""
        if retries_done >= self.max_retries or not is_retryable(error):
            return None
        backoff = min(FIRST_DELAY_SECONDS * (1 << retries_done), DELAY_SECONDS_MAX) * random.uniform(0.5, 1.0)
        asked_for = error.retry_after if isinstance(error, ApiError) else None
        if asked_for is None:
            return backoff
        return None if asked_for > RETRY_AFTER_SECONDS_MAX else max(asked_for, backoff)


def is_retryable(error: VinrError) -> bool:
    """Whether the same call may succeed a little later."""
    if isinstance(error, ApiError):
        return error.status in (429, 503) or error.code == "idempotency_key_in_use"
    return isinstance(error, ApiConnectionError)


def read_retry_after(header: str | None) -> float | None:
    """Seconds from now, from a header with seconds or an HTTP date; None if it has neither."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())

"""How a process logs: a line of JSON for machines, a short one for people at `vinr dev`.

A JSON line shows an exception's type, SQLSTATE and place, never its text: PostgreSQL's text quotes the refused row.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields of a request."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _shown_error(record.exc_info[1])
        return msgspec.json.encode(line).decode()


class ShortLines(logging.Formatter):
    """What a person at a terminal wants to know: when, what, how long."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, with its traceback where there is one."""
        fields = getattr(record, "fields", None)
        record.message = record.getMessage()
        if fields is not None:
            record.message += f" in {fields['milliseconds']} ms {fields['code'] or ''} {fields['request_id']}"
        return super().format(record)


def _shown_error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__name__,
        "sqlstate": getattr(error, "sqlstate", None),
        "at": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def log_as(formatter: logging.Formatter) -> None:
    """Everything logs to stderr in this form: our own from INFO up, libraries from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("vinr").setLevel(logging.INFO)


def log_json() -> None:
    """Logs the way a production process does."""
    log_as(JsonLines())


def log_short() -> None:
    """Logs the way `vinr dev` does."""
    log_as(ShortLines("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))

"""Text in cells of CSV: no spreadsheet takes it for a formula, and what was added for that can be taken away again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# What makes a spreadsheet calculate, behind any number of apostrophes: those are counted, so that undoing is exact.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


def defused(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would calculate."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(cell: str) -> str:
    """The text that `defused` was given."""
    return cell[1:] if _DEFUSED.match(cell) else cell


def shown_instant(instant: int | str) -> str:
    """Unix seconds as RFC 3339, in UTC; an instant that is text already stays as it is."""
    return instant if isinstance(instant, str) else datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

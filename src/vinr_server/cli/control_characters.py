"""Other people's text on a terminal: characters that it would obey, or that mislead a reader, become escapes."""

from __future__ import annotations

import re

# C0, DEL and C1 move the cursor and more; the rest starts lines, turns the writing direction, or is not a character.
_OBEYED = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = re.compile(f"[{_OBEYED}]")
_BUT_TABS = re.compile(f"(?!\t)[{_OBEYED}]")
_BUT_LINES = re.compile(f"(?!\n)[{_OBEYED}]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def visible(text: str) -> str:
    """The text on one line, with `\\x1b` for ESC and the like."""
    return _ANY.sub(_escape, text)


def visible_cell(text: str) -> str:
    """The same for a cell of a table, whose tabs stay: they separate the columns of the quoted line."""
    return _BUT_TABS.sub(_escape, text)


def visible_lines(text: str) -> str:
    """The same for our own text, which may have several lines."""
    return _BUT_LINES.sub(_escape, text)


def visible_json(encoded: str) -> str:
    """The same JSON, safe to print: control characters occur only in its strings, where JSON can escape them."""
    return _ANY.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

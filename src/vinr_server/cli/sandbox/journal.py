"""The requests that a sandbox has answered, as lines of JSON in its data directory: what `vinr logs` shows.

They concern test data on the developer's own machine, so bodies are kept too; keys and signing secrets are masked. It
is a file so that you can read it after the sandbox has stopped, which is when you want to know. A server in production
keeps none of this: its log has a request's id, operation, status and code (`cli/process/logs.py`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

# Two files of at most this size: the newest ten thousand requests or so.
FILE_BYTES_MAX = 4 * 1024 * 1024
BODY_BYTES_MAX = 4 * 1024
POLL_SECONDS = 0.1
_SECRET = re.compile(rb"(?<![A-Za-z0-9])((?:sk|rk)_(?:test|live)_|whsec_)[A-Za-z0-9+/=_-]{4,}")


class Entry(msgspec.Struct, omit_defaults=True):
    """A request and its answer."""

    at: str
    request_id: str
    method: str
    path: str
    status: int
    milliseconds: float
    query: str = ""
    code: str | None = None
    message: str | None = None
    param: str | None = None
    idempotency_key: str | None = None
    replayed: bool = False
    request: str | None = None
    answer: str | None = None


_decode = msgspec.json.Decoder(Entry).decode


class Journal:
    """The file that a running sandbox writes."""

    def __init__(self, data_dir: Path) -> None:
        self._path, self._old = paths_in(data_dir)
        self._file = self._open()

    def write(self, entry: Entry) -> None:
        """The entry is at the end of the file; a full file becomes the old one first."""
        if os.fstat(self._file).st_size > FILE_BYTES_MAX:
            os.close(self._file)
            self._path.replace(self._old)
            self._file = self._open()
        os.write(self._file, msgspec.json.encode(entry) + b"\n")

    def close(self) -> None:
        """The file is closed; nothing more is written."""
        os.close(self._file)

    def clear(self) -> None:
        """The journal is empty."""
        self._old.unlink(missing_ok=True)
        os.ftruncate(self._file, 0)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def paths_in(data_dir: Path) -> tuple[Path, Path]:
    """The file that is written, and the full one before it."""
    return data_dir / "requests.jsonl", data_dir / "requests.1.jsonl"


def shown_body(raw: bytes) -> str | None:
    """The body as it is kept: its beginning, without secrets."""
    if not raw:
        return None
    text = _SECRET.sub(rb"\1***", raw[: BODY_BYTES_MAX + 64])[:BODY_BYTES_MAX].decode(errors="replace")
    return text if len(raw) <= BODY_BYTES_MAX else text + "…"


def shown_text(text: str | None) -> str | None:
    """The text without secrets."""
    return None if text is None else _SECRET.sub(rb"\1***", text.encode(errors="replace")).decode(errors="replace")


def shown_part(raw: bytes) -> str:
    """A path or a query as it came. If it holds a secret in any spelling, it is decoded and the secret masked."""
    read = unquote_to_bytes(raw.replace(b"+", b" "))
    masked = _SECRET.sub(rb"\1***", read)
    return raw.decode("latin-1") if masked == read else masked.decode(errors="replace")


def read_entries(data_dir: Path) -> Iterator[Entry]:
    """Everything that is kept, oldest first."""
    for path in reversed(paths_in(data_dir)):
        if path.exists():
            with path.open("rb") as file:
                yield from _entries(file.read())


def follow_entries(data_dir: Path) -> Iterator[Entry]:
    """What is written from now on, for as long as the caller reads."""
    path, _old = paths_in(data_dir)
    file, rest = None, b""
    is_first = True
    while True:
        if file is None and path.exists():
            file = path.open("rb")
            if is_first:
                file.seek(0, os.SEEK_END)
        is_first = False
        if file is not None:
            rest += file.read()
            whole, _newline, rest = rest.rpartition(b"\n")
            yield from _entries(whole)
            if not _is_same(path, file.fileno()):
                yield from _entries(file.read())
                file.close()
                file = None
                continue
            if file.tell() > os.fstat(file.fileno()).st_size:  # it was cleared
                file.seek(0)
        time.sleep(POLL_SECONDS)


def _is_same(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _entries(lines: bytes) -> Iterator[Entry]:
    for line in lines.split(b"\n"):
        try:
            yield _decode(line)
        except msgspec.DecodeError:  # the last line of a sandbox that was killed
            continue


def as_json(entry: Entry) -> dict[str, Any]:
    """The entry with all its fields."""
    return {name: getattr(entry, name) for name in entry.__struct_fields__}

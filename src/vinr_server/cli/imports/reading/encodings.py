"""The text of a file: its encoding is found by its byte order mark, by being UTF-8, or by what its bytes look like."""

from __future__ import annotations

import codecs
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from vinr_server.cli.imports.refusals import ImportRefused

# UTF-32 first: its mark begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What shops and spreadsheets write where it is not UTF-8; the fewer there are, the less a short file misleads.
LIKELY = ("cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr", "mac_roman")
SAMPLED_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """How bytes become text. `is_guess`: neither an option nor the file itself says so."""

    name: str
    has_mark: bool = False
    is_guess: bool = False

    def __str__(self) -> str:
        name = "UTF-8" if self.name in ("utf-8", "utf-8-sig") else self.name.upper().replace("_", "-")
        return name + (" with a byte order mark" if self.has_mark else "") + (" (a guess)" if self.is_guess else "")


def open_bytes(path: Path) -> BinaryIO:
    """The file, such that it can be read twice: what comes through a pipe is kept in a separate file."""
    try:
        file = path.open("rb")
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        with file:
            kept = tempfile.TemporaryFile()  # noqa: SIM115 -- the caller closes it, as it does the other
            shutil.copyfileobj(file, kept)
    except OSError as error:
        raise ImportRefused(f"{path} can't be read: {error.strerror}.") from None
    kept.seek(0)
    return kept


def find_encoding(file: BinaryIO, *, name: str, asked: str | None) -> Encoding:
    """The encoding asked for, or the one found. Refuses bytes that look like nothing known."""
    file.seek(0)
    head = file.read(SAMPLED_BYTES)
    mark = next((encoding for start, encoding in MARKS if head.startswith(start)), None)
    if asked is not None:
        return _asked(asked, has_mark=mark == "utf-8-sig")
    if mark is not None:
        return Encoding(mark, has_mark=True)
    position = _first_strange_byte(file)
    if position is None:
        return Encoding("utf-8")
    return Encoding(_guess(file, position, name), is_guess=True)


def _asked(asked: str, *, has_mark: bool) -> Encoding:
    try:
        name = codecs.lookup(asked).name
    except LookupError:
        raise ImportRefused(f"--encoding: {asked!r} is not known; utf-8 and cp1252 are.") from None
    return Encoding("utf-8-sig", has_mark=True) if name == "utf-8" and has_mark else Encoding(name)


def _first_strange_byte(file: BinaryIO) -> int | None:
    """Where the file stops being UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    position = 0
    while chunk := file.read(1024 * 1024):
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return max(position + error.start, 0)
        position += len(chunk)
    return None


def _guess(file: BinaryIO, position: int, name: str) -> str:
    """What the text around the first strange byte looks like."""
    from charset_normalizer import from_bytes

    file.seek(max(position - SAMPLED_BYTES // 2, 0))
    best = from_bytes(file.read(SAMPLED_BYTES), cp_isolation=list(LIKELY)).best()
    if best is None:
        message = f"{name} is not UTF-8 (byte {position + 1}), and looks like no other encoding."
        raise ImportRefused(f"{message} Name it with --encoding, for example --encoding cp1252.")
    return codecs.lookup(best.encoding).name


def open_text(file: BinaryIO, encoding: Encoding) -> IO[str]:
    """The file's text from its start; one of these at a time. The csv module looks at line ends itself."""
    descriptor = os.dup(file.fileno())  # closing the text leaves the file open
    os.lseek(descriptor, 0, os.SEEK_SET)
    return open(descriptor, encoding=encoding.name, newline="")


def lines_of(source: Iterable[str], *, name: str, encoding: Encoding) -> Iterator[str]:
    """The lines of an open file; refused where the bytes are not text in this encoding."""
    count = 0
    try:
        for line in source:
            count += 1
            yield line
    except UnicodeDecodeError as error:
        raise ImportRefused(
            f"{name} is not {encoding} (byte 0x{error.object[error.start]:02x} after line {count})."
            " Name its encoding with --encoding, for example --encoding cp1252."
        ) from None
    except UnicodeError as error:
        raise ImportRefused(f"{name} is not {encoding}: {error}. Name its encoding with --encoding.") from None

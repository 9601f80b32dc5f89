"""What is wrong with a database, in the driver's words, as far as these can't hold a password."""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from vinr_server.cli.exits import first_line

# Where a user or a password holds one of these as it is, each driver takes another part of it for host or port.
_OF_URLS = re.compile(r"[/?#@\[\]]|%(?![0-9A-Fa-f]{2})")
_SECRET = ("password", "sslpassword")
UNREADABLE = (
    "the URL of the database can't be read. In user and password write / as %2F, @ as %40, ? as %3F, # as %23 and"
    " % as %25"
)


def database_fault(error: Exception, database_url: str) -> str:
    """What went wrong, on one line and without the URL's password.

    Drivers quote the part of a URL that they do not understand. Where a password has a character of the URL's own in
    it, that is a part of the password: such a URL is named as it is, and nothing of it quoted.
    """
    parts = _parts(database_url)
    if parts is None:
        return UNREADABLE
    said = first_line(error)
    secrets = {parts[name] for name in _SECRET if parts.get(name)}
    written = database_url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    for secret in sorted({*secrets, written} - {""}, key=len, reverse=True):
        said = said.replace(secret, "***")
    return said


def database_place(database_url: str) -> str:
    """Host, port and name; neither user nor password."""
    parts = _parts(database_url)
    if parts is None:
        return "a URL that can't be read"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _parts(database_url: str) -> dict[str, str] | None:
    """The URL as libpq reads it; None where it can't, or where asyncpg or SQLAlchemy may read it in another way."""
    written, at, _place = database_url.partition("://")[2].rpartition("@")
    if at and _OF_URLS.search(written):
        return None
    try:
        return {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    except psycopg.ProgrammingError:
        return None

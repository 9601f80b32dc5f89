"""What is wrong with a database, in the driver's words but without any password."""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from vinr_server.cli.exits import first_line

# If a user or password contains one of these unescaped, the drivers disagree about which part is host and port.
_OF_URLS = re.compile(r"[/?#@\[\]]|%(?![0-9A-Fa-f]{2})")
_SECRET = ("password", "sslpassword")
UNREADABLE = (
    "the database URL can't be read. In the user and password, write / as %2F, @ as %40, ? as %3F, # as %23 and"
    " % as %25"
)


def database_fault(error: Exception, database_url: str) -> str:
    """What went wrong, on one line and without the URL's password.

    Drivers quote the part of a URL that they do not understand. If a password contains an unescaped URL character,
    that part may belong to the password: such a URL is called unreadable, and nothing of it is quoted.
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
    """The URL as libpq reads it; None if it can't, or if asyncpg or SQLAlchemy might read it differently."""
    written, at, _place = database_url.partition("://")[2].rpartition("@")
    if at and _OF_URLS.search(written):
        return None
    try:
        return {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    except psycopg.ProgrammingError:
        return None

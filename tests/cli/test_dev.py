"""`vinr dev` and its siblings as real processes: starts, restarts, stops, refusals in sentences."""

from __future__ import annotations

import json
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.main
from sandbox_processes import (
    ENVIRONMENT,
    SETTINGS,
    Dev,
    assert_sentence,
    command,
    finish,
    launch,
    processes_of,
    running,
    sandbox_directory,
    start,
)
from typer.testing import CliRunner

from conftest import PATIENCE_SECONDS, PEPPER, SECRETS_KEY, keyless_client, make_realm, wait_until
from vinr_server.cli.main import app
from vinr_server.cli.sandbox.seed import seed
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """An open directory for data."""
    with sandbox_directory() as made:
        yield made


@pytest.fixture(scope="module")
def dev(directory: Path) -> Iterator[Dev]:
    """The sandbox that most tests look at, started once."""
    with running(directory / "shared") as made:
        yield made


class TestAnnouncement:
    def test_is_one_line_of_json(self, dev: Dev) -> None:
        assert set(dev.announced) >= {"base_url", "secret_key", "database_url"}
        assert dev.announced["base_url"].startswith("http://127.0.0.1:")
        assert dev.announced["secret_key"].startswith("sk_test_")
        with psycopg.connect(dev.announced["database_url"]) as connection:
            assert connection.execute("select count(*) from programs").fetchone() == (3,)
        assert dev.process.stdout is not None
        assert select.select([dev.process.stdout], [], [], 0) == ([], [], []), "more than one line"

    def test_comes_when_everything_answers(self, dev: Dev) -> None:
        with keyless_client(dev.announced["base_url"]) as anybody:
            assert [anybody.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
            assert anybody.get("/v1/loyalty/programs").status_code == 401

    def test_keeps_its_secrets_to_itself(self, dev: Dev) -> None:
        for name in ("sandbox.json", "postgres.json", "postgres.log", "lock", "running.json"):
            if name in ("sandbox.json", "postgres.json") or (dev.data / name).exists():
                assert stat.S_IMODE((dev.data / name).stat().st_mode) == 0o600, name
        kept = json.loads((dev.data / "sandbox.json").read_text())
        assert kept["secret_key"] == dev.announced["secret_key"]
        commands = " ".join(processes_of(dev.data))
        assert dev.announced["secret_key"] not in commands
        assert dev.announced["database_url"].split(":")[2].split("@")[0] not in commands


class TestSandbox:
    def test_is_seeded(self, dev: Dev) -> None:
        with dev.client() as client:

            def get(path: str) -> dict[str, Any]:
                answer = client.get(f"/v1/{path}")
                assert answer.status_code == 200, (path, answer.text)
                return dict(answer.json())

            tiers = [tier["id"] for tier in get("loyalty/programs/prog_default")["tiers"]]
            assert get("loyalty/programs/prog_summer")["status"] == "active"
            reward, account = get("loyalty/rewards/rwd_freeShip"), get("loyalty/accounts/loy_abc123")
            assert get("customers/cust_8sJ2k")["id"] == "cust_8sJ2k"
            rules = get("loyalty/earning_rules?program=prog_default")["data"]
            waiting, held = get("loyalty/accounts/loy_brought"), get("loyalty/accounts/loy_life")
            credit = get("store_credit/accounts?customer=cust_life")["data"]
            brought = get("referrals?customer=cust_brought")["data"]
            five = [one for one in get("loyalty/rewards?program=prog_default")["data"] if one["points_cost"] == 100]

        assert tiers == ["silver", "gold", "platinum"]
        assert (reward["program"], reward["stock"], reward["per_member_limit"]) == ("prog_summer", None, None)
        assert (account["customer"], account["tier"], account["balance"]) == ("cust_abc123", "gold", 600)
        assert [(one["program"], one["earn"]["points_per_currency_unit"]) for one in rules] == [("prog_default", 1)]
        assert (waiting["balance"], waiting["pending"]) == (0, 160), "6,000 paid, and 100 for coming"
        assert (held["balance"], held["held"], held["pending"]) == (200, 100, 100)
        assert [(one["balance"], one["test_clock"]) for one in credit] == [(2500, "clock_life")]
        assert [one["status"] for one in brought] == ["converted"]
        assert five[0]["benefit"] == {"type": "discount", "amount": 500, "currency": "EUR"}

    def test_works(self, dev: Dev) -> None:
        """Earn, redeem and expire in the sandbox as its guide has it."""
        with dev.client() as client:
            enrol = {"program": "prog_summer", "customer": "cust_8sJ2k"}
            account = client.post("/v1/loyalty/accounts", json=enrol).json()["id"]
            client.post("/v1/loyalty/points/award", json={"account": account, "points": 250})
            redemption = client.post("/v1/loyalty/redemptions", json={"account": account, "reward": "rwd_freeShip"})
            clock = client.post("/v1/test_helpers/test_clocks", json={"frozen_time": "2026-01-01"}).json()["id"]
            url = f"/v1/test_helpers/test_clocks/{clock}"
            client.post(f"{url}/advance", json={"frozen_time": "2027-01-01"})
            wait_until(lambda: client.get(url).json()["status"] == "ready", what="the worker is at work")

        assert redemption.status_code == 201, redemption.text
        assert redemption.json()["discount"].startswith("disc_")

    async def test_is_seeded_once_and_for_all(self, writer: Writer, database: str) -> None:
        """Also when the keys of configuration are forgotten, which happens after 30 days."""
        realm = make_realm(database).id
        await seed(writer, realm)
        counts = "select (select count(*) from {}) + (select count(*) from {})".format
        tables = [
            ("programs", "rewards"),
            ("earning_rules", "earning_rule_revisions"),
            ("customers", "accounts"),
            ("entries", "lots"),
        ]

        def counted() -> list[Any]:
            with psycopg.connect(database) as connection:
                return [connection.execute(counts(*pair).encode()).fetchone() for pair in tables]

        first = counted()
        await seed(writer, realm)
        second = counted()
        with psycopg.connect(database) as connection:
            connection.execute("delete from idempotency_keys where not is_kept")
        await seed(writer, realm)
        third = counted()

        assert first == [(6,), (6,), (5,), (12,)]
        assert (second, third) == (first, first)


class TestRefusals:
    def test_of_a_second_one_on_the_same_data(self, dev: Dev) -> None:
        code, stdout, stderr = finish(launch(dev.data))

        assert (code, stdout) == (1, "")
        assert "in use by another vinr" in stderr and str(dev.process.pid) in stderr, stderr
        assert_sentence(stderr)
        with dev.client() as client:
            assert client.get("/v1/loyalty/programs").status_code == 200, "the first one goes on"

    def test_of_a_port_that_is_taken(self, directory: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            code, stdout, stderr = finish(launch(directory / "no_port", "--port", port))

        assert (code, stdout) == (1, "")
        assert port in stderr and "--port" in stderr, stderr
        assert_sentence(stderr)
        assert not processes_of(directory / "no_port")

    def test_of_settings_and_databases_that_will_not_do(self, postgres: EmbeddedServer, template: str) -> None:
        base = postgres.url.rsplit("/", 1)[0]
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute("drop database if exists never_migrated")
            connection.execute("create database never_migrated")
        nobody = "postgresql://vinr:secret-word@127.0.0.1:1/vinr"
        pepper = {"VINR_KEY_PEPPER": PEPPER, "VINR_SECRETS_KEY": SECRETS_KEY, "VINR_DATABASE_WAIT_SECONDS": "0"}
        cases: dict[str, tuple[list[str], dict[str, str], str]] = {
            "serve without a URL": (["serve"], pepper, "VINR_DATABASE_URL"),
            "serve on nothing": (["serve"], {"VINR_DATABASE_URL": nobody, **pepper}, "can't be reached"),
            "serve unmigrated": (["serve"], {"VINR_DATABASE_URL": f"{base}/never_migrated", **pepper}, "vinr migrate"),
            "worker on nothing": (["worker"], {"VINR_DATABASE_URL": nobody, **pepper}, "can't be reached"),
        }
        in_process: dict[str, tuple[list[str], dict[str, str], str]] = {
            "worker without a URL": (["worker"], pepper, "VINR_DATABASE_URL"),
            "serve without a pepper": (["serve"], {"VINR_DATABASE_URL": postgres.url}, "VINR_KEY_PEPPER"),
            "worker without a secrets key": (["worker"], {"VINR_DATABASE_URL": postgres.url, "VINR_KEY_PEPPER": PEPPER},
            "VINR_SECRETS_KEY"),
            "serve with a short pepper": (["serve"], {"VINR_DATABASE_URL": postgres.url, "VINR_KEY_PEPPER": "x"},
            "VINR_KEY_PEPPER"),
            "migrate on nothing": (["migrate"], {"VINR_DATABASE_URL": nobody}, "migrate"),
            "keys on nothing": (["keys", "create"], {"VINR_DATABASE_URL": nobody, **pepper}, "can't be reached"),
            "worker unmigrated": (["worker"], {"VINR_DATABASE_URL": f"{base}/never_migrated", **pepper},
            "vinr migrate"),
            "serve on no such database": (["serve"], {"VINR_DATABASE_URL": f"{base}/nowhere", **pepper}, "nowhere"),
            "serve on no URL": (["serve"], {"VINR_DATABASE_URL": "localhost", **pepper}, "postgresql://"),
            "serve on MySQL": (["serve"], {"VINR_DATABASE_URL": "mysql://root:secret-word@x/y", **pepper}, "postgresql://"),
            "serve on no port": (["serve"], {"VINR_DATABASE_URL": "postgresql://u:secret-word@x:port/y", **pepper},
            "database"),
        }  # fmt: skip
        failures = []

        started = {name: command(arguments, env) for name, (arguments, env, _word) in cases.items()}
        results = {name: finish(process) for name, process in started.items()}
        for name, (arguments, env, _word) in in_process.items():
            empty: dict[str, str | None] = dict.fromkeys(SETTINGS)
            result = CliRunner().invoke(app, arguments, env=empty | env)
            results[name] = (result.exit_code, result.stdout, result.stderr)
        for name, (code, stdout, stderr) in results.items():
            word = (cases | in_process)[name][2]
            if (code, stdout) != (1, "") or word not in stderr:
                failures.append(f"{name}: exit {code}, {stdout!r}, {stderr!r}")
            try:
                assert_sentence(stderr)
            except AssertionError as failed:
                failures.append(f"{name}: {failed}")

        assert not failures, "\n".join(failures)

    def test_of_a_port_that_is_taken_for_serving(self, postgres: EmbeddedServer, template: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            env = {"VINR_DATABASE_URL": postgres.url, "VINR_KEY_PEPPER": PEPPER, "VINR_SECRETS_KEY": SECRETS_KEY}
            code, stdout, stderr = finish(command(["serve", "--port", port, "--workers", "2"], env))

        assert (code, stdout) == (1, ""), stderr
        assert port in stderr and "--port" in stderr, stderr
        assert_sentence(stderr)


class TestRestarts:
    def test_go_on_with_the_same_key_and_data_after_any_end(self, directory: Path) -> None:
        data = directory / "restarted"
        first = start(data)
        points = 0

        def spend_a_moment(dev: Dev) -> None:
            nonlocal points
            assert dev.announced["secret_key"] == first.announced["secret_key"]
            with dev.client() as client:
                assert client.get("/v1/loyalty/accounts/loy_abc123").json()["balance"] == 600 + points
                client.post("/v1/loyalty/points/award", json={"account": "loy_abc123", "points": 7})
                points += 7

        spend_a_moment(first)
        seconds, stderr = first.end(signal.SIGTERM)
        assert seconds < 15 and stderr == "" and first.process.returncode == 0, stderr
        assert processes_of(data) == []

        second = start(data)
        spend_a_moment(second)
        second.end(signal.SIGKILL)  # its PostgreSQL is told by the death signal, or ended by the next start

        third = start(data)
        spend_a_moment(third)
        with psycopg.connect(third.announced["database_url"]) as connection:
            counts = [connection.execute(f"select count(*) from {name}".encode()) for name in ("programs", "entries")]
            assert [one.fetchone() for one in counts] == [(3,), (9,)]
        seconds, stderr = third.end(signal.SIGINT)
        assert seconds < 15 and stderr == "" and third.process.returncode == 0, "make run would call it an error"
        assert processes_of(data) == []

    def test_come_up_after_starts_that_were_cut_short(self, directory: Path) -> None:
        data = directory / "cut"
        for reached in ("lock", "postgres"):  # before initdb is done, and before it is ready
            process = launch(data)
            wait_until((data / reached).exists, what=f"{reached} is there")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_SECONDS)
            wait_until(lambda: processes_of(data) == [], what="nothing of it is left")

        again = start(data)
        with again.client() as client:
            balance = client.get("/v1/loyalty/accounts/loy_abc123").json()["balance"]
        again.end(signal.SIGTERM)

        assert balance == 600


def every_command() -> list[list[str]]:
    """The names that lead to each command and group."""
    found: list[list[str]] = [[]]

    def walk(group: Any, names: list[str]) -> None:
        for name, one in sorted(getattr(group, "commands", {}).items()):
            found.append([*names, name])
            walk(one, [*names, name])

    walk(typer.main.get_command(app), [])
    return found


class TestHelp:
    @pytest.mark.parametrize("names", every_command(), ids=lambda names: " ".join(["vinr", *names]))
    def test_is_there_for_every_command(self, names: list[str]) -> None:
        result = CliRunner().invoke(app, [*names, "--help"])

        assert result.exit_code == 0, result.output
        assert "Usage" in result.output and "--help" in result.output

    def test_tells_the_version(self) -> None:
        result = CliRunner().invoke(app, ["--version"])

        assert (result.exit_code, result.output) == (0, f"vinr {version('vinr-server')}\n")

    def test_is_what_the_script_says(self) -> None:
        script = Path(sys.executable).parent / "vinr"

        told = subprocess.run(
            [script, "--help"], capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=ENVIRONMENT
        )
        unknown = CliRunner().invoke(app, ["frobnicate"])

        assert told.returncode == 0
        for name in ("dev", "serve", "worker", "migrate", "keys"):
            assert name in told.stdout
        assert unknown.exit_code == 2 and "Traceback" not in unknown.output

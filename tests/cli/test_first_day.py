"""`vinr trigger`, `clock`, `logs` and `reset` against a sandbox that runs, as somebody new would call them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from sandbox_processes import ENVIRONMENT, SETTINGS, VINR, Dev, command, finish, running, sandbox_directory, start
from typer.testing import CliRunner

from conftest import PATIENCE_SECONDS, RunningServer
from vinr_server.cli.calls.durations import later
from vinr_server.cli.calls.recipes import RECIPES
from vinr_server.cli.main import app
from vinr_server.cli.sandbox.journal import FILE_BYTES_MAX, Entry, Journal, read_entries
from vinr_server.cli.sandbox.recording import Recording


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


class Said(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one document."""
        return json.loads(self.out)


def vinr(*arguments: str, **env: str) -> Said:
    """A command in this process, without settings of the machine's own."""
    nothing: dict[str, str | None] = dict.fromkeys(SETTINGS)
    result = CliRunner().invoke(app, list(arguments), env=nothing | env)
    return Said(result.exit_code, result.stdout, result.stderr)


def on(dev: Dev, *arguments: str) -> Said:
    """A command on the sandbox."""
    return vinr(*arguments, "--data", str(dev.data))


class TestTrigger:
    @pytest.mark.parametrize("type", [*RECIPES, "subscription.created"])
    def test_makes_every_event_of_the_engine_happen(self, dev: Dev, type: str) -> None:
        said = on(dev, "trigger", type, "--json")

        assert said.code == 0, said
        assert type in [one["type"] for one in said.json["events"]]
        made = {one["request_id"] for one in said.json["calls"]}
        assert {one["request"]["id"] for one in said.json["events"]} <= made | {None}

    def test_pays_what_was_asked_for(self, dev: Dev) -> None:
        enrolled = on(dev, "trigger", "loyalty.account.created", "--customer", "cust_pays", "--json").json
        said = on(dev, "trigger", "payment.completed", "--amount", "5000", "--customer", "cust_pays",
            "--fields", '{"metadata": {"order": "17"}}', "--json")  # fmt: skip
        again = on(dev, "trigger", "payment.refunded", "--payment", said.json["calls"][0]["answer"]["id"],
            "--amount", "2000", "--json")  # fmt: skip

        payment = said.json["calls"][0]["answer"]
        assert (payment["amount"], payment["customer"], payment["metadata"]) == (5000, "cust_pays", {"order": "17"})
        assert payment["awards"][0]["points"] == 50
        earned = next(one for one in said.json["events"] if one["type"] == "loyalty.points.earned")
        assert earned["data"]["account"] == enrolled["calls"][0]["answer"]["id"]
        assert again.json["calls"][0]["answer"]["amount_refunded"] == 2000

    def test_says_why_nothing_was_earned(self, dev: Dev) -> None:
        stranger = on(dev, "trigger", "payment.completed", "--customer", "cust_stranger").out
        member = on(dev, "trigger", "review.posted").out

        assert "vinr trigger loyalty.account.created --customer cust_stranger" in stranger
        assert "no earning rule" in member and "review.posted" in member

    def test_refuses_what_it_can_not_do_in_a_sentence(self, dev: Dev) -> None:
        wrong = {
            ("payment.complete",): (2, "Did you mean payment.completed?"),
            ("campaign.ended",): (2, "vinr trigger --list"),
            (): (2, "vinr trigger --list"),
            ("payment.completed", "--fields", "{"): (2, "--fields is not valid JSON"),
            ("payment.completed", "--fields", "[1]"): (2, "must be a JSON object"),
            ("payment.completed", "--key", "sk_live_x"): (2, "test data only"),
            ("payment.completed", "--fields", '{"amout": 1}'): (3, "amount"),
            ("payment.completed", "--key", "sk_test_wrong"): (3, "api_key_invalid"),
            ("loyalty.points.earned", "--customer", "cust_nobody"): (1, "not enrolled"),
            ("payment.completed", "--base-url", "http://127.0.0.1:9", "--key", "sk_test_x"): (4, "vinr status -o env"),
            ("payment.completed", "--base-url", "http://127.0.0.1:9"): (2, "VINR_SECRET_KEY"),
            ("payment.completed", "--base-url", "localhost:1"): (2, "http://"),
        }
        for arguments, (code, words) in wrong.items():
            said = on(dev, "trigger", *arguments)
            assert (said.code, said.out) == (code, ""), (arguments, said)
            assert words in said.err and said.err.startswith("vinr trigger: "), (arguments, said)
            assert len(said.err.splitlines()) == 1, (arguments, said)

    def test_hands_a_refusal_to_scripts(self, dev: Dev) -> None:
        said = on(dev, "trigger", "loyalty.points.earned", "--account", "loy_nobody", "--json")

        assert said.code == 3 and said.json["error"]["code"] == "resource_missing"

    def test_lists_what_it_can(self) -> None:
        said = vinr("trigger", "--list", "--json")

        assert said.code == 0 and {one["type"] for one in said.json} >= {*RECIPES, "subscription.created"}

    def test_sends_the_sandbox_key_to_the_sandbox_alone(self, dev: Dev, shared_server: RunningServer) -> None:
        said = on(dev, "trigger", "payment.completed", "--base-url", shared_server.base_url)

        assert said.code == 2 and "VINR_SECRET_KEY" in said.err

    def test_works_on_any_server_with_its_key(self, shared_server: RunningServer) -> None:
        env = {"VINR_BASE_URL": shared_server.base_url, "VINR_SECRET_KEY": shared_server.realm.key}
        said = vinr("trigger", "review.posted", "--customer", "cust_far", "--json", **env)

        assert said.code == 0 and said.json["events"][0]["data"] == {"customer": "cust_far"}


class TestClock:
    def test_shows_a_journey_whole_in_one_advance(self, dev: Dev) -> None:
        assert on(dev, "clock", "advance", "98d", "--clock", "clock_life").code == 0
        with dev.client() as client:
            listed = client.get("/v1/engagement/enrolments?campaign=cmp_winBack").json()["data"]
            taken = [client.get(f"/v1/engagement/enrolments/{one['id']}").json()["log"] for one in listed]

        assert [[step["step"] for step in log] for log in taken] == [["hello", "bought", "code", "last"]]

    def test_lets_a_year_pass(self, dev: Dev) -> None:
        assert "clock_life is at 2026-04-24 12:00:00 UTC" in on(dev, "clock", "advance", "1d").out
        clock = on(dev, "clock", "create", "--at", "2026-01-31T12:00:00Z", "--name", "trial", "--json").json
        with dev.client() as client:
            program = {"name": "Trial", "currency": {"expiry_months": 12}, "test_clock": clock["id"]}
            made = client.post("/v1/loyalty/programs", json=program).json()["id"]
            account = client.post("/v1/loyalty/accounts", json={"program": made, "customer": "cust_late"}).json()["id"]
            client.post("/v1/loyalty/points/award", json={"account": account, "points": 70})
            said = on(dev, "clock", "advance", "13mo", "--json")
            balance = client.get(f"/v1/loyalty/accounts/{account}").json()["balance"]

        assert said.code == 0 and "is advancing to 2027-02-28 12:00:00 UTC" in said.err, said
        assert (said.json["status"], balance) == ("ready", 0)
        assert said.json["frozen_time"] == datetime(2027, 2, 28, 12, tzinfo=UTC).timestamp()
        back = on(dev, "clock", "advance", "--to", "2020-01-01")
        assert back.code == 3 and "time does not go back" in back.err
        on(dev, "clock", "create")
        several = on(dev, "clock", "advance", "1d")
        assert several.code == 2 and "--clock" in several.err and clock["id"] in several.err
        assert on(dev, "clock", "advance", "1d", "--clock", clock["id"]).code == 0
        for one in on(dev, "clock", "list", "--json").json:
            assert on(dev, "clock", "delete", one["id"]).code == 0
        assert "vinr clock create" in on(dev, "clock", "list").out
        assert on(dev, "clock", "advance", "1d").code == 1

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("13mo", "2027-02-28T00:00:00"),
            ("1y1mo", "2027-02-28T00:00:00"),
            ("90d", "2026-05-01T00:00:00"),
            ("1w2h30min5s", "2026-02-07T02:30:05"),
        ],
    )
    def test_reads_lengths_of_time(self, text: str, at: str) -> None:
        assert later(datetime(2026, 1, 31, tzinfo=UTC), text) == datetime.fromisoformat(f"{at}+00:00")

    @pytest.mark.parametrize("text", ["", "13", "13m", "-3d", "1.5d", "3 d", "mo", "1dd"])
    def test_refuses_other_lengths(self, dev: Dev, text: str) -> None:
        with pytest.raises(ValueError, match=r"[Ww]rite"):
            later(datetime(2026, 1, 31, tzinfo=UTC), text)


class TestLogs:
    def test_find_a_request_by_its_id_with_its_bodies(self, dev: Dev) -> None:
        with dev.client() as client:
            key = {"Idempotency-Key": "logged-1"}
            body = {"account": "loy_abc123", "points": 1.5}
            answer = client.post("/v1/loyalty/points/award?dry_run=true", json=body, headers=key)
        said = on(dev, "logs", answer.headers["request-id"])
        entry = on(dev, "logs", answer.headers["request-id"], "--json").json

        assert '"points":1.5' in said.out and "logged-1" in said.out and "parameter_invalid" in said.out, said
        assert (entry["method"], entry["path"], entry["query"]) == ("POST", "/v1/loyalty/points/award", "dry_run=true")
        assert (entry["status"], entry["code"], entry["param"]) == (400, "parameter_invalid", "points")
        assert json.loads(entry["answer"]) == answer.json()
        assert on(dev, "logs", "req_nowhere").code == 1

    def test_filter(self, dev: Dev) -> None:
        with dev.client() as client:
            client.get("/v1/payments/pay_nowhere")
            client.get("/v1/payments")
            client.get("/healthz")

        def found(*filters: str) -> list[Any]:
            return [json.loads(line) for line in on(dev, "logs", "--json", *filters).out.splitlines()]

        assert {one["status"] for one in found("--status", "404")} == {404}
        assert {one["status"] for one in found("--status", "2xx")} <= {200, 201}
        assert min(one["status"] for one in found("--status", "error")) >= 400
        assert {one["method"] for one in found("--method", "get")} == {"GET"}
        assert found("--path", "/v1/payments/*")[-1]["path"] == "/v1/payments/pay_nowhere"
        assert {one["code"] for one in found("--code", "resource_missing")} == {"resource_missing"}
        assert len(found("-n", "2")) == 2
        assert not [one for one in found("-n", "1000") if one["path"] == "/healthz"]
        assert on(dev, "logs", "--status", "44").code == 2

    def test_keep_no_key_and_are_their_owner_s_alone(self, dev: Dev) -> None:
        with dev.client() as client:
            secret = client.post("/v1/api_keys", json={"kind": "secret"}).json()["secret"]
        kept = (dev.data / "requests.jsonl").read_text()

        assert "sk_test_***" in kept
        assert secret not in kept and dev.announced["secret_key"] not in kept
        assert (dev.data / "requests.jsonl").stat().st_mode & 0o777 == 0o600

    def test_keep_no_key_of_a_path_a_query_a_header_or_a_message(self, dev: Dev) -> None:
        key = "sk_test_0123456789abcdefghij"
        spelled = "sk%5Ftest%5F0123456789abcdefghij"
        with dev.client() as client:
            for query in (f"starting_after={key}", f"starting_after={spelled}", f"a%3D{key}=1", f"my_{key}=1"):
                client.get(f"/v1/payments?{query}")
            for path in (key, spelled):
                client.get(f"/v1/payments/{path}")
            client.post("/v1/customers", json={key: 1}, headers={"Idempotency-Key": key})
        kept = (dev.data / "requests.jsonl").read_text()

        assert "0123456789abcdefghij" not in kept
        assert "starting_after=sk_test_***" in kept and "/v1/payments/sk_test_***" in kept

    def test_obey_no_control_character(self, dev: Dev) -> None:
        hidden = "\x1b[2J\x9b2J\u202e\n"
        with dev.client() as client:
            body = '{"type": "review.posted", "data": {"a": "\x7f\x9b"}}'.encode()
            answer = client.post("/v1/events", content=body, headers={"Idempotency-Key": "esc\u202e\x9b".encode()})
            id = answer.headers["request-id"]
            named = client.post("/v1/customers", json={hidden: 1}).headers["request-id"]
        told = [on(dev, "logs", *more).out for more in ((id,), (named,), (id, "--json"), (named, "--json"))]

        for out in told:
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out), repr(out)
        assert "\\x7f" in told[0] and "\\u202e" in told[0] and "\\x1b[2J" in told[1]
        assert json.loads(told[2])["idempotency_key"] == "esc\u202e\x9b"

    async def test_have_the_line_before_the_answer_ends(self, tmp_path: Path) -> None:
        async def application(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"request-id", b"req_1")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            await send({"type": "http.response.body", "body": b"}"})

        seen: list[list[str | None]] = []

        async def send(_message: Any) -> None:
            seen.append([entry.answer for entry in read_entries(tmp_path)])

        request = {
            "type": "http",
            "method": "GET",
            "path": "/v1",
            "raw_path": b"/v1",
            "query_string": b"",
            "headers": [],
        }
        await Recording(application, Journal(tmp_path))(request, None, send)  # type: ignore[arg-type]

        assert seen == [[], [], ["{}"]]

    def test_follow(self, dev: Dev) -> None:
        process = command(["logs", "--follow", "--json", "-n", "1", "--path", "/followed", "--data", str(dev.data)], {})
        assert process.stdout is not None
        try:
            with dev.client() as client:
                end = time.monotonic() + PATIENCE_SECONDS
                os.set_blocking(process.stdout.fileno(), False)
                line = b""
                while not line and time.monotonic() < end:
                    client.get("/followed")
                    time.sleep(0.05)
                    line = process.stdout.readline() or b""
            assert json.loads(line)["path"] == "/followed"
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 130

    def test_are_bounded(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        entry = Entry("2026-01-01T00:00:00+00:00", "req_1", "GET", "/v1", 200, 0.1, answer="x" * 4096)
        for _ in range(3 * FILE_BYTES_MAX // 4096):
            journal.write(entry)
        journal.close()

        kept = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert FILE_BYTES_MAX < kept < 2 * FILE_BYTES_MAX + 10_000
        assert next(iter(read_entries(tmp_path))) == entry


class TestReset:
    def test_empties_a_sandbox_that_runs_and_one_that_does_not(self, directory: Path) -> None:
        dev = start(directory / "reset")
        with dev.client() as client:
            client.post("/v1/customers", json={"id": "cust_gone"})
            asked = on(dev, "reset")
            foreign = vinr("reset", "--yes", "--data", str(dev.data), VINR_BASE_URL="https://shop.example")
            assert client.get("/v1/customers/cust_gone").status_code == 200
            unauthorized = client.post("/_sandbox/reset", headers={"Authorization": "Bearer sk_test_x"})
            said = on(dev, "reset", "--yes", "--json")
            assert client.get("/v1/customers/cust_gone").status_code == 404
            assert client.get("/v1/loyalty/accounts/loy_abc123").json()["balance"] == 600
            assert [one.path for one in read_entries(dev.data)] == [
                "/v1/customers/cust_gone",
                "/v1/loyalty/accounts/loy_abc123",
            ]
            client.post("/v1/customers", json={"id": "cust_gone"})
        dev.end(signal.SIGTERM)
        stopped = on(dev, "reset", "--yes")
        again = start(directory / "reset")
        with again.client() as client:
            assert client.get("/v1/customers/cust_gone").status_code == 404
        with psycopg.connect(again.announced["database_url"]) as connection:
            assert connection.execute("select count(*) from entries").fetchone() == (6,)
        again.end(signal.SIGTERM)

        assert (asked.code, foreign.code, unauthorized.status_code) == (2, 1, 401)
        assert "--yes" in asked.err and "Nothing was changed" in foreign.err
        assert said.code == 0 and said.json["running"] is True, said
        assert stopped.code == 0 and "vinr dev" in stopped.out, stopped
        assert again.announced["secret_key"] == dev.announced["secret_key"]

    def test_touches_nothing_that_is_no_sandbox(self, tmp_path: Path, shared_server: RunningServer) -> None:
        said = vinr("reset", "--yes", "--data", str(tmp_path), VINR_BASE_URL=shared_server.base_url)
        with shared_server.client() as client:
            client.event_hooks = {}
            assert client.post("/_sandbox/reset").status_code == 404

        assert said.code == 1 and "no sandbox" in said.err
        assert list(tmp_path.iterdir()) == []


class TestExitCodes:
    def test_and_one_line_come_from_the_real_script(self, tmp_path: Path) -> None:
        cases = {
            ("frobnicate",): (2, "frobnicate"),
            ("trigger", "payment.completed", "--amout", "3"): (2, "--amount"),
            ("trigger", "payment.completed", "--amount", "5.5"): (2, "--amount"),
            ("clock", "list", "--data", str(tmp_path)): (4, "vinr dev"),
            ("status", "--data", str(tmp_path)): (4, "vinr dev"),
            ("logs", "--data", str(tmp_path / "nowhere")): (1, "vinr dev"),
        }
        started = {arguments: command(list(arguments), {}) for arguments in cases}
        for arguments, process in started.items():
            code, out, err = finish(process)
            assert (code, out) == (cases[arguments][0], ""), (arguments, err)
            assert cases[arguments][1] in err and err.startswith("vinr") and len(err.splitlines()) == 1, err

    def test_are_told_by_help(self) -> None:
        said = vinr("--help")

        assert all(word in " ".join(said.out.split()) for word in ("0 done", "3 the API refused", "130 Ctrl-C"))

    def test_completion_knows_commands_and_events(self) -> None:
        def completed(words: str) -> str:
            env = ENVIRONMENT | {"_VINR_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "1"}
            env["COMP_CWORD"] = str(len(words.split(" ")) - 1)
            script = str(Path(VINR[0]).parent / "vinr")
            return subprocess.run([script], env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS).stdout

        assert "trigger" in completed("vinr tri").split()
        assert "payment.refunded" in completed("vinr trigger payment.r").split()

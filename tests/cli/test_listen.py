"""`vinr listen` and the inbox of `vinr dev`: what is shown, what is handed on, and what is left behind."""

from __future__ import annotations

import hmac
import json
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sandbox_processes import Dev, announce, command, finish, launch, running, sandbox_directory

from conftest import PATIENCE_SECONDS, WITHOUT_TLS, RunningServer, wait_until
from vinr import SignatureError, Vinr
from vinr_server.cli.calls.signature_check import faults
from vinr_server.cli.sandbox.inbox import KEPT_MAX, UNSIGNED_MAX, Inbox

ask = partial(httpx2.request, trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS)


@pytest.fixture(scope="module")
def dev() -> Iterator[Dev]:
    """A sandbox."""
    with sandbox_directory() as directory, running(directory / "shared") as made:
        yield made


class Receiver:
    """A merchant's receiver: keeps what it got, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        # What it answers, one after the other; the last for good.
        self.statuses = [200]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.statuses.pop(0) if len(outer.statuses) > 1 else outer.statuses[0])
                self.send_header("content-length", "6")
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *_arguments: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody to forward to."""
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Listening:
    """A `vinr listen --json` that runs."""

    def __init__(self, dev: Dev, *options: str) -> None:
        self.process = command(["listen", "--json", "--data", str(dev.data), *options], {})
        self.begun = self.line()

    def line(self) -> dict[str, Any]:
        """Its next line."""
        assert self.process.stdout is not None
        lines: list[bytes] = []
        reading = threading.Thread(target=lambda: lines.append(self.process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reading.start()
        reading.join(PATIENCE_SECONDS)
        assert lines and lines[0], "it said nothing"
        return dict(json.loads(lines[0]))

    def end(self, number: int = signal.SIGINT) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode


def endpoints(dev: Dev) -> list[str]:
    """What the endpoints of the sandbox are for."""
    with dev.client() as client:
        return [one["description"] for one in client.get("/v1/webhook_endpoints").json()["data"]]


def award(dev: Dev, **more: Any) -> None:
    """Points for the sandbox's member."""
    with dev.client() as client:
        answer = client.post("/v1/loyalty/points/award", json={"account": "loy_abc123", "points": 5, **more})
        assert answer.status_code == 201, answer.text


class TestListen:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_hands_events_on_as_they_came_and_leaves_nothing(self, dev: Dev, receiver: Receiver, number: int) -> None:
        listening = Listening(dev, "--forward-to", receiver.url, "--events", "loyalty.*, review.posted")
        secret = listening.begun["endpoint"]["secret"]
        with dev.client() as client:
            client.post("/v1/payments", json={"id": f"pay_{number}", "amount": 500, "currency": "EUR",
                "customer": "cust_abc123", "metadata": {"note": "Grüße <b>"}})  # fmt: skip
        told = listening.line()
        wait_until(lambda: bool(receiver.got), what="it arrives")
        headers, body = receiver.got[0]
        event = Vinr(webhook_secret=secret, secret_key="sk_test_x").webhooks.verify(body, headers["x-vinr-signature"])
        code = listening.end(number)

        assert (listening.begun["forward_to"], listening.begun["endpoint"]["events"]) == (
            receiver.url,
            ["loyalty.*", "review.posted"],
        )
        assert faults(headers, body, secret=secret, now=time.time()) == {
            "x-vinr-signature": None,
            "webhook-signature": None,
        }
        assert event.type == told["event"]["type"] == "loyalty.points.earned", "payment.completed is filtered out"
        assert told["body"].encode() == body
        assert told["answer"]["status"] == 200 and told["answer"]["error"] is None
        assert code in (130, 143)
        assert endpoints(dev) == ["The inbox of vinr dev"]

    def test_tells_what_the_receiver_answered_and_the_engine_sends_again(self, dev: Dev, receiver: Receiver) -> None:
        receiver.statuses = [500, 200]
        listening = Listening(dev, "--forward-to", receiver.url, "--events", "loyalty.points.earned")
        award(dev)
        first = listening.line()
        second = listening.line()  # after 5 s
        with dev.client() as client:
            url = f"/v1/webhook_endpoints/{listening.begun['endpoint']['id']}/deliveries"
            wait_until(lambda: client.get(url).json()["data"][0]["status"] == "succeeded", what="it is recorded")
            attempts = client.get(url).json()["data"][0]["attempts"]
        listening.end()

        assert (first["answer"]["status"], second["answer"]["status"]) == (500, 200)
        assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
        assert [one["status_code"] for one in attempts] == [500, 200]
        assert attempts[0]["response_body"] == "thanks"

    def test_only_shows_where_nobody_is_to_be_forwarded_to(self, dev: Dev) -> None:
        process = command(["listen", "--data", str(dev.data), "--events", "loyalty.points.earned"], {})
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(5)]
        award(dev)
        lines.append(process.stdout.readline().decode())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)

        assert lines[0].startswith("Signing secret  whsec_")
        assert "loyalty.points.earned" in lines[-1] and "+5 points" in lines[-1]

    def test_removes_what_a_killed_one_left(self, dev: Dev) -> None:
        dead = Listening(dev)
        dead.end(signal.SIGKILL)
        assert "vinr listen" in endpoints(dev)
        listening, other = Listening(dev), Listening(dev)
        assert endpoints(dev).count("vinr listen") == 2, "the dead one is gone, the living stay"
        listening.end()
        other.end()

        assert endpoints(dev) == ["The inbox of vinr dev"]

    def test_goes_on_after_a_reset(self, dev: Dev, receiver: Receiver) -> None:
        listening = Listening(dev, "--forward-to", receiver.url)
        assert finish(command(["reset", "--yes", "--data", str(dev.data)], {}))[0] == 0
        again = listening.line()
        award(dev)
        told = listening.line()
        listening.end()

        assert again["endpoint"]["secret"] != listening.begun["endpoint"]["secret"]
        assert told["answer"]["status"] == 200

    def test_refuses_in_a_sentence(self, dev: Dev, shared_server: RunningServer) -> None:
        far = {"VINR_BASE_URL": "https://vinr.example", "VINR_SECRET_KEY": "sk_test_x"}
        cases: dict[tuple[str, ...], tuple[dict[str, str], int, str]] = {
            ("--events", "loyalty.point.earned"): ({}, 3, "Did you mean"),
            ("--forward-to", "ftp://localhost"): ({}, 2, "--forward-to"),
            ("--forward-to", "3000"): (far, 2, "POST /v1/webhook_endpoints"),
            ("--key", "sk_test_wrong"): ({}, 3, "api_key_invalid"),
        }
        started = {
            options: command(["listen", "--data", str(dev.data), *options], env) for options, (env, *_) in cases.items()
        }
        for options, process in started.items():
            code, out, err = finish(process)
            assert (code, out) == (cases[options][1], ""), (options, err)
            assert cases[options][2] in err and len(err.splitlines()) == 1, err


class TestInbox:
    def test_shows_every_event_with_its_signatures(self, dev: Dev) -> None:
        award(dev, reason="<script>alert(1)</script>")

        def newest() -> dict[str, Any]:
            page = ask("GET", f"{dev.announced['base_url']}/_inbox.json").json()
            return dict(page["data"][0]) if page["data"] else {}

        wait_until(lambda: "alert" in newest().get("body", ""), what="the event is in the inbox")
        one = newest()

        assert one["type"] == "loyalty.points.earned" and one["delivery"] == 1
        assert one["signatures"] == {"x-vinr-signature": None, "webhook-signature": None}
        assert one["headers"]["webhook-id"] == one["event"] == json.loads(one["body"])["id"]
        after = ask("GET", f"{dev.announced['base_url']}/_inbox.json?after={one['number']}").json()
        assert after["data"] == [] and after["last"] == one["number"]

    def test_says_of_a_forgery_that_it_is_one(self, dev: Dev) -> None:
        url = dev.announced["base_url"]
        headers = {"x-vinr-signature": "t=1,v1=é".encode(), "webhook-id": "evt_forged"}
        assert ask("POST", f"{url}/_inbox", content=b'{"type": "x"}', headers=headers).status_code == 403
        assert ask("POST", f"{url}/_inbox", content=b"x" * 300_000).status_code == 413
        page = ask("GET", f"{url}/_inbox.json").json()
        shown = page["unsigned"][0]

        assert shown["event"] == "evt_forged" and all(shown["signatures"].values()), shown
        assert "evt_forged" not in [one["event"] for one in page["data"]]

    def test_loses_no_event_to_what_anybody_sends(self, dev: Dev) -> None:
        award(dev)
        url = f"{dev.announced['base_url']}/_inbox"
        wait_until(lambda: bool(ask("GET", f"{url}.json").json()["data"]), what="an event is in the inbox")
        with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS) as anybody:
            for _ in range(KEPT_MAX + 1):
                assert anybody.post(url, content=b"{}").status_code == 403
        page = ask("GET", f"{url}.json").json()

        assert page["data"] and len(page["unsigned"]) == UNSIGNED_MAX

    def test_takes_nothing_while_it_has_no_secret(self) -> None:
        at, inbox = int(time.time()), Inbox()
        forged = hmac.new(b"", f"{at}.{{}}".encode(), "sha256").hexdigest()

        assert not inbox.take({"x-vinr-signature": f"t={at},v1={forged}"}, b"{}")

    def test_asks_for_the_key_where_others_can_reach_it(self) -> None:
        with sandbox_directory() as directory:
            process = launch(directory / "open", "--port", "0", "--host", "0.0.0.0")
            open_to_all = Dev(process, directory / "open", announce(process))
            key, url = open_to_all.announced["secret_key"], open_to_all.announced["base_url"]
            refused = [ask("GET", url + path) for path in ("/_inbox", "/_inbox.json", "/_inbox.js")]
            refused += [ask("GET", f"{url}/_inbox.json", auth=("any", given)) for given in ("", "sk_test_wrong", "é")]
            award(open_to_all)

            def shown() -> list[Any]:
                with open_to_all.client() as client:
                    return list(client.get("/_inbox.json").json()["data"])

            wait_until(lambda: bool(shown()), what="the event is in the inbox, which its signature opens")
            page = ask("GET", f"{url}/_inbox", auth=("any", key))
            open_to_all.end(signal.SIGTERM)

        assert {one.status_code for one in refused} == {401}
        assert all(one.headers["www-authenticate"].startswith("Basic ") for one in refused)
        assert page.status_code == 200

    def test_page_loads_nothing_from_elsewhere_and_writes_no_markup(self, dev: Dev) -> None:
        url = dev.announced["base_url"]
        page = ask("GET", f"{url}/_inbox")
        script = ask("GET", f"{url}/_inbox.js")
        policy = page.headers["content-security-policy"]
        assert ask("GET", url).headers["location"] == "/_inbox", "which the bare address leads to"

        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert "http" not in page.text and "<script>" not in page.text and " style=" not in page.text
        assert "innerHTML" not in script.text and "insertAdjacent" not in script.text
        assert page.headers["x-content-type-options"] == "nosniff"

    def test_is_read_by_address_alone_and_nowhere_but_in_a_sandbox(
        self, dev: Dev, shared_server: RunningServer
    ) -> None:
        rebound = ask("GET", f"{dev.announced['base_url']}/_inbox.json", headers={"Host": "evil.example"})
        elsewhere = [ask("GET", shared_server.base_url + path) for path in ("/_inbox", "/_inbox.json")]

        assert rebound.status_code == 403
        assert [one.status_code for one in elsewhere] == [401, 401]

    def test_goes_on_at_the_next_start(self) -> None:
        with sandbox_directory() as directory:
            for start in (1, 2):
                with running(directory / "twice") as dev:
                    award(dev)
                    url = f"{dev.announced['base_url']}/_inbox.json"

                    def shown(url: str = url) -> list[Any]:
                        return list(ask("GET", url).json()["data"])

                    wait_until(lambda shown=shown: bool(shown()), what=f"it arrives after start {start}")
                    assert not any(shown()[0]["signatures"].values())
                    assert endpoints(dev) == ["The inbox of vinr dev"]
            assert (directory / "twice" / "inbox.json").stat().st_mode & 0o777 == 0o600


VECTORS = json.loads((Path(__file__).parents[2] / "sdk" / "vectors" / "webhook_signatures.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["why"])
def test_signatures_check_as_they_do_in_the_sdks(vector: dict[str, Any]) -> None:
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    found = faults(headers, vector["payload"].encode(), secret=vector["secret"], now=vector["timestamp"])
    scheme = "x-vinr-signature" if "x-vinr-signature" in headers else "webhook-signature"

    assert (found[scheme] is None) == vector["valid"], found


def test_sdk_refuses_what_was_altered(dev: Dev, receiver: Receiver) -> None:
    listening = Listening(dev, "--forward-to", receiver.url, "--events", "loyalty.*")
    award(dev)
    wait_until(lambda: bool(receiver.got), what="it arrives")
    headers, body = receiver.got[0]
    secret = listening.begun["endpoint"]["secret"]
    listening.end()

    with pytest.raises(SignatureError):
        Vinr(webhook_secret=secret, secret_key="sk_test_x").webhooks.verify(
            body.replace(b"5", b"6", 1), headers["x-vinr-signature"]
        )
    altered = faults(headers, body + b" ", secret=secret, now=time.time())
    late = faults(headers, body, secret=secret, now=time.time() + 301)
    assert all("does not match this body" in str(fault) for fault in altered.values())
    assert all("more than 300 s" in str(fault) for fault in late.values())

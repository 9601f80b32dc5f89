"""Webhooks reach their receivers and nobody else, and no receiver can make an attempt last, grow or raise."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from receivers import OK, Canaries, Received, answers, canaries, endless, hang, raw_receiver, receiver
from targets import ALLOWED_ADDRESSES, DENIED_ADDRESSES, FORMS, NAMES, SPELLINGS

from conftest import PATIENCE_SECONDS
from vinr_server.engine.addresses import denial
from vinr_server.engine.outbound import SECONDS_MAX, Answer, Forbidden, Sender, check_target
from vinr_server.engine.targets import look_up, target_of

HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}
BODY = b'{"id":"evt_1"}'


class Names:
    """A resolver of a few names; a name with several answers gives them in turn, and the last one for good."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.names = names
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        turns = self.names.get(host, [[]])
        return turns.pop(0) if len(turns) > 1 else turns[0]


def names(**addresses: str) -> Names:
    """hooks="127.0.0.1" resolves hooks.example.test."""
    return Names({f"{name}.example.test": [[address]] for name, address in addresses.items()})


INSIDE = Names({name: [found] for name, found in NAMES.items()})
TLS = ssl.create_default_context()


@pytest.fixture(scope="module")
def birds() -> Iterator[Canaries]:
    with canaries() as listeners:
        yield listeners


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def own_addresses() -> list[str]:
    """The addresses under which this machine would speak to the world; nothing is sent to find them."""
    found = []
    for family, there in ((socket.AF_INET, "8.8.8.8"), (socket.AF_INET6, "2001:4860:4860::8888")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 53))
            found.append(str(probe.getsockname()[0]))
    return found


def server_tls(authority: trustme.CA, *hosts: str, not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts, not_after=not_after).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def dev_sender(
    resolver: Names = INSIDE, *, seconds_max: float = PATIENCE_SECONDS, tls: ssl.SSLContext | None = None
) -> Sender:
    return Sender(is_loopback_allowed=True, resolver=resolver, seconds_max=seconds_max, tls=tls or TLS)


async def post(received: Received, *, seconds_max: float = PATIENCE_SECONDS) -> Answer:
    """One attempt at a receiver of this machine."""
    return await dev_sender(seconds_max=seconds_max).post(f"http://127.0.0.1:{received.port}/hook?a=1", HEADERS, BODY)


async def refusal(url: str, *, is_loopback_allowed: bool) -> str | None:
    """The reason the check gives; what the sender does is held to be the same."""
    try:
        await check_target(url, is_loopback_allowed=is_loopback_allowed, resolver=INSIDE)
    except Forbidden as forbidden:
        reason = forbidden.reason
    else:
        return None
    answer = await Sender(
        is_loopback_allowed=is_loopback_allowed, resolver=INSIDE, seconds_max=PATIENCE_SECONDS, tls=TLS
    ).post(url, {}, BODY)
    assert (answer.status, answer.error) == (None, reason)
    return reason


class TestAddresses:
    def test_are_enough(self) -> None:
        assert len({ip_address(address) for address, _words in DENIED_ADDRESSES}) >= 46

    @pytest.mark.parametrize(("address", "words"), DENIED_ADDRESSES)
    async def test_inside_are_refused_by_number_and_by_name(self, birds: Canaries, address: str, words: str) -> None:
        host = f"[{address}]" if ":" in address else address
        resolver = names(hooks=address)

        by_number = await refusal(f"https://{host}/", is_loopback_allowed=False)
        by_name = await Sender(
            is_loopback_allowed=False, resolver=resolver, seconds_max=PATIENCE_SECONDS, tls=TLS
        ).post("https://hooks.example.test/", HEADERS, BODY)

        assert words in (by_number or "") and words in (by_name.error or "")
        assert address not in (by_name.error or ""), "tells what an inner name server said"
        assert birds.calls() == 0

    @pytest.mark.parametrize("address", ALLOWED_ADDRESSES)
    async def test_outside_are_allowed(self, address: str) -> None:
        host = f"[{address}]" if ":" in address else address

        await check_target(f"https://{host}/", is_loopback_allowed=False)
        await check_target("https://hooks.example.test/", is_loopback_allowed=False, resolver=names(hooks=address))

    @given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
    def test_that_python_holds_for_local_are_all_refused(self, address: IPv4Address | IPv6Address) -> None:
        assert denial(address) is not None or (address.is_global and not address.is_multicast)

    def test_of_this_machine_are_all_canaries(self, birds: Canaries) -> None:
        own = ["127.0.0.1", *own_addresses()]
        for address in own:
            socket.create_connection((address, birds.port), timeout=5).close()

        assert birds.calls() == len(own)


class TestUrls:
    def test_are_enough(self) -> None:
        assert len({url for url, _words in SPELLINGS + FORMS}) >= 60

    @pytest.mark.parametrize(("url", "words"), SPELLINGS)
    async def test_of_many_readings_are_refused_even_in_dev(self, birds: Canaries, url: str, words: str) -> None:
        url = url.replace("{port}", f":{birds.port}")

        reason = await refusal(url, is_loopback_allowed=True)

        assert words in (reason or "")
        assert birds.calls() == 0

    @pytest.mark.parametrize(("url", "words"), SPELLINGS)
    async def test_of_many_readings_are_refused_with_https(self, birds: Canaries, url: str, words: str) -> None:
        url = url.replace("{port}", "").replace("http:", "https:").replace("http+", "https+")

        reason = await refusal(url, is_loopback_allowed=False)

        assert words in (reason or "")
        assert birds.calls() == 0

    @pytest.mark.parametrize(("url", "words"), FORMS)
    async def test_that_lead_inside_are_refused(self, birds: Canaries, url: str, words: str) -> None:
        reason = await refusal(url, is_loopback_allowed=False)

        assert words in (reason or "")
        assert birds.calls() == 0

    @pytest.mark.parametrize(
        ("url", "host", "path"),
        [
            ("https://Hooks.Example.com", "hooks.example.com", "/"),
            ("https://hooks.example.com:443/a/../b?c=%2F&d#"[:-1], "hooks.example.com", "/a/../b?c=%2F&d"),
            ("https://hooks.example.com?x=1", "hooks.example.com", "/?x=1"),
            ("https://r4---sn.example.com/", "r4---sn.example.com", "/"),
            ("https://bücher.example/", "xn--bcher-kva.example", "/"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"),
            ("https://[2606:4700:0:0::1111]/", "2606:4700::1111", "/"),
            ("https://8.8.8.8/", "8.8.8.8", "/"),
            ("https://hooks.example.com/@user:pass", "hooks.example.com", "/@user:pass"),
        ],
    )
    def test_are_read_one_way(self, url: str, host: str, path: str) -> None:
        target = target_of(url, is_loopback_allowed=False)

        assert (target.scheme, target.host, target.port, target.path) == ("https", host, 443, path)

    async def test_of_http_and_other_ports_stay_refused_off_loopback_in_dev(self, birds: Canaries) -> None:
        resolver = names(hooks="8.8.8.8", inner="10.0.0.1")
        for url in (
            "http://8.8.8.8/",
            "https://8.8.8.8:8443/",
            "http://hooks.example.test/",
            "https://inner.example.test/",
        ):
            with pytest.raises(Forbidden):
                await check_target(url, is_loopback_allowed=True, resolver=resolver)
        for address in own_addresses():
            host = f"[{address}]" if ":" in address else address
            assert await refusal(f"http://{host}:{birds.port}/", is_loopback_allowed=True)

        assert birds.calls() == 0

    async def test_are_refused_when_their_name_server_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vinr_server.engine.outbound.LOOKUP_SECONDS_MAX", 0.1)

        async def never(_host: str) -> list[str]:
            await asyncio.sleep(60)
            return []

        with pytest.raises(Forbidden, match="within"):
            await check_target("https://hooks.example.test/", is_loopback_allowed=False, resolver=never)
        answer = await Sender(is_loopback_allowed=False, resolver=never, seconds_max=0.1).post(
            "https://hooks.example.test/", {}, BODY
        )
        assert answer.status is None and answer.error

    async def test_that_exist_nowhere_are_refused(self) -> None:
        with pytest.raises(Forbidden, match="looked up"):
            await check_target("https://no-such-host.invalid/", is_loopback_allowed=False)

    async def test_are_looked_up_without_the_search_domains_of_the_machine(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def getaddrinfo(host: bytes, *_rest: object, **_options: object) -> list[tuple[object, ...]]:
            asked.append(host)
            return [(None, None, None, "", (address, 0)) for address in ("8.8.8.8", "8.8.8.8", "2000::1")]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

        assert await look_up("hooks.example.com") == ["8.8.8.8", "2000::1"]
        assert asked == [b"hooks.example.com."]


class TestFlippingNames:
    async def test_are_refused_at_the_attempt(self, birds: Canaries) -> None:
        resolver = Names({"flip.example.test": [["8.8.8.8"], ["127.0.0.1"]]})
        await check_target("https://flip.example.test/", is_loopback_allowed=False, resolver=resolver)

        sender = Sender(is_loopback_allowed=False, resolver=resolver, seconds_max=PATIENCE_SECONDS, tls=TLS)
        answer = await sender.post("https://flip.example.test/", {}, BODY)

        assert answer.status is None and "loopback" in (answer.error or "")
        assert birds.calls() == 0

    async def test_are_connected_to_where_they_were_checked(self) -> None:
        resolver = Names({"flip.example.test": [["127.0.0.1"], ["127.0.0.2"]]})
        async with (
            receiver(answers(OK)) as checked,
            receiver(answers(OK), host="127.0.0.2", port=checked.port) as other,
        ):
            answer = await dev_sender(resolver).post(f"http://flip.example.test:{checked.port}/", HEADERS, BODY)

        assert answer.status == 200
        assert (checked.opened, other.opened, resolver.asked) == (1, 0, ["flip.example.test"])

    async def test_are_asked_again_at_each_attempt(self) -> None:
        resolver = Names({"flip.example.test": [["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"]]})
        async with receiver(answers(OK)) as first, receiver(answers(OK), host="127.0.0.2", port=first.port) as second:
            sender = dev_sender(resolver)
            results = [await sender.post(f"http://flip.example.test:{first.port}/", HEADERS, BODY) for _ in range(3)]

        assert [result.status for result in results] == [200, 200, None]
        assert (first.opened, second.opened) == (1, 1)

    async def test_with_a_dead_address_go_to_the_next_checked_one(self) -> None:
        resolver = Names({"two.example.test": [["127.0.0.2", "127.0.0.1"]]})
        async with receiver(answers(OK)) as alive:
            answer = await dev_sender(resolver).post(f"http://two.example.test:{alive.port}/", HEADERS, BODY)

        assert answer.status == 200


class TestAnAttempt:
    async def test_sends_what_it_was_given(self) -> None:
        async with receiver(
            answers(b"HTTP/1.1 202 Accepted\r\nRetry-After: 5\r\nX: a\r\nX: b\r\n\r\nthanks")
        ) as received:
            began = time.monotonic()
            answer = await post(received)
            took = time.monotonic() - began

        head, _, body = received.requests[0].partition(b"\r\n\r\n")
        assert body == BODY
        assert head.split(b"\r\n")[0] == b"POST /hook?a=1 HTTP/1.1"
        assert f"Host: 127.0.0.1:{received.port}".encode() in head and b"webhook-id: evt_1" in head
        assert (answer.status, answer.body, answer.error) == (202, b"thanks", None)
        assert answer.headers == (("Retry-After", "5"), ("X", "a"), ("X", "b"))
        assert 0 <= answer.milliseconds <= took * 1000 + 1

    async def test_reaches_localhost_by_both_families(self) -> None:
        async with receiver(answers(OK)) as received:
            answer = await dev_sender().post(f"http://localhost:{received.port}/", HEADERS, BODY)
        assert answer.status == 200

        async with receiver(answers(OK), host="::1") as received:
            answers_six = [
                await dev_sender().post(f"http://{host}:{received.port}/", HEADERS, BODY)
                for host in ("[::1]", "localhost")
            ]
        assert [answer.status for answer in answers_six] == [200, 200]
        assert f"Host: [::1]:{received.port}".encode() in received.requests[0]

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_follows_no_redirect(self, birds: Canaries, status: int) -> None:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{birds.port}/\r\nContent-Length: 0\r\n\r\n"
        async with receiver(answers(head.encode())) as received:
            answer = await post(received)

        assert (answer.status, answer.error, received.opened) == (status, None, 1)
        assert birds.calls() == 0

    async def test_goes_through_no_proxy(self, birds: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{birds.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        async with receiver(answers(OK)) as received:
            answer = await post(received)

        assert (answer.status, birds.calls()) == (200, 0)

    async def test_keeps_no_cookie_and_unpacks_nothing(self) -> None:
        packed = (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
        )
        async with receiver(answers(packed)) as received:
            sender = dev_sender()
            results = [await sender.post(f"http://127.0.0.1:{received.port}/", HEADERS, BODY) for _ in range(2)]

        assert [result.body for result in results] == [b"\x1f\x8b\x08\x00"] * 2
        assert b"cookie" not in received.requests[1].lower()

    async def test_refuses_to_be_told_its_host(self) -> None:
        with pytest.raises(AssertionError):
            await dev_sender().post("http://127.0.0.1:9/", {"host": "other"}, BODY)

    async def test_is_broken_off_when_the_sender_closes(self) -> None:
        async with receiver(hang) as received:
            sender = dev_sender()
            attempt = asyncio.create_task(sender.post(f"http://127.0.0.1:{received.port}/", HEADERS, BODY))
            while not received.requests:
                await asyncio.sleep(0.01)
            await sender.close()
            answer = await attempt

            assert answer.error == "The attempt was interrupted: the server is shutting down."
            assert await received.all_closed()


class TestTls:
    async def test_names_and_verifies_the_host(self, authority: trustme.CA) -> None:
        tls = server_tls(authority, "hooks.example.test")
        asked: list[str | None] = []
        tls.sni_callback = lambda _socket, name, _context: asked.append(name)
        async with receiver(answers(OK), tls=tls) as received:
            sender = dev_sender(names(hooks="127.0.0.1"), tls=client_tls(authority))
            answer = await sender.post(f"https://hooks.example.test:{received.port}/", HEADERS, BODY)

        assert (answer.status, answer.error, asked) == (200, None, ["hooks.example.test"])
        assert f"Host: hooks.example.test:{received.port}".encode() in received.requests[0]

    async def test_verifies_an_address_in_the_certificate(self, authority: trustme.CA) -> None:
        async with receiver(answers(OK), tls=server_tls(authority, "127.0.0.1")) as received:
            sender = dev_sender(tls=client_tls(authority))
            answer = await sender.post(f"https://127.0.0.1:{received.port}/", HEADERS, BODY)

        assert answer.status == 200

    @pytest.mark.parametrize("kind", ["other name", "address only", "expired", "other authority"])
    async def test_refuses_a_bad_certificate(self, authority: trustme.CA, kind: str) -> None:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        tls, words = {
            "other name": (server_tls(authority, "other.example.test"), "ostname mismatch"),
            "address only": (server_tls(authority, "127.0.0.1"), "ostname mismatch"),
            "expired": (server_tls(authority, "hooks.example.test", not_after=yesterday), "expired"),
            "other authority": (server_tls(trustme.CA(), "hooks.example.test"), "unable to get local issuer"),
        }[kind]
        async with receiver(answers(OK), tls=tls) as received:
            sender = dev_sender(names(hooks="127.0.0.1"), tls=client_tls(authority))
            answer = await sender.post(f"https://hooks.example.test:{received.port}/", HEADERS, BODY)

        assert answer.status is None and words in (answer.error or "")
        assert received.requests == []

    async def test_trusts_no_unknown_authority_by_default(self, authority: trustme.CA) -> None:
        async with receiver(answers(OK), tls=server_tls(authority, "hooks.example.test")) as received:
            sender = Sender(is_loopback_allowed=True, resolver=names(hooks="127.0.0.1"))
            answer = await sender.post(f"https://hooks.example.test:{received.port}/", HEADERS, BODY)

        assert answer.status is None and "certificate" in (answer.error or "")

    async def test_must_verify(self) -> None:
        lax = ssl.create_default_context()
        lax.check_hostname = False

        with pytest.raises(AssertionError):
            dev_sender(tls=lax)

    @pytest.mark.parametrize(
        "first", [b"", b"HTTP/1.1 400 Bad\r\n\r\n", b"\x16\x03\x03\x00\x02\x0e\x00", b"\x15\x03\x03\x00\x02\x02\x28"]
    )
    async def test_that_is_none_ends_the_attempt(self, first: bytes) -> None:
        async with raw_receiver(first) as received:
            sender = dev_sender(names(hooks="127.0.0.1"), seconds_max=0.5)
            answer = await sender.post(f"https://hooks.example.test:{received.port}/", HEADERS, BODY)

            assert answer.status is None and answer.error
            assert await received.all_closed(), "an unfinished handshake leaves its connection open"


class TestReceiversThatMisbehave:
    def test_have_15_seconds(self) -> None:
        assert SECONDS_MAX == 15
        assert Sender(is_loopback_allowed=False)._seconds_max == 15

    @pytest.mark.parametrize(
        ("script", "status"),
        [
            (hang, None),
            (endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", pause_seconds=0.05), None),
            (endless(b"", b"H", pause_seconds=0.05), None),
            (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b".", pause_seconds=0.05), 200),
            (endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n", pause_seconds=0.05), 200),
            (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", pause_seconds=0.05), None),
        ],
        ids=["hangs", "drips headers", "drips its first line", "drips its body", "drips chunks", "processes"],
    )
    async def test_by_being_slow_end_in_time(self, script, status: int | None) -> None:
        async with receiver(script) as received:
            for _ in range(5):  # on a busy machine the half second may be over before anything was heard, and longer
                async with asyncio.timeout(60):
                    answer = await post(received, seconds_max=0.5)
                assert answer.error == "The answer was not complete within 0.5 s."
                if answer.status == status and answer.milliseconds < 2000:
                    break

            assert answer.status == status
            assert 450 <= answer.milliseconds < 2000
            assert await received.all_closed()

    @pytest.mark.parametrize(
        ("script", "status", "words"),
        [
            (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"." * 10_000), 200, None),
            (endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n" * 999), 200, None),
            (endless(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 999 + b"\r\n"), None, "head"),
            (endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 999), None, "head"),
            (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99), None, "head"),
        ],
        ids=["endless body", "endless chunks", "endless headers", "an endless header", "endless interim answers"],
    )
    async def test_by_being_loud_are_read_64_kib_of(self, script, status: int | None, words: str | None) -> None:
        async with receiver(script) as received:
            answer = await post(received)

            assert answer.status == status and len(answer.body) <= 64 * 1024
            assert answer.error is None if words is None else words in (answer.error or "")
            assert await received.all_closed()

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"", None),
            (b"\r\n", None),
            (b"SSH-2.0-OpenSSH_9.9\r\n", None),
            (b"220 mail.example.test ESMTP\r\n", None),
            (b"+PONG\r\n-ERR unknown command\r\n", None),
            (b"HTTP/1.1 20 OK\r\n\r\n", None),
            (b"HTTP/2 200 OK\r\n\r\n", None),
            (b"HTTP/1.1 99999 OK\r\n\r\n", None),
            (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", None),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n.", None),
            (b"HTTP/1.1 200 OK\r\n: empty\r\n\r\n", None),
            (b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n", None),
            (b"HTTP/1.1 200", None),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x00\x01", None),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", 200),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 200),
        ],
    )
    async def test_by_breaking_http_are_told_of(self, sent: bytes, status: int | None) -> None:
        async with receiver(answers(sent)) as received:
            answer = await post(received)

        assert answer.status == status and answer.error

    async def test_by_saying_more_than_they_may_are_not_listened_to(self) -> None:
        async with receiver(answers(b"HTTP/1.1 204 No Content\r\n\r\nmore")) as received:
            answer = await post(received)

        assert (answer.status, answer.body) == (204, b"")

    async def test_by_not_being_there_are_told_of(self) -> None:
        async with receiver(hang) as received:
            pass
        answer = await post(received)

        assert (answer.status, answer.error) == (None, "No connection could be made.")

    async def test_by_closing_before_they_read_are_told_of(self) -> None:
        async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server = await asyncio.start_server(slam, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        answer = await dev_sender().post(f"http://127.0.0.1:{port}/", HEADERS, b"x" * 1_000_000)
        server.close()

        assert answer.status is None and answer.error

    @pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "in TLS"])
    async def test_at_random_never_raise(self, authority: trustme.CA, is_tls: bool) -> None:
        source = random.Random(7)
        pieces = [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 100 C\r\n\r\n",
            b"Content-Length: 3\r\n",
            b"\r\n",
            b"\x00",
            b"\xff" * 9,
        ]
        pieces += [b"Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"x: y\r\n", b"101", b"\r\n\r\n"]
        outcomes = set()

        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            start = source.choice([b"HTTP/1.1 200 OK\r\n", b""])
            writer.write(start + b"".join(source.choices(pieces, k=source.randrange(1, 9))))
            await writer.drain()
            if is_tls and source.random() < 0.5:  # bytes that are no TLS record
                writer.transport._ssl_protocol._transport.write(b"\x17\x03\x03\x00\x05junk!")
                await asyncio.sleep(0)

        tls = server_tls(authority, "hooks.example.test") if is_tls else None
        async with receiver(babble, tls=tls) as received:
            sender = dev_sender(names(hooks="127.0.0.1"), tls=client_tls(authority), seconds_max=PATIENCE_SECONDS)
            scheme = "https" if is_tls else "http"
            for _ in range(150 if is_tls else 400):
                answer = await sender.post(f"{scheme}://hooks.example.test:{received.port}/", HEADERS, BODY)
                outcomes.add((answer.status, (answer.error or "")[:20]))

        assert len(outcomes) >= 3

"""Signatures against vectors whose MACs `openssl dgst` made, and what else verifying returns and refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest

import vinr
from vinr import SignatureError, Vinr, VinrError, objects, webhooks

ROOT = Path(__file__).parents[2]
# Those of all SDKs, and those that the server's deliveries are tested with.
FILES = [ROOT / "sdk/vectors/webhook_signatures.json", ROOT / "tests/vectors/webhook_signatures.json"]
VECTORS: list[dict[str, Any]] = [one for path in FILES if path.exists() for one in json.loads(path.read_text())]
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENT = {"id": "evt_1", "object": "event", "type": "payment.completed", "data": {"id": "pay_1", "object": "payment"}}


def sign(payload: bytes, at: int | None = None) -> str:
    """The header of a webhook signed at an instant, or now."""
    at = int(time.time()) if at is None else at
    return f"t={at},v1={hmac.new(KEY, b'%d.' % at + payload, hashlib.sha256).hexdigest()}"


class TestVectors:
    @pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["why"]))
    def test_are_judged_right(self, vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("vinr.webhooks.time.time", lambda: vector["timestamp"] + 0.999)
        payload, secret, headers = vector["payload"], vector["secret"], vector["headers"]
        forms: list[Any] = [headers]
        if list(headers) == ["x-vinr-signature"]:
            forms.append(headers["x-vinr-signature"])

        for header in forms:
            for body in (payload, payload.encode()):
                if vector["valid"]:
                    assert webhooks.verify(body, header, secret).to_dict() == json.loads(payload)
                else:
                    with pytest.raises(SignatureError):
                        webhooks.verify(body, header, secret)

    def test_are_many_of_both_kinds(self) -> None:
        valid = sum(1 for vector in VECTORS if vector["valid"])

        assert valid >= 10 and len(VECTORS) - valid >= 25


class TestVerify:
    def test_returns_the_typed_event(self) -> None:
        payload = json.dumps(EVENT).encode()

        event = webhooks.verify(payload, sign(payload), secret=SECRET)

        assert isinstance(event, objects.Event) and isinstance(event.data, objects.Payment)
        assert (event.type, event.data.id) == ("payment.completed", "pay_1")
        assert webhooks.construct(payload, sign(payload), SECRET) == event

    @pytest.mark.parametrize("parsed", [EVENT, None, 5])
    def test_needs_the_raw_body_and_says_so(self, parsed: Any) -> None:
        payload = json.dumps(EVENT).encode()

        with pytest.raises(VinrError, match="raw body"):
            webhooks.verify(parsed, sign(payload), secret=SECRET)

    def test_takes_the_secret_from_the_environment_or_the_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        payload = json.dumps(EVENT).encode()
        monkeypatch.setenv("VINR_WEBHOOK_SECRET", SECRET)

        assert webhooks.verify(payload, sign(payload)).id == "evt_1"
        assert Vinr("sk_test_x").webhooks.verify(payload, sign(payload)).id == "evt_1"
        monkeypatch.delenv("VINR_WEBHOOK_SECRET")
        client = vinr.AsyncVinr("sk_test_x", webhook_secret=SECRET)
        assert client.webhooks.construct(payload, sign(payload)).id == "evt_1"

    @pytest.mark.parametrize("secret", [None, "", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_ä"])
    def test_says_what_a_secret_must_be(self, secret: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VINR_WEBHOOK_SECRET", raising=False)

        with pytest.raises(VinrError, match="VINR_WEBHOOK_SECRET") as raised:
            webhooks.verify(b"{}", sign(b"{}"), secret)

        assert not isinstance(raised.value, SignatureError), "a setting is wrong, not the webhook"

    def test_takes_another_tolerance(self) -> None:
        payload = json.dumps(EVENT).encode()
        old = sign(payload, int(time.time()) - 1000)

        assert webhooks.verify(payload, old, SECRET, tolerance=2000).id == "evt_1"
        assert webhooks.verify(payload, old, SECRET, tolerance=None).id == "evt_1"
        with pytest.raises(SignatureError, match=r"100\d s ago; at most 300 s is allowed"):
            webhooks.verify(payload, old, SECRET)
        with pytest.raises(SignatureError):
            webhooks.verify(payload, sign(payload, int(time.time()) - 9), SECRET, tolerance=5)

    @pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b"\xff", b'"event"'])
    def test_refuses_what_is_signed_but_no_event(self, payload: bytes) -> None:
        with pytest.raises(SignatureError, match="not an event"):
            webhooks.verify(payload, sign(payload), SECRET)

    def test_does_not_let_go_on_tampering_at_any_place(self) -> None:
        payload = json.dumps(EVENT).encode()
        header = sign(payload)
        digits = header.index("v1=") + 3

        for place in range(len(payload)):
            altered = payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :]
            with pytest.raises(SignatureError):
                webhooks.verify(altered, header, SECRET)
        for place in range(digits, len(header)):
            forged = header[:place] + ("0" if header[place] != "0" else "1") + header[place + 1 :]
            with pytest.raises(SignatureError):
                webhooks.verify(payload, forged, SECRET)

    @pytest.mark.parametrize(
        "header", ["\ud800", "t=\ud800,v1=00", "=" * 5000, "t=1,v1=" + "0" * 100_000, "t=" + "9" * 5000, "t=1,v1=é"]
    )
    def test_survives_any_header(self, header: str) -> None:
        with pytest.raises(SignatureError):
            webhooks.verify(b"{}", header, SECRET)

"""The SDK's README works as printed: its quick start against the sandbox, its receiver under a real web server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from conftest import PATIENCE_SECONDS, WITHOUT_TLS, RunningServer, free_port, make_realm, wait_until
from vinr import Vinr

ROOT = Path(__file__).parents[2]
SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()


def blocks(readme: Path) -> list[str]:
    """Its Python, block by block."""
    return re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)


def with_quick_start(readme: Path) -> str:
    """The block that awards and redeems."""
    return next(block for block in blocks(readme) if "points.award" in block)


@pytest.mark.parametrize("readme", [ROOT / "README.md", ROOT / "sdk/python/README.md"], ids=["root", "sdk"])
class TestQuickStart:
    def test_works_as_printed_and_twice(self, shared_server: RunningServer, readme: Path) -> None:
        realm = make_realm(shared_server.database_url, f"tnt_{os.urandom(6).hex()}")
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {"VINR_SECRET_KEY": realm.key, "VINR_BASE_URL": shared_server.base_url}
        with Vinr(
            realm.key,
            base_url=shared_server.base_url,
            http_client=httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS),
        ) as client:
            client.loyalty.programs.create(id="prog_default", name="Sandbox")
            benefit = {"type": "discount", "amount": 500, "currency": "EUR"}
            client.loyalty.rewards.create(
                id="rwd_fiveOff", program="prog_default", name="Five off", points_cost=100, benefit=benefit
            )
            program = with_quick_start(readme)

            for _ in range(2):
                run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
                assert re.fullmatch(r"Discount disc_\w+ for 100 points\n", run.stdout), run.stdout + run.stderr

            [account] = client.loyalty.accounts.list()
            assert account.balance == 20, "the keys of the quick start let it count once"

    def test_is_short(self, readme: Path) -> None:
        assert len(with_quick_start(readme).splitlines()) <= 12


class TestReceiver:
    def test_receives_and_verifies_a_webhook(self, tmp_path: Path) -> None:
        [program] = [block for block in blocks(ROOT / "sdk/python/README.md") if "FastAPI()" in block]
        assert len([line for line in program.splitlines() if line]) <= 12
        (tmp_path / "receiver.py").write_text(program)
        port = free_port()
        url = f"http://127.0.0.1:{port}/webhooks/vinr"
        command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "warning"]
        env = os.environ | {"VINR_WEBHOOK_SECRET": SECRET}
        receiver = subprocess.Popen(command, cwd=tmp_path, env=env)
        try:
            with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS, verify=WITHOUT_TLS) as client:
                wait_until(lambda: _answers(client, url), what="the receiver answers")
                payload = json.dumps({"id": "evt_1", "type": "payment.completed", "data": {"id": "pay_1"}}).encode()

                good = client.post(url, content=payload, headers=_signed(payload))
                assert (good.status_code, good.json()) == (200, {"seen": "payment.completed pay_1"})
                altered = client.post(url, content=payload + b" ", headers=_signed(payload))
                assert altered.status_code == 400 and "No signature matches" in altered.json()["detail"]
                old = client.post(url, content=payload, headers=_signed(payload, age=301))
                assert old.status_code == 400
                assert client.post(url, content=payload).status_code == 400
        finally:
            receiver.terminate()
            receiver.wait()


def _answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 405
    except httpx2.TransportError:
        return False


def _signed(payload: bytes, *, age: int = 0) -> dict[str, str]:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    at = int(time.time()) - age
    return {"x-vinr-signature": f"t={at},v1={hmac.new(key, b'%d.' % at + payload, hashlib.sha256).hexdigest()}"}

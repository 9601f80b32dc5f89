"""`vinr keys` and `vinr tenants`: the first key of a tenant, and what an operator does with any other."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from conftest import PEPPER, SECRETS_KEY
from vinr_server.api.edge.secrets import hash_key, hint_of
from vinr_server.cli.main import app


@pytest.fixture
def vinr(database: str) -> Any:
    """Runs a command on this test's database; answers its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        env = {"VINR_DATABASE_URL": database, "VINR_KEY_PEPPER": PEPPER, "VINR_SECRETS_KEY": SECRETS_KEY}
        result = CliRunner().invoke(app, list(arguments), env=env)
        return result.exit_code, result.stdout.strip(), result.stderr.strip()

    return run


def listed(vinr: Any) -> list[dict[str, Any]]:
    """All keys there are."""
    return list(json.loads(vinr("keys", "list", "--json")[1]))


class TestKeys:
    def test_of_each_kind_are_made_listed_rolled_and_revoked(self, vinr: Any, database: str) -> None:
        code, secret, said = vinr("keys", "create", "--tenant", "tnt_shop", "--live", "--name", "Shop")
        assert (code, said) == (0, "") and secret.startswith("sk_live_")
        till = vinr("keys", "create", "--tenant", "tnt_shop", "--kind", "restricted",
            "--allow", "loyalty.points:write", "--allow", "payments:read", "--expires-at", "2030-01-01")[1]  # fmt: skip
        assert till.startswith("rk_test_")
        assert vinr("keys", "create", "--kind", "publishable")[1].startswith("pk_test_")

        keys = {one["hint"]: one for one in listed(vinr)}
        made = keys[hint_of(till)]
        assert (made["tenant"], made["mode"], made["kind"]) == ("tnt_shop", "test", "restricted")
        assert made["permissions"] == {"loyalty.points": "write", "payments": "read"}
        assert made["expires_at"].startswith("2030-01-01") and made["status"] == "active"
        new = vinr("keys", "roll", made["id"], "--overlap-seconds", "0")[1]
        assert new.startswith("rk_test_") and new != till
        assert vinr("keys", "revoke", keys[hint_of(secret)]["id"])[0] == 0

        status = {one["hint"]: one["status"] for one in listed(vinr)}
        assert (status[hint_of(till)], status[hint_of(new)], status[hint_of(secret)]) == (
            "expired",
            "active",
            "revoked",
        )
        with psycopg.connect(database) as connection:
            acts = connection.execute("select action, actor from api_key_acts order by created_at, id").fetchall()
            stored = connection.execute("select count(*) from api_keys where key_hash = %s", [hash_key(new, PEPPER)])
            assert stored.fetchone() == (1,)
        assert sorted(acts) == sorted([*[("created", "cli")] * 4, ("rolled", "cli"), ("revoked", "cli")])
        assert made["id"] in vinr("keys", "list")[1]

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["revoke", "key_none"], "No such API key"),
            (["roll", "key_none"], "No such API key"),
            (["create", "--kind", "restricted"], "permissions"),
            (["create", "--allow", "payments:read"], "permissions"),
            (["create", "--kind", "restricted", "--allow", "payment:read"], "payments"),
            (["create", "--kind", "restricted", "--allow", "payments"], "no such resource"),
            (["create", "--expires-at", "2020-01-01"], "expires_at"),
            (["create", "--expires-at", "soon"], "expires_at"),
        ],
    )
    def test_are_refused_in_a_sentence(self, vinr: Any, arguments: list[str], word: str) -> None:
        code, stdout, stderr = vinr("keys", *arguments)

        assert (code, stdout) == (1, "")
        assert word in stderr and "Traceback" not in stderr
        assert listed(vinr) == []


class TestTenants:
    def test_are_made_once_and_listed_with_their_keys(self, vinr: Any) -> None:
        for _ in range(2):
            assert vinr("tenants", "create", "tnt_shop", "--name", "The shop")[0] == 0
        vinr("keys", "create", "--tenant", "tnt_shop", "--live")

        assert json.loads(vinr("tenants", "list", "--json")[1]) == [
            {"id": "tnt_shop", "name": "The shop", "timezone": "UTC", "test_keys": 0, "live_keys": 1}
        ]
        assert vinr("tenants", "create", "shop")[0] == 1
        assert "The shop" in vinr("tenants", "list")[1]

    def test_live_in_a_time_zone(self, vinr: Any) -> None:
        def zone() -> str:
            return str(json.loads(vinr("tenants", "list", "--json")[1])[0]["timezone"])

        assert "Europe/Berlin" in vinr("tenants", "create", "tnt_shop", "--timezone", "Europe/Berlin")[1]
        assert (vinr("tenants", "create", "tnt_shop", "--timezone", "Asia/Tokyo")[0], zone()) == (0, "Europe/Berlin")
        assert (vinr("tenants", "update", "tnt_shop", "--timezone", "Asia/Tokyo")[0], zone()) == (0, "Asia/Tokyo")
        for refused in (["create", "tnt_new"], ["update", "tnt_shop"]):
            code, _stdout, stderr = vinr("tenants", *refused, "--timezone", "Berlin")
            assert code == 1 and "Europe/Berlin" in stderr
        assert vinr("tenants", "update", "tnt_none", "--timezone", "UTC")[0] == 1
        assert zone() == "Asia/Tokyo"

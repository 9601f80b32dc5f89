"""What ends is over at the second it shows: instants are shown in whole seconds, and none is kept beyond them."""

from __future__ import annotations

import psycopg
import pytest

from conftest import RunningServer, make_realm

# No name to look up; and nothing happens here that it would be sent.
URL = "https://93.184.215.14/hooks"
ENDS = {
    "checkout_sessions": "expires_at",
    "lots": "expires_at",
    "api_keys": "expires_at",
    "webhook_endpoints": "old_secret_until",
    "offers": "ends_at",
}


@pytest.fixture(scope="module")
def realm_id(shared_server: RunningServer) -> int:
    """A realm in which something of everything will end."""
    realm = make_realm(shared_server.database_url, "tnt_shown_seconds")
    with shared_server.client(realm.key) as client:

        def made(path: str, **body: object) -> str:
            answer = client.post(f"/v1/{path}", json=body)
            assert answer.status_code in (200, 201), answer.text
            return str(answer.json()["id"])

        made("checkout/sessions", currency="EUR", lines=[{"sku": "tea", "unit_price": 1000}])
        program = made("loyalty/programs", name="Ends", currency={"name": "points", "expiry_months": 1})
        account = made("loyalty/accounts", program=program, customer="cust_ends")
        made("loyalty/points/award", account=account, points=5)
        key = made("api_keys", kind="publishable")
        made(f"api_keys/{key}/roll")
        hook = made("webhook_endpoints", url=URL, events=["webhook_endpoint.disabled"])
        made(f"webhook_endpoints/{hook}/rotate")
        made("offers", name="O", type="bogo", criteria={}, ends_at="2099-01-01T12:00:00.75Z")
    return realm.id


@pytest.mark.parametrize(("table", "column"), ENDS.items(), ids=str)
def test_an_end_is_kept_as_it_is_shown(shared_server: RunningServer, realm_id: int, table: str, column: str) -> None:
    asked = f"select count(*), count(*) filter (where {column} <> date_trunc('second', {column})) from {table}"
    with psycopg.connect(shared_server.database_url) as connection:
        kept = connection.execute(f"{asked} where realm = {realm_id} and {column} is not null".encode()).fetchone()

    assert kept == (1, 0)

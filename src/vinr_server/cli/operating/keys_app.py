"""`vinr keys` and `vinr tenants`: options and their help."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from vinr_server.cli.options import AsJson

keys_app = typer.Typer(help="API keys: create, list, roll and revoke them.", no_args_is_help=True)
tenants_app = typer.Typer(help="Tenants, each with its own test data and live data.", no_args_is_help=True)

TENANT_DEFAULT = "tnt_default"


class KeyKind(StrEnum):
    """What a key may do."""

    secret = "secret"
    restricted = "restricted"
    publishable = "publishable"


KeyId = Annotated[str, typer.Argument(help="The key's id, key_….")]
ExpiresAt = Annotated[str | None, typer.Option("--expires-at", help="A date, or RFC 3339 with an offset.")]


@keys_app.command(name="create")
def create_key(
    live: Annotated[bool, typer.Option("--live/--test", help="Live or test data.")] = False,
    tenant: Annotated[str, typer.Option(help="The tenant; created if it does not exist.")] = TENANT_DEFAULT,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    kind: Annotated[KeyKind, typer.Option(help="Publishable keys read the catalogue only.")] = KeyKind.secret,
    allow: Annotated[
        list[str] | None, typer.Option(help="A restricted key's right; repeat it: loyalty.points:write, payments:read.")
    ] = None,
    expires_at: ExpiresAt = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and print it once; only its hash is stored (under VINR_KEY_PEPPER).

    Examples:
      vinr keys create --live --tenant tnt_shop
      vinr keys create --kind restricted --allow loyalty.points:write --expires-at 2027-01-01
    """
    from vinr_server.cli.operating.keys import create_key

    secret = create_key(
        tenant=tenant, livemode=live, name=name, kind=kind.value, allow=allow or [], expires_at=expires_at
    )
    _print({"secret": secret}, secret, as_json=as_json)


@keys_app.command(name="list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None, as_json: AsJson = False
) -> None:
    """List the keys: what they may do, until when, and when each was last used (to within five minutes).

    Example:
      vinr keys list --tenant tnt_shop
    """
    from vinr_server.cli.operating.keys import print_keys

    print_keys(tenant=tenant, as_json=as_json)


@keys_app.command(name="roll")
def roll_key(
    key: KeyId,
    overlap_seconds: Annotated[
        int, typer.Option(help="How long the old key stays valid.", min=0, max=7 * 86_400)
    ] = 86_400,
    expires_at: ExpiresAt = None,
    as_json: AsJson = False,
) -> None:
    """Replace a key with a new one and print it once; the old key stays valid for the overlap.

    Example:
      vinr keys roll key_0197a3 --overlap-seconds 3600
    """
    from vinr_server.cli.operating.keys import roll_key

    secret = roll_key(key, overlap_seconds=overlap_seconds, expires_at=expires_at)
    _print({"secret": secret}, secret, as_json=as_json)


@keys_app.command(name="revoke")
def revoke_key(key: KeyId, as_json: AsJson = False) -> None:
    """Revoke a key: within 5 seconds every server refuses it.

    Example:
      vinr keys revoke key_0197a3
    """
    from vinr_server.cli.operating.keys import revoke_key

    revoke_key(key)
    _print({"id": key, "status": "revoked"}, f"{key} is revoked.", as_json=as_json)


@tenants_app.command(name="create")
def create_tenant(
    tenant: Annotated[str, typer.Argument(help="The tenant's id, tnt_….")],
    name: Annotated[str | None, typer.Option(help="The tenant's name. Default: the id without tnt_.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Where its bare dates are days, such as Europe/Berlin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant with its test data and live data. Does nothing if it already exists.

    Example:
      vinr tenants create tnt_shop --name "The Shop" --timezone Europe/Berlin
    """
    from vinr_server.cli.operating.keys import create_tenant

    zone = create_tenant(tenant, name=name, zone=timezone)
    said = f"{tenant} is ready ({zone}). Create a key: vinr keys create --tenant {tenant} [--live]"
    _print({"id": tenant, "timezone": zone}, said, as_json=as_json)


@tenants_app.command(name="update")
def update_tenant(
    tenant: Annotated[str, typer.Argument(help="The tenant's id, tnt_….")],
    timezone: Annotated[str, typer.Option(help="Where its bare dates are days, such as Europe/Berlin.")],
    as_json: AsJson = False,
) -> None:
    """Set a tenant's time zone, for offers without a program and for carts. Instants that are set stay.

    Example:
      vinr tenants update tnt_shop --timezone Europe/Berlin
    """
    from vinr_server.cli.operating.keys import update_tenant

    update_tenant(tenant, zone=timezone)
    _print({"id": tenant, "timezone": timezone}, f"{tenant} is in {timezone} now.", as_json=as_json)


@tenants_app.command(name="list")
def list_tenants(as_json: AsJson = False) -> None:
    """List the tenants, and how many active keys each has.

    Example:
      vinr tenants list
    """
    from vinr_server.cli.operating.keys import print_tenants

    print_tenants(as_json=as_json)


def _print(value: dict[str, str], said: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(value) if as_json else said)

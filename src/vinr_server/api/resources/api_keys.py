"""API keys, and the audit of what was done to them: for secret keys only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from vinr_server.api.contract.input import Input, Instant, Name, NoInput
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Figures, Json, Reference, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.permissions import read_permissions
from vinr_server.api.edge.secrets import hint_of, make_key
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.core.access import payloads, rows
from vinr_server.core.access.commands import Actor, CreateApiKey, RevokeApiKey, RollApiKey

URL, ACTS_URL = "/v1/api_keys", "/v1/api_key_acts"


class CreateApiKeyInput(Input):
    kind: Literal["secret", "restricted", "publishable"] = "secret"
    name: Name | None = None
    permissions: dict[str, Any] = {}
    expires_at: Instant = None


class RollApiKeyInput(Input):
    expires_at: Instant = None
    overlap_seconds: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 86_400


KeyKind = Literal["secret", "restricted", "publishable"]
KeyAction = Literal["created", "rolled", "revoked"]


class ApiKey(Reply):
    id: str
    object: Literal["api_key"]
    kind: KeyKind
    name: str | None
    hint: str
    permissions: Json
    status: Literal["active", "expired", "revoked"]
    expires_at: int | None
    revoked_at: int | None
    replaced_by: str | None
    last_used_at: int | None
    created: int
    livemode: bool
    secret: str | UnsetType | None = UNSET


class ApiKeyAct(Reply):
    id: str
    object: Literal["api_key_act"]
    api_key: Reference
    action: KeyAction
    actor: str | None
    address: str | None
    request: str | None
    details: Figures
    created: int
    livemode: bool


def create_api_key(call: Call) -> CreateApiKey:
    body: CreateApiKeyInput = call.body
    permissions = read_permissions(body.kind, body.permissions, grantable=call.grantable)
    expires_at = read_instant_or_none(body.expires_at, param="expires_at")
    key_hash, hint = _new_secret(call, body.kind)
    return CreateApiKey(_actor(call), body.kind, key_hash, hint, body.name, permissions, expires_at)


async def roll_api_key(call: Call) -> RollApiKey:
    body: RollApiKeyInput = call.body
    expires_at = read_instant_or_none(body.expires_at, param="expires_at")
    old = await call.reader.row(call.caller.realm, rows.ApiKey, call.id)
    # A key's kind never changes; a key that does not exist is refused when the command is decided.
    key_hash, hint = _new_secret(call, old.kind if old is not None else "secret")
    return RollApiKey(_actor(call), call.id, key_hash, hint, body.overlap_seconds, expires_at)


def revoke_api_key(call: Call) -> RevokeApiKey:
    return RevokeApiKey(_actor(call), call.id)


def _new_secret(call: Call, kind: str) -> tuple[bytes, str]:
    """The hash and the hint of a secret made for this call, whose answer alone shows it."""
    assert call.hash_key is not None, "keys are made where the pepper is known"
    call.secret = make_key(kind=kind, livemode=call.caller.livemode)
    return call.hash_key(call.secret), hint_of(call.secret)


def _actor(call: Call) -> Actor:
    return Actor(call.caller.key_id, call.client[0] if call.client else None)


API_KEYS = Listing(rows.ApiKey, {"kind": ("kind", one_of(KeyKind))})
API_KEY_ACTS = Listing(
    rows.ApiKeyAct, {"api_key": ("key_id", text), "action": ("action", one_of(KeyAction)), "actor": ("actor", text)}
)


async def show_api_keys(call: Call, keys: Sequence[rows.ApiKey]) -> list[Any]:
    """Keys with their current status."""
    return [payloads.api_key_payload(key, now=datetime.now(UTC), livemode=call.caller.livemode) for key in keys]


show_api_key_acts = shown_by(payloads.api_key_act_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_api_key",
        method="POST",
        path=URL,
        sdk="apiKeys.create",
        summary="Create an API key for this data; only this answer shows its secret.",
        body=CreateApiKeyInput,
        translate=create_api_key,
        reply=ApiKey,
        answers=MADE,
        example={"kind": "restricted", "name": "Till", "permissions": {"loyalty.points": "write"}},
    ),
    Operation(
        id="retrieve_api_key",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="apiKeys.retrieve",
        summary="Retrieve one API key.",
        read=retrieve(rows.ApiKey, "API key", show_api_keys),
        reply=ApiKey,
        refusals=FIND,
    ),
    Operation(
        id="roll_api_key",
        method="POST",
        path=f"{URL}/{{id}}/roll",
        sdk="apiKeys.roll",
        summary="Create a new key in place of an old one, which still works for the overlap.",
        body=RollApiKeyInput,
        translate=roll_api_key,
        reply=ApiKey,
        answers=MADE,
        refusals=(*FIND, "api_key_not_active"),
        example={"overlap_seconds": 3600},
    ),
    Operation(
        id="revoke_api_key",
        method="POST",
        path=f"{URL}/{{id}}/revoke",
        sdk="apiKeys.revoke",
        summary="Revoke a key: within 5 seconds it no longer works anywhere.",
        body=NoInput,
        translate=revoke_api_key,
        reply=ApiKey,
        refusals=FIND,
        example={},
    ),
    Operation(
        id="list_api_keys",
        method="GET",
        path=URL,
        sdk="apiKeys.list",
        summary="List API keys, newest first.",
        read=list_of(API_KEYS, URL, show_api_keys),
        listing=API_KEYS,
        reply=ListOf(ApiKey),
    ),
    Operation(
        id="retrieve_api_key_act",
        method="GET",
        path=f"{ACTS_URL}/{{id}}",
        sdk="apiKeyActs.retrieve",
        summary="Retrieve one act on an API key.",
        read=retrieve(rows.ApiKeyAct, "act on an API key", show_api_key_acts),
        reply=ApiKeyAct,
        refusals=FIND,
    ),
    Operation(
        id="list_api_key_acts",
        method="GET",
        path=ACTS_URL,
        sdk="apiKeyActs.list",
        summary="List acts on API keys, newest first.",
        read=list_of(API_KEY_ACTS, ACTS_URL, show_api_key_acts),
        listing=API_KEY_ACTS,
        reply=ListOf(ApiKeyAct),
    ),
)

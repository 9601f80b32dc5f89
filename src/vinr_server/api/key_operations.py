"""Operations on API keys, and on the audit of what was done to them: for secret keys alone."""

from __future__ import annotations

from vinr_server.api import inputs, reads
from vinr_server.api.contract.operation import FIND, MADE, Operation, list_page, retrieve_one
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.permissions import read_permissions
from vinr_server.api.edge.secrets import hint_of, make_key
from vinr_server.api.edge.times import read_instant_or_none
from vinr_server.api.inputs import CreateApiKeyInput, RollApiKeyInput
from vinr_server.core.access import rows as access_rows
from vinr_server.core.access.commands import Actor, CreateApiKey, RevokeApiKey, RollApiKey
from vinr_server.core.access.rows import ApiKey


def create_api_key(call: Call) -> CreateApiKey:
    body: CreateApiKeyInput = call.body
    permissions = read_permissions(body.kind, body.permissions)
    expires_at = read_instant_or_none(body.expires_at, param="expires_at")
    key_hash, hint = _new_secret(call, body.kind)
    return CreateApiKey(_actor(call), body.kind, key_hash, hint, body.name, permissions, expires_at)


async def roll_api_key(call: Call) -> RollApiKey:
    body: RollApiKeyInput = call.body
    expires_at = read_instant_or_none(body.expires_at, param="expires_at")
    old = await call.reader.one(call.caller.realm, ApiKey, call.id)
    # A key's kind never changes; one that is not there is refused in its time.
    key_hash, hint = _new_secret(call, old.kind if old is not None else "secret")
    return RollApiKey(_actor(call), call.id, key_hash, hint, body.overlap_seconds, expires_at)


def revoke_api_key(call: Call) -> RevokeApiKey:
    return RevokeApiKey(_actor(call), call.id)


def _new_secret(call: Call, kind: str) -> tuple[bytes, str]:
    """The hash and the hint of a secret made for this call, which alone will show it."""
    assert call.hash_key is not None, "keys are made with a pepper at hand"
    call.secret = make_key(kind=kind, livemode=call.caller.livemode)
    return call.hash_key(call.secret), hint_of(call.secret)


def _actor(call: Call) -> Actor:
    return Actor(call.caller.key_id, call.client[0] if call.client else None)


API_KEYS = (
    Operation(
        "create_api_key",
        "POST",
        "/v1/api_keys",
        "apiKeys.create",
        "Make a key to this data; its secret is in this answer and never again.",
        inputs.CreateApiKeyInput,
        create_api_key,
        reply="api_key",
        answers=MADE,
        example={"kind": "restricted", "name": "Till", "permissions": {"loyalty.points": "write"}},
    ),
    retrieve_one("/v1/api_keys/{id}", "apiKeys.retrieve", "retrieve_api_key", ApiKey, "API key", reads.show_api_keys),
    Operation(
        "roll_api_key",
        "POST",
        "/v1/api_keys/{id}/roll",
        "apiKeys.roll",
        "Make a new key in a key's place, which lives on for the overlap.",
        inputs.RollApiKeyInput,
        roll_api_key,
        reply="api_key",
        answers=MADE,
        example={"overlap_seconds": 3600},
        refusals=(*FIND, "api_key_not_active"),
    ),
    Operation(
        "revoke_api_key",
        "POST",
        "/v1/api_keys/{id}/revoke",
        "apiKeys.revoke",
        "Revoke a key: within 5 seconds it opens nothing anywhere.",
        inputs.NoInput,
        revoke_api_key,
        reply="api_key",
        example={},
        refusals=FIND,
    ),
    list_page("/v1/api_keys", "apiKeys.list", "list_api_keys", reads.API_KEYS, reads.show_api_keys, "API keys"),
    retrieve_one(
        "/v1/api_key_acts/{id}",
        "apiKeyActs.retrieve",
        "retrieve_api_key_act",
        access_rows.ApiKeyAct,
        "act upon an API key",
        reads.show_api_key_acts,
    ),
    list_page(
        "/v1/api_key_acts",
        "apiKeyActs.list",
        "list_api_key_acts",
        reads.API_KEY_ACTS,
        reads.show_api_key_acts,
        "acts upon API keys",
    ),
)

"""API keys: created, rolled with an overlap, revoked; the audit logs every act in the same transaction.

Core only ever sees a key's hash: the edge makes and shows the secret. The acting key is checked again under the lock,
so that a key that was revoked a moment ago cannot create another.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vinr_server.core.access.commands import Actor, CreateApiKey, RevokeApiKey, RollApiKey
from vinr_server.core.access.payloads import api_key_payload
from vinr_server.core.access.rows import ApiKey, ApiKeyAct
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, invalid, missing
from vinr_server.core.kernel.calendar import whole_second
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.payloads import unix
from vinr_server.core.kernel.values import replace


def needs_create_api_key(command: CreateApiKey, needs: Needs) -> None:
    """Needs the acting key."""
    _needs_of_actor(command.actor, needs)


def decide_create_api_key(draft: Layer, command: CreateApiKey, context: Context) -> Accepted | Rejected:
    """The key opens its realm until it expires. Refuses: an actor that is no longer active, an invalid expiry."""
    refusal = first_listed(
        _refuse_actor(draft, command.actor, context.wall_now),
        _refuse_expiry(draft, command.actor, command.expires_at, context.wall_now),
    )
    if refusal is not None:
        return refusal
    key = ApiKey(
        id=context.make_id("key", 0),
        key_hash=command.key_hash,
        kind=command.kind,
        hint=command.hint,
        name=command.name,
        permissions=command.permissions,
        created_at=context.wall_now,
        expires_at=command.expires_at,
        revoked_at=None,
        replaced_by=None,
        last_used_at=None,
    )
    draft.put(key)
    _record_act(draft, context, command.actor, key, "created", {})
    return Accepted(api_key_payload(key, now=context.wall_now, livemode=context.livemode))


def needs_roll_api_key(command: RollApiKey, needs: Needs) -> None:
    """Needs the key to roll, and the acting key."""
    needs.row(ApiKey, command.key_id)
    _needs_of_actor(command.actor, needs)


def decide_roll_api_key(draft: Layer, command: RollApiKey, context: Context) -> Accepted | Rejected:
    """A new key replaces the old one, which lives on for the overlap, but never longer than it would have.

    The new key has the old one's rights, and its expiry unless the command names another.
    Refuses: an actor that is no longer active, an invalid expiry, a key that is unknown or no longer active.
    """
    now, old = context.wall_now, draft.get(ApiKey, command.key_id)
    expires_at = command.expires_at
    if expires_at is None and old is not None:
        expires_at = old.expires_at
    refusal = first_listed(
        _refuse_actor(draft, command.actor, now),
        _refuse_expiry(draft, command.actor, command.expires_at, now) if command.expires_at else None,
        missing("API key", command.key_id, param="id") if old is None else None,
        _refuse_roll(old, now) if old is not None else None,
    ) or (_refuse_expiry(draft, command.actor, expires_at, now) if old is not None else None)
    if refusal is not None:
        return refusal
    assert old is not None, "refused above"
    key = replace(
        old,
        id=context.make_id("key", 0),
        key_hash=command.key_hash,
        hint=command.hint,
        created_at=now,
        expires_at=expires_at,
        last_used_at=None,
    )
    over_at = whole_second(now + timedelta(seconds=command.overlap_seconds))
    if old.expires_at is not None:
        over_at = min(over_at, old.expires_at)
    draft.put(replace(old, expires_at=over_at, replaced_by=key.id))
    draft.put(key)
    _record_act(draft, context, command.actor, old, "rolled", {"replaced_by": key.id, "expires_at": unix(over_at)})
    _record_act(draft, context, command.actor, key, "created", {"replaces": old.id})
    return Accepted(api_key_payload(key, now=now, livemode=context.livemode))


def needs_revoke_api_key(command: RevokeApiKey, needs: Needs) -> None:
    """Needs the key to revoke, and the acting key."""
    needs.row(ApiKey, command.key_id)
    _needs_of_actor(command.actor, needs)


def decide_revoke_api_key(draft: Layer, command: RevokeApiKey, context: Context) -> Accepted | Rejected:
    """The key no longer opens anything. Revoking it again changes nothing and logs no act."""
    refusal = _refuse_actor(draft, command.actor, context.wall_now)
    if refusal is not None:
        return refusal
    key = draft.get(ApiKey, command.key_id)
    if key is None:
        return missing("API key", command.key_id, param="id")
    if key.revoked_at is None:
        key = replace(key, revoked_at=context.wall_now)
        draft.put(key)
        _record_act(draft, context, command.actor, key, "revoked", {})
    return Accepted(api_key_payload(key, now=context.wall_now, livemode=context.livemode), is_new=False)


def _needs_of_actor(actor: Actor, needs: Needs) -> None:
    if actor.key_id is not None:
        needs.row(ApiKey, actor.key_id)


def _acting(draft: Layer, actor: Actor) -> ApiKey | None:
    """The acting key as it was before the command; None for the command line."""
    return None if actor.key_id is None else draft.get(ApiKey, actor.key_id)


def _refuse_actor(draft: Layer, actor: Actor, now: datetime) -> Rejected | None:
    """The command line may always act; a key may while it is active."""
    if actor.key_id is None:
        return None
    key = _acting(draft, actor)
    if key is None or key.revoked_at is not None:
        return Rejected("api_key_invalid", f"API key {actor.key_id} was revoked. Use another key.")
    if key.expires_at is not None and key.expires_at <= now:
        return Rejected("api_key_expired", f"API key {key.id} expired at {unix(key.expires_at)}. Use another key.")
    return None


def _refuse_expiry(draft: Layer, actor: Actor, expires_at: datetime | None, now: datetime) -> Rejected | None:
    """A key ends in the future, and no later than the key that makes it: a key can't give more than it has."""
    if expires_at is not None and expires_at <= now:
        return invalid(
            f"expires_at: {expires_at.isoformat()} has already passed. Send a later time.", param="expires_at"
        )
    key = _acting(draft, actor)
    limit = key.expires_at if key is not None else None
    if limit is not None and (expires_at is None or expires_at > limit):
        message = (
            f"The key you are using expires at {unix(limit)}, and a key made with it can't live longer."
            f" Send expires_at with at most {unix(limit)}."
        )
        return invalid(message, param="expires_at")
    return None


def _refuse_roll(key: ApiKey, now: datetime) -> Rejected | None:
    if key.revoked_at is not None:
        why = f"was revoked at {unix(key.revoked_at)}"
    elif key.replaced_by is not None:
        why = f"was already rolled into {key.replaced_by}"
    elif key.expires_at is not None and key.expires_at <= now:
        why = f"expired at {unix(key.expires_at)}"
    else:
        return None
    return Rejected("api_key_not_active", f"API key {key.id} {why}. Create a new one instead.", param="id")


def _record_act(
    draft: Layer, context: Context, actor: Actor, key: ApiKey, action: str, details: dict[str, Any]
) -> None:
    """Log the act in the audit, forever."""
    act = ApiKeyAct(
        id=context.make_id("act", 0),
        key_id=key.id,
        action=action,
        actor=actor.key_id or "cli",
        address=actor.address,
        request_id=context.request_id,
        details=details,
        created_at=context.wall_now,
    )
    draft.put(act)


COMMANDS: Commands = {
    CreateApiKey: (needs_create_api_key, decide_create_api_key),
    RollApiKey: (needs_roll_api_key, decide_roll_api_key),
    RevokeApiKey: (needs_revoke_api_key, decide_revoke_api_key),
}

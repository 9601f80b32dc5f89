"""Tiers in scenarios: a program's policy, tiers set by hand, and what is expected of how a tier is held."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from scenario_drivers import Answer
from scenario_language import DECIMALS, Clauses, Words, instant, listed, wire_instant
from scenario_world import World

from vinr_server.core.members.rows import TierStanding

Json = dict[str, Any]
# What was expected and what was seen, in the same terms.
Compared = tuple[Any, Any]
METRICS = {"points": "points_earned", "spend": "spend", "payments": "payment_count", "lifetime": "lifetime_points"}


def tier_fields(clauses: Clauses) -> Json:
    """`tiers silver 300 gold 1000`, `instead gold of silver`, `counts spend EUR`, `window 12 months`, …"""
    fields: Json = {}
    instead = {new: list(old) for new, _of, *old in clauses.every("instead")}
    if tiers := clauses.one("tiers"):
        steps = zip(tiers[::2], tiers[1::2], strict=True) if tiers != ("none",) else ()
        fields["tiers"] = [
            {"id": id, "threshold": int(threshold), "replaces": instead.get(id, [])} for id, threshold in steps
        ]
    policy: Json = {}
    if counts := clauses.one("counts"):
        policy["metric"] = METRICS[counts[0]]
        policy["currency"] = counts[1] if len(counts) > 1 else None
    if window := clauses.one("window"):
        is_rolling = window[-1] == "months"
        policy["window"] = "rolling_months" if is_rolling else {"calendar": "calendar_year"}.get(window[0], window[0])
        policy["months"] = int(window[0]) if is_rolling else None
    if grace := clauses.one("grace"):
        policy["grace_days"] = int(grace[0])
    if falls := clauses.one("falls"):
        policy["downgrade"] = "one_step" if falls == ("one", "step") else "qualified"
    if clauses.has("requalifies"):
        policy["on_reversal"] = "requalify"
    return fields | ({"tier_policy": policy} if policy else {})


def set_tier(world: World, words: Words, clauses: Clauses) -> Answer:
    """`rank A gold, until 2027-01-01, locked 2027-06-01 [exactly], quiet`: a tier by hand."""
    name, tier = words
    body: Json = {"tier": None if tier == "none" else tier}
    if until := clauses.word("until"):
        body["expires_at"] = until if len(until) == 10 else wire_instant(until)
    if locked := clauses.one("locked"):
        body["locked_until"] = locked[0] if len(locked[0]) == 10 else wire_instant(locked[0])
        body["lock"] = "exactly" if "exactly" in locked else "at_least"
    if clauses.has("quiet"):
        body["notify"] = False
    return world.call("set_tier", body, id=world.member(name).id)


def standing_of(account: Any) -> TierStanding:
    """How the account holds its tier: of core a value, of PostgreSQL as JSON."""
    standing = account.standing
    return standing if isinstance(standing, TierStanding) else msgspec.convert(standing, TierStanding)


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _wanted(text: str) -> datetime | None:
    return None if text in ("never", "none") else instant(text)


def _instant_of(field: str) -> Any:
    def check(view: Any, words: Words) -> Compared:
        return _wanted(words[0]), _at(view.world.driver.account(view.account_id)[field])

    return check


def _field(field: str) -> Any:
    def check(view: Any, words: Words) -> Compared:
        return words[0], str(view.world.driver.account(view.account_id)[field]).replace("None", "none")

    return check


def _progress(view: Any) -> Json:
    shown: Json = view.world.driver.account(view.account_id)["tier_progress"]
    return shown


def _figure(field: str) -> Any:
    """A figure of the progress; of spend as an amount."""

    def check(view: Any, words: Words) -> Compared:
        progress = _progress(view)
        figure = progress[field]
        if words[0] == "none" or figure is None:
            return words[0], "none" if figure is None else str(figure)
        places = DECIMALS[progress["currency"]] if progress["currency"] else 0
        return words[0], f"{figure / 10**places:.{places}f}" if places else str(figure)

    return check


def _keeps(view: Any, words: Words) -> Compared:
    """`keeps 120@2029-01-01`: the credit that would carry the tier on, and until when."""
    keep = _progress(view)["keep"]
    if words == ("none",) or keep is None:
        return words[0], "none" if keep is None else f"{keep['needed']}@{_at(keep['until'])}"
    needed, until = words[0].split("@")
    return (int(needed), _wanted(until)), (keep["needed"], _at(keep["until"]))


def _projected(view: Any, words: Words) -> Compared:
    """`projected silver@2028-01-01`: what is held if only time passes."""
    shown = view.world.driver.account(view.account_id)["projected_tier"]
    if words == ("none",) or shown is None:
        return words[0], "none" if shown is None else f"{shown['tier']}@{_at(shown['at'])}"
    tier, at = words[0].split("@")
    return (tier, _wanted(at)), (shown["tier"] or "none", _at(shown["at"]))


def _moves(view: Any, words: Words) -> Compared:
    """`moves silver>gold earned + gold>none expired@2028-01-01`: the step's changes of tier, in their order."""
    changes = sorted(
        (event for event in view.new_events() if event.type == "loyalty.tier.changed"), key=lambda event: event.id
    )
    mine = [event.data for event in changes if event.data["account"] == view.account_id]
    wanted = [_move(part) for part in listed(words)]
    got = [
        (
            data["from"] or "none",
            data["to"] or "none",
            data["cause"]["type"],
            _at(data["effective_at"]) if place >= len(wanted) or wanted[place][3] is not None else None,
        )
        for place, data in enumerate(mine)
    ]
    return wanted, got


def _grace_asks(view: Any, words: Words) -> Compared:
    """`grace_asks 300`: the credit that the step's loyalty.tier.grace_started asks for, to keep the tier."""
    events = [event.data for event in view.new_events() if event.type == "loyalty.tier.grace_started"]
    return [int(words[0])], [data["needed"] for data in events if data["account"] == view.account_id]


def _move(part: str) -> tuple[str, str, str, datetime | None]:
    tiers, cause = part.split()
    before, after = tiers.split(">")
    name, _at_sign, at = cause.partition("@")
    return before, after, name, instant(at) if at else None


CHECKS = {
    "tier_ends": _instant_of("tier_expires_at"),
    "tier_since": _instant_of("tier_since"),
    "tier_grace": _instant_of("tier_grace_until"),
    "tier_locked": _instant_of("tier_locked_until"),
    "tier_basis": _field("tier_basis"),
    "counted": _figure("value"),
    "needed": _figure("needed"),
    "keeps": _keeps,
    "projected": _projected,
    "moves": _moves,
    "grace_asks": _grace_asks,
}

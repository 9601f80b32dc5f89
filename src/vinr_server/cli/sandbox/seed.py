"""The sandbox of `vinr dev`: its credentials, and the programs, members and rewards it starts with."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from vinr_server.api.edge.keys import hash_key, make_key
from vinr_server.api.resources.campaign_definitions import read_definition
from vinr_server.core.campaigns import commands as campaign_commands
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.codes import commands as code_commands
from vinr_server.core.credit import commands as credit_commands
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning.conditions import Conditions
from vinr_server.core.earning.rates import EarnRate
from vinr_server.core.kernel import commands as kernel_commands
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import commands as members_commands
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers.rows import CheckoutTerms, OfferTerms, PointsBonus
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.programs.rows import Tier
from vinr_server.core.referrals import commands as referral_commands
from vinr_server.core.referrals.rows import ReferralTerms
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.segments.commands import CreateSegment
from vinr_server.core.segments.conditions import Bounds, SegmentConditions
from vinr_server.engine.code_drawing import ALPHABET, PATTERN
from vinr_server.engine.sealing import make_seal_key
from vinr_server.engine.submission import system_submission
from vinr_server.engine.writer import Writer
from vinr_server.storage.postgres.tenants import add_key, ensure_realm

TENANT = "tnt_sandbox"
# Where `vinr reset` asks the server of `vinr dev` to start again; no other server has this path.
RESET_PATH = "/_sandbox/reset"
TIERS = (Tier("silver", "Silver", 0), Tier("gold", "Gold", 500), Tier("platinum", "Platinum", 2000))
LAPSED = SegmentConditions(days_since_last_purchase=Bounds(at_least=90))
BONUS = OfferTerms(bonus=PointsBonus(250), application="opt_in", per_member_limit=1)
# Only a code opens it: no cart gets it by itself.
WELCOME = OfferTerms(checkout=CheckoutTerms("fixed_discount", 1000), per_member_limit=1, requires_code=True)
CODED = OfferTerms(bonus=PointsBonus(250), per_member_limit=1, requires_code=True)
FIVE_EUROS = {"type": "discount", "amount": 500, "currency": "EUR"}

VOUCHER = {"type": "voucher"}
SANDBOX_CLOCK = "clock_life"

# Members whose time stands still until their clock is advanced: what a payment and a referral earned is pending, a
# redemption is held for a week, and one of them has store credit.
LIFE: tuple[kernel_commands.Command, ...] = (
    clocks_commands.CreateTestClock(datetime(2026, 1, 15, 12, tzinfo=UTC), "A member's life", SANDBOX_CLOCK),
    programs_commands.CreateProgram(
        "A member's life", id="prog_life", pending_days=14, tiers=TIERS, clock_id=SANDBOX_CLOCK
    ),
    earning_commands.CreateEarningRule(
        "prog_life", "payment.completed", EarnRate(rate_e4=10_000), Conditions(), id="rule_life"
    ),
    earning_commands.CreateEarningRule(
        "prog_life", "referral.converted", EarnRate(points=100), Conditions(), id="rule_friends"
    ),
    referral_commands.CreateReferralProgram("prog_life", ReferralTerms(window_days=30, is_for_new_customers=True)),
    rewards_commands.CreateReward("prog_life", "Two cups of coffee", 100, VOUCHER, id="rwd_twoCups"),
    members_commands.CreateAccount("prog_life", "cust_life", account_id="loy_life"),
    members_commands.CreateAccount("prog_life", "cust_brought", account_id="loy_brought"),
    ledger_commands.AwardPoints("loy_life", 300, "welcome to the sandbox"),
    rewards_commands.CreateRedemption("loy_life", "rwd_twoCups", capture=False, minutes=7 * 24 * 60),
    credit_commands.GrantCredit(2500, customer_id="cust_life", currency="CHF", reason="welcome to the sandbox"),
    referral_commands.CreateReferralCode("loy_life", "LIFE"),
    referral_commands.RegisterReferral("cust_brought", "LIFE"),
    payments_commands.CreatePayment(6000, "EUR", 100, id="pay_life", customer_id="cust_brought"),
)

# Every third purchase within 30 days gives points, on the clock of that program.
THREE = {
    "entry": {"contribution": True},
    "progress": {
        "of": {"event": "payment.completed", "conditions": {"min_amount": 1000, "currency": "EUR"}},
        "measure": "count",
        "target": 3,
        "max_per_day": 1,
        "window": {"for": "30d"},
        "repeat": 12,
    },
    "announce": ["progressed"],
    "start": "bonus",
    "steps": {
        "bonus": {"kind": "award_points", "points": 500, "reason": "Three in 30 days", "next": "tell"},
        "tell": {"kind": "send_event", "name": "three_done", "data": {"points": {"$ref": "steps.bonus.points"}}},
    },
}
CHALLENGE: tuple[kernel_commands.Command, ...] = (
    campaign_commands.CreateCampaign(
        "prog_life",
        "Three purchases in 30 days",
        "challenge",
        read_definition(THREE, zone="UTC"),
        id="cmp_threeIn30Days",
    ),
    campaign_commands.PublishCampaign("cmp_threeIn30Days"),
)

# Who has not bought for 90 days is reminded, and a week later once more, with a code; who comes back gets points.
BACK = {
    "entry": {"segment": "lapsed_90d"},
    "reentry": {"mode": "after_exit", "cooldown": "180d"},
    "start": "hello",
    "steps": {
        "hello": {"kind": "send_event", "name": "winback_1", "next": "bought"},
        "bought": {
            "kind": "wait",
            "events": [{"type": "payment.completed", "next": "thanks"}],
            "timeout": "7d",
            "timeout_next": "code",
        },
        "code": {"kind": "issue_code", "batch": "cbt_postCards", "expires_in": "14d", "next": "last"},
        "last": {"kind": "send_event", "name": "winback_2", "data": {"code": {"$ref": "steps.code.code"}}},
        "thanks": {"kind": "award_points", "points": 200, "reason": "Welcome back"},
    },
}
WINBACK: tuple[kernel_commands.Command, ...] = (
    campaign_commands.CreateCampaign(
        "prog_life", "Win back", "journey", read_definition(BACK, zone="UTC"), id="cmp_winBack"
    ),
    campaign_commands.PublishCampaign("cmp_winBack"),
)

# In this order, each under its own key: a start that was killed halfway is completed by the next.
SEEDS: tuple[kernel_commands.Command, ...] = (
    programs_commands.CreateProgram("Default", id="prog_default", expiry_months=12, tiers=TIERS),
    programs_commands.CreateProgram("Summer", id="prog_summer", tiers=TIERS),
    earning_commands.CreateEarningRule(
        "prog_default", "payment.completed", EarnRate(rate_e4=10_000), Conditions(), id="rule_onePerEuro"
    ),
    rewards_commands.CreateReward("prog_default", "€5 off", 100, FIVE_EUROS, id="rwd_fiveOff"),
    rewards_commands.CreateReward("prog_summer", "Free shipping", 200, {"type": "free_shipping"}, id="rwd_freeShip"),
    CreateSegment("Lapsed for 90 days", "dynamic", LAPSED, id="lapsed_90d"),
    members_commands.CreateCustomer("cust_abc123"),
    members_commands.CreateCustomer("cust_8sJ2k"),
    members_commands.CreateAccount("prog_default", "cust_abc123", account_id="loy_abc123"),
    ledger_commands.AwardPoints("loy_abc123", 600, "welcome to the sandbox"),
    offer_commands.CreateOffer("engagement", "Spring bonus", BONUS, "draft", program_id="prog_default", id="ofr_9fK2"),
    offer_commands.PublishOffer("ofr_9fK2"),
    *LIFE,
    offer_commands.CreateOffer("checkout", "Welcome: €10 off", WELCOME, "published", id="ofr_welcome"),
    code_commands.CreateCode("WELCOME10", "ofr_welcome"),
    code_commands.CreateCodeBatch("ofr_welcome", "Post cards", PATTERN, ALPHABET, amount=10, id="cbt_postCards"),
    offer_commands.CreateOffer("engagement", "Bonus by a code", CODED, "draft", "prog_default", id="ofr_codedBonus"),
    offer_commands.PublishOffer("ofr_codedBonus"),
    code_commands.CreateCode("BONUS-250", "ofr_codedBonus"),
    *CHALLENGE,
    *WINBACK,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The sandbox's secret key, the same at every start; the pepper of its hash, and the key that seals secrets."""

    secret_key: str
    key_pepper: str
    secrets_key: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where to find a running sandbox."""

    base_url: str
    secret_key: str
    database_url: str


def credentials(data_dir: Path) -> Credentials:
    """The credentials kept in the data directory, readable by its owner alone; made at the first start."""
    path = data_dir / "sandbox.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    fresh = Credentials(make_key(livemode=False), secrets.token_urlsafe(32), make_seal_key())
    made = Credentials(**{**asdict(fresh), **kept})  # an older version's directory lacks some
    if asdict(made) != kept:
        write_private(path, asdict(made))
    return made


def remember_sandbox(data_dir: Path, sandbox: Sandbox) -> None:
    """`vinr status` can show where the sandbox is while it runs."""
    write_private(data_dir / "running.json", asdict(sandbox))


def forget_sandbox(data_dir: Path) -> None:
    """The sandbox is stopping."""
    (data_dir / "running.json").unlink(missing_ok=True)


def running_sandbox(data_dir: Path) -> Sandbox | None:
    """The sandbox that runs on this data, or None. A sandbox that was killed is still listed, but does not answer."""
    path = data_dir / "running.json"
    return Sandbox(**json.loads(path.read_text())) if path.exists() else None


def is_sandbox(data_dir: Path) -> bool:
    """Whether the directory holds a sandbox, running or not."""
    return (data_dir / "sandbox.json").exists()


def start_of_sandbox(data_dir: Path) -> int | None:
    """When the sandbox was ready, as a number that differs between two starts; None where none runs."""
    try:
        return (data_dir / "running.json").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def write_private(path: Path, content: dict[str, str]) -> None:
    """The file holds exactly this, readable only by its owner."""
    draft = path.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)
    draft.rename(path)


def open_realm(database_url: str, keys: Credentials) -> int:
    """The sandbox's realm exists and its key opens it."""
    with psycopg.connect(database_url) as connection:
        realm = ensure_realm(connection, TENANT, "Sandbox", livemode=False)
        key_hash = hash_key(keys.secret_key, keys.key_pepper)
        add_key(connection, realm, key_id="key_sandbox", key_hash=key_hash, name="sandbox")
    return realm


async def seed(writer: Writer, realm: int) -> None:
    """The sandbox holds what it starts with; a second time changes nothing."""
    for position, command in enumerate(SEEDS):
        key = f"sandbox-{position}"
        await writer.submit(
            system_submission(realm, command, livemode=False, operation="seed_sandbox", idempotency_key=key)
        )

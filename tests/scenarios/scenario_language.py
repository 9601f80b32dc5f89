"""The scenario language: tables of steps that a marketer can read, and what each line of them says.

    scenario A redemption takes what is there and no more (R3)
        account A
        award   A 250                     -> balance 250
        redeem  A rwd_coffee costs 300    -> insufficient_points, shortfall 50

A line is `verb words, clause, clause -> expectation, expectation`, and goes on in one that begins with `,` or `->`;
`100 times` and `dry-run` may stand before the verb.
Where no refusal is expected, the step must be accepted. Lines above the first scenario hold for all of the file, `#`
starts a line of prose. `runs on postgres, http` marks a scenario about something that core alone does not have.

Verbs (scenario_steps.py, scenario_configuration.py), with their clauses in brackets:
    clock 2026-01-01T10:00Z | advance 2026-02-01 [late]    late: what is due is not written before the next step
    program summer expires 12 months [of inactivity] | expires never [rounded month] [zone Europe/Berlin]
        [tiers silver 0 gold 500] [instead gold of silver] [counts spend EUR|points|payments|lifetime]
        [window calendar|12 months|lifetime] [grace 30 days] [falls one step] [requalifies] [guests 30 days]
        [earning-tenders card gift_card] [reminds 30 7] (days before an end)
    rule base earns 1 per 10 EUR | earns 2 per unit (of any currency) | earns 50 flat | earns 5 for each [full] 2.50 EUR
        | earns bands EUR, band 1 per 1.00 to 100.00, band 2 per 1.00 | earns 2 per 1.5 data.distance_km
        [on type] [in program] [inactive] [caps 500 by day] [exchange EUR ZAR=0.051 JPY=0.0061]
        [min 50.00 EUR] [max 100.00 EUR] [currency EUR] [skus beans] [categories coffee]
        [exclude_skus gift] [exclude_categories sale] [first payment]
        [later payments] [metadata key=value] [from instant] [until instant] [rounding ceil]
        [factor 2 for tier gold] [factor 3 for metadata key=value] [factor 2 from instant until instant]
        [where …] [factor 2 where …] (scenario_conditions.py)
    reward rwd_coffee costs 100 [stock 5] [limit 1] [for tier gold] [from instant] [until instant]
        [gives 5.00 EUR off|credit [lasting 6] (months)] [from-order 20.00 EUR] [at-most 50%] (of the order)
        [in program]
    reward rwd_money, pays 0.5 EUR (minor units a point) [least 100] [most 5000] [steps 50]; `redeem …, spending 250`
    edit program|rule|reward … (`none` takes a limit away) | delete rule base | archive rwd_coffee
    account A [in program] [same customer as B] | enrol A (again) | close A | reopen A
    merge A into B: the one customer is the other; the expectations are about B
    rank A gold [until instant] [locked instant [exactly]] [quiet]: a tier by hand
    relabel A, metadata key=value: another piece of metadata
    segment vip [any] [purchased >= 90 days ago] [purchased never|ever] [payments >= 3 [within 30 days]]
        [spend >= 50.00 EUR [within 30 days]] [balance >= 500] [tier gold] [metadata key=value]
        [enrolled before|from instant] [enrolled >= 30 days ago] [where …]; without a clause, static
        any: one condition is enough. `edit segment`, `delete segment`
    join vip A B | leave vip A: members of a static segment
    award A 100 [payment pay_1] [on instant] [ends instant] [as W] | adjust A -50 | reverse W 30
    redeem A rwd_coffee costs 100 [as R] | cancel R | consume R [on pay_1] | release R
        costs: the price is set first; W, R: names for later steps; R.entry: the redemption's entry
    pay A 21.90 EUR [as pay_1] [tax 1.90] [shipping 5.00] [tender store_credit 10.00]
        [line beans 10.00 x2 off 1.00 tax 1.60 in coffee]
        [discount R] [session S] [order shop_7] [by account] [on instant]
        pay_1.base: what rule base gave for it; pay_1.mug: the redemption of what offer mug gave with it;
        `nobody` has no customer, `someone` no account
    link pay_1 A: a guest's payment is A's
    import C 20.00 EUR … [deliver] | refund pay_1 5.00 [eligible 3.00] [as re_1] [total 9.00] [line beans x2|5.00]
    undo re_1: its cancellation | amend pay_1 25.00 [tax 1.90] [shipping 5.00] [line beans 10.00 x2]
        [reprice] (its session's cart is evaluated again)
    report review.posted A [amount 10.00 EUR] [data distance_km=12.5 plan.interval=year] [by account] [on instant]
        [as evt_1]
    offer double gives 2x points | gives 1000 points | gives 20% off [at most 15.00 EUR] | gives rwd_mug
        [draft] [auto] [opt-in] [granted]
        [for tier gold] [for segment vip] [for balance 500] [for enrolled before instant] [for metadata key=value]
        [for where …]
        [cap 3] [limit 2] [from instant] [until instant] [everywhere] [exclusive|best [group]] [priority 1]
        [budget 250 points|100.00 EUR|3 uses [per month] [each]]
        and a rule's conditions; `edit offer double …`
    publish double | pause double | activate A double [as R, a gift's redemption] | look A (shows its offers)
        | give A double [lasting 14d] [as G] (a grant) | withdraw G
    cart-offer aces buys 3 of ball|#sport|any gets 1 of racket [at 50%] [dearest] [times 2]
    cart-offer ten takes 10.00 EUR [each] | two buys 1 gets 1 | post ships 5.00 EUR|50%|all
        [cap 3] [limit 2] [min 50.00 EUR] [max 99.00 EUR] [of-discounted] [quantity 3] [units-at-most 9] [skus beans]
        [where …]
        [categories coffee] [exclude_skus gift] [exclude_categories sale] [for segment vip] [first-order]
        [exclusive|best [group]] [priority 1] [off] [until instant]; `switch ten on|off`, `delete offer ten`
    cart A EUR, line beans 10.00 x2 in coffee [shipping 5.00] [discount R] [plus-tax]; nobody has no customer
    checkout A EUR … [as S] (a session) | recart S[, by A][, line …][, shipping 5.00] (by: a guest's session is A's)
        | complete S [with pay_1] | abandon S
    make-code ten SAVE-10 [for A] [uses 3] [from instant] [until instant] [as K] (of an offer that is `coded`)
        | change-code K off|on [uses 5] [until instant] | look-up save 10 | redeem-code A bonus 250
        batch post of ten [low 2] [pattern P-####] | fill post P-1 [for A] [until instant] | end-batch post
        (scenario_codes.py)
        cart and checkout take [code SAVE-10], checkout [take-over], recart [without-codes]
    journey care, enters cart.left, step tell send hello …: a campaign (scenario_campaigns.py)
    wallet A EUR [on clock] | grant A 30.00 EUR [origin refund] [ends instant] [months 6] [for pay_1] [as G]
        | spend A 20.00 EUR [for pay_1] [as S] | correct A -5.00 EUR | unwind G [10.00] (a grant, or a spend by hand)
        credit-settings lasts 24|never [rounded month]: store credit (scenario_credit.py)
Any of them takes [key text], an Idempotency-Key, and those that make something take [metadata key=value].

Expectations (scenario_expectations.py) are about the account named last; `B balance 20` is about B:
    balance ledger lifetime tier deficits lots next_expiry segments
    tier_ends tier_since tier_grace tier_locked tier_basis counted needed keeps projected moves (scenario_tiers.py)
    size vip 2: how many members a segment has
    announced entered lapsed 2026-04-01 + left lapsed 2026-04-05: all moves between dynamic segments up to here
    of this step: entries uses events in_order (events) deliverable happened revision
        reminded 30 days 100@2027-01-15 + 7 days 60@2027-01-15 (reminded_so_far: of all steps)
    of its answer: created existing replayed already_reversed awarded skipped claws_back discount answers
    of offers: offer double active | gave double 2 | usable double + triple | unusable double tiers needs tier gold
        redeems mug + double: what a payment shows of them | redemption pay_1.mug canceled | grant_status G open
        budget half used 0 reserved 9800 remaining 200 [resets instant] | spent half 2026-01 1000 (in that period)
    of carts: total 15.00 | off 3.33 + 3.34 (by line) | applied ten 10.00 + post 5.00 | session S completed
        rejected ten min_subtotal spend 420 more
    of codes: coded SAVE-10 applied | coded SAVE-10 code_expired invalid | uses-of SAVE-10 1 [held 2]
        issued post P-1 A + P-2 B: codes of a batch that are a member's
    of store credit, of the wallet named last: credit 10.00 | credit_held 5.00 | credit_lots 10.00@2026-12-01
        credit_ends 10.00@2026-12-01 | credit_entries grant 30.00 + expiry -1.00 (of this step)
    a refusal code, and the figures in its details
Points of lots are `150@2026-12-01 + 20@never`, in the order of their use. Instants are UTC unless they carry an offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Words = tuple[str, ...]

FAR = datetime.max.replace(tzinfo=UTC)
WAYS = ("core", "postgres", "http")
DECIMALS = {"ZAR": 2, "HRK": 2, "BGN": 2, "ITL": 0, "EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}


@dataclass(frozen=True)
class Step:
    """One line of a scenario."""

    place: str
    text: str
    verb: str
    words: Words
    clauses: tuple[Words, ...]
    expectations: tuple[Words, ...]
    times: int = 1
    is_dry_run: bool = False


@dataclass(frozen=True)
class Scenario:
    """A titled table of steps, and the ways it can be run."""

    topic: str
    title: str
    steps: tuple[Step, ...]
    ways: Words = WAYS


class Clauses:
    """The clauses of a step, each taken by the name it starts with; `end` finds those nobody took."""

    def __init__(self, clauses: tuple[Words, ...]) -> None:
        self._left = list(clauses)

    def every(self, name: str) -> list[Words]:
        """What follows the name in each clause that starts with it."""
        found = [clause[1:] for clause in self._left if clause[0] == name]
        self._left = [clause for clause in self._left if clause[0] != name]
        return found

    def one(self, name: str) -> Words | None:
        """What follows the name, or None where no clause starts with it."""
        found = self.every(name)
        assert len(found) <= 1, f"{name} is said twice"
        return found[0] if found else None

    def word(self, name: str) -> str | None:
        """The one word that follows the name, or None."""
        words = self.one(name)
        assert words is None or len(words) == 1, f"{name} takes one word"
        return words[0] if words else None

    def has(self, name: str) -> bool:
        """Whether the clause is there; it has nothing to say but its name."""
        return self.one(name) is not None

    def end(self) -> None:
        """Every clause was taken."""
        assert not self._left, f"unknown clauses: {self._left}"


def read_scenarios(path: Path) -> list[Scenario]:
    """All scenarios of a file, each with the lines that hold for all of them in front."""
    common: list[Step] = []
    scenarios: list[Scenario] = []
    for place, line in _lines(path):
        if line.startswith("scenario "):
            title = " ".join(line.split()[1:])
            scenarios.append(Scenario(path.stem, title, tuple(common)))
            continue
        step = _step(place, line.strip())
        if not scenarios:
            common.append(step)
        elif step.verb == "runs":
            scenarios[-1] = replace(scenarios[-1], ways=(step.words[-1], *(clause[0] for clause in step.clauses)))
        else:
            scenarios[-1] = replace(scenarios[-1], steps=(*scenarios[-1].steps, step))
    return scenarios


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines with their places; one that begins with a comma or an arrow goes on with the line before."""
    found: list[tuple[str, str]] = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.lstrip().startswith((",", "->")):
            place, begun = found.pop()
            found.append((place, begun + line))
        elif line.strip() and not line.lstrip().startswith("#"):
            found.append((f"{path.name}:{number}", line))
    yield from found


def _step(place: str, text: str) -> Step:
    said, _, expected = text.partition("->")
    head, *clauses = _parts(said)
    times, is_dry_run = 1, False
    if head[1:2] == ("times",):
        times, head = int(head[0]), head[2:]
    if head[0] == "dry-run":
        is_dry_run, head = True, head[1:]
    return Step(place, text, head[0], head[1:], tuple(clauses), tuple(_parts(expected)), times, is_dry_run)


def _parts(text: str) -> list[Words]:
    return [tuple(part.split()) for part in text.split(",") if part.strip()]


def instant(text: str) -> datetime:
    """A date is its midnight; without an offset, UTC."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def wire_instant(text: str) -> str:
    """An instant as the API takes it."""
    return instant(text).isoformat()


def minor(amount: str, currency: str) -> int:
    """An amount in minor units of its currency."""
    scaled = Decimal(amount).scaleb(DECIMALS[currency])
    assert scaled == int(scaled), f"{amount} {currency} has too many decimals"
    return int(scaled)


def pairs(words: Words) -> dict[str, Any]:
    """`key=value` words as metadata: integers, true and false are what they look like, '1' in quotes is text."""
    return {key: _value(value) for key, value in (word.split("=", 1) for word in words)}


def data_of(words: Words) -> dict[str, Any]:
    """As pairs, of an event's data: a dot leads into an object; decimals, null, [] and {} are what they look like."""
    data: dict[str, Any] = {}
    for path, text in (word.split("=", 1) for word in words):
        *names, last = path.split(".")
        into = data
        for name in names:
            into = into.setdefault(name, {})
        is_number = re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text) is not None
        into[last] = Decimal(text) if is_number and not text.lstrip("-").isdigit() else _LOOKS.get(text, _value(text))
    return data


_LOOKS: dict[str, Any] = {"null": None, "[]": [], "{}": {}}


def _value(text: str) -> str | int | bool:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else text.strip("'")


def points_at(words: Words) -> list[tuple[int, datetime]]:
    """`150@2026-12-01 + 20@never`."""
    found = []
    for one in listed(words):
        points, at = one.split("@")
        found.append((int(points), FAR if at == "never" else instant(at)))
    return found


def listed(words: Words) -> list[str]:
    """The parts between plus signs; `none` is no part."""
    return [] if words == ("none",) else " ".join(words).split(" + ")

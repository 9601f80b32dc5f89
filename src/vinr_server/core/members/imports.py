"""Members of another system: enrolled with the points, the lifetime and the tier they bring, once each.

What they bring stands in the ledger as adjustments with their own lots and ends. What the old lifetime counts beyond
these points (spent or expired there) is kept in the member's opening, so that lifetime points are still a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from vinr_server.core.events.announcements import announce
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.claims import claim_id
from vinr_server.core.kernel.commands import Commands, Context, merge_metadata
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs, Part
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.awards import in_the_future
from vinr_server.core.ledger.book.lots import NEVER, end_by_program
from vinr_server.core.ledger.book.posting import Movement
from vinr_server.core.ledger.book.sweeping import sweep
from vinr_server.core.ledger.movements import bring_in, owe
from vinr_server.core.ledger.needs import name_accounts
from vinr_server.core.ledger.rows import Opening
from vinr_server.core.members.changes import open_account, show_account, with_email
from vinr_server.core.members.commands import ImportAccount, OpeningLot
from vinr_server.core.members.needs import name_enrolment
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.programs.members import closed, enrolled
from vinr_server.core.programs.rows import Program
from vinr_server.core.tiers.setting import bring_tier, unknown_tier

REASON = "Opening balance"
IMPORT = "import"


def needs_import_account(command: ImportAccount, needs: Needs) -> None:
    """The customer's accounts, to find an enrollment that is there already; the customer, where an e-mail comes."""
    name_enrolment(needs, command.customer_id, command.program_id)
    if command.email is not None:
        needs.row(Claim, command.customer_id)
        needs.row(Customer, command.customer_id)


def follow_import_account(command: ImportAccount, seen: Layer, needs: Needs) -> None:
    """What an account that is there already holds and owes, and whether it was imported before."""
    for account in name_accounts(needs, seen, command.customer_id, lots=Part.FIRST):
        needs.children(Opening, account.id)
        for joined in account.merged_from or ():
            if joined.account_id is not None:
                needs.children(Opening, joined.account_id, beside=joined.customer_id)


def decide_import_account(draft: Layer, command: ImportAccount, context: Context) -> Accepted | Rejected:
    """The member has what it brings, on top of what it has here; the same body again moves nothing.

    Refuses: another body for a member that was imported, a closed account, a tier that the program lacks.
    """
    program = draft.get(Program, command.program_id)
    if program is None:
        return missing("program", command.program_id, param="program")
    account = enrolled(draft, command.customer_id, program.id)
    openings = _openings(draft, account) if account is not None else []
    if account is not None and any(opening.fingerprint == context.fingerprint for opening in openings):
        return Accepted(show_account(draft, account, context), is_new=False)
    now = context.now(program.clock_id)
    merged = merge_metadata(account.metadata if account is not None else {}, command.metadata)
    refusal = first_listed(
        _imported_before(account, openings[0]) if account is not None and openings else None,
        in_the_future(command.joined_at, now, param="joined_at"),
        *(
            in_the_future(lot.available_at, now, param=f"lots[{place}].available_at")
            for place, lot in enumerate(command.lots)
        ),
        unknown_tier(program, command.tier),
        merged if isinstance(merged, Rejected) else None,
        closed(account) if account is not None and account.status == "closed" else None,
    )
    if refusal is not None:
        return refusal
    assert not isinstance(merged, Rejected), "refused above"
    _keep_email(draft, command, context)
    if account is not None:
        account = replace(account, metadata=merged)
        draft.put(account)
        return Accepted(_bring(draft, command, context, program, sweep(draft, context, account, now=now), is_new=False))
    account = open_account(draft, context, program, command.customer_id, metadata=merged, joined_at=command.joined_at)
    return Accepted(_bring(draft, command, context, program, account, is_new=True))


def _openings(draft: Layer, account: Account) -> list[Opening]:
    """What the member has brought, and what those had who were merged into it: none of it comes twice."""
    ids = [buyer.account_id for buyer in account.buyers if buyer.account_id is not None]
    return [opening for id in ids for opening in draft.children(Opening, id)]


def _bring(
    draft: Layer, command: ImportAccount, context: Context, program: Program, account: Account, *, is_new: bool
) -> dict[str, object]:
    """The opening, its entries, the tier; answers the account's payload."""
    now = context.now(program.clock_id)
    counted_points = sum(lot.points for lot in command.lots) if command.lots else max(command.points, 0)
    brought_points = counted_points if command.lifetime_points is None else command.lifetime_points
    lifetime_points = brought_points - counted_points
    draft.put(
        Opening(
            bucket=account.bucket,
            account_id=account.id,
            sequence=account.sequence,
            points=command.points,
            lifetime_points=lifetime_points,
            tier=command.tier,
            joined_at=command.joined_at,
            fingerprint=context.fingerprint,
            created_at=now,
        )
    )
    account = replace(account, lifetime_points=account.lifetime_points + lifetime_points)
    draft.put(account)
    account = _move(draft, command, context, program, account, now=now)
    account = bring_tier(draft, context, account, program, command.tier, is_new=is_new)
    payload = show_account(draft, account, context)
    if is_new:
        announce(draft, context, type="loyalty.account.created", account=account, data=payload, now=now)
    return dict(payload)


def _move(
    draft: Layer, command: ImportAccount, context: Context, program: Program, account: Account, *, now: datetime
) -> Account:
    """The entries of what is brought; the account after them."""
    if command.points < 0:
        movement = _movement(account, command.points, occurred_at=None)
        account, _entry = owe(draft, context, account, points=-command.points, movement=movement, now=now)
        return account
    for lot in _lots(command, program, now=now):
        assert lot.available_at is not None
        account, _entry = bring_in(
            draft,
            context,
            account,
            program,
            points=lot.points,
            movement=_movement(account, lot.points, occurred_at=lot.available_at),
            available_at=lot.available_at,
            expires_at=lot.expires_at,
            now=now,
        )
    return account


def _lots(command: ImportAccount, program: Program, *, now: datetime) -> Sequence[OpeningLot]:
    """The lots with their instants, the soonest to expire first."""
    if not command.lots:
        whole = OpeningLot(command.points, end_by_program(program, now), now)
        return [whole] if command.points else []
    lots = [replace(lot, available_at=lot.available_at or _start(lot.expires_at, now=now)) for lot in command.lots]
    return sorted(lots, key=lambda lot: (lot.expires_at or NEVER, lot.available_at))


def _start(expires_at: datetime | None, *, now: datetime) -> datetime:
    """Points are there from now on; those that are over already have their last second, and expire at once."""
    return now if expires_at is None or expires_at > now else expires_at - timedelta(seconds=1)


def _movement(account: Account, points: int, *, occurred_at: datetime | None) -> Movement:
    return Movement(
        "adjustment",
        reason=REASON,
        source_type=IMPORT,
        source_id=account.id,
        receipt={"imported": True, "points": points},
        occurred_at=occurred_at,
    )


def _keep_email(draft: Layer, command: ImportAccount, context: Context) -> None:
    """The customer has this e-mail from now on."""
    if command.email is None:
        return
    customer = draft.get(Customer, command.customer_id)
    if customer is not None:
        draft.put(with_email(customer, command.email))
        return
    bucket = context.bucket_of(command.customer_id)
    claim_id(draft, context, command.customer_id, owner_bucket=bucket)
    draft.put(with_email(Customer(bucket, command.customer_id, None, None, {}, context.wall_now), command.email))


def _imported_before(account: Account, opening: Opening) -> Rejected:
    message = (
        f"Account {account.id} was imported before, with {opening.points} points and other content than this item's."
        " Correct it with an adjustment."
    )
    details = {"account": account.id, "points": opening.points}
    return Rejected("already_imported", message, param="customer", details=details)


COMMANDS: Commands = {
    ImportAccount: (needs_import_account, decide_import_account, follow_import_account),
}

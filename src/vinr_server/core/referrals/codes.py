"""Codes of members who bring others: one for each account, made when it is first asked for (R19b)."""

from __future__ import annotations

from vinr_server.core.codes.holders import key_of, look_at_key, name_key, referral_key, take_key, taken
from vinr_server.core.codes.keys import fold
from vinr_server.core.kernel.answers import Accepted, Rejected, first_listed, missing
from vinr_server.core.kernel.claims import claim_id
from vinr_server.core.kernel.commands import Commands, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Needs
from vinr_server.core.kernel.rows import Claim
from vinr_server.core.kernel.values import replace
from vinr_server.core.members.rows import Account
from vinr_server.core.programs.members import closed, program_of
from vinr_server.core.referrals.commands import ClickReferralCode, CreateReferralCode, UpdateReferralCode
from vinr_server.core.referrals.payloads import referral_code_payload
from vinr_server.core.referrals.programs import referral_program_of
from vinr_server.core.referrals.rows import ReferralCode

# Without vowels a code spells no word. Eight of what is left of a voucher's letters are 38 bits.
VOWELS = frozenset("AEIOU")
CODE_LENGTH = 8


def needs_create_referral_code(command: CreateReferralCode, needs: Needs) -> None:
    """The account with its code; and the code that was chosen, which another may have."""
    needs.row(Account, command.account_id)
    needs.children(ReferralCode, command.account_id)
    if command.code is not None:
        needs.row(Claim, command.code)
        look_at_key(needs, fold(command.code))


def follow_create_referral_code(command: CreateReferralCode, seen: Layer, needs: Needs) -> None:
    """The holder of the key of the code that was chosen."""
    if command.code is not None:
        name_key(needs, seen, fold(command.code))


def decide_create_referral_code(draft: Layer, command: CreateReferralCode, context: Context) -> Accepted | Rejected:
    """The account has a code. Asked again, it is the same one.

    Refuses: a closed account, a code that another account has, and a second code for one account.
    """
    account = draft.get(Account, command.account_id)
    if account is None:
        return missing("account", command.account_id, param="account")
    program = program_of(draft, account)
    if referral_program_of(draft, program.id) is None:
        message = f"Program {program.id} of account {account.id} has no referral program. Create one first."
        return Rejected("resource_missing", message, param="account")
    present = next(iter(draft.children(ReferralCode, account.id)), None)
    if present is not None and command.code in (None, present.id):
        return Accepted(referral_code_payload(present, livemode=context.livemode), is_new=False)
    refusal = first_listed(
        closed(account) if account.status == "closed" else None,
        _second(account, present) if present is not None else None,
        _taken(draft, context, command.code),
    )
    if refusal is not None:
        return refusal
    now = context.now(program.clock_id)
    code = ReferralCode(account.bucket, command.code or _made(context), account.id, True, 0, now)
    draft.put(code)
    key = fold(code.id)
    if command.code is not None:
        take_key(draft, key)
    draft.put(referral_key(context, key, code.id, now))
    claim_id(draft, context, code.id, owner_bucket=account.bucket)
    return Accepted(referral_code_payload(code, livemode=context.livemode))


def _made(context: Context) -> str:
    letters = context.make_code() + context.make_code()
    return "".join(letter for letter in letters if letter not in VOWELS)[:CODE_LENGTH]


def _second(account: Account, present: ReferralCode) -> Rejected:
    message = f"Account {account.id} already has the code {present.id}, and keeps it. Leave out code to get it."
    return Rejected("id_conflict", message, param="code", details={"existing": present.id})


def _taken(draft: Layer, context: Context, code: str | None) -> Rejected | None:
    """Refuse a code that another member has, or that opens an offer (R60)."""
    if code is None:
        return None
    key = key_of(code, param="code")
    if isinstance(key, Rejected):
        return key
    if draft.get(Claim, code) is not None:
        return Rejected("code_taken", f"The code {code} is already taken. Choose another one.", param="code")
    return taken(draft, context, key, text=code, param="code")


def needs_click_referral_code(command: ClickReferralCode, needs: Needs) -> None:
    """The code."""
    needs.row(ReferralCode, command.code)


def decide_click_referral_code(draft: Layer, command: ClickReferralCode, context: Context) -> Accepted | Rejected:
    """One click more is counted, and nothing else: the shop carries the code to the sign-up."""
    code = draft.get(ReferralCode, command.code)
    if code is None:
        return missing("referral code", command.code, param="code")
    code = replace(code, clicks=code.clicks + 1)
    draft.put(code)
    return Accepted(referral_code_payload(code, livemode=context.livemode), is_new=False)


def needs_update_referral_code(command: UpdateReferralCode, needs: Needs) -> None:
    """The code."""
    needs.row(ReferralCode, command.code)


def decide_update_referral_code(draft: Layer, command: UpdateReferralCode, context: Context) -> Accepted | Rejected:
    """Nobody can be registered by a code that is not active; who is registered goes on."""
    code = draft.get(ReferralCode, command.code)
    if code is None:
        return missing("referral code", command.code, param="code")
    if command.is_active is not None:
        code = replace(code, is_active=command.is_active)
        draft.put(code)
    return Accepted(referral_code_payload(code, livemode=context.livemode), is_new=False)


COMMANDS: Commands = {
    CreateReferralCode: (needs_create_referral_code, decide_create_referral_code, follow_create_referral_code),
    ClickReferralCode: (needs_click_referral_code, decide_click_referral_code),
    UpdateReferralCode: (needs_update_referral_code, decide_update_referral_code),
}

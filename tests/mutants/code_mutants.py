"""Bugs in codes: their keys, who holds one, who may use it, and what is given back (R60 to R63)."""

from __future__ import annotations

from mutant import Mutant, scenario


def codes(title: str) -> str:
    """The scenario that must go red, on core."""
    return scenario(f"codes: {title}")


MUTANTS = [
    Mutant(
        "a code's key is plain upper case",
        "fold",
        'unicodedata.normalize("NFKC", text).upper().casefold()',
        "text.upper()",
        codes("A code is found by its key, however it is written (29, 30)"),
    ),
    Mutant(
        "a code that was used gives its text away",
        "_passes_on",
        "holder.max_redemptions == 1 and holder.used",
        "False",
        codes("A key passes on when its holder is over, and never after a single use (27)"),
    ),
    Mutant(
        "an expired code keeps its key",
        "_passes_on",
        "holder.expires_at is not None and holder.expires_at <= now",
        "False",
        codes("A key passes on when its holder is over, and never after a single use (27)"),
    ),
    Mutant(
        "a referral code's key is free for offers",
        "taken",
        "_passes_on(layer, context, holder, offer)",
        "holder.offer_id is None or _passes_on(layer, context, holder, offer)",
        codes("A member's referral code is a key like any other (R60)"),
    ),
    Mutant(
        "an offer that requires a code applies by itself",
        "promotions_of",
        "not offer.terms.requires_code",
        "True",
        codes("An offer that requires a code never applies by itself (R61)"),
    ),
    Mutant(
        "a session's own hold of a code counts against it",
        "_judge",
        "shopper.held.get(key)",
        "None",
        codes("A cart that drops its code frees it"),
    ),
    Mutant(
        "the use of a shared code is given back on a refund",
        "Code.comes_back",
        "self.max_redemptions == 1 or self.account_id is not None",
        "True",
        codes("A whole refund gives back the member's slot, and a code of a single use (23)"),
    ),
    Mutant(
        "a code for a single use is never given back",
        "Code.comes_back",
        "self.max_redemptions == 1 or self.account_id is not None",
        "False",
        codes("A whole refund gives back the member's slot, and a code of a single use (23)"),
    ),
    Mutant(
        "the code of another member is accepted",
        "objection_to",
        "code.account_id not in shopper.account_ids",
        "False",
        codes("Every reason differs, and what a shopper may be told does not (34, 35, 36)"),
    ),
    Mutant(
        "guests use a code once for each member as often as they like",
        "_counts_members",
        "offer.per_member_limit is not None",
        "False",
        codes("The limit of each member counts all codes of the offer (18, 20)"),
    ),
    Mutant(
        "what sessions hold of a code is not counted",
        "Code.is_full",
        "self.used + self.reserved",
        "self.used",
        codes("One use is held by one session, and its own hold never counts against it (21)"),
    ),
    Mutant(
        "a session drops codes that don't apply in silence",
        "refusal_of",
        "[each for each in presented if each.objection is not None]",
        "[]",
        codes("A session promises all codes or none; an evaluation shows each (32)"),
    ),
    Mutant(
        "a new session takes over without being asked to",
        "decide_create_checkout_session",
        "command.takes_over",
        "True",
        codes("A new session takes over what the customer's other sessions hold (22)"),
    ),
    Mutant(
        "the order of codes decides which of them opens an offer",
        "present",
        "_rank(each.code, shopper) < _rank(other.code, shopper)",
        "False",
        codes("Codes of one offer, and offers that don't go together (R62)"),
    ),
    Mutant(
        "a shopper hears that a code was used",
        "_payload",
        "objection.reason in HIDDEN",
        'objection.reason in HIDDEN and objection.reason != "code_exhausted"',
        codes("One use is held by one session, and its own hold never counts against it (21)"),
    ),
    Mutant(
        "some characters of codes are drawn more often than others",
        "_draw",
        "256 - 256 % size",
        "256",
        "engine/test_code_drawing.py::TestDrawing::test_draws_each_character_as_often_as_any_other",
    ),
    Mutant(
        "what a spreadsheet made of a number is imported",
        "decide_import_code",
        "SPREADSHEET.fullmatch(command.code.strip())",
        "False",
        "api/test_code_batches.py::TestImporting::test_has_a_result_for_each_row_and_adds_nothing_again",
    ),
    Mutant(
        "codes of a disabled batch go on",
        "is_cut_off",
        'batch.status == "disabled"',
        "False",
        "api/test_code_batches.py::TestDisabling::test_ends_all_codes_at_once_and_keeps_what_is_held",
    ),
    Mutant(
        "a pattern may have as many codes as there are texts of it",
        "space_refusal",
        "wanted * GUESSES <= possible",
        "wanted <= possible",
        "api/test_code_batches.py::TestGenerating::test_refuses_what_is_guessed_too_easily",
    ),
    Mutant(
        "ten unknown codes are too many",
        "Guesses._left",
        """
            if left <= guesser.limit.most:
                return 0
        """,
        """
            if left < guesser.limit.most:
                return 0
        """,
        "engine/test_guesses.py::test_the_eleventh_of_a_client_shuts_out_all_its_codes_on_every_process",
    ),
    Mutant(
        "a multiplier whose code was redeemed waits for another code",
        "Offer.parent",
        "self.terms.requires_code and not self.is_granted",
        "self.terms.requires_code",
        codes("A member redeems a code: bonus and gift at once, a multiplier as a grant (R62)"),
    ),
]

"""Every error code in words: what it means, what to do, and a message as callers read it.

From here come /docs/errors, which `doc_url` points to, the refusals in OpenAPI, and the page on errors. A code that is
answered and does not stand here fails tests/docs/test_coverage.py.
"""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """A code in words. `message` is an example: the real one has the values of the request."""

    meaning: str
    remedy: str
    message: str


_HTTP = {
    "request_malformed": Explained(
        "What came is not HTTP/1.1, such as a header with a control character. The connection is closed.",
        "Send the request with an HTTP library.",
        "The request is not valid HTTP/1.1. Send it with an HTTP library.",
    ),
    "header_repeated": Explained(
        "`Authorization`, `Content-Length`, `Content-Type`, `Host` or `Idempotency-Key` stands twice. The connection is"
        " closed.",
        "Send it once; look at what a proxy adds.",
        "The header Authorization stands twice. Send it once.",
    ),
    "request_line_too_long": Explained(
        "Path and query are longer than 8 KiB. The connection is closed.",
        "Send less in them.",
        "The path and query are longer than 8 KiB. Send less in them.",
    ),
    "headers_too_large": Explained(
        "The request has more than 100 header lines, or 64 KiB of them. The connection is closed.",
        "Send fewer and shorter headers; look for cookies, which the engine never reads.",
        "The request has more than 100 header lines, or 64 KiB of them. Send fewer and shorter headers.",
    ),
}

_INPUT = {
    "body_invalid": Explained(
        "The body is not a JSON object, or holds what no text or number may hold (NUL, NaN, 33 levels of nesting).",
        "Send one JSON object in UTF-8. Write amounts as integers.",
        "The body is not valid JSON: JSON is malformed: expected `:` (byte 12).",
    ),
    "duplicate_key": Explained(
        "A key stands twice in one object of the body, or twice in the query string.",
        "Send it once.",
        "The key 'points' stands twice in one object. Send it once.",
    ),
    "unknown_parameter": Explained(
        "A field or a query parameter has a name that this call does not know. Nothing is ever ignored silently.",
        "Correct the spelling; the message names the nearest known name.",
        "Unknown parameter pionts. Did you mean points?",
    ),
    "parameter_missing": Explained(
        "A required field is not there.",
        "Send the field that `param` names.",
        "account is required.",
    ),
    "parameter_invalid": Explained(
        "A value has the wrong type, form or range.",
        "Correct the field that `param` names, as the message says.",
        "points: expected an integer >= 1.",
    ),
    "parameter_conflict": Explained(
        "Two values that mean the same thing differ, such as `program` and `programId`; or two that exclude each other"
        " were sent.",
        "Send one of them.",
        "program is given in two spellings with different values. Send one of them.",
    ),
    "reserved_event_type": Explained(
        "The type of a reported event belongs to the engine, such as `loyalty.points.earned`.",
        "Report your own events under your own names, such as `review.posted`.",
        "Events of type payment.completed are made by the engine. Report a payment instead.",
    ),
    "immutable_field": Explained(
        "The field can't be changed after creation.",
        "Create a new object.",
        "timezone can't be changed after creation. Create a new object instead.",
    ),
    "body_too_large": Explained(
        "The body is larger than 256 KiB, or 1 MiB for a call in bulk.",
        "Send less at once.",
        "The body is larger than 256 KiB. Send less at once.",
    ),
}

_ACCESS = {
    "api_key_missing": Explained(
        "The request carries no API key.",
        "Send the header `Authorization: Bearer sk_test_…`.",
        "No API key. Send the header `Authorization: Bearer sk_test_…`.",
    ),
    "api_key_invalid": Explained(
        "The key is unknown here, or was revoked.",
        "Check that the key belongs to this installation; make a new one with `vinr keys create`.",
        "Unknown API key sk_test_…a1b2. Check that it belongs to this installation.",
    ),
    "api_key_expired": Explained(
        "The key's time is over.",
        "Use the key that replaced it.",
        "API key sk_test_…a1b2 has expired. Use the one that replaced it.",
    ),
    "permission_missing": Explained(
        "The key may not do this: it is restricted, or publishable. `details` names the resource and the right.",
        "Use a key that has the right, or a secret key on a server.",
        "This call needs payments:write, which your restricted key lacks. Use a key that has it.",
    ),
    "rate_limited": Explained(
        "The key has sent too many requests within a second.",
        "Wait as long as `Retry-After` says, then try again. SDKs do this by themselves.",
        "Too many requests with this key. Wait as long as Retry-After says, then try again.",
    ),
    "route_missing": Explained(
        "There is no call at this path.",
        "Compare method and path with /docs.",
        "There is nothing at GET /v1/loyality. The routes are listed at /openapi.json.",
    ),
    "method_not_allowed": Explained(
        "The path is there, but not for this method; the header `Allow` lists those it has.",
        "Use one of them. Updates are POST, deletions DELETE.",
        "PUT is not possible at /v1/payments; GET, POST is.",
    ),
    "resource_missing": Explained(
        "No such object. An id of another tenant, or of the other mode (test or live), answers the very same.",
        "Check the id that `param` names, and that the key is of the right mode.",
        "No such account: 'loy_9'.",
    ),
}

_IDEMPOTENCY = {
    "idempotency_key_reused": Explained(
        "The same `Idempotency-Key` came with another body. Nothing was done.",
        "Use a new key for a new request; repeat the very same body to repeat an answer.",
        "Idempotency key 'award-7' was used before with another body. Use a new key for a new request.",
    ),
    "idempotency_key_in_use": Explained(
        "A request with the same `Idempotency-Key` is still being decided.",
        "Try again in a moment. SDKs do this by themselves.",
        "A request with idempotency key 'award-7' is still under way. Try again.",
    ),
    "id_conflict": Explained(
        "An object with the id you chose is there already, with another content.",
        "Retrieve it, or choose another id. The same id with the same body answers 200 with the object.",
        "pay_1001 was created before with another body. Use another id.",
    ),
    "already_imported": Explained(
        "The member was imported before, with another content. The same item again answers 200 and moves nothing.",
        "Correct the balance with an adjustment: `loyalty.points.adjust`.",
        "Account loy_8sJ2k was imported before, with 120 points and other content than this item's. Correct it with an"
        " adjustment.",
    ),
}

_STATE = {
    "api_key_not_active": Explained(
        "The key was revoked or has expired; it can't be rolled.",
        "Create a new key.",
        "API key key_7 is revoked. Create a new one.",
    ),
    "webhook_endpoint_disabled": Explained(
        "The webhook endpoint is disabled: by request, or since its receiver is gone or has failed for five days.",
        "Mend the receiver, then update the endpoint with `status: enabled` and send again.",
        "Webhook endpoint we_0197a3 is disabled. Update it with status enabled first.",
    ),
    "account_closed": Explained(
        "The account is closed: it earns and redeems no more.",
        "Nothing to mend: treat the customer as no member of this program.",
        "Account loy_abc123 is closed.",
    ),
    "program_mismatch": Explained(
        "The account and the reward belong to different programs.",
        "Use the customer's account in the reward's program.",
        "Account loy_abc123 is of program prog_default; reward rwd_freeShip is of prog_summer.",
    ),
    "offer_not_active": Explained(
        "The offer is a draft, or paused; `details` says which. (One whose window or cap is over answers"
        " `offer_limit_reached`.)",
        "Publish it.",
        "Offer ofr_9fK2 is paused. Publish it to let it go on.",
    ),
    "offer_limit_reached": Explained(
        "The offer's window is not open, or its uses are taken: by all members together, or by this one."
        " `details.limit` says which: `window`, `global` or `per_member`.",
        "Show the member a friendly word; treat it as a normal outcome.",
        "All 500 redemptions of offer ofr_9fK2 are taken.",
    ),
    "reward_archived": Explained(
        "The reward is archived: it can't be redeemed any more.",
        "Offer another reward.",
        "Reward rwd_fiveOff is archived.",
    ),
    "not_eligible": Explained(
        "A condition is not met. `details` says which, and the smallest change that would meet it.",
        "Show the member what is missing; treat it as a normal outcome.",
        "Reward rwd_lounge is for members of tier gold or platinum.",
    ),
    "reward_out_of_stock": Explained(
        "No piece of the reward is left.",
        "Raise `stock`, or offer another reward.",
        "Reward rwd_cup is out of stock: 500 of 500 are redeemed.",
    ),
    "insufficient_points": Explained(
        "The balance is lower than the cost. `details` holds `balance`, `required` and `shortfall`. Nothing was taken.",
        "Show the member what is missing. A retry with the same `Idempotency-Key` is decided anew.",
        "Account loy_abc123 holds 80 points; reward rwd_fiveOff costs 100.",
    ),
    "reversal_of_reversal": Explained(
        "The transaction is a reversal itself.",
        "Make a new award instead.",
        "Transaction ptx_0197a3 is a reversal; a reversal can't be reversed. Award the points anew.",
    ),
    "not_reversible": Explained(
        "Only awards are reversed; the transaction is something else. `details` names its kind.",
        "Cancel a redemption with its own call; correct the rest with an adjustment.",
        "Transaction ptx_0197a3 is of kind redemption and can't be reversed. Cancel the redemption instead.",
    ),
    "redemption_already_canceled": Explained(
        "The redemption was canceled before; its points are back.",
        "Nothing to do.",
        "Redemption rdm_0197a3 is canceled already.",
    ),
    "discount_consumed": Explained(
        "The discount was used on a payment.",
        "Release it first, if that payment came to nothing; else redeem anew.",
        "Discount disc_0197a3 is used on payment pay_3xZ9q.",
    ),
    "discount_not_usable": Explained(
        "The discount is not open: its redemption was canceled, or a checkout session holds it.",
        "Redeem anew, or expire the session that `details.checkout_session` names.",
        "Discount disc_0197a3 is void: its redemption was canceled.",
    ),
    "checkout_session_not_open": Explained(
        "The checkout session is completed or has expired. `details.status` says which, and"
        " `details.payment` the payment that completed it.",
        "Open another session with the same cart.",
        "Checkout session cs_0197a3 expired at 2026-11-25T12:30:00+00:00; what it held is free. Open another.",
    ),
    "payment_has_session": Explained(
        "The payment has completed another checkout session: payment and session are one to one. `details` names both.",
        "Complete the session with a payment of its own, or without one.",
        "Payment pay_1001 completed checkout session cs_0197a3; it can't complete cs_0197b4 too. Complete cs_0197b4"
        " with a payment of its own.",
    ),
    "payment_refunded": Explained(
        "The payment was refunded whole: it can't complete a checkout session any more.",
        "Complete the session with another payment, or expire it.",
        "Payment pay_1001 was refunded whole; it can't complete checkout session cs_0197a3. Complete it with another"
        " payment, or expire it.",
    ),
    "refund_exceeds_payment": Explained(
        "The refunds of the payment would be more than its amount. `details` holds what is left.",
        "Refund at most what is left; send the refund's own `id` so that a repeated report counts once.",
        "Payment pay_3xZ9q has 500 left to refund; 800 were asked for.",
    ),
    "clock_advancing": Explained(
        "The test clock is still moving: work that fell due is being written.",
        "Wait until its status is `ready`.",
        "Test clock clock_0197a3 is advancing. Wait until it is ready.",
    ),
    "segment_in_use": Explained(
        "The segment is named by offers that are live, or paused: its members would lose them unseen. `details` names"
        " the offers.",
        "End or delete those offers first, or take the segment's members out.",
        "Segment lapsed_90d is named by live offers: ofr_9fK2. End those first.",
    ),
}

_SERVER = {
    "internal_error": Explained(
        "A fault of ours. Nothing was done.",
        "Try again with the same `Idempotency-Key`; report the `request_id`.",
        "Something broke on our side. Nothing was done; try again.",
    ),
    "unavailable": Explained(
        "The database can't be reached, or too much is waiting. Nothing was done.",
        "Try again as `Retry-After` says, with the same `Idempotency-Key`. SDKs do this by themselves.",
        "The database can't be reached. Try again.",
    ),
}

ERROR_CODES: dict[str, Explained] = {**_HTTP, **_INPUT, **_ACCESS, **_IDEMPOTENCY, **_STATE, **_SERVER}

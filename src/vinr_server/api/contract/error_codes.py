"""Every error code in words: what it means, what to do, and an example of its message.

/docs/errors, which `doc_url` points to, the refusals in OpenAPI and the page on errors all come from here. A code that
the server answers and that is missing here fails tests/docs/test_coverage.py.
"""

from __future__ import annotations

from vinr_server.api.contract.error_codes_of_engagement import ENGAGEMENT, Explained

_HTTP = {
    "request_malformed": Explained(
        "The request is not valid HTTP/1.1: for example, a header has a control character. The connection is closed.",
        "Send the request with an HTTP library.",
        "The request is not valid HTTP/1.1. Send requests with an HTTP library.",
    ),
    "header_repeated": Explained(
        "`Authorization`, `Content-Length`, `Content-Type`, `Host` or `Idempotency-Key` is sent more than once. The"
        " connection is closed.",
        "Send the header once; check whether a proxy adds another.",
        "The header Authorization was sent twice. Send it once.",
    ),
    "request_line_too_long": Explained(
        "The path and query together are longer than 8 KiB. The connection is closed.",
        "Shorten the path and the query.",
        "The path and query are longer than 8 KiB. Shorten them.",
    ),
    "headers_too_large": Explained(
        "The request has more than 100 header lines, or its headers are larger than 64 KiB. The connection is closed.",
        "Send fewer or shorter headers; check for cookies, which the engine never reads.",
        "The request has more than 100 header lines, or over 64 KiB of them. Send fewer and shorter headers.",
    ),
}

_INPUT = {
    "body_invalid": Explained(
        "The body is not a JSON object, or contains something that the engine does not accept (NUL, NaN, more than 32"
        " levels of nesting).",
        "Send one JSON object in UTF-8. Write amounts as integers.",
        "The body is not valid JSON: expected `:` (byte 12).",
    ),
    "duplicate_key": Explained(
        "The same key appears twice in one object of the body, or twice in the query string.",
        "Send each key once.",
        "The key 'points' appears twice in one object. Send it once.",
    ),
    "unknown_parameter": Explained(
        "A field or a query parameter has a name that this call does not know. The engine never ignores one silently.",
        "Correct the spelling; the message suggests the nearest known name.",
        "Unknown parameter pionts. Did you mean points?",
    ),
    "parameter_missing": Explained(
        "A required field is missing.",
        "Send the field that `param` names.",
        "account is required.",
    ),
    "parameter_invalid": Explained(
        "A value has the wrong type, format or range.",
        "Correct the field that `param` names, as the message says.",
        "points: expected an integer >= 1.",
    ),
    "parameter_conflict": Explained(
        "Two values that mean the same thing differ, such as `program` and `programId`; or two values were sent that"
        " exclude each other.",
        "Send only one of them.",
        "program is given in two spellings with different values. Send one of them.",
    ),
    "reserved_event_type": Explained(
        "A reported event has a type that is reserved for the engine, such as `loyalty.points.earned`.",
        "Report your own events under your own names, such as `review.posted`.",
        "Events of type payment.completed are made by the engine. Report a payment instead.",
    ),
    "code_space_too_small": Explained(
        "So many codes of the pattern would be guessed too easily: of 10^9 guesses, more than one would hit. `details`"
        " has `min_length`, the number of random characters that is enough.",
        "Send a longer `pattern`, or a larger `alphabet`.",
        "1000000 codes of 8 random characters are guessed too easily: of 10^9 guesses, more than one would hit. Send a"
        " pattern with at least 11 #.",
    ),
    "immutable_field": Explained(
        "The field can't be changed after creation.",
        "Create a new object instead.",
        "timezone can't be changed after creation. Create a new object instead.",
    ),
    "campaign_definition_invalid": Explained(
        "The definition of the campaign can't be published. `details.problems` lists all that is wrong with it, each"
        " with its path.",
        "Correct the definition with an update, then publish again.",
        "Campaign cmp_0197a3 can't be published. steps.nudge.next: There is no step 'last'. Correct the definition.",
    ),
    "body_too_large": Explained(
        "The body is larger than 256 KiB, or than 1 MiB for a bulk call.",
        "Send less in one request.",
        "The body is larger than 256 KiB. Send less in one request.",
    ),
}

_ACCESS = {
    "api_key_missing": Explained(
        "The request has no API key.",
        "Send the header `Authorization: Bearer sk_test_…`.",
        "The request has no API key. Send the header `Authorization: Bearer sk_test_…`.",
    ),
    "api_key_invalid": Explained(
        "This installation does not know the key, or the key was revoked.",
        "Check that the key belongs to this installation, or make a new one with `vinr keys create`.",
        "Unknown API key sk_test_…a1b2. Check that it belongs to this installation.",
    ),
    "api_key_expired": Explained(
        "The key has expired.",
        "Use the key that replaced it.",
        "API key sk_test_…a1b2 has expired. Use the one that replaced it.",
    ),
    "permission_missing": Explained(
        "The key is restricted or publishable, and lacks a right that the call needs. `details` names the resource and"
        " the right.",
        "Use a key that has the right, or a secret key on a server.",
        "This call needs payments:write, which your restricted key lacks. Use a key that has it.",
    ),
    "rate_limited": Explained(
        "The key has sent more requests within a second than it may.",
        "Wait the number of seconds in `Retry-After`, then try again. The SDKs do this for you.",
        "Too many requests with this key. Wait the number of seconds in Retry-After, then try again.",
    ),
    "code_attempts_exceeded": Explained(
        "Too many unknown codes were presented by one `client`, one customer or with one key: all codes of theirs are"
        " refused for a while, good ones too. In carts it is the `reason` of each code; the cart goes on without.",
        "Wait the number of seconds in `Retry-After`. Send `client` with each cart, so that one shopper never shuts out"
        " another.",
        "Too many unknown codes were presented. Try again in 240 seconds; a shopper may go on without.",
    ),
    "route_missing": Explained(
        "No call exists at this path.",
        "Compare the method and the path with /docs.",
        "There is nothing at GET /v1/loyality. The routes are listed at /openapi.json.",
    ),
    "method_not_allowed": Explained(
        "The path exists, but not for this method; the header `Allow` lists the methods that it has.",
        "Use one of those. Updates are POST, deletions DELETE.",
        "PUT is not allowed at /v1/payments. Use GET or POST.",
    ),
    "resource_missing": Explained(
        "No such object exists. An id of another tenant, or of the other mode (test or live), gets the same answer.",
        "Check the id that `param` names, and that your key has the right mode.",
        "No such account: 'loy_9'.",
    ),
}

_IDEMPOTENCY = {
    "idempotency_key_reused": Explained(
        "The `Idempotency-Key` was already used with a different body. Nothing was done.",
        "Use a new key for a new request; send the very same body to get the earlier answer again.",
        "Idempotency key 'award-7' was already used with a different body. Use a new key for a new request.",
    ),
    "idempotency_key_in_use": Explained(
        "Another request with the same `Idempotency-Key` is still in progress.",
        "Try again in a moment. The SDKs do this for you.",
        "Another request with idempotency key 'award-7' is still in progress. Try again in a moment.",
    ),
    "id_conflict": Explained(
        "An object with the id that you chose already exists, with different content.",
        "Retrieve it, or choose another id. The same id with the same body answers 200 with the object.",
        "The id 'pay_1001' was already used with a different body. Use a new id, or send the original body again.",
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
        "The key was revoked or has expired, so it can't be rolled.",
        "Create a new key instead.",
        "API key key_7 was revoked. Create a new one instead.",
    ),
    "webhook_endpoint_disabled": Explained(
        "The webhook endpoint is disabled: by request, or because its receiver is gone or failed for five days.",
        "Fix the receiver, update the endpoint with `status: enabled`, then send again.",
        "Webhook endpoint we_0197a3 is disabled. Update it with status enabled first.",
    ),
    "customer_merged": Explained(
        "A customer was merged into another before, or others were merged into it: merges are final and have no"
        " chains. `details` names the customers.",
        "Name the customer that `details.merged_into` gives.",
        "Customer cust_old was merged into cust_abc123 before, and can't be merged again.",
    ),
    "account_closed": Explained(
        "The account is closed: it neither earns nor redeems. Enrolling the customer again does not reopen it.",
        "Reopen the account if its member is back; otherwise treat the customer as no member of this program.",
        "Account loy_abc123 is closed: it can't earn or redeem. Reopen it first.",
    ),
    "self_referral": Explained(
        "The customer would refer itself: it is the referrer, it has the referrer's e-mail address, or it referred the"
        " referrer first. `details.condition` says which: `customer`, `email` or `cycle`.",
        "Show the customer that a code is for others; this is a normal outcome.",
        "Account loy_abc123 is of customer cust_abc123: nobody refers themselves.",
    ),
    "referral_exists": Explained(
        "Another member has referred the customer already. `details` has the referral and its status.",
        "Nothing to do: the first referral keeps the customer until it ends.",
        "Customer cust_8sJ2k is already referred by loy_abc123 (ref_0197a3).",
    ),
    "referral_not_open": Explained(
        "The referral, its program or its code can't be used: `details.status` says why, such as `expired`, `paused` or"
        " `inactive`.",
        "Register the customer again, or set the program or the code to active.",
        "Referral program rfp_0197a3 is paused. Set its status to active to register referrals.",
    ),
    "checkout_session_open": Explained(
        "The customer has an open checkout session, which holds what that customer was promised. `details` names it.",
        "Complete or expire the session, then merge.",
        "Customer cust_old has the open checkout session cs_0197a3. Complete or expire it first.",
    ),
    "program_mismatch": Explained(
        "The account and the reward belong to different programs.",
        "Use the customer's account in the reward's program.",
        "Account loy_abc123 is of program prog_default; reward rwd_freeShip is of prog_summer.",
    ),
    "reward_archived": Explained(
        "The reward is archived: it can no longer be redeemed.",
        "Offer another reward.",
        "Reward rwd_fiveOff is archived.",
    ),
    "not_eligible": Explained(
        "A condition is not met. `details` says which, and the smallest change that would meet it.",
        "Show the member what is missing; this is a normal outcome.",
        "Reward rwd_lounge is for members of tier gold or platinum.",
    ),
    "reward_out_of_stock": Explained(
        "The reward is out of stock.",
        "Raise `stock`, or offer another reward.",
        "Reward rwd_cup is out of stock: 500 of 500 are redeemed.",
    ),
    "insufficient_points": Explained(
        "The balance is below the cost. `details` holds `balance`, `required` and `shortfall`, what is `held` or"
        " `pending` in addition, and when the next pending points are there. Nothing was deducted.",
        "Show the member what is missing. A retry with the same `Idempotency-Key` is decided again.",
        "Account loy_abc123 holds 80 points; reward rwd_fiveOff costs 100.",
    ),
    "insufficient_credit": Explained(
        "The store credit that is free is less than the amount. `details` holds `balance`, `required` and `shortfall`,"
        " and what is `held` in addition, in minor units of `currency`. Nothing was spent.",
        "Take the rest by another tender, or less.",
        "Customer cust_8sJ2k has 500 of store credit (EUR, minor units); 1000 are needed. Spend 500 at most.",
    ),
    "reversal_of_reversal": Explained(
        "The transaction is itself a reversal.",
        "Make a new award instead.",
        "Transaction ptx_0197a3 is a reversal and can't be reversed. Award the points again instead.",
    ),
    "not_reversible": Explained(
        "Only awards can be reversed, and the transaction is something else. `details` names its kind.",
        "Cancel a redemption with its own call; correct anything else with an adjustment.",
        "Transaction ptx_0197a3 is of kind redemption and can't be reversed. Cancel the redemption instead.",
    ),
    "not_pending": Explained(
        "Nothing of the transaction is pending: its points were there at once, or all of it was taken back."
        " `details.status` says which.",
        "There is nothing to do.",
        "ptx_0197a3 has no pending points: its points were there at once.",
    ),
    "redemption_not_authorized": Explained(
        "Only an authorized redemption can be captured. `details.status` says what became of this one: confirmed,"
        " canceled or expired.",
        "If it is confirmed, its points are spent: there is nothing to do. Otherwise redeem again.",
        "Redemption rdm_0197a3 expired before it was captured, so there is nothing to capture. Redeem again instead.",
    ),
    "capture_exceeds_hold": Explained(
        "The redemption holds fewer points than were to be captured. `details` names both.",
        "Capture at most what is held, or cancel it and redeem again.",
        "Redemption rdm_0197a3 reserves 100 points; 120 can't be captured. Capture 100 at most.",
    ),
    "redemption_already_canceled": Explained(
        "The redemption is already canceled, or expired before it was captured (`details.status`): its points are"
        " back.",
        "There is nothing to do.",
        "Redemption rdm_0197a3 is already canceled.",
    ),
    "discount_consumed": Explained(
        "The discount is already used on a payment.",
        "Release the discount first if that payment did not go through; otherwise redeem the reward again.",
        "Discount disc_0197a3 is already used on payment pay_3xZ9q.",
    ),
    "credit_spent": Explained(
        "A redemption or a refund gave store credit, and not all of it is there: some is spent, over or held. `details`"
        " holds what was `granted` and what is `remaining`.",
        "Leave the redemption or the refund as it is, or take back what is left with storeCredit.reverse.",
        "Of the 500 of store credit that redemption rdm_0197a3 granted, 300 is left (EUR, minor units).",
    ),
    "discount_not_usable": Explained(
        "The discount is not usable: its redemption was canceled, or a checkout session holds it.",
        "Redeem the reward again, or expire the session that `details.checkout_session` names.",
        "Discount disc_0197a3 is void: its redemption was canceled.",
    ),
    "checkout_session_not_open": Explained(
        "The checkout session is completed or has expired. `details.status` says which, and `details.payment` names the"
        " payment that completed it.",
        "Open a new session with the same cart.",
        "Checkout session cs_0197a3 expired at 2026-11-25T12:30:00+00:00; what it held is free. Open another.",
    ),
    "payment_has_session": Explained(
        "The payment already completed another checkout session, and can complete only one. `details` names both.",
        "Complete the session with a separate payment, or without one.",
        "Payment pay_1001 completed checkout session cs_0197a3, so it can't complete cs_0197b4. Complete cs_0197b4 with"
        " a separate payment.",
    ),
    "payment_refunded": Explained(
        "The payment was fully refunded, so it can't complete a checkout session.",
        "Complete the session with another payment, or expire it.",
        "Payment pay_1001 was fully refunded, so it can't complete checkout session cs_0197a3. Complete the session"
        " with another payment, or expire it.",
    ),
    "checkout_session_linked": Explained(
        "The checkout session has a customer already, another one; that is said once. `details` names the customer.",
        "Open a new session for the other customer, or merge the two if they are one.",
        "Checkout session cs_9fK2x is of customer cust_abc123; it can't be cust_8sJ2k's too."
        " Open a new session for another customer.",
    ),
    "payment_linked": Explained(
        "The payment names a customer already; that is said once. `details` names the customer.",
        "Nothing to do; merge the customers if they are one.",
        "Payment pay_1001 is of customer cust_abc123; it can't be cust_8sJ2k's too.",
    ),
    "refund_exceeds_payment": Explained(
        "The refunds of the payment would add up to more than its amount. `details` holds what is left.",
        "Refund at most what is left, and send the refund's own `id`, so that a repeated report counts once.",
        "Cannot refund 800: 500 of payment pay_3xZ9q's 1000 (EUR, minor units) is already refunded. At most 500 can be"
        " refunded.",
    ),
    "refund_exceeds_tender": Explained(
        "The refund would give back more money than was paid: a part of the payment was store credit. `details` holds"
        " what is left to refund of the tender.",
        "Return more of it as `store_credit`, or leave that out: then each tender gets its share.",
        "Of payment pay_3xZ9q, 3700 was paid with store credit and 3200 otherwise (EUR, minor units). Of that 3200 can"
        " be refunded; 4000 was asked. Return at least 800 as store_credit, or leave it out.",
    ),
    "clock_advancing": Explained(
        "The test clock is still advancing: the engine is writing the work that fell due.",
        "Wait until its status is `ready`.",
        "Test clock clock_0197a3 is advancing. Wait until it is ready.",
    ),
    "tier_in_use": Explained(
        "Members hold the tier, and would lose it silently. `details` says how many.",
        "Name the tier that they hold instead: `replaces` of that tier.",
        "Tier silver is held by 3 members. Name the tier that they hold instead: replaces.",
    ),
    "segment_in_use": Explained(
        "Live or paused offers use the segment, and would lose its members silently. `details` names the offers.",
        "End or delete those offers first, or remove the segment's members instead.",
        "Segment lapsed_90d is used by live offers: ofr_9fK2. End those first.",
    ),
}

_SERVER = {
    "internal_error": Explained(
        "Something went wrong on our side. Nothing was done.",
        "Try again with the same `Idempotency-Key`; if it happens again, report the `request_id`.",
        "Something went wrong on our side. Nothing was done; try again.",
    ),
    "unavailable": Explained(
        "The database can't be reached, or too many requests are waiting. Nothing was done.",
        "Wait the number of seconds in `Retry-After`, then try again with the same `Idempotency-Key`. The SDKs do this"
        " for you.",
        "The database can't be reached. Try again.",
    ),
}

ERROR_CODES: dict[str, Explained] = {**_HTTP, **_INPUT, **_ACCESS, **_IDEMPOTENCY, **_STATE, **ENGAGEMENT, **_SERVER}

"""The one table of operations: routing, OpenAPI, docs and the SDKs come from it. Each resource holds its own."""

from __future__ import annotations

from collections.abc import Iterator

from vinr_server.api.contract.operation import Operation
from vinr_server.api.contract.reply import BulkReply, Error, Reply
from vinr_server.api.edge.parse import snake
from vinr_server.api.resources import (
    account_campaigns,
    accounts,
    api_keys,
    campaign_results,
    campaign_scans,
    campaign_simulations,
    campaign_steps,
    campaigns,
    checkout,
    checkout_sessions,
    code_batches,
    codes,
    customers,
    discounts,
    earning_rules,
    engagement_offers,
    enrolments,
    events,
    grants,
    offer_redemptions,
    offers,
    payments,
    points,
    programs,
    redemptions,
    referral_codes,
    referral_programs,
    referrals,
    refunds,
    rewards,
    segments,
    store_credit,
    store_credit_liability,
    test_clocks,
    tiers,
    webhook_endpoints,
)

OPERATIONS: tuple[Operation, ...] = (
    *programs.OPERATIONS,
    *accounts.OPERATIONS,
    *tiers.OPERATIONS,
    *earning_rules.OPERATIONS,
    *points.OPERATIONS,
    *rewards.OPERATIONS,
    *redemptions.OPERATIONS,
    *engagement_offers.OPERATIONS,
    *grants.OPERATIONS,
    *offers.OPERATIONS,
    *codes.OPERATIONS,
    *code_batches.OPERATIONS,
    *checkout.OPERATIONS,
    *checkout_sessions.OPERATIONS,
    *discounts.OPERATIONS,
    *store_credit.OPERATIONS,
    *store_credit_liability.OPERATIONS,
    *payments.OPERATIONS,
    *refunds.OPERATIONS,
    *referral_programs.OPERATIONS,
    *referral_codes.OPERATIONS,
    *referrals.OPERATIONS,
    *customers.OPERATIONS,
    *events.OPERATIONS,
    *test_clocks.OPERATIONS,
    *api_keys.OPERATIONS,
    *segments.OPERATIONS,
    *account_campaigns.OPERATIONS,
    *campaigns.OPERATIONS,
    *campaign_steps.OPERATIONS,
    *campaign_results.OPERATIONS,
    *campaign_simulations.OPERATIONS,
    *campaign_scans.OPERATIONS,
    *enrolments.OPERATIONS,
    *webhook_endpoints.OPERATIONS,
)

# Types of events' data that no call answers.
EVENT_DATA: tuple[type[Reply], ...] = (
    *programs.EVENT_DATA,
    *engagement_offers.EVENT_DATA,
    *offer_redemptions.EVENT_DATA,
    *offers.EVENT_DATA,
    *segments.EVENT_DATA,
    *enrolments.EVENT_DATA,
)


def kind_of(reply: type[Reply]) -> str:
    """The name of an answer's type as core knows it: points_transaction."""
    return snake(reply.__name__)


def _described() -> Iterator[type[Reply]]:
    for operation in OPERATIONS:
        yield from (reply for reply in operation.replies if not issubclass(reply, BulkReply))
    yield from EVENT_DATA
    yield Error


# Every type that a call answers or an event contains; calls in bulk answer lists, which are no objects.
OBJECTS: dict[str, type[Reply]] = {kind_of(reply): reply for reply in _described()}

"""The one list of commands: for each, which rows it needs and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vinr_server.core import (
    api_keys,
    awards,
    catalogue,
    checkout,
    checkout_commands,
    checkout_sessions,
    clocks,
    commands,
    discounts,
    members,
    offer_activation,
    offer_changes,
    offer_commands,
    offer_eligibility,
    payments,
    redemptions,
    refunds,
    reports,
    reversals,
    segment_changes,
    segment_commands,
    segment_members,
    webhook_commands,
    webhooks,
)
from vinr_server.core.answers import Accepted
from vinr_server.core.commands import Command
from vinr_server.core.context import Context
from vinr_server.core.keys import Keys
from vinr_server.core.points import NUMBER_MAX
from vinr_server.core.refusals import Rejected, invalid
from vinr_server.core.rows import Account
from vinr_server.core.state import Layer

KeysOf = Callable[[Any, Keys], None]
Decide = Callable[[Layer, Any, Context], Accepted | Rejected]

HANDLERS: dict[type[Command], tuple[KeysOf, Decide]] = {
    commands.CreateProgram: (catalogue.keys_create_program, catalogue.decide_create_program),
    commands.UpdateProgram: (catalogue.keys_update_program, catalogue.decide_update_program),
    commands.CreateEarningRule: (catalogue.keys_create_earning_rule, catalogue.decide_create_earning_rule),
    commands.UpdateEarningRule: (catalogue.keys_update_earning_rule, catalogue.decide_update_earning_rule),
    commands.DeleteEarningRule: (catalogue.keys_delete_earning_rule, catalogue.decide_delete_earning_rule),
    commands.CreateReward: (catalogue.keys_create_reward, catalogue.decide_create_reward),
    commands.UpdateReward: (catalogue.keys_update_reward, catalogue.decide_update_reward),
    commands.ArchiveReward: (catalogue.keys_archive_reward, catalogue.decide_archive_reward),
    commands.CreateApiKey: (api_keys.keys_create_api_key, api_keys.decide_create_api_key),
    commands.RollApiKey: (api_keys.keys_roll_api_key, api_keys.decide_roll_api_key),
    commands.RevokeApiKey: (api_keys.keys_revoke_api_key, api_keys.decide_revoke_api_key),
    commands.CreateTestClock: (clocks.keys_create_test_clock, clocks.decide_create_test_clock),
    commands.AdvanceTestClock: (clocks.keys_advance_test_clock, clocks.decide_advance_test_clock),
    commands.FinishTestClock: (clocks.keys_finish_test_clock, clocks.decide_finish_test_clock),
    commands.DeleteTestClock: (clocks.keys_delete_test_clock, clocks.decide_delete_test_clock),
    commands.CreateCustomer: (members.keys_create_customer, members.decide_create_customer),
    commands.UpdateCustomer: (members.keys_update_customer, members.decide_update_customer),
    commands.CreateAccount: (members.keys_create_account, members.decide_create_account),
    commands.UpdateAccount: (members.keys_update_account, members.decide_update_account),
    commands.CloseAccount: (members.keys_close_account, members.decide_close_account),
    commands.AwardPoints: (awards.keys_award_points, awards.decide_award_points),
    commands.AdjustPoints: (awards.keys_adjust_points, awards.decide_adjust_points),
    commands.ReversePoints: (reversals.keys_reverse_points, reversals.decide_reverse_points),
    commands.ExpireLots: (awards.keys_expire_lots, awards.decide_expire_lots),
    commands.CreateRedemption: (redemptions.keys_create_redemption, redemptions.decide_create_redemption),
    commands.CancelRedemption: (redemptions.keys_cancel_redemption, redemptions.decide_cancel_redemption),
    commands.ConsumeDiscount: (discounts.keys_consume_discount, discounts.decide_consume_discount),
    commands.ReleaseDiscount: (discounts.keys_release_discount, discounts.decide_release_discount),
    commands.CreatePayment: (payments.keys_create_payment, payments.decide_create_payment),
    commands.RefundPayment: (refunds.keys_refund_payment, refunds.decide_refund_payment),
    commands.ReportEvent: (reports.keys_report_event, reports.decide_report_event),
    checkout_commands.EvaluateCart: (checkout.keys_evaluate_cart, checkout.decide_evaluate_cart),
    checkout_commands.CreateCheckoutSession: (
        checkout_sessions.keys_create_checkout_session,
        checkout_sessions.decide_create_checkout_session,
    ),
    checkout_commands.UpdateCheckoutSession: (
        checkout_sessions.keys_update_checkout_session,
        checkout_sessions.decide_update_checkout_session,
    ),
    checkout_commands.CompleteCheckoutSession: (
        checkout_sessions.keys_complete_checkout_session,
        checkout_sessions.decide_complete_checkout_session,
    ),
    checkout_commands.ExpireCheckoutSession: (
        checkout_sessions.keys_expire_checkout_session,
        checkout_sessions.decide_expire_checkout_session,
    ),
    offer_commands.CreateOffer: (offer_changes.keys_create_offer, offer_changes.decide_create_offer),
    offer_commands.UpdateOffer: (offer_changes.keys_update_offer, offer_changes.decide_update_offer),
    offer_commands.PublishOffer: (offer_changes.keys_publish_offer, offer_changes.decide_publish_offer),
    offer_commands.PauseOffer: (offer_changes.keys_pause_offer, offer_changes.decide_pause_offer),
    offer_commands.DeleteOffer: (offer_changes.keys_delete_offer, offer_changes.decide_delete_offer),
    offer_commands.ActivateOffer: (offer_activation.keys_activate_offer, offer_activation.decide_activate_offer),
    offer_commands.ShowEligibleOffers: (
        offer_eligibility.keys_show_eligible_offers,
        offer_eligibility.decide_show_eligible_offers,
    ),
    offer_commands.CloseOffer: (offer_changes.keys_close_offer, offer_changes.decide_close_offer),
    segment_commands.CreateSegment: (segment_changes.keys_create_segment, segment_changes.decide_create_segment),
    segment_commands.UpdateSegment: (segment_changes.keys_update_segment, segment_changes.decide_update_segment),
    segment_commands.DeleteSegment: (segment_changes.keys_delete_segment, segment_changes.decide_delete_segment),
    segment_commands.AddSegmentMembers: (
        segment_members.keys_add_segment_members,
        segment_members.decide_add_segment_members,
    ),
    segment_commands.RemoveSegmentMembers: (
        segment_members.keys_remove_segment_members,
        segment_members.decide_remove_segment_members,
    ),
    segment_commands.TellSegments: (segment_members.keys_tell_segments, segment_members.decide_tell_segments),
    webhook_commands.CreateWebhookEndpoint: (
        webhooks.keys_create_webhook_endpoint,
        webhooks.decide_create_webhook_endpoint,
    ),
    webhook_commands.UpdateWebhookEndpoint: (
        webhooks.keys_update_webhook_endpoint,
        webhooks.decide_update_webhook_endpoint,
    ),
    webhook_commands.RotateWebhookEndpoint: (
        webhooks.keys_rotate_webhook_endpoint,
        webhooks.decide_rotate_webhook_endpoint,
    ),
    webhook_commands.DeleteWebhookEndpoint: (
        webhooks.keys_delete_webhook_endpoint,
        webhooks.decide_delete_webhook_endpoint,
    ),
    webhook_commands.DisableWebhookEndpoint: (
        webhooks.keys_disable_webhook_endpoint,
        webhooks.decide_disable_webhook_endpoint,
    ),
    webhook_commands.ResendEvent: (webhooks.keys_resend_event, webhooks.decide_resend_event),
    webhook_commands.ReplayEvents: (webhooks.keys_replay_events, webhooks.decide_replay_events),
}


def keys_of(command: Command, keys: Keys) -> None:
    """The keys also cover what this command needs."""
    HANDLERS[type(command)][0](command, keys)


def decide(draft: Layer, command: Command, context: Context) -> Accepted | Rejected:
    """The command's answer; its rows stand in the draft, which the caller merges if it was accepted."""
    answer = HANDLERS[type(command)][1](draft, command, context)
    if isinstance(answer, Accepted):
        return _overflow(draft) or answer
    return answer


def _overflow(draft: Layer) -> Rejected | None:
    """Refuse what would push a member's points out of the range of exact JSON numbers."""
    for row in draft.written(Account):
        if max(abs(row.ledger_balance_points), row.lifetime_points) > NUMBER_MAX:
            message = f"Account {row.id} would hold more than {NUMBER_MAX} points. Award less."
            return invalid(message, param="points")
    return None

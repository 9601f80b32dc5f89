"""The one list of commands: for each, which rows it needs and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vinr_server.core.access import changes as api_keys
from vinr_server.core.access import commands as access_commands
from vinr_server.core.checkout import commands as checkout_commands
from vinr_server.core.checkout import evaluation as checkout
from vinr_server.core.checkout import sessions as checkout_sessions
from vinr_server.core.clocks import changes as clocks
from vinr_server.core.clocks import commands as clocks_commands
from vinr_server.core.earning import changes as earning_changes
from vinr_server.core.earning import commands as earning_commands
from vinr_server.core.earning import reports
from vinr_server.core.events import commands as webhook_commands
from vinr_server.core.events import endpoints as webhooks
from vinr_server.core.kernel.answers import Accepted, Rejected, invalid
from vinr_server.core.kernel.commands import Command, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import Keys
from vinr_server.core.kernel.numbers import NUMBER_MAX
from vinr_server.core.ledger import awards, reversals
from vinr_server.core.ledger import commands as ledger_commands
from vinr_server.core.members import changes as members_changes
from vinr_server.core.members import commands as members_commands
from vinr_server.core.members.rows import Account
from vinr_server.core.offers import activation as offer_activation
from vinr_server.core.offers import changes as offer_changes
from vinr_server.core.offers import commands as offer_commands
from vinr_server.core.offers import eligibility as offer_eligibility
from vinr_server.core.payments import commands as payments_commands
from vinr_server.core.payments import payments, refunds
from vinr_server.core.programs import changes as programs_changes
from vinr_server.core.programs import commands as programs_commands
from vinr_server.core.rewards import changes as rewards_changes
from vinr_server.core.rewards import commands as rewards_commands
from vinr_server.core.rewards import discounts, redemptions
from vinr_server.core.segments import changes as segment_changes
from vinr_server.core.segments import commands as segment_commands
from vinr_server.core.segments import members as segment_members

KeysOf = Callable[[Any, Keys], None]
Decide = Callable[[Layer, Any, Context], Accepted | Rejected]

HANDLERS: dict[type[Command], tuple[KeysOf, Decide]] = {
    programs_commands.CreateProgram: (programs_changes.keys_create_program, programs_changes.decide_create_program),
    programs_commands.UpdateProgram: (programs_changes.keys_update_program, programs_changes.decide_update_program),
    earning_commands.CreateEarningRule: (
        earning_changes.keys_create_earning_rule,
        earning_changes.decide_create_earning_rule,
    ),
    earning_commands.UpdateEarningRule: (
        earning_changes.keys_update_earning_rule,
        earning_changes.decide_update_earning_rule,
    ),
    earning_commands.DeleteEarningRule: (
        earning_changes.keys_delete_earning_rule,
        earning_changes.decide_delete_earning_rule,
    ),
    rewards_commands.CreateReward: (rewards_changes.keys_create_reward, rewards_changes.decide_create_reward),
    rewards_commands.UpdateReward: (rewards_changes.keys_update_reward, rewards_changes.decide_update_reward),
    rewards_commands.ArchiveReward: (rewards_changes.keys_archive_reward, rewards_changes.decide_archive_reward),
    access_commands.CreateApiKey: (api_keys.keys_create_api_key, api_keys.decide_create_api_key),
    access_commands.RollApiKey: (api_keys.keys_roll_api_key, api_keys.decide_roll_api_key),
    access_commands.RevokeApiKey: (api_keys.keys_revoke_api_key, api_keys.decide_revoke_api_key),
    clocks_commands.CreateTestClock: (clocks.keys_create_test_clock, clocks.decide_create_test_clock),
    clocks_commands.AdvanceTestClock: (clocks.keys_advance_test_clock, clocks.decide_advance_test_clock),
    clocks_commands.FinishTestClock: (clocks.keys_finish_test_clock, clocks.decide_finish_test_clock),
    clocks_commands.DeleteTestClock: (clocks.keys_delete_test_clock, clocks.decide_delete_test_clock),
    members_commands.CreateCustomer: (members_changes.keys_create_customer, members_changes.decide_create_customer),
    members_commands.UpdateCustomer: (members_changes.keys_update_customer, members_changes.decide_update_customer),
    members_commands.CreateAccount: (members_changes.keys_create_account, members_changes.decide_create_account),
    members_commands.UpdateAccount: (members_changes.keys_update_account, members_changes.decide_update_account),
    members_commands.CloseAccount: (members_changes.keys_close_account, members_changes.decide_close_account),
    ledger_commands.AwardPoints: (awards.keys_award_points, awards.decide_award_points),
    ledger_commands.AdjustPoints: (awards.keys_adjust_points, awards.decide_adjust_points),
    ledger_commands.ReversePoints: (reversals.keys_reverse_points, reversals.decide_reverse_points),
    ledger_commands.ExpireLots: (awards.keys_expire_lots, awards.decide_expire_lots),
    rewards_commands.CreateRedemption: (redemptions.keys_create_redemption, redemptions.decide_create_redemption),
    rewards_commands.CancelRedemption: (redemptions.keys_cancel_redemption, redemptions.decide_cancel_redemption),
    rewards_commands.ConsumeDiscount: (discounts.keys_consume_discount, discounts.decide_consume_discount),
    rewards_commands.ReleaseDiscount: (discounts.keys_release_discount, discounts.decide_release_discount),
    payments_commands.CreatePayment: (payments.keys_create_payment, payments.decide_create_payment),
    payments_commands.RefundPayment: (refunds.keys_refund_payment, refunds.decide_refund_payment),
    earning_commands.ReportEvent: (reports.keys_report_event, reports.decide_report_event),
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

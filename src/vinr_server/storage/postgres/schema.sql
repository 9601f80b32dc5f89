-- What the migrations lead to, for reading; a test compares. Renew: .venv/bin/python tests/storage/test_schema.py
CREATE SCHEMA public;

COMMENT ON SCHEMA public IS 'standard public schema';

CREATE TABLE public.accounts (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    customer_id text NOT NULL COLLATE pg_catalog."C",
    ledger_balance_points bigint NOT NULL,
    lifetime_points bigint NOT NULL,
    sequence bigint NOT NULL,
    tier text,
    next_expiry_at timestamp with time zone,
    status text NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    merged_into text COLLATE pg_catalog."C",
    merged_customer_id text COLLATE pg_catalog."C",
    merged_from json,
    next_reminder_at timestamp with time zone,
    reminder_revision bigint DEFAULT 0 NOT NULL,
    inactive_at timestamp with time zone,
    is_inactive boolean DEFAULT false NOT NULL,
    pending_points bigint DEFAULT 0 NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    may_convert boolean DEFAULT false NOT NULL,
    standing json,
    tier_revision bigint DEFAULT 1 NOT NULL,
    next_segments_at timestamp with time zone,
    judged_scans json,
    CONSTRAINT accounts_check CHECK (((NOT is_inactive) OR (inactive_at IS NOT NULL))),
    CONSTRAINT accounts_held_points_check CHECK ((held_points >= 0)),
    CONSTRAINT accounts_lifetime_points_check CHECK ((lifetime_points >= 0)),
    CONSTRAINT accounts_merged_check CHECK ((((status = 'merged'::text) = (merged_customer_id IS NOT NULL)) AND ((merged_into IS NULL) OR (status = 'merged'::text)) AND ((status <> 'merged'::text) OR ((ledger_balance_points = 0) AND (merged_from IS NULL))))),
    CONSTRAINT accounts_pending_points_check CHECK ((pending_points >= 0)),
    CONSTRAINT accounts_reminder_revision_check CHECK ((reminder_revision >= 0)),
    CONSTRAINT accounts_sequence_check CHECK ((sequence >= 0)),
    CONSTRAINT accounts_status_check CHECK ((status = ANY (ARRAY['active'::text, 'closed'::text, 'merged'::text]))),
    CONSTRAINT accounts_waiting_check CHECK (((due_at IS NOT NULL) OR ((pending_points = 0) AND (held_points = 0))))
)
WITH (fillfactor='70');

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_key_acts (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    address text,
    request_id text,
    details json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT api_key_acts_action_check CHECK ((action = ANY (ARRAY['created'::text, 'rolled'::text, 'revoked'::text])))
);

CREATE TABLE public.api_keys (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    key_hash bytea NOT NULL,
    name text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    kind text NOT NULL,
    hint text NOT NULL,
    permissions json NOT NULL,
    expires_at timestamp with time zone,
    replaced_by text COLLATE pg_catalog."C",
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_kind_check CHECK ((kind = ANY (ARRAY['secret'::text, 'restricted'::text, 'publishable'::text])))
);

CREATE TABLE public.batches (
    id uuid NOT NULL,
    committed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.campaign_contributions (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    enrolment_id text NOT NULL COLLATE pg_catalog."C",
    source_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    sequence bigint NOT NULL,
    amount bigint NOT NULL,
    kept_amount bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT campaign_contributions_amount_check CHECK ((amount > 0)),
    CONSTRAINT campaign_contributions_kept_amount_check CHECK ((kept_amount >= 0)),
    CONSTRAINT campaign_contributions_revision_check CHECK ((revision > 0)),
    CONSTRAINT campaign_contributions_sequence_check CHECK ((sequence > 0))
)
WITH (fillfactor='90');

CREATE TABLE public.campaign_enrolments (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    campaign_id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    customer_id text NOT NULL COLLATE pg_catalog."C",
    entry_key text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    status text NOT NULL,
    step text,
    "position" bigint NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    since_at timestamp with time zone NOT NULL,
    waits_since timestamp with time zone,
    due_at timestamp with time zone,
    heard json NOT NULL,
    ways json NOT NULL,
    results json NOT NULL,
    entry json NOT NULL,
    entry_type text NOT NULL,
    entry_source text COLLATE pg_catalog."C",
    pauses bigint NOT NULL,
    outcome text,
    over_at timestamp with time zone,
    failures bigint NOT NULL,
    error text,
    challenge json,
    hears_until timestamp with time zone,
    entry_revision bigint NOT NULL,
    goal_until timestamp with time zone,
    goals json DEFAULT '[]'::json NOT NULL,
    converted text COLLATE pg_catalog."C",
    revoked json,
    CONSTRAINT campaign_enrolments_check CHECK (((outcome IS NULL) = (status <> 'over'::text))),
    CONSTRAINT campaign_enrolments_check1 CHECK (((converted IS NULL) OR (goal_until IS NOT NULL))),
    CONSTRAINT campaign_enrolments_check2 CHECK (((status <> 'open'::text) OR ((step IS NOT NULL) AND ((due_at IS NOT NULL) OR ((step = 'progress'::text) AND (challenge IS NOT NULL)))))),
    CONSTRAINT campaign_enrolments_check3 CHECK (((status = 'open'::text) OR (due_at IS NULL))),
    CONSTRAINT campaign_enrolments_entry_type_check CHECK ((entry_type = ANY (ARRAY['event'::text, 'call'::text, 'contribution'::text, 'schedule'::text, 'segment'::text]))),
    CONSTRAINT campaign_enrolments_failures_check CHECK ((failures >= 0)),
    CONSTRAINT campaign_enrolments_hears_check CHECK (((hears_until IS NULL) OR ((status = 'over'::text) AND (challenge IS NOT NULL)))),
    CONSTRAINT campaign_enrolments_holdout_check CHECK (((status <> 'holdout'::text) OR ((step IS NULL) AND ("position" = 0)))),
    CONSTRAINT campaign_enrolments_over_check CHECK (((over_at IS NULL) = (status = ANY (ARRAY['open'::text, 'failed'::text])))),
    CONSTRAINT campaign_enrolments_pauses_check CHECK ((pauses >= 0)),
    CONSTRAINT campaign_enrolments_position_check CHECK (("position" >= 0)),
    CONSTRAINT campaign_enrolments_revision_check CHECK ((revision > 0)),
    CONSTRAINT campaign_enrolments_status_check CHECK ((status = ANY (ARRAY['open'::text, 'holdout'::text, 'over'::text, 'failed'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_cost_limit='2000');

CREATE TABLE public.campaign_paces (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    entered bigint NOT NULL,
    last_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT campaign_paces_check CHECK ((due_at >= last_at)),
    CONSTRAINT campaign_paces_entered_check CHECK ((entered >= 0))
);

CREATE TABLE public.campaign_revisions (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    campaign_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    given json NOT NULL,
    definition json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT campaign_revisions_revision_check CHECK ((revision > 0))
);

CREATE TABLE public.campaign_scans (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    campaign_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    entry_type text NOT NULL,
    program_id text NOT NULL COLLATE pg_catalog."C",
    segment_id text COLLATE pg_catalog."C",
    cursor_at timestamp with time zone NOT NULL,
    cursor text NOT NULL COLLATE pg_catalog."C",
    as_of timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    is_missed boolean NOT NULL,
    entered bigint NOT NULL,
    refused bigint NOT NULL,
    is_stopped boolean NOT NULL,
    data json NOT NULL,
    CONSTRAINT campaign_scans_check CHECK ((done_at >= started_at)),
    CONSTRAINT campaign_scans_check1 CHECK (((NOT is_missed) OR (done_at IS NOT NULL))),
    CONSTRAINT campaign_scans_entered_check CHECK ((entered >= 0)),
    CONSTRAINT campaign_scans_entry_type_check CHECK ((entry_type = ANY (ARRAY['schedule'::text, 'segment'::text, 'call'::text]))),
    CONSTRAINT campaign_scans_refused_check CHECK ((refused >= 0)),
    CONSTRAINT campaign_scans_stopped_check CHECK (((NOT is_stopped) OR ((done_at IS NOT NULL) AND (NOT is_missed))))
);

CREATE TABLE public.campaign_steps (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    enrolment_id text NOT NULL COLLATE pg_catalog."C",
    "position" bigint NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    campaign_id text NOT NULL COLLATE pg_catalog."C",
    step text NOT NULL,
    kind text NOT NULL,
    revision bigint NOT NULL,
    outcome text NOT NULL,
    at timestamp with time zone NOT NULL,
    detail json NOT NULL,
    CONSTRAINT campaign_steps_position_check CHECK (("position" > 0)),
    CONSTRAINT campaign_steps_revision_check CHECK ((revision > 0))
);

CREATE TABLE public.campaigns (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    type text NOT NULL,
    revision bigint NOT NULL,
    drafted json,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    priority bigint NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    paused_at timestamp with time zone,
    archived_at timestamp with time zone,
    pauses json DEFAULT '[]'::json NOT NULL,
    move json,
    is_cleared boolean DEFAULT false NOT NULL,
    next_entry_at timestamp with time zone,
    CONSTRAINT campaigns_check CHECK ((ends_at > starts_at)),
    CONSTRAINT campaigns_check1 CHECK (((published_at IS NULL) = (revision = 0))),
    CONSTRAINT campaigns_check2 CHECK (((revision > 0) OR (drafted IS NOT NULL))),
    CONSTRAINT campaigns_check3 CHECK (((NOT is_cleared) OR (archived_at IS NOT NULL))),
    CONSTRAINT campaigns_revision_check CHECK ((revision >= 0)),
    CONSTRAINT campaigns_type_check CHECK ((type = ANY (ARRAY['journey'::text, 'challenge'::text])))
);

CREATE TABLE public.checkout_sessions (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    customer_id text COLLATE pg_catalog."C",
    cart json NOT NULL,
    status text NOT NULL,
    subtotal_minor bigint NOT NULL,
    discount_minor bigint NOT NULL,
    total_minor bigint NOT NULL,
    evaluation json NOT NULL,
    discount_ids json NOT NULL,
    held_ids json NOT NULL,
    payment_id text COLLATE pg_catalog."C",
    clock_id text COLLATE pg_catalog."C",
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone,
    expired_at timestamp with time zone,
    line_discounts_minor json NOT NULL,
    shipping_discount_minor bigint NOT NULL,
    held_minor json NOT NULL,
    credit json,
    codes json DEFAULT '[]'::json NOT NULL,
    CONSTRAINT checkout_sessions_check CHECK (((status = 'completed'::text) = (completed_at IS NOT NULL))),
    CONSTRAINT checkout_sessions_check1 CHECK (((status = 'expired'::text) = (expired_at IS NOT NULL))),
    CONSTRAINT checkout_sessions_check2 CHECK (((payment_id IS NULL) OR (status = 'completed'::text))),
    CONSTRAINT checkout_sessions_discount_minor_check CHECK ((discount_minor >= 0)),
    CONSTRAINT checkout_sessions_shipping_discount_minor_check CHECK ((shipping_discount_minor >= 0)),
    CONSTRAINT checkout_sessions_status_check CHECK ((status = ANY (ARRAY['open'::text, 'completed'::text, 'expired'::text]))),
    CONSTRAINT checkout_sessions_subtotal_minor_check CHECK ((subtotal_minor >= 0)),
    CONSTRAINT checkout_sessions_total_minor_check CHECK ((total_minor >= 0))
)
WITH (fillfactor='85');

CREATE TABLE public.code_batch_progress (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    wanted bigint NOT NULL,
    made bigint NOT NULL,
    announced bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    assigned bigint NOT NULL,
    at_once bigint NOT NULL,
    issued bigint NOT NULL,
    is_low boolean NOT NULL,
    CONSTRAINT code_batch_progress_assigned_check CHECK (((assigned >= 0) AND (assigned <= made))),
    CONSTRAINT code_batch_progress_check CHECK (((made >= 0) AND (made <= wanted))),
    CONSTRAINT code_batch_progress_check1 CHECK (((announced >= 0) AND (announced <= wanted))),
    CONSTRAINT code_batch_progress_issued_check CHECK (((at_once >= 0) AND (issued >= 0) AND (at_once <= made) AND (issued <= made)))
);

CREATE TABLE public.code_batches (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    offer_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    pattern text NOT NULL,
    alphabet text NOT NULL,
    max_redemptions bigint,
    expires_at timestamp with time zone,
    low_at bigint,
    status text NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT code_batches_low_at_check CHECK ((low_at >= 0)),
    CONSTRAINT code_batches_max_redemptions_check CHECK ((max_redemptions > 0)),
    CONSTRAINT code_batches_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
);

CREATE TABLE public.code_failures (
    realm integer NOT NULL,
    client_hash bytea NOT NULL,
    minute timestamp with time zone NOT NULL,
    failures bigint NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    CONSTRAINT code_failures_failures_check CHECK ((failures > 0))
);

CREATE TABLE public.codes (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    folded text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL,
    holds_key boolean NOT NULL,
    offer_id text COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    status text NOT NULL,
    max_redemptions bigint,
    used bigint NOT NULL,
    reserved bigint NOT NULL,
    starts_at timestamp with time zone,
    expires_at timestamp with time zone,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    batch_id text COLLATE pg_catalog."C",
    number bigint,
    CONSTRAINT codes_batch_check CHECK (((batch_id IS NULL) = (number IS NULL))),
    CONSTRAINT codes_check CHECK ((expires_at > starts_at)),
    CONSTRAINT codes_check1 CHECK (((used >= 0) AND (reserved >= 0) AND ((used + reserved) <= max_redemptions))),
    CONSTRAINT codes_folded_check CHECK ((folded <> ''::text)),
    CONSTRAINT codes_max_redemptions_check CHECK ((max_redemptions > 0)),
    CONSTRAINT codes_number_check CHECK ((number > 0)),
    CONSTRAINT codes_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
)
WITH (fillfactor='85');

CREATE TABLE public.counters (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    used bigint NOT NULL,
    reserved bigint NOT NULL,
    CONSTRAINT counters_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT counters_used_check CHECK ((used >= 0))
)
WITH (fillfactor='50');

CREATE TABLE public.credit_settings (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    default_expiry_months bigint,
    expiry_rounding text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    return_days bigint DEFAULT 30 NOT NULL,
    CONSTRAINT credit_settings_default_expiry_months_check CHECK (((default_expiry_months >= 1) AND (default_expiry_months <= 1200))),
    CONSTRAINT credit_settings_return_days_check CHECK ((return_days >= 0))
);

CREATE TABLE public.customers (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text,
    email text,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    email_key text,
    merged_into text COLLATE pg_catalog."C",
    merged_from json NOT NULL
);

CREATE TABLE public.deficits (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    entry_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    points bigint NOT NULL,
    remaining_points bigint NOT NULL,
    CONSTRAINT deficits_check CHECK (((remaining_points >= 0) AND (remaining_points <= points))),
    CONSTRAINT deficits_points_check CHECK ((points > 0))
);

CREATE TABLE public.deliveries (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    event_type text NOT NULL,
    endpoint_id text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL,
    attempt_count bigint NOT NULL,
    next_attempt_at timestamp with time zone,
    lease text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT deliveries_attempt_count_check CHECK ((attempt_count >= 0)),
    CONSTRAINT deliveries_check CHECK (((status = 'pending'::text) = (next_attempt_at IS NOT NULL))),
    CONSTRAINT deliveries_check1 CHECK (((status = 'pending'::text) = (finished_at IS NULL))),
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text])))
)
WITH (fillfactor='50');

CREATE TABLE public.delivery_attempts (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    delivery_id text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    attempted_at timestamp with time zone NOT NULL,
    duration_ms bigint NOT NULL,
    status_code bigint,
    error text,
    request_headers json NOT NULL,
    response_headers json NOT NULL,
    response_body text NOT NULL,
    CONSTRAINT delivery_attempts_number_check CHECK ((number > 0))
);

CREATE TABLE public.directory (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    owner_bucket smallint NOT NULL,
    fingerprint bytea NOT NULL
);

CREATE TABLE public.discounts (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    redemption_id text NOT NULL COLLATE pg_catalog."C",
    benefit json NOT NULL,
    status text NOT NULL,
    payment_id text COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    consumed_at timestamp with time zone,
    session_id text COLLATE pg_catalog."C",
    worth_minor bigint,
    CONSTRAINT discounts_check CHECK (((status = 'reserved'::text) = (session_id IS NOT NULL))),
    CONSTRAINT discounts_status_check CHECK ((status = ANY (ARRAY['issued'::text, 'reserved'::text, 'consumed'::text, 'void'::text]))),
    CONSTRAINT discounts_worth_minor_check CHECK ((worth_minor > 0))
);

CREATE TABLE public.earning_rule_revisions (
    realm integer NOT NULL,
    rule_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    trigger text NOT NULL,
    earn json NOT NULL,
    conditions json NOT NULL,
    multipliers json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    caps json,
    exchange json,
    pending_days bigint,
    recipients json DEFAULT '["referrer","referee"]'::json NOT NULL,
    CONSTRAINT earning_rule_revisions_pending_days_check CHECK (((pending_days >= 0) AND (pending_days <= 365)))
);

CREATE TABLE public.earning_rules (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    trigger text NOT NULL,
    earn json NOT NULL,
    conditions json NOT NULL,
    multipliers json NOT NULL,
    is_active boolean NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    caps json,
    exchange json,
    pending_days bigint,
    recipients json DEFAULT '["referrer","referee"]'::json NOT NULL,
    CONSTRAINT earning_rules_pending_days_check CHECK (((pending_days >= 0) AND (pending_days <= 365))),
    CONSTRAINT earning_rules_revision_check CHECK ((revision > 0))
);

CREATE TABLE public.endpoint_health (
    realm integer NOT NULL,
    endpoint_id text NOT NULL COLLATE pg_catalog."C",
    failing_since timestamp with time zone
);

CREATE TABLE public.entries (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    kind text NOT NULL,
    points bigint NOT NULL,
    balance_after_points bigint NOT NULL,
    reason text,
    source_type text,
    source_id text COLLATE pg_catalog."C",
    rule_id text COLLATE pg_catalog."C",
    rule_revision bigint,
    reverses_id text COLLATE pg_catalog."C",
    receipt json NOT NULL,
    metadata json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    pending_points bigint DEFAULT 0 NOT NULL,
    CONSTRAINT entries_activation_check CHECK (((kind <> 'activation'::text) OR ((points > 0) AND (points = (- pending_points))))),
    CONSTRAINT entries_check CHECK ((((points + pending_points) > 0) OR (kind = ANY (ARRAY['adjustment'::text, 'redemption'::text, 'reversal'::text, 'expiry'::text, 'transfer'::text, 'activation'::text, 'spend'::text])))),
    CONSTRAINT entries_check1 CHECK (((balance_after_points >= 0) OR (points >= 0) OR (kind = ANY (ARRAY['reversal'::text, 'transfer'::text, 'redemption'::text])) OR (NOT (source_type IS DISTINCT FROM 'import'::text)))),
    CONSTRAINT entries_credit_check CHECK (((starts_with(account_id, 'crd_'::text) = starts_with(id, 'crt_'::text)) AND ((NOT starts_with(account_id, 'crd_'::text)) OR ((balance_after_points >= 0) AND (pending_points = 0))))),
    CONSTRAINT entries_kind_check CHECK ((kind = ANY (ARRAY['award'::text, 'adjustment'::text, 'redemption'::text, 'redemption_cancellation'::text, 'reversal'::text, 'reinstatement'::text, 'expiry'::text, 'transfer'::text, 'activation'::text, 'grant'::text, 'spend'::text, 'return'::text]))),
    CONSTRAINT entries_pending_check CHECK (((pending_points = 0) OR (points = 0) OR (kind = ANY (ARRAY['activation'::text, 'reinstatement'::text, 'transfer'::text])))),
    CONSTRAINT entries_points_check CHECK (((points <> 0) OR (pending_points <> 0))),
    CONSTRAINT entries_sequence_check CHECK ((sequence > 0))
);

CREATE TABLE public.events (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    account_id text COLLATE pg_catalog."C",
    data json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    outcome json,
    is_deliverable boolean NOT NULL,
    request_id text,
    idempotency_key text,
    sequence bigint
);

CREATE TABLE public.holds (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    lots json NOT NULL,
    reward_id text COLLATE pg_catalog."C",
    discount_id text COLLATE pg_catalog."C",
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);

CREATE TABLE public.idempotency_keys (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    operation text NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    event_id text COLLATE pg_catalog."C",
    reply json,
    is_kept boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_keys_check CHECK (((event_id IS NULL) <> (reply IS NULL)))
);

CREATE TABLE public.lot_uses (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    entry_id text NOT NULL COLLATE pg_catalog."C",
    lot_id text NOT NULL COLLATE pg_catalog."C",
    cause_id text NOT NULL COLLATE pg_catalog."C",
    points bigint NOT NULL,
    CONSTRAINT lot_uses_points_check CHECK ((points <> 0))
);

CREATE TABLE public.lots (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    points bigint NOT NULL,
    remaining_points bigint NOT NULL,
    expired_points bigint NOT NULL,
    reversed_points bigint NOT NULL,
    available_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    moved_to json,
    by_inactivity boolean DEFAULT false NOT NULL,
    pending_points bigint DEFAULT 0 NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    origin text,
    CONSTRAINT lots_check CHECK (((expired_points >= 0) AND (expired_points <= points))),
    CONSTRAINT lots_check1 CHECK (((reversed_points >= 0) AND (reversed_points <= points))),
    CONSTRAINT lots_check2 CHECK ((expires_at > available_at)),
    CONSTRAINT lots_check3 CHECK (((remaining_points >= 0) AND (remaining_points <= points))),
    CONSTRAINT lots_check4 CHECK (((NOT by_inactivity) OR (expires_at IS NULL))),
    CONSTRAINT lots_check5 CHECK (((pending_points >= 0) AND (pending_points <= points))),
    CONSTRAINT lots_check6 CHECK (((held_points >= 0) AND (held_points <= remaining_points))),
    CONSTRAINT lots_origin_check CHECK ((origin = ANY (ARRAY['promotional'::text, 'goodwill'::text, 'refund'::text, 'reward'::text, 'purchase'::text]))),
    CONSTRAINT lots_pending_check CHECK (((pending_points = 0) OR (remaining_points = 0))),
    CONSTRAINT lots_points_check CHECK ((points > 0))
)
WITH (fillfactor='85');

CREATE TABLE public.offer_claims (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    offer_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    offer_revision bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    member_id text NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE public.offer_grants (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    offer_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    source json,
    granted_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    status text NOT NULL,
    redemption_id text COLLATE pg_catalog."C",
    withdrawn_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT offer_grants_check CHECK ((expires_at > granted_at)),
    CONSTRAINT offer_grants_check1 CHECK (((status <> 'redeemed'::text) OR (redemption_id IS NOT NULL))),
    CONSTRAINT offer_grants_check2 CHECK (((status <> 'withdrawn'::text) OR (withdrawn_at IS NOT NULL))),
    CONSTRAINT offer_grants_check3 CHECK (((status <> 'open'::text) OR (withdrawn_at IS NULL))),
    CONSTRAINT offer_grants_status_check CHECK ((status = ANY (ARRAY['open'::text, 'redeemed'::text, 'withdrawn'::text])))
);

CREATE TABLE public.offer_redemptions (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    offer_id text NOT NULL COLLATE pg_catalog."C",
    offer_revision bigint NOT NULL,
    account_id text COLLATE pg_catalog."C",
    status text NOT NULL,
    entry_id text COLLATE pg_catalog."C",
    redemption_id text COLLATE pg_catalog."C",
    payment_id text COLLATE pg_catalog."C",
    session_id text COLLATE pg_catalog."C",
    discount_minor bigint,
    currency text,
    receipt json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    redeemed_at timestamp with time zone,
    freed_at timestamp with time zone,
    grant_id text COLLATE pg_catalog."C",
    budget_counter text COLLATE pg_catalog."C",
    budget_taken bigint NOT NULL,
    code_id text COLLATE pg_catalog."C",
    counts_for_code boolean DEFAULT false NOT NULL,
    CONSTRAINT offer_redemptions_budget_check CHECK (((budget_taken = 0) OR (budget_counter IS NOT NULL))),
    CONSTRAINT offer_redemptions_budget_taken_check CHECK ((budget_taken >= 0)),
    CONSTRAINT offer_redemptions_check CHECK (
CASE status
    WHEN 'released'::text THEN true
    ELSE ((status = ANY (ARRAY['confirmed'::text, 'refunded'::text])) = (redeemed_at IS NOT NULL))
END),
    CONSTRAINT offer_redemptions_check1 CHECK (((status = ANY (ARRAY['released'::text, 'refunded'::text])) = (freed_at IS NOT NULL))),
    CONSTRAINT offer_redemptions_check2 CHECK (((status <> ALL (ARRAY['reserved'::text, 'released'::text])) OR (session_id IS NOT NULL))),
    CONSTRAINT offer_redemptions_code_check CHECK (((NOT counts_for_code) OR (code_id IS NOT NULL))),
    CONSTRAINT offer_redemptions_discount_minor_check CHECK ((discount_minor >= 0)),
    CONSTRAINT offer_redemptions_status_check CHECK ((status = ANY (ARRAY['reserved'::text, 'confirmed'::text, 'released'::text, 'refunded'::text])))
)
WITH (fillfactor='85');

CREATE TABLE public.offer_revisions (
    realm integer NOT NULL,
    offer_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    name text NOT NULL,
    terms json NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.offers (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    program_id text COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    name text NOT NULL,
    terms json NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    status text NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    deleted_at timestamp with time zone,
    is_counted boolean NOT NULL,
    in_force_since timestamp with time zone,
    CONSTRAINT offers_check CHECK ((ends_at > starts_at)),
    CONSTRAINT offers_check1 CHECK (((kind = 'engagement'::text) OR ((program_id IS NULL) AND (status <> 'draft'::text)))),
    CONSTRAINT offers_counted_check CHECK ((is_counted OR ((terms ->> 'max_redemptions'::text) IS NULL))),
    CONSTRAINT offers_kind_check CHECK ((kind = ANY (ARRAY['engagement'::text, 'checkout'::text]))),
    CONSTRAINT offers_revision_check CHECK ((revision > 0)),
    CONSTRAINT offers_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'published'::text, 'paused'::text])))
);

CREATE TABLE public.openings (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    sequence bigint NOT NULL,
    points bigint NOT NULL,
    lifetime_points bigint NOT NULL,
    tier text,
    joined_at timestamp with time zone,
    fingerprint bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT openings_sequence_check CHECK ((sequence >= 0))
);

CREATE TABLE public.orders (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL,
    payment_ids json NOT NULL,
    earnings json NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.payment_revisions (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    amount_minor bigint NOT NULL,
    eligible_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    shipping_minor bigint NOT NULL,
    tenders json NOT NULL,
    lines json NOT NULL,
    reason text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT payment_revisions_revision_check CHECK ((revision > 0))
);

CREATE TABLE public.payments (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    customer_id text COLLATE pg_catalog."C",
    account_id text COLLATE pg_catalog."C",
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    minor_per_unit bigint NOT NULL,
    eligible_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    shipping_minor bigint NOT NULL,
    tenders json NOT NULL,
    discount_ids json NOT NULL,
    lines json NOT NULL,
    refunded_minor bigint NOT NULL,
    refund_count bigint NOT NULL,
    outcome json NOT NULL,
    metadata json NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    session_id text COLLATE pg_catalog."C",
    order_key text COLLATE pg_catalog."C",
    revision bigint DEFAULT 1 NOT NULL,
    earnings json NOT NULL,
    referral_ids json DEFAULT '[]'::json NOT NULL,
    credit_entry_ids json DEFAULT '[]'::json NOT NULL,
    CONSTRAINT payments_amount_minor_check CHECK ((amount_minor >= 0)),
    CONSTRAINT payments_check CHECK (((eligible_minor >= 0) AND (eligible_minor <= amount_minor))),
    CONSTRAINT payments_check1 CHECK (((refunded_minor >= 0) AND (refunded_minor <= amount_minor))),
    CONSTRAINT payments_revision_check CHECK ((revision > 0))
);

CREATE VIEW public.postings AS
 SELECT entries.realm,
    entries.id AS entry_id,
    entries.account_id AS ledger,
    entries.points
   FROM public.entries
UNION ALL
 SELECT entries.realm,
    entries.id AS entry_id,
        CASE entries.kind
            WHEN 'award'::text THEN 'points_issued'::text
            WHEN 'activation'::text THEN 'points_issued'::text
            WHEN 'adjustment'::text THEN 'points_adjusted'::text
            WHEN 'reversal'::text THEN 'points_clawed_back'::text
            WHEN 'reinstatement'::text THEN 'points_clawed_back'::text
            WHEN 'expiry'::text THEN 'points_expired'::text
            WHEN 'transfer'::text THEN 'points_transferred'::text
            WHEN 'grant'::text THEN 'credit_granted'::text
            WHEN 'spend'::text THEN 'credit_spent'::text
            WHEN 'return'::text THEN 'credit_spent'::text
            ELSE 'points_redeemed'::text
        END AS ledger,
    (- entries.points) AS points
   FROM public.entries;

CREATE TABLE public.programs (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    currency_name text NOT NULL,
    expiry_months bigint,
    expiry_rounding text NOT NULL,
    timezone text NOT NULL,
    tiers json NOT NULL,
    status text NOT NULL,
    clock_id text COLLATE pg_catalog."C",
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    earning_tenders json DEFAULT '["card","cash","bank_transfer","wallet","other"]'::json NOT NULL,
    guest_days bigint,
    reminder_plans json DEFAULT '[]'::json NOT NULL,
    expiry_mode text DEFAULT 'fixed'::text NOT NULL,
    pending_days bigint DEFAULT 0 NOT NULL,
    tier_policy json DEFAULT '{"metric": "lifetime_points", "window": "lifetime"}'::json NOT NULL,
    tier_plans json DEFAULT '[]'::json NOT NULL,
    CONSTRAINT programs_expiry_months_check CHECK ((expiry_months > 0)),
    CONSTRAINT programs_guest_days_check CHECK ((guest_days > 0)),
    CONSTRAINT programs_pending_days_check CHECK (((pending_days >= 0) AND (pending_days <= 365))),
    CONSTRAINT programs_status_check CHECK ((status = ANY (ARRAY['active'::text, 'archived'::text])))
);

CREATE TABLE public.realms (
    id integer NOT NULL,
    tenant_id text NOT NULL COLLATE pg_catalog."C",
    livemode boolean NOT NULL,
    catalogue_revision bigint DEFAULT 0 NOT NULL
);

ALTER TABLE public.realms ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.realms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.redemptions (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    reward_id text NOT NULL COLLATE pg_catalog."C",
    reward_revision bigint NOT NULL,
    status text NOT NULL,
    points_spent bigint NOT NULL,
    entry_id text COLLATE pg_catalog."C",
    cancellation_id text COLLATE pg_catalog."C",
    discount_id text COLLATE pg_catalog."C",
    voucher_code text,
    benefit json NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    canceled_at timestamp with time zone,
    points_returned bigint DEFAULT 0 NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone,
    captured_at timestamp with time zone,
    credit_entry_id text COLLATE pg_catalog."C",
    CONSTRAINT redemptions_canceled_check CHECK ((((status = 'canceled'::text) AND (entry_id IS NOT NULL)) = (cancellation_id IS NOT NULL))),
    CONSTRAINT redemptions_check CHECK (((points_returned >= 0) AND ((points_returned = 0) OR (points_returned < points_spent)))),
    CONSTRAINT redemptions_held_check CHECK ((((expires_at IS NOT NULL) = (held_points > 0)) AND ((status <> ALL (ARRAY['authorized'::text, 'expired'::text])) OR ((held_points > 0) AND (entry_id IS NULL))))),
    CONSTRAINT redemptions_held_points_check CHECK ((held_points >= 0)),
    CONSTRAINT redemptions_points_spent_check CHECK (((points_spent >= 0) AND ((points_spent > 0) = (entry_id IS NOT NULL)))),
    CONSTRAINT redemptions_status_check CHECK ((status = ANY (ARRAY['authorized'::text, 'confirmed'::text, 'canceled'::text, 'expired'::text])))
);

CREATE TABLE public.referral_codes (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    is_active boolean NOT NULL,
    clicks bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    conversions bigint DEFAULT 0 NOT NULL,
    CONSTRAINT referral_codes_clicks_check CHECK ((clicks >= 0)),
    CONSTRAINT referral_codes_conversions_check CHECK ((conversions >= 0)),
    CONSTRAINT referral_codes_id_check CHECK ((id ~ '^[A-Z0-9-]{3,32}$'::text))
);

CREATE TABLE public.referral_programs (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    terms json NOT NULL,
    status text NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT referral_programs_revision_check CHECK ((revision > 0)),
    CONSTRAINT referral_programs_status_check CHECK ((status = ANY (ARRAY['active'::text, 'paused'::text])))
);

CREATE TABLE public.referrals (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    referral_program_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    terms json NOT NULL,
    referrer_id text NOT NULL COLLATE pg_catalog."C",
    referrer_customer_id text NOT NULL COLLATE pg_catalog."C",
    code text COLLATE pg_catalog."C",
    customer_id text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    reason text,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    converted_at timestamp with time zone,
    payment_id text COLLATE pg_catalog."C",
    event_id text COLLATE pg_catalog."C",
    number bigint,
    least_minor bigint DEFAULT 1 NOT NULL,
    has_slot boolean DEFAULT false NOT NULL,
    rewards json DEFAULT '[]'::json NOT NULL,
    skipped json DEFAULT '[]'::json NOT NULL,
    CONSTRAINT referrals_check CHECK ((expires_at > registered_at)),
    CONSTRAINT referrals_converted_check CHECK ((((converted_at IS NOT NULL) = (number IS NOT NULL)) AND ((status <> ALL (ARRAY['converted'::text, 'reversed'::text])) OR (converted_at IS NOT NULL)) AND ((status <> ALL (ARRAY['registered'::text, 'expired'::text])) OR (converted_at IS NULL)))),
    CONSTRAINT referrals_least_minor_check CHECK ((least_minor > 0)),
    CONSTRAINT referrals_number_check CHECK ((number > 0)),
    CONSTRAINT referrals_revision_check CHECK ((revision > 0)),
    CONSTRAINT referrals_status_check CHECK ((status = ANY (ARRAY['registered'::text, 'converted'::text, 'reversed'::text, 'rejected'::text, 'expired'::text])))
);

CREATE TABLE public.refunds (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL COLLATE pg_catalog."C",
    amount_minor bigint NOT NULL,
    eligible_minor bigint,
    reason text,
    points_reversed bigint NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    customer_id text COLLATE pg_catalog."C",
    lines json NOT NULL,
    canceled_at timestamp with time zone,
    points_reinstated bigint DEFAULT 0 NOT NULL,
    pending_points_reversed bigint DEFAULT 0 NOT NULL,
    credit_returned_minor bigint DEFAULT 0 NOT NULL,
    credit_granted_minor bigint DEFAULT 0 NOT NULL,
    credit_grant_id text COLLATE pg_catalog."C",
    CONSTRAINT refunds_amount_minor_check CHECK ((amount_minor >= 0)),
    CONSTRAINT refunds_credit_check CHECK (((credit_returned_minor >= 0) AND (credit_granted_minor >= 0) AND ((credit_returned_minor + credit_granted_minor) <= amount_minor) AND ((credit_granted_minor > 0) = (credit_grant_id IS NOT NULL))))
);

CREATE TABLE public.rewards (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    program_id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    name text NOT NULL,
    cost_points bigint NOT NULL,
    benefit json NOT NULL,
    stock bigint,
    per_member_limit bigint,
    tiers json NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    status text NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    is_counted boolean NOT NULL,
    CONSTRAINT rewards_check CHECK ((ends_at > starts_at)),
    CONSTRAINT rewards_cost_points_check CHECK ((cost_points > 0)),
    CONSTRAINT rewards_counted_check CHECK ((is_counted OR (stock IS NULL))),
    CONSTRAINT rewards_per_member_limit_check CHECK ((per_member_limit > 0)),
    CONSTRAINT rewards_revision_check CHECK ((revision > 0)),
    CONSTRAINT rewards_status_check CHECK ((status = ANY (ARRAY['active'::text, 'archived'::text]))),
    CONSTRAINT rewards_stock_check CHECK ((stock >= 0))
);

CREATE TABLE public.segment_members (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    segment_id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    entered_at timestamp with time zone NOT NULL,
    left_at timestamp with time zone,
    CONSTRAINT segment_members_check CHECK ((left_at >= entered_at))
);

CREATE TABLE public.segment_scans (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    cursor text NOT NULL COLLATE pg_catalog."C",
    members bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT segment_scans_check CHECK ((done_at >= started_at)),
    CONSTRAINT segment_scans_members_check CHECK ((members >= 0))
);

CREATE TABLE public.segments (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    type text NOT NULL,
    revision bigint NOT NULL,
    conditions json NOT NULL,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    revised_at timestamp with time zone,
    is_scanned boolean DEFAULT true NOT NULL,
    CONSTRAINT segments_revision_check CHECK ((revision > 0)),
    CONSTRAINT segments_type_check CHECK ((type = ANY (ARRAY['static'::text, 'dynamic'::text])))
);

CREATE TABLE public.tenants (
    id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.test_clocks (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    name text,
    frozen_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    scans_begun json,
    target_at timestamp with time zone,
    CONSTRAINT test_clocks_check CHECK ((target_at > frozen_at)),
    CONSTRAINT test_clocks_status_check CHECK ((status = ANY (ARRAY['ready'::text, 'advancing'::text])))
);

CREATE TABLE public.tier_changes (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    account_id text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    tier text,
    since timestamp with time zone NOT NULL,
    cause json NOT NULL,
    CONSTRAINT tier_changes_number_check CHECK ((number >= 0))
);

CREATE TABLE public.tier_credits (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    account_id text NOT NULL COLLATE pg_catalog."C",
    counted_as text NOT NULL COLLATE pg_catalog."C",
    source_id text NOT NULL COLLATE pg_catalog."C",
    credited_at timestamp with time zone NOT NULL,
    amount text NOT NULL
);

CREATE TABLE public.wallets (
    bucket smallint NOT NULL,
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    customer_id text NOT NULL COLLATE pg_catalog."C",
    currency text NOT NULL,
    clock_id text COLLATE pg_catalog."C",
    ledger_balance_points bigint NOT NULL,
    sequence bigint NOT NULL,
    next_expiry_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    merged_into text COLLATE pg_catalog."C",
    CONSTRAINT wallets_check CHECK (((held_points >= 0) AND (held_points <= ledger_balance_points))),
    CONSTRAINT wallets_check1 CHECK (((due_at IS NOT NULL) OR (held_points = 0))),
    CONSTRAINT wallets_check2 CHECK (((merged_into IS NULL) OR (ledger_balance_points = 0))),
    CONSTRAINT wallets_currency_check CHECK ((length(currency) = 3)),
    CONSTRAINT wallets_ledger_balance_points_check CHECK ((ledger_balance_points >= 0))
);

CREATE TABLE public.webhook_endpoints (
    realm integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL,
    events json NOT NULL,
    description text,
    status text NOT NULL,
    disabled_reason text,
    sealed_secret bytea NOT NULL,
    sealed_old_secret bytea,
    old_secret_until timestamp with time zone,
    metadata json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT webhook_endpoints_check CHECK (((status = 'disabled'::text) = (disabled_reason IS NOT NULL))),
    CONSTRAINT webhook_endpoints_check1 CHECK (((sealed_old_secret IS NULL) = (old_secret_until IS NULL))),
    CONSTRAINT webhook_endpoints_disabled_reason_check CHECK ((disabled_reason = ANY (ARRAY['by_request'::text, 'gone'::text, 'failing'::text]))),
    CONSTRAINT webhook_endpoints_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text])))
);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_realm_customer_id_program_id_bucket_key UNIQUE (realm, customer_id, program_id, bucket);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_key_acts
    ADD CONSTRAINT api_key_acts_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campaign_contributions
    ADD CONSTRAINT campaign_contributions_pkey PRIMARY KEY (realm, enrolment_id, source_id, bucket);

ALTER TABLE ONLY public.campaign_enrolments
    ADD CONSTRAINT campaign_enrolments_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.campaign_paces
    ADD CONSTRAINT campaign_paces_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.campaign_revisions
    ADD CONSTRAINT campaign_revisions_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.campaign_revisions
    ADD CONSTRAINT campaign_revisions_realm_campaign_id_revision_key UNIQUE (realm, campaign_id, revision);

ALTER TABLE ONLY public.campaign_scans
    ADD CONSTRAINT campaign_scans_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.campaign_steps
    ADD CONSTRAINT campaign_steps_pkey PRIMARY KEY (realm, enrolment_id, "position", bucket);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.checkout_sessions
    ADD CONSTRAINT checkout_sessions_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.code_batch_progress
    ADD CONSTRAINT code_batch_progress_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.code_batches
    ADD CONSTRAINT code_batches_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.code_failures
    ADD CONSTRAINT code_failures_pkey PRIMARY KEY (realm, client_hash, minute);

ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.credit_settings
    ADD CONSTRAINT credit_settings_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.deficits
    ADD CONSTRAINT deficits_pkey PRIMARY KEY (realm, entry_id, bucket);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.delivery_attempts
    ADD CONSTRAINT delivery_attempts_pkey PRIMARY KEY (realm, delivery_id, number, bucket);

ALTER TABLE ONLY public.directory
    ADD CONSTRAINT directory_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.discounts
    ADD CONSTRAINT discounts_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.earning_rule_revisions
    ADD CONSTRAINT earning_rule_revisions_pkey PRIMARY KEY (realm, rule_id, revision);

ALTER TABLE ONLY public.earning_rules
    ADD CONSTRAINT earning_rules_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.endpoint_health
    ADD CONSTRAINT endpoint_health_pkey PRIMARY KEY (realm, endpoint_id);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_realm_account_id_sequence_bucket_key UNIQUE (realm, account_id, sequence, bucket);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (realm, key, operation, bucket);

ALTER TABLE ONLY public.lot_uses
    ADD CONSTRAINT lot_uses_pkey PRIMARY KEY (realm, entry_id, lot_id, cause_id, bucket);

ALTER TABLE ONLY public.lots
    ADD CONSTRAINT lots_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.offer_claims
    ADD CONSTRAINT offer_claims_pkey PRIMARY KEY (realm, member_id, offer_id, bucket);

ALTER TABLE ONLY public.offer_grants
    ADD CONSTRAINT offer_grants_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.offer_redemptions
    ADD CONSTRAINT offer_redemptions_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.offer_revisions
    ADD CONSTRAINT offer_revisions_pkey PRIMARY KEY (realm, offer_id, revision);

ALTER TABLE ONLY public.offers
    ADD CONSTRAINT offers_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.openings
    ADD CONSTRAINT openings_pkey PRIMARY KEY (realm, account_id, bucket);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.payment_revisions
    ADD CONSTRAINT payment_revisions_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.programs
    ADD CONSTRAINT programs_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.realms
    ADD CONSTRAINT realms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.realms
    ADD CONSTRAINT realms_tenant_id_livemode_key UNIQUE (tenant_id, livemode);

ALTER TABLE ONLY public.redemptions
    ADD CONSTRAINT redemptions_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.referral_codes
    ADD CONSTRAINT referral_codes_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.referral_programs
    ADD CONSTRAINT referral_programs_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.referrals
    ADD CONSTRAINT referrals_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.rewards
    ADD CONSTRAINT rewards_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.segment_members
    ADD CONSTRAINT segment_members_pkey PRIMARY KEY (realm, account_id, segment_id, bucket);

ALTER TABLE ONLY public.segment_scans
    ADD CONSTRAINT segment_scans_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.segments
    ADD CONSTRAINT segments_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.test_clocks
    ADD CONSTRAINT test_clocks_pkey PRIMARY KEY (realm, id);

ALTER TABLE ONLY public.tier_changes
    ADD CONSTRAINT tier_changes_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.tier_credits
    ADD CONSTRAINT tier_credits_pkey PRIMARY KEY (realm, account_id, counted_as, source_id, bucket);

ALTER TABLE ONLY public.wallets
    ADD CONSTRAINT wallets_pkey PRIMARY KEY (realm, id, bucket);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (realm, id);

CREATE INDEX accounts_by_tier_plan ON public.accounts USING btree (realm, program_id, tier_revision);

CREATE INDEX accounts_due ON public.accounts USING btree (realm, program_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX accounts_expiring ON public.accounts USING btree (realm, program_id, next_expiry_at) WHERE (next_expiry_at IS NOT NULL);

CREATE INDEX accounts_idling ON public.accounts USING btree (realm, program_id, inactive_at) WHERE ((inactive_at IS NOT NULL) AND (NOT is_inactive));

CREATE INDEX accounts_moving ON public.accounts USING btree (realm, program_id, next_segments_at) WHERE (next_segments_at IS NOT NULL);

CREATE INDEX accounts_newest ON public.accounts USING btree (realm, program_id, created_at, id);

CREATE INDEX accounts_reminding ON public.accounts USING btree (realm, program_id, next_reminder_at) WHERE (next_reminder_at IS NOT NULL);

CREATE INDEX api_key_acts_newest ON public.api_key_acts USING btree (realm, created_at, id);

CREATE INDEX api_key_acts_of_key ON public.api_key_acts USING btree (realm, key_id, created_at, id);

CREATE INDEX api_keys_newest ON public.api_keys USING btree (realm, created_at, id);

CREATE INDEX batches_oldest ON public.batches USING btree (committed_at);

CREATE INDEX campaign_contributions_of_source ON public.campaign_contributions USING btree (realm, source_id);

CREATE INDEX campaign_enrolments_due ON public.campaign_enrolments USING btree (realm, campaign_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX campaign_enrolments_goals ON public.campaign_enrolments USING btree (realm, account_id, goal_until) WHERE ((status = ANY (ARRAY['holdout'::text, 'over'::text])) AND (goal_until IS NOT NULL));

CREATE INDEX campaign_enrolments_inside ON public.campaign_enrolments USING btree (realm, campaign_id, revision) WHERE (status = ANY (ARRAY['open'::text, 'failed'::text]));

CREATE INDEX campaign_enrolments_newest ON public.campaign_enrolments USING btree (realm, entered_at, id);

CREATE INDEX campaign_enrolments_of_campaign ON public.campaign_enrolments USING btree (realm, campaign_id, entered_at, id);

CREATE UNIQUE INDEX campaign_enrolments_of_key ON public.campaign_enrolments USING btree (realm, account_id, campaign_id, entry_key, bucket);

CREATE INDEX campaign_enrolments_of_member ON public.campaign_enrolments USING btree (realm, account_id, campaign_id, entered_at, id);

CREATE INDEX campaign_enrolments_open ON public.campaign_enrolments USING btree (realm, account_id) WHERE ((status = ANY (ARRAY['open'::text, 'failed'::text])) OR (hears_until IS NOT NULL));

CREATE INDEX campaign_scans_newest ON public.campaign_scans USING btree (realm, campaign_id, started_at, id);

CREATE INDEX campaign_scans_open ON public.campaign_scans USING btree (started_at, realm, id) WHERE (done_at IS NULL);

CREATE INDEX campaign_steps_messages ON public.campaign_steps USING btree (realm, account_id, at) WHERE ((kind = 'send_event'::text) AND (outcome = 'done'::text));

CREATE INDEX campaign_steps_of_campaign ON public.campaign_steps USING btree (realm, campaign_id, revision, step);

CREATE INDEX campaigns_newest ON public.campaigns USING btree (realm, created_at, id);

CREATE INDEX campaigns_scheduled ON public.campaigns USING btree (next_entry_at) WHERE ((next_entry_at IS NOT NULL) AND (archived_at IS NULL));

CREATE INDEX checkout_sessions_newest ON public.checkout_sessions USING btree (realm, created_at, id);

CREATE INDEX checkout_sessions_of_customer ON public.checkout_sessions USING btree (realm, customer_id) WHERE ((status = 'open'::text) AND (customer_id IS NOT NULL));

CREATE INDEX checkout_sessions_open ON public.checkout_sessions USING btree (expires_at) WHERE (status = 'open'::text);

CREATE INDEX code_batch_progress_open ON public.code_batch_progress USING btree (realm, id) WHERE ((made < wanted) OR (announced < wanted));

CREATE INDEX code_batches_newest ON public.code_batches USING btree (realm, created_at, id);

CREATE INDEX code_failures_by_time ON public.code_failures USING btree (counted_at);

CREATE UNIQUE INDEX codes_by_key ON public.codes USING btree (realm, folded, bucket) WHERE holds_key;

CREATE INDEX codes_free_of_batch ON public.codes USING btree (realm, batch_id, number) WHERE ((batch_id IS NOT NULL) AND (account_id IS NULL) AND (used = 0));

CREATE INDEX codes_newest ON public.codes USING btree (realm, created_at, id) WHERE (offer_id IS NOT NULL);

CREATE INDEX codes_of_account ON public.codes USING btree (realm, account_id) WHERE (account_id IS NOT NULL);

CREATE INDEX codes_of_batch ON public.codes USING btree (realm, batch_id, number) WHERE (batch_id IS NOT NULL);

CREATE INDEX codes_of_offer ON public.codes USING btree (realm, offer_id, created_at, id) WHERE (offer_id IS NOT NULL);

CREATE INDEX codes_used_of_batch ON public.codes USING btree (realm, batch_id) WHERE ((batch_id IS NOT NULL) AND (used > 0));

CREATE INDEX customers_by_email ON public.customers USING btree (realm, email_key, created_at, id) WHERE (email_key IS NOT NULL);

CREATE INDEX customers_newest ON public.customers USING btree (realm, created_at, id);

CREATE INDEX deficits_unpaid ON public.deficits USING btree (realm, account_id) WHERE (remaining_points > 0);

CREATE INDEX deliveries_due ON public.deliveries USING btree (realm, endpoint_id, next_attempt_at) WHERE (status = 'pending'::text);

CREATE INDEX deliveries_finished ON public.deliveries USING btree (finished_at) WHERE (status <> 'pending'::text);

CREATE INDEX deliveries_of_endpoint ON public.deliveries USING btree (realm, endpoint_id, created_at, id);

CREATE INDEX entries_by_reversed ON public.entries USING btree (realm, reverses_id) WHERE (reverses_id IS NOT NULL);

CREATE INDEX entries_by_source ON public.entries USING btree (realm, source_id, account_id, rule_id, bucket) WHERE ((source_id IS NOT NULL) AND (kind = 'award'::text));

CREATE INDEX entries_of_credit_by_source ON public.entries USING btree (realm, source_id) WHERE ((source_id IS NOT NULL) AND (kind = ANY (ARRAY['grant'::text, 'spend'::text])));

CREATE INDEX events_newest ON public.events USING btree (realm, created_at, id);

CREATE INDEX holds_in_force ON public.holds USING btree (realm, account_id) WHERE (ended_at IS NULL);

CREATE INDEX holds_of_credit ON public.holds USING btree (realm, account_id) WHERE (account_id < 'crd`'::text);

CREATE INDEX idempotency_keys_of_30_days ON public.idempotency_keys USING btree (created_at) WHERE (NOT is_kept);

CREATE INDEX lots_idling ON public.lots USING btree (realm, account_id) WHERE (by_inactivity AND (remaining_points > 0));

CREATE INDEX lots_live ON public.lots USING btree (realm, account_id, expires_at, available_at, sequence) WHERE (remaining_points > 0);

CREATE INDEX lots_waiting ON public.lots USING btree (realm, account_id, available_at) WHERE ((pending_points > 0) OR (held_points > 0));

CREATE INDEX offer_grants_newest ON public.offer_grants USING btree (realm, created_at, id);

CREATE INDEX offer_grants_of_account ON public.offer_grants USING btree (realm, account_id, created_at, id);

CREATE INDEX offer_grants_of_campaign ON public.offer_grants USING btree (realm, ((source ->> 'campaign'::text)), created_at, id) WHERE ((source ->> 'campaign'::text) IS NOT NULL);

CREATE INDEX offer_grants_of_offer ON public.offer_grants USING btree (realm, offer_id, created_at, id);

CREATE INDEX offer_grants_open ON public.offer_grants USING btree (realm, account_id, expires_at) WHERE (status = 'open'::text);

CREATE INDEX offer_redemptions_held_of_code ON public.offer_redemptions USING btree (realm, code_id) WHERE ((status = 'reserved'::text) AND (code_id IS NOT NULL));

CREATE INDEX offer_redemptions_of_offer ON public.offer_redemptions USING btree (realm, offer_id, id);

CREATE INDEX offer_redemptions_of_payment ON public.offer_redemptions USING btree (realm, payment_id) WHERE ((payment_id IS NOT NULL) AND (session_id IS NULL));

CREATE INDEX offer_redemptions_of_session ON public.offer_redemptions USING btree (realm, session_id) WHERE (session_id IS NOT NULL);

CREATE INDEX offers_ending ON public.offers USING btree (ends_at) WHERE ((closed_at IS NULL) AND (deleted_at IS NULL) AND (status <> 'draft'::text) AND (ends_at IS NOT NULL));

CREATE INDEX offers_newest ON public.offers USING btree (realm, kind, created_at, id);

CREATE INDEX payment_revisions_of_payment ON public.payment_revisions USING btree (realm, payment_id, created_at, id);

CREATE INDEX payments_by_purchase ON public.payments USING btree (realm, customer_id, occurred_at) WHERE (customer_id IS NOT NULL);

CREATE INDEX payments_newest ON public.payments USING btree (realm, created_at, id);

CREATE INDEX payments_of_customer ON public.payments USING btree (realm, customer_id, created_at, id) WHERE (customer_id IS NOT NULL);

CREATE INDEX payments_of_order ON public.payments USING btree (realm, order_key) WHERE (order_key IS NOT NULL);

CREATE INDEX redemptions_of_account ON public.redemptions USING btree (realm, account_id, id);

CREATE INDEX redemptions_of_reward ON public.redemptions USING btree (realm, reward_id, id);

CREATE INDEX referral_codes_newest ON public.referral_codes USING btree (realm, created_at, id);

CREATE UNIQUE INDEX referral_codes_of_account ON public.referral_codes USING btree (realm, account_id, bucket);

CREATE INDEX referral_programs_newest ON public.referral_programs USING btree (realm, created_at, id);

CREATE UNIQUE INDEX referral_programs_of_program ON public.referral_programs USING btree (realm, program_id);

CREATE INDEX referrals_due ON public.referrals USING btree (realm, program_id, expires_at) WHERE ((status = 'registered'::text) AND (expires_at IS NOT NULL));

CREATE UNIQUE INDEX referrals_in_force ON public.referrals USING btree (realm, customer_id, program_id, bucket) WHERE ((status = 'registered'::text) OR (converted_at IS NOT NULL));

CREATE INDEX referrals_newest ON public.referrals USING btree (realm, created_at, id);

CREATE INDEX referrals_of_code ON public.referrals USING btree (realm, code, created_at, id) WHERE (code IS NOT NULL);

CREATE INDEX referrals_of_customer ON public.referrals USING btree (realm, customer_id);

CREATE INDEX referrals_of_payment ON public.referrals USING btree (realm, payment_id) WHERE (payment_id IS NOT NULL);

CREATE INDEX referrals_of_referrer ON public.referrals USING btree (realm, referrer_id, created_at, id);

CREATE INDEX refunds_newest ON public.refunds USING btree (realm, created_at, id);

CREATE INDEX refunds_of_customer ON public.refunds USING btree (realm, customer_id, created_at, id) WHERE (customer_id IS NOT NULL);

CREATE INDEX refunds_of_payment ON public.refunds USING btree (realm, payment_id);

CREATE INDEX segment_members_newest ON public.segment_members USING btree (realm, segment_id, entered_at, account_id) WHERE (left_at IS NULL);

CREATE INDEX segments_newest ON public.segments USING btree (realm, created_at, id);

CREATE INDEX segments_scanning ON public.segments USING btree (realm, id) WHERE ((NOT is_scanned) AND (deleted_at IS NULL));

CREATE INDEX test_clocks_advancing ON public.test_clocks USING btree (realm, id) WHERE ((status = 'advancing'::text) AND (deleted_at IS NULL));

CREATE UNIQUE INDEX tier_changes_of_account ON public.tier_changes USING btree (realm, account_id, number, bucket);

CREATE INDEX tier_credits_recent ON public.tier_credits USING btree (realm, account_id, counted_as, credited_at);

CREATE INDEX wallets_due ON public.wallets USING btree (realm, clock_id, due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX wallets_newest ON public.wallets USING btree (realm, created_at, id);

CREATE UNIQUE INDEX wallets_of_customer ON public.wallets USING btree (realm, customer_id, currency, bucket);

CREATE INDEX wallets_timely ON public.wallets USING btree (clock_id, LEAST(next_expiry_at, due_at)) WHERE (LEAST(next_expiry_at, due_at) IS NOT NULL);

CREATE INDEX webhook_endpoints_newest ON public.webhook_endpoints USING btree (realm, created_at, id);

ALTER TABLE ONLY public.api_key_acts
    ADD CONSTRAINT api_key_acts_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);

ALTER TABLE ONLY public.api_key_acts
    ADD CONSTRAINT api_key_acts_realm_key_id_fkey FOREIGN KEY (realm, key_id) REFERENCES public.api_keys(realm, id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);

ALTER TABLE ONLY public.endpoint_health
    ADD CONSTRAINT endpoint_health_realm_endpoint_id_fkey FOREIGN KEY (realm, endpoint_id) REFERENCES public.webhook_endpoints(realm, id);

ALTER TABLE ONLY public.realms
    ADD CONSTRAINT realms_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.segment_scans
    ADD CONSTRAINT segment_scans_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);

ALTER TABLE ONLY public.segments
    ADD CONSTRAINT segments_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);

ALTER TABLE ONLY public.webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_realm_fkey FOREIGN KEY (realm) REFERENCES public.realms(id);

GRANT USAGE ON SCHEMA public TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.accounts TO vinr_app;

GRANT SELECT ON TABLE public.alembic_version TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.api_key_acts TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.api_keys TO vinr_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.batches TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.campaign_contributions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.campaign_enrolments TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.campaign_paces TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.campaign_revisions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.campaign_scans TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.campaign_steps TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.campaigns TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.checkout_sessions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.code_batch_progress TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.code_batches TO vinr_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.code_failures TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.codes TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.counters TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.credit_settings TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.customers TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.deficits TO vinr_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO vinr_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.delivery_attempts TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.directory TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.discounts TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.earning_rule_revisions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.earning_rules TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.endpoint_health TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.entries TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.events TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.holds TO vinr_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.idempotency_keys TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.lot_uses TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.lots TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.offer_claims TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.offer_grants TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.offer_redemptions TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.offer_revisions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.offers TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.openings TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.orders TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.payment_revisions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.payments TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.postings TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.programs TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.realms TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.redemptions TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.referral_codes TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.referral_programs TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.referrals TO vinr_app;

GRANT SELECT,INSERT ON TABLE public.refunds TO vinr_app;

GRANT UPDATE(customer_id) ON TABLE public.refunds TO vinr_app;

GRANT UPDATE(canceled_at) ON TABLE public.refunds TO vinr_app;

GRANT UPDATE(points_reinstated) ON TABLE public.refunds TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.rewards TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.segment_members TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.segment_scans TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.segments TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.tenants TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.test_clocks TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.tier_changes TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.tier_credits TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.wallets TO vinr_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.webhook_endpoints TO vinr_app;

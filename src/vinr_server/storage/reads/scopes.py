"""Which rows a list holds, by name: a list names its scopes, and the conditions stay here. `t` is the row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Some of a table's rows."""

    condition: str

    def holds(self, *, inside: bool) -> str:
        """The condition that a row is in the scope, or that it is not."""
        return self.condition if inside else f"not ({self.condition})"


@dataclass(frozen=True, slots=True)
class Related:
    """Rows that have to do with a value which no column holds: `{value}` stands for it, $1 is the realm."""

    condition: str

    def holds(self, value: str) -> str:
        """The condition, for a value or the parameter that carries it."""
        return self.condition.format(value=value)


NOT_DELETED = Scope("t.deleted_at is null")
# Without those that stand for a merged customer in programs it never enrolled in.
MEMBERS = Scope("(t.status <> 'merged' or t.merged_into is not null)")
UNMERGED = Scope("t.status <> 'merged'")
# Current memberships.
NOT_LEFT = Scope("t.left_at is null")
ENGAGEMENT_OFFERS = Scope("t.kind = 'engagement' and t.deleted_at is null")
CHECKOUT_OFFERS = Scope("t.kind = 'checkout' and t.deleted_at is null")
# Checkout offers that are evaluated now, by the wall clock: those whose cap, if they have one, is not used up.
LIVE_OFFERS = Scope("""t.status = 'published'
  and (t.starts_at is null or t.starts_at <= now()) and (t.ends_at is null or t.ends_at > now())
  and not (t.is_counted and t.terms ->> 'max_redemptions' is not null and exists (
    select from counters c where c.realm = t.realm and c.id = 'offer:' || t.id
      and c.used >= (t.terms ->> 'max_redemptions')::int8))""")


def counted_as_sql(program: str) -> str:
    """The name of the credits that a program's tiers count: core's `TierPolicy.counted_as`."""
    return f"concat_ws(':', {program}.tier_policy ->> 'metric', {program}.tier_policy ->> 'currency')"


def follows_last_plan_sql(account: str, program: str) -> str:
    """The condition that an account follows the program's last plan of tiers: not core's `is_behind_plan`."""
    return f"{account}.tier_revision = coalesce(({program}.tier_plans -> -1 ->> 'revision')::int8, 1)"


def end_of_lot_sql(lot: str, *, account: str) -> str:
    """When the lot is over: core's `end_of`, null for never."""
    return f"case when {lot}.by_inactivity then {account}.inactive_at else {lot}.expires_at end"


# Lots that can be spent from now on, or later: they hold points, and are not over at their program's now.
LIVE_LOTS = Scope(f"""(t.remaining_points > 0 or t.pending_points > 0) and (
  select coalesce({end_of_lot_sql("t", account="a")} > coalesce(c.frozen_at, now()), true)
  from accounts a join programs p on p.realm = a.realm and p.id = a.program_id
  left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
  where a.realm = t.realm and a.id = t.account_id)""")
# When the first of an account's points end.
NEXT_EXPIRY = """least(t.next_expiry_at, case when not t.is_inactive and exists (
  select from lots l
  where l.realm = t.realm and l.account_id = t.id and l.by_inactivity and l.remaining_points > 0)
  then t.inactive_at end)"""
# When an account's tier ends, before any grace; null for never. And whether it is locked.
TIER_EXPIRES_AT = "(t.standing ->> 'expires_at')::timestamptz"
TIER_LOCKED = Scope("t.standing ->> 'lock' is not null")
# When an accrual's points are there; null for other entries.
AVAILABLE_AT = "(select l.available_at from lots l where l.realm = t.realm and l.id = t.id and l.bucket = t.bucket)"
# Awards that are pending.
PENDING = Scope("""t.pending_points > 0 and exists (
  select from lots l where l.realm = t.realm and l.id = t.id and l.bucket = t.bucket and l.pending_points > 0)""")
# Entries of members' accounts, and those of wallets, by what their ids begin with. Plan: a range of the primary key.
POINTS = Scope("t.id >= 'ptx_'")
CREDIT = Scope("t.id < 'crt`'")
# Wallets that no other has taken over.
UNMERGED_WALLETS = Scope("t.merged_into is null")
# Entries of credit by what only their wallet or their lot says. Plan: wallets_of_customer; the entry's lot by its key.
OF_CUSTOMER = Related("""t.account_id = any(array(
  select w.id from wallets w where w.realm = $1 and w.customer_id = {value}))""")
IN_CURRENCY = Related("""exists (
  select from wallets w where w.realm = t.realm and w.id = t.account_id and w.currency = {value})""")
OF_ORIGIN = Related("""exists (
  select from lots l where l.realm = t.realm and l.id = t.id and l.bucket = t.bucket and l.origin = {value})""")
# What a payment granted or spent, and what came back of it. Plan: entries_of_credit_by_source, entries_by_reversed.
CREDIT_OF_PAYMENT = Related("""t.id = any(array(
  with recursive moved (id) as (
    select a.id from entries a where a.realm = $1 and a.source_id = {value} and a.kind in ('grant', 'spend')
    union all
    select g.id from refunds f join entries g on g.realm = $1 and g.id = f.credit_grant_id
    where f.realm = $1 and f.payment_id = {value}
    union all
    select r.id from moved m join entries r on r.realm = $1 and r.reverses_id = m.id)
  select id from moved))""")
# Grants by the status that they have at their account's now: core's `OfferGrant.status_at`; and by their campaign.
GRANT_STATUS = Related("""(case when t.status = 'open' and t.expires_at <= (
  select coalesce(c.frozen_at, now())
  from accounts a join programs p on p.realm = a.realm and p.id = a.program_id
  left join test_clocks c on c.realm = p.realm and c.id = p.clock_id
  where a.realm = t.realm and a.id = t.account_id) then 'expired' else t.status end) = {value}""")
OF_CAMPAIGN = Related("t.source ->> 'campaign' is not null and t.source ->> 'campaign' = {value}")
# Codes that open offers: not those that stand for a member's referral code.
OPENING_CODES = Scope("t.offer_id is not null")
# Codes by where they stand at their offer's now: core's `Code.status_at`.
CODE_STATUS = Related("""(
  select case when not t.holds_key then 'replaced' when t.status = 'disabled' then 'disabled'
    when exists (select from code_batches b where b.realm = t.realm and b.id = t.batch_id and b.status = 'disabled')
      then 'disabled'
    when n.now < t.starts_at then 'scheduled' when n.now >= t.expires_at then 'expired'
    when t.used >= t.max_redemptions then 'exhausted' else 'active' end
  from (
    select coalesce(max(k.frozen_at), now()) as now
    from offers o join programs p on p.realm = o.realm and p.id = o.program_id
    join test_clocks k on k.realm = p.realm and k.id = p.clock_id
    where o.realm = t.realm and o.id = t.offer_id) n) = {value}""")
# Batches of codes by where they stand: core's `batch_status`.
BATCH_STATUS = Related("""(
  select case when t.status = 'disabled' then 'disabled' when p.made < p.wanted then 'generating' else 'ready' end
  from code_batch_progress p where p.realm = t.realm and p.id = t.id) = {value}""")
# Uses that a checkout session holds or released were not redeemed.
REDEEMED = Scope("t.status in ('confirmed', 'refunded')")
# What a payment or a referral awarded, what was clawed back of that, and what of it was reinstated. Plan:
# entries_by_source, then entries_by_reversed twice, then the rows by their key.
OF_SOURCE = Related("""t.id = any(array(
  with recursive moved (id) as (
    select a.id from entries a where a.realm = $1 and a.source_id = {value} and a.kind = 'award'
    union all
    select r.id from moved m join entries r on r.realm = $1 and r.reverses_id = m.id)
  select id from moved))""")

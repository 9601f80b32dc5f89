"""Each row type is a table: columns are the fields of the row, in their order, with `realm` in front.

Reads and writes of a batch are set-based: arrays in, rows out. The statements are built from the row types once, at
import, so that a new field is a field and a migration and nothing else; a test compares both.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from vinr_server.core.access import rows as access_rows
from vinr_server.core.campaigns import rows as campaign_rows
from vinr_server.core.campaigns.entries import rows as entry_rows
from vinr_server.core.checkout import rows as checkout_rows
from vinr_server.core.clocks import rows as clocks_rows
from vinr_server.core.codes import rows as code_rows
from vinr_server.core.credit import rows as credit_rows
from vinr_server.core.earning import rows as earning_rows
from vinr_server.core.events import rows as events_rows
from vinr_server.core.kernel import rows as kernel_rows
from vinr_server.core.kernel.rows import Row
from vinr_server.core.ledger import rows as ledger_rows
from vinr_server.core.members import rows as members_rows
from vinr_server.core.offers import rows as offer_rows
from vinr_server.core.payments import rows as payments_rows
from vinr_server.core.programs import rows as programs_rows
from vinr_server.core.referrals import rows as referral_rows
from vinr_server.core.rewards import rows as rewards_rows
from vinr_server.core.segments import rows as segment_rows
from vinr_server.core.tiers import rows as tier_rows
from vinr_server.storage.batch.bulk import BulkWrite, Statement
from vinr_server.storage.batch.spelled_numbers import as_written, decode_spelled

PG_TYPES: dict[Any, str] = {int: "int8", str: "text", bool: "bool", datetime: "timestamptz", bytes: "bytea"}

encode_json = msgspec.json.Encoder(decimal_format="number", enc_hook=as_written).encode
# Numbers with a fraction stay exact decimals, whatever their source, and are written back as they were.
decode_json = decode_spelled


def encode_text(value: Any) -> str:
    """JSON text of a value; None stays None in the caller's hands."""
    return encode_json(value).decode()


Written = Sequence[tuple[int, Row]]
NOTHING: Mapping[int, str] = {}


class ImmutableEdit(Exception):
    """A decision has edited an immutable field of a stored row: a bug that would lose the edit and answer 200."""

    def __init__(self, row_type: type[Row], key: Hashable, fields: Sequence[str]) -> None:
        super().__init__(row_type, key, fields)
        self.row_type, self.key, self.fields = row_type, key, fields

    def __str__(self) -> str:
        return f"{self.row_type.__name__} {self.key!r} was edited in {', '.join(self.fields)}, which must not change"


class Table:
    """The statements and conversions of one row type."""

    def __init__(self, row_type: type[Row], name: str, *, key: Sequence[str]) -> None:
        self.row_type, self.name = row_type, name
        hints = typing.get_type_hints(row_type)
        self.fields = [field.name for field in dataclasses.fields(row_type)]  # type: ignore[arg-type]
        self.columns = ["realm", *self.fields]
        self._pg_types = ["int4", *(_pg_type(name, hints[name]) for name in self.fields)]
        self._json = {name: _json_decoder(hints[name]) for name in self.fields if _pg_type(name, hints[name]) == "json"}
        self._json_at = [(self.fields.index(name), decode) for name, decode in self._json.items()]
        self._has_bucket = "bucket" in self.fields
        self.key = ["realm", *key, *(["bucket"] if self._has_bucket else [])]
        fixed = {*self.key, "bucket", "created_at", *row_type.immutable_fields}
        unknown = {*row_type.immutable_fields}.difference(self.fields)
        assert not unknown, f"{row_type.__name__} has no {unknown}"
        self.mutable = [] if row_type.is_append_only else [name for name in self.fields if name not in fixed]
        self._immutable = [name for name in self.fields if name not in self.mutable]
        self._immutable_values = attrgetter(*self._immutable)
        self.select_list = ", ".join(f"t.{column}" for column in self.columns)
        self._updated = [*self.key[1:], *self.mutable]
        self._all_values, self._updated_values = attrgetter(*self.fields), attrgetter(*self._updated)
        pg_types = dict(zip(self.columns, self._pg_types, strict=True))
        self._insert = BulkWrite(pg_types, arrays=self.key[1:], compose=self._insert_sql)
        to_update = {name: pg_types[name] for name in ("realm", *self._updated)}
        self._update = BulkWrite(to_update, arrays=self.key[1:], compose=self._update_sql)
        self._routed_update = BulkWrite(to_update, arrays=self.key[1:], compose=self._routed_update_sql)

    def row(self, record: Sequence[Any]) -> Row:
        """The row of a record selected by `select_list`; the realm in front is left out."""
        values = list(record)[1:]
        for position, decode in self._json_at:
            if values[position] is not None:
                values[position] = decode(values[position])
        return self.row_type(*values)

    def json_decoder(self, column: str) -> Callable[[str], Any]:
        """What turns a JSON column's text into its value."""
        return self._json[column]

    def require_mutable(self, before: Row, after: Row) -> None:
        """Only mutable fields have changed; raises ImmutableEdit otherwise."""
        if self._immutable_values(before) != self._immutable_values(after):
            changed = [name for name in self._immutable if getattr(before, name) != getattr(after, name)]
            raise ImmutableEdit(self.row_type, after.key, changed)

    def insert(self, written: Written, encoded: Mapping[int, str] = NOTHING) -> Statement:
        """The insert of these rows. `encoded` holds JSON texts that are made already, by the id() of their value."""
        return self._insert.statement(self._arrays(self.fields, self._all_values, written, encoded))

    def update(self, written: Written, *, is_distributed: bool = False) -> Statement:
        """The update of these rows: they are found by their key, and only what may change is set.

        `is_distributed`: the statement names their buckets once more, so that it goes to their nodes alone. Elsewhere
        that leads astray: a generic plan on tables without statistics read all rows of these buckets, for each row.
        """
        write = self._routed_update if is_distributed else self._update
        return write.statement(self._arrays(self._updated, self._updated_values, written, NOTHING))

    def _arrays(
        self,
        names: Sequence[str],
        values: Callable[[Row], tuple[Any, ...]],
        written: Written,
        encoded: Mapping[int, str],
    ) -> list[Sequence[Any]]:
        """The rows' columns, realm first; JSON as text."""
        columns: list[Sequence[Any]] = [[realm for realm, _row in written]]
        for name, column in zip(names, zip(*[values(row) for _realm, row in written], strict=True), strict=True):
            if name in self._json:
                column = tuple(
                    None if value is None else encoded.get(id(value)) or encode_text(value) for value in column
                )
            columns.append(column)
        return columns

    def _insert_sql(self, expressions: Mapping[str, str], source: str) -> str:
        return (
            f"insert into {self.name} ({', '.join(expressions)}) select {', '.join(expressions.values())} from {source}"
        )

    def _update_sql(self, expressions: Mapping[str, str], source: str) -> str:
        set_list = ", ".join(f"{column} = {expressions[column]}" for column in self.mutable)
        same = " and ".join(f"t.{column} = {expressions[column]}" for column in self.key)
        return f"update {self.name} as t set {set_list} from {source} where {same}"

    def _routed_update_sql(self, expressions: Mapping[str, str], source: str) -> str:
        routed = f" and t.bucket = any(${self.key.index('bucket') + 1})" if self._has_bucket else ""
        return self._update_sql(expressions, source) + routed


def _plain(hint: Any) -> Any:
    """The type without its None."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return next(option for option in typing.get_args(hint) if option is not type(None))
    return hint


def _pg_type(name: str, hint: Any) -> str:
    if name in ("bucket", "owner_bucket"):
        return "int2"
    plain = _plain(hint)
    if typing.get_origin(plain) is typing.Literal:
        return "text"
    return PG_TYPES.get(plain, "json")


def _json_decoder(hint: Any) -> Callable[[str], Any]:
    """Typed values come back as their own types, free-form JSON as it is."""
    plain = _plain(hint)
    if plain is Any or typing.get_origin(plain) in (Mapping, dict):
        return decode_json
    return msgspec.json.Decoder(plain).decode


TABLES: dict[type[Row], Table] = {
    table.row_type: table
    for table in (
        Table(programs_rows.Program, "programs", key=["id"]),
        Table(earning_rows.EarningRule, "earning_rules", key=["id"]),
        Table(earning_rows.RuleRevision, "earning_rule_revisions", key=["rule_id", "revision"]),
        Table(rewards_rows.Reward, "rewards", key=["id"]),
        Table(clocks_rows.TestClock, "test_clocks", key=["id"]),
        Table(access_rows.ApiKey, "api_keys", key=["id"]),
        Table(access_rows.ApiKeyAct, "api_key_acts", key=["id"]),
        Table(kernel_rows.Claim, "directory", key=["id"]),
        Table(members_rows.Customer, "customers", key=["id"]),
        Table(members_rows.Account, "accounts", key=["id"]),
        Table(credit_rows.CreditSettings, "credit_settings", key=["id"]),
        Table(credit_rows.Wallet, "wallets", key=["id"]),
        Table(payments_rows.Payment, "payments", key=["id"]),
        Table(payments_rows.PaymentRevision, "payment_revisions", key=["id"]),
        Table(payments_rows.Order, "orders", key=["id"]),
        Table(payments_rows.Refund, "refunds", key=["id"]),
        Table(ledger_rows.Entry, "entries", key=["id"]),
        Table(ledger_rows.Lot, "lots", key=["id"]),
        Table(ledger_rows.LotUse, "lot_uses", key=["entry_id", "lot_id", "cause_id"]),
        Table(ledger_rows.Deficit, "deficits", key=["entry_id"]),
        Table(ledger_rows.Hold, "holds", key=["id"]),
        Table(ledger_rows.Opening, "openings", key=["account_id"]),
        Table(referral_rows.ReferralProgram, "referral_programs", key=["id"]),
        Table(referral_rows.ReferralCode, "referral_codes", key=["id"]),
        Table(referral_rows.Referral, "referrals", key=["id"]),
        Table(tier_rows.TierCredit, "tier_credits", key=["account_id", "counted_as", "source_id"]),
        Table(tier_rows.TierChange, "tier_changes", key=["id"]),
        Table(rewards_rows.Discount, "discounts", key=["id"]),
        Table(rewards_rows.Redemption, "redemptions", key=["id"]),
        Table(kernel_rows.Counter, "counters", key=["id"]),
        Table(offer_rows.Offer, "offers", key=["id"]),
        Table(offer_rows.OfferRevision, "offer_revisions", key=["offer_id", "revision"]),
        Table(offer_rows.OfferClaim, "offer_claims", key=["offer_id", "member_id"]),
        Table(offer_rows.OfferRedemption, "offer_redemptions", key=["id"]),
        Table(offer_rows.OfferGrant, "offer_grants", key=["id"]),
        Table(code_rows.CodeBatch, "code_batches", key=["id"]),
        Table(code_rows.CodeProgress, "code_batch_progress", key=["id"]),
        Table(code_rows.Code, "codes", key=["id"]),
        Table(checkout_rows.CheckoutSession, "checkout_sessions", key=["id"]),
        Table(segment_rows.Segment, "segments", key=["id"]),
        Table(segment_rows.SegmentScan, "segment_scans", key=["id"]),
        Table(segment_rows.SegmentMember, "segment_members", key=["account_id", "segment_id"]),
        Table(campaign_rows.Campaign, "campaigns", key=["id"]),
        Table(campaign_rows.CampaignRevision, "campaign_revisions", key=["id"]),
        Table(campaign_rows.Enrolment, "campaign_enrolments", key=["id"]),
        Table(entry_rows.CampaignScan, "campaign_scans", key=["id"]),
        Table(entry_rows.EntryPace, "campaign_paces", key=["id"]),
        Table(campaign_rows.EnrolmentStep, "campaign_steps", key=["enrolment_id", "position"]),
        Table(campaign_rows.ContributionRow, "campaign_contributions", key=["enrolment_id", "source_id"]),
        Table(events_rows.Event, "events", key=["id"]),
        Table(events_rows.WebhookEndpoint, "webhook_endpoints", key=["id"]),
        Table(events_rows.Delivery, "deliveries", key=["id"]),
        Table(events_rows.DeliveryAttempt, "delivery_attempts", key=["delivery_id", "number"]),
    )
}

# Configuration, held in memory by every process.
CATALOGUE = [table for table in TABLES.values() if table.row_type.is_catalogue]


def rows_of(table: Table, records: Iterable[Sequence[Any]]) -> list[tuple[int, Row]]:
    """Each record as (realm, row)."""
    return [(record[0], table.row(record)) for record in records]

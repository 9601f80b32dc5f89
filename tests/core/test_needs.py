"""What a batch knows of its rows: declared and there, or absent, or there in part; and what nobody declared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import memory_loading
from vinr_server.core.decide import COMMANDS, decide
from vinr_server.core.kernel.commands import Command, Context
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart, Needs, Part, Undeclared
from vinr_server.core.kernel.rows import Counter
from vinr_server.core.ledger.awards import decide_award_points
from vinr_server.core.ledger.book.lots import BEFORE_ALL
from vinr_server.core.ledger.commands import AwardPoints
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account, Customer
from vinr_server.core.payments.rows import Payment
from vinr_server.core.programs.rows import Program

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = Account(1, "loy_1", "prog_1", "cust_1", 0, 0, 0, None, None, "active", {}, NOW)
LOT = Lot(1, "ptx_1", "loy_1", 1, 10, 10, 0, 0, NOW, NOW + timedelta(days=1))
CONTEXT = Context(
    NOW, {}, lambda prefix, _bucket: f"{prefix}_1", lambda _name: 1, lambda: "", lambda pattern, _letters: pattern
)


def loaded(needs: Needs, *rows: Account | Lot | Customer) -> Layer:
    """A draft above a layer that holds these rows, which the needs declare."""
    layer = Layer()
    for row in rows:
        layer.put(row)
    layer.cover(needs)
    return layer.draft()


class TestRows:
    def test_that_nobody_declared_raise(self) -> None:
        draft = loaded(Needs())

        with pytest.raises(Undeclared) as raised:
            draft.get(Payment, "pay_1")

        assert (raised.value.row_type, raised.value.key) == (Payment, "pay_1")

    def test_that_are_declared_and_not_there_are_none(self) -> None:
        needs = Needs()
        needs.row(Payment, "pay_1")

        assert loaded(needs).get(Payment, "pay_1") is None

    def test_of_the_catalogue_are_always_known(self) -> None:
        assert loaded(Needs()).get(Program, "prog_1") is None

    def test_that_hang_on_what_the_batch_made_need_no_one_to_declare_them(self) -> None:
        draft = loaded(Needs())
        draft.put(ACCOUNT)

        assert draft.get(Counter, "offer:loy_1:ofr_1", of=("loy_1",)) is None
        assert draft.children(Lot, "loy_1") == []

    def test_that_hang_on_what_was_there_before_raise(self) -> None:
        needs = Needs()
        needs.row(Account, "loy_1")
        draft = loaded(needs, ACCOUNT)
        draft.put(replace(ACCOUNT, tier="gold"))

        with pytest.raises(Undeclared):
            draft.get(Counter, "offer:loy_1:ofr_1", of=("loy_1",))

    def test_of_a_customer_may_be_older_than_its_own_row(self) -> None:
        draft = loaded(Needs())
        draft.put(Customer(1, "cust_1", None, None, {}, NOW))

        with pytest.raises(Undeclared):
            draft.get(Counter, "offer:cust_1:ofr_1", of=("cust_1",))


class TestChildren:
    def test_that_nobody_declared_raise(self) -> None:
        with pytest.raises(Undeclared):
            loaded(Needs(), LOT).children(Lot, "loy_1")

    def test_that_are_declared_in_part_name_what_is_to_be_read_whole(self) -> None:
        needs = Needs()
        needs.children(Lot, "loy_1", Part.FIRST)
        draft = loaded(needs, LOT)
        draft.below.truncate("loy_1", BEFORE_ALL)

        with pytest.raises(InPart) as raised:
            draft.children(Lot, "loy_1")

        assert raised.value.need == (Lot, "loy_1")
        assert draft.children(Lot, "loy_1", in_part=True) == [LOT]

    def test_that_were_asked_for_before_are_declared_whole(self) -> None:
        needs = Needs(whole={(Lot, "loy_1")})

        assert needs.children(Lot, "loy_1", Part.NONE) is Part.ALL

    def test_are_never_declared_less_than_before(self) -> None:
        needs = Needs()
        needs.children(Lot, "loy_1")

        assert needs.children(Lot, "loy_1", Part.FIRST) is Part.ALL


class TestCommands:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_name_their_functions_alike(self, command: type[Command]) -> None:
        stem = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in command.__name__)

        names = [function.__name__ for function in COMMANDS[command]]

        assert names == [f"{word}{stem}" for word in ("needs", "decide", "follow")][: len(names)]

    def test_that_read_what_they_do_not_declare_raise_with_their_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A planted one: it awards as ever, and declares nothing."""
        monkeypatch.setitem(COMMANDS, AwardPoints, (lambda command, needs: None, decide_award_points))  # type: ignore[arg-type]
        world = memory_loading.Stored()
        world.put(ACCOUNT)
        command = AwardPoints("loy_1", 5)

        with pytest.raises(Undeclared, match="AwardPoints read Account 'loy_1', which its needs do not declare"):
            decide(memory_loading.load(world, [command]).draft(), command, CONTEXT)

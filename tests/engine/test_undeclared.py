"""What the engine makes of bugs in needs and edits: an error with its reason, for the culprit alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from ledger_invariants import broken_invariants
from submissions import answered, settle, submission

from conftest import Realm
from vinr_server.core.decide import COMMANDS
from vinr_server.core.kernel.answers import Accepted
from vinr_server.core.kernel.layers import Layer
from vinr_server.core.kernel.needs import InPart, Needs, Part, Undeclared
from vinr_server.core.kernel.values import replace
from vinr_server.core.ledger.commands import AdjustPoints, AwardPoints
from vinr_server.core.ledger.needs import name_account
from vinr_server.core.ledger.rows import Lot
from vinr_server.core.members.rows import Account
from vinr_server.core.payments.rows import Payment
from vinr_server.engine.batch import RELOADS_MAX, Reload, Wholes
from vinr_server.engine.submission import Reply
from vinr_server.engine.writer import Writer
from vinr_server.storage.batch.kinds import lock_order
from vinr_server.storage.batch.tables import TABLES, ImmutableEdit


def plant(monkeypatch: pytest.MonkeyPatch, decide: Any) -> None:
    """Adjustments are decided like this, on an account with the first of its lots."""

    def needs(command: AdjustPoints, needs: Needs) -> None:
        name_account(needs, command.account_id, lots=Part.FIRST)

    monkeypatch.setitem(COMMANDS, AdjustPoints, (needs, decide))  # type: ignore[arg-type]


def read_a_payment(draft: Layer, command: AdjustPoints, _context: Any) -> Accepted:
    """A bug: nobody has declared the payment, which is there."""
    assert draft.get(Payment, "pay_there") is not None
    return Accepted({})


def move_to_another_customer(draft: Layer, command: AdjustPoints, _context: Any) -> Accepted:
    """A bug: an account is its customer's for good."""
    account = draft.get(Account, command.account_id)
    assert account is not None
    draft.put(replace(account, customer_id="cust_other"))
    return Accepted({})


def ask_for_more_and_more(draft: Layer, command: AdjustPoints, _context: Any) -> Accepted:
    """A bug: whatever is read whole, it asks for the next."""
    asked.append(command.account_id)
    raise InPart(Lot, f"{command.account_id}_{len(asked)}")


asked: list[str] = []


@pytest.mark.parametrize(
    ("decide", "error", "words"),
    [
        (read_a_payment, Undeclared, "AdjustPoints read Payment 'pay_there', which its needs do not declare"),
        (move_to_another_customer, ImmutableEdit, "was edited in customer_id, which must not change"),
    ],
)
async def test_a_bug_is_an_error_of_its_own_and_its_neighbours_go_on(
    decide: Any,
    error: type[Exception],
    words: str,
    writer: Writer,
    database: str,
    realm: Realm,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ground = await settle(writer, realm.id, members=2)
    await writer.submit(ground.payment(0, id="pay_there"))
    plant(monkeypatch, decide)
    adjust = submission(realm.id, AdjustPoints(ground.accounts[0], 1, "because"))

    with caplog.at_level(logging.ERROR):
        outcomes = await answered([writer.enqueue(one) for one in (ground.award(account=1), adjust, ground.award())])

    assert [type(one) for one in outcomes] == [Reply, error, Reply]
    assert words in caplog.text
    assert broken_invariants(database) == {}


async def test_a_decision_that_asks_for_ever_more_is_given_up(
    writer: Writer, realm: Realm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = await settle(writer, realm.id)
    plant(monkeypatch, ask_for_more_and_more)
    asked.clear()

    (outcome,) = await answered([writer.enqueue(submission(realm.id, AdjustPoints(ground.accounts[0], 1, "because")))])

    assert isinstance(outcome, Reload)
    assert len(asked) == RELOADS_MAX + 2, "so often is the batch loaded again, and then everything is read"
    assert await writer.submit(ground.award())


def test_what_was_read_whole_is_not_asked_for_again() -> None:
    whole = Wholes()

    assert whole.add(Reload(1, (Lot, "loy_1")))
    assert not whole.add(Reload(1, (Lot, "loy_1")))


def test_the_order_of_locks_is_the_one_that_the_architecture_tells(request: pytest.FixtureRequest) -> None:
    text = (request.config.rootpath / "ARCHITECTURE.md").read_text()

    assert lock_order() in " ".join(text.split())


def test_a_ledger_is_never_edited() -> None:
    append_only = {table.name for table in TABLES.values() if not table.mutable}

    revisions = {"offer_revisions", "earning_rule_revisions", "payment_revisions"}
    assert append_only >= {"entries", "lot_uses", "events"} | revisions


def test_an_award_needs_no_look(request: pytest.FixtureRequest) -> None:
    needs = Needs()
    COMMANDS[AwardPoints][0](AwardPoints("loy_1", 1), needs)

    assert not needs.looks

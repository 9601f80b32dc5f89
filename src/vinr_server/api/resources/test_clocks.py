"""Test clocks: they set the time of the programs you try out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from vinr_server.api.contract.input import Input, Instant, Name
from vinr_server.api.contract.operation import FIND, MADE, ListOf, Operation
from vinr_server.api.contract.pages import Listing, one_of
from vinr_server.api.contract.reads import list_of, retrieve
from vinr_server.api.contract.reply import Deleted, Reply
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.times import read_instant
from vinr_server.core.clocks import commands, payloads, rows
from vinr_server.storage.reads.scopes import NOT_DELETED

URL = "/v1/test_helpers/test_clocks"


class CreateTestClockInput(Input):
    frozen_time: Instant
    name: Name | None = None


class AdvanceTestClockInput(Input):
    frozen_time: Instant


ClockStatus = Literal["ready", "advancing"]


class TestClock(Reply):
    id: str
    object: Literal["test_clock"]
    name: str | None
    frozen_time: int
    status: ClockStatus
    created: int
    livemode: bool


def create_test_clock(call: Call) -> commands.CreateTestClock:
    return commands.CreateTestClock(read_instant(call.body.frozen_time, param="frozen_time"), call.body.name)


def advance_test_clock(call: Call) -> commands.AdvanceTestClock:
    return commands.AdvanceTestClock(call.id, read_instant(call.body.frozen_time, param="frozen_time"))


def delete_test_clock(call: Call) -> commands.DeleteTestClock:
    return commands.DeleteTestClock(call.id)


TEST_CLOCKS = Listing(rows.TestClock, {"status": ("status", one_of(ClockStatus))}, within=NOT_DELETED)


async def show_clocks(_call: Call, clocks: Sequence[rows.TestClock]) -> list[Any]:
    """Test clocks, which exist in one mode only."""
    return [payloads.clock_payload(clock) for clock in clocks]


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_test_clock",
        method="POST",
        path=URL,
        sdk="testHelpers.testClocks.create",
        summary="Create a clock that stands still until you advance it.",
        body=CreateTestClockInput,
        translate=create_test_clock,
        reply=TestClock,
        answers=MADE,
        example={"frozen_time": "2030-01-01T00:00:00Z"},
    ),
    Operation(
        id="retrieve_test_clock",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="testHelpers.testClocks.retrieve",
        summary="Retrieve one test clock.",
        read=retrieve(rows.TestClock, "test clock", show_clocks),
        reply=TestClock,
        refusals=FIND,
    ),
    Operation(
        id="advance_test_clock",
        method="POST",
        path=f"{URL}/{{id}}/advance",
        sdk="testHelpers.testClocks.advance",
        summary="Advance a clock; it is ready once all work due by then is written.",
        body=AdvanceTestClockInput,
        translate=advance_test_clock,
        reply=TestClock,
        refusals=(*FIND, "clock_advancing"),
        example={"frozen_time": "2031-02-01T00:00:00Z"},
    ),
    Operation(
        id="delete_test_clock",
        method="DELETE",
        path=f"{URL}/{{id}}",
        sdk="testHelpers.testClocks.delete",
        summary="Delete a clock; time stands still for the programs on it.",
        translate=delete_test_clock,
        reply=Deleted,
        refusals=FIND,
    ),
    Operation(
        id="list_test_clocks",
        method="GET",
        path=URL,
        sdk="testHelpers.testClocks.list",
        summary="List test clocks, newest first.",
        read=list_of(TEST_CLOCKS, URL, show_clocks),
        listing=TEST_CLOCKS,
        reply=ListOf(TestClock),
    ),
)

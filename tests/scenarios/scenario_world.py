"""What a running scenario knows: which ids its names stand for, and the step it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scenario_drivers import Answer, Driver, Request
from scenario_language import wire_instant

Json = dict[str, Any]

# Scenarios that name no instant start here, in a year that is over.
DEFAULT_START = "2026-01-01"


@dataclass(frozen=True)
class Member:
    """An account of a scenario."""

    id: str
    customer: str


@dataclass(frozen=True)
class Named:
    """Something of a member's that later steps refer to: an entry or a redemption, by its id."""

    id: str
    member: str | None
    object: Json


class World:
    """Names and ids of one scenario, over the driver that runs it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.clock_id: str | None = None
        self.programs: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        self.members: dict[str, Member] = {}
        self.entries: dict[str, Named] = {}
        self.redemptions: dict[str, Named] = {}
        self.payments: dict[str, Named] = {}
        self.sessions: dict[str, Named] = {}
        self.codes: dict[str, Named] = {}
        self.opening: dict[str, Named] = {}
        self.referrals: dict[str, Named] = {}
        self.credits: dict[str, Named] = {}
        self.grants: dict[str, Named] = {}
        self.campaigns: dict[str, str] = {}
        self.enrolments: dict[str, Named] = {}
        self.costs: dict[str, int] = {}
        # The wallet that expectations about credit are about: its customer and currency.
        self.wallet: tuple[str, str] | None = None
        # Whom the expectations are about unless they say.
        self.subject: str | None = None
        self.is_late = False
        self.idempotency_key: str | None = None
        self.is_dry_run = False

    def call(self, operation: str, body: Json | None = None, *, id: str | None = None) -> Answer:
        """The answer to the call that the step is about, under its key and as a dry run if it says so."""
        return self.driver.call(Request(operation, body or {}, id, self.idempotency_key, self.is_dry_run))

    def make(self, operation: str, body: Json, *, id: str | None = None) -> Json:
        """Something the scenario takes for granted."""
        answer = self.driver.call(Request(operation, body, id))
        assert answer.code is None, f"{operation}: {answer.code}: {answer.message}"
        return answer.payload

    def clock(self, start: str = DEFAULT_START) -> str:
        """The scenario's clock, made when it is first needed."""
        if self.clock_id is None:
            self.clock_id = self.make("create_test_clock", {"frozen_time": wire_instant(start)})["id"]
        return self.clock_id

    def settle(self) -> None:
        """Nothing that was late is still to be written."""
        if self.is_late and self.clock_id is not None:
            self.driver.settle(self.clock_id)
        self.is_late = False

    def program(self, name: str | None = None) -> str:
        """A program by its name; without one, the first; made without expiry where there is none at all."""
        if not self.programs:
            body = {"id": "prog_main", "name": "main", "test_clock": self.clock()}
            self.programs["main"] = self.make("create_program", body)["id"]
        return self.programs[name] if name else next(iter(self.programs.values()))

    def member(self, name: str) -> Member:
        """A member by its name, whom the expectations are about from now on."""
        assert name in self.members, f"no account {name}"
        self.subject = name
        return self.members[name]

    def customer(self, name: str) -> str:
        """The customer of a member, or one who has no account."""
        return self.members[name].customer if name in self.members else f"cust_{name}"

    def note(self, shelf: dict[str, Named], name: str | None, answer: Answer, *, id: str | None = None) -> None:
        """Later steps can refer to the answer's object by a name; nothing is noted of what was not done."""
        if name is not None and answer.code is None and not self.is_dry_run:
            shelf[name] = Named(id or answer.payload["id"], self.subject, answer.payload)

    def named(self, shelf: dict[str, Named], name: str) -> Named:
        """What a name stands for; the expectations are about its member from now on."""
        assert name in shelf, f"nothing is named {name}: {', '.join(shelf)}"
        self.subject = shelf[name].member or self.subject
        return shelf[name]

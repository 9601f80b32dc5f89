"""Runs every scenario three ways with the same expectations: on core, on PostgreSQL, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scenario_drivers import Answer, CoreDriver, Driver, Engine, HttpDriver, HttpSession, PostgresDriver, running
from scenario_expectations import broken_laws, differences, look
from scenario_language import Clauses, Scenario, Step, read_scenarios
from scenario_steps import VERBS
from scenario_world import World

from conftest import make_database
from vinr_server.storage.laws.verify import verify
from vinr_server.storage.postgres.embedded import EmbeddedServer

FILES = sorted(Path(__file__).parent.glob("*.scenario"))
RUNS = [(scenario, way) for path in FILES for scenario in read_scenarios(path) for way in scenario.ways]
IDS = [f"{scenario.topic}: {scenario.title} [{way}]" for scenario, way in RUNS]


@pytest.fixture(scope="module")
def engine(postgres: EmbeddedServer, template: str) -> Iterator[Engine]:
    """One engine on one database; scenarios differ by realm."""
    yield from running(Engine(make_database(postgres, template)))


@pytest.fixture(scope="module")
def http_session(postgres: EmbeddedServer, template: str) -> Iterator[HttpSession]:
    """One server of two processes and one client; scenarios differ by realm."""
    yield from running(HttpSession(make_database(postgres, template)))


@pytest.fixture
def core_driver() -> CoreDriver:
    """Rows in memory."""
    return CoreDriver()


@pytest.fixture
def postgres_driver(engine: Engine) -> PostgresDriver:
    """A realm of the engine's database."""
    return PostgresDriver(engine)


@pytest.fixture
def http_driver(http_session: HttpSession) -> HttpDriver:
    """A realm of the server's database."""
    return http_session.driver()


@pytest.mark.parametrize(("scenario", "way"), RUNS, ids=IDS)
def test_scenario(scenario: Scenario, way: str, request: pytest.FixtureRequest) -> None:
    driver: Driver = request.getfixturevalue(f"{way}_driver")
    world = World(driver)

    for step in scenario.steps:
        _take(world, step)
    world.settle()

    assert broken_laws(world) == []


def test_all_scenarios_together_leave_what_verify_agrees_with(engine: Engine) -> None:
    verdict = verify(engine.database_url)

    assert not verdict.disagreements, verdict.disagreements


def test_every_title_is_used_once() -> None:
    assert len(set(IDS)) == len(IDS)


def _take(world: World, step: Step) -> None:
    """Take one step, as often as it says, and compare what it says with what came of it."""
    world.is_dry_run = step.is_dry_run
    try:
        before = look(world, step)
        answer: Answer | None = None
        for _time in range(step.times):
            answer = _call(world, step)
        found = differences(world, step, answer, before)
    except Exception as error:
        error.add_note(f"at {step.place}: {step.text}")
        raise
    # The line itself is the message: a traceback through the runner would only hide it.
    if found:
        pytest.fail("\n  ".join([f"{step.place}: {step.text}", *found]), pytrace=False)


def _call(world: World, step: Step) -> Answer | None:
    clauses = Clauses(step.clauses)
    world.idempotency_key = clauses.word("key")
    answer = VERBS[step.verb](world, step.words, clauses)
    clauses.end()
    return answer

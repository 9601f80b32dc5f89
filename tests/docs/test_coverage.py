"""Every operation, event, error code, command and setting is documented, and the pages are up to date."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

from docsite.cli_page import commands
from docsite.contents import DOCS, heading, pages, summary
from docsite.event_page import WHEN
from docsite.generated import generated

from vinr_server.api.contract.error_codes import ERROR_CODES
from vinr_server.api.contract.openapi import openapi, refusals
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.parse import read_struct
from vinr_server.api.edge.problems import STATUS
from vinr_server.core.checkout.presenting import Reason
from vinr_server.core.conditions.fields import FIELDS
from vinr_server.core.events.engine_events import EVENT_TYPES
from vinr_server.engine.settings import Settings


class TestOperations:
    def test_have_an_example_of_their_body(self) -> None:
        missing = [one.id for one in OPERATIONS if one.body is not None and one.example is None]

        assert missing == [], "give Operation.example, a body that works in the sandbox"
        for operation in OPERATIONS:
            if operation.body is not None and operation.example is not None:
                read_struct(operation.body, operation.example)

    def test_can_be_described(self) -> None:
        assert len(openapi()["paths"]) > 20


class TestConditions:
    def test_every_field_has_a_row(self) -> None:
        table = (DOCS / "concepts/conditions.md").read_text()
        names = [f"{name}<key>" if name.endswith(".") else name for name in FIELDS]

        assert [name for name in names if f"`{name}`" not in table] == []


class TestErrorCodes:
    def test_are_explained(self) -> None:
        assert sorted(STATUS.keys() - ERROR_CODES.keys()) == [], (
            "explain them in vinr_server/api/contract/error_codes.py"
        )
        assert sorted(ERROR_CODES.keys() - STATUS.keys()) == []

    def test_stand_in_full_sentences(self) -> None:
        for code, one in ERROR_CODES.items():
            for text in one:
                assert text[-1] in ".?)" and " " in text, (code, text)

    def test_of_operations_are_known(self) -> None:
        unknown = {code for operation in OPERATIONS for code in refusals(operation)} - STATUS.keys()

        assert unknown == set()


class TestEvents:
    def test_are_explained(self) -> None:
        assert sorted(EVENT_TYPES.keys() - WHEN.keys()) == [], "say in docsite/event_page.py when each is sent"


class TestCommands:
    def test_and_their_options_have_help(self) -> None:
        silent = [name for name, command in commands() if not command.help]
        silent += [
            f"{name} {option.opts[0]}"
            for name, command in commands()
            for option in command.params
            if option.name != "help" and not getattr(option, "hidden", False) and not getattr(option, "help", None)
        ]

        assert silent == []
        assert len(list(commands())) >= 12


class TestSettings:
    def test_are_described(self) -> None:
        assert [name for name, field in Settings.model_fields.items() if not field.description] == []


class TestGeneratedPages:
    def test_say_what_the_code_says(self) -> None:
        stale = [
            path
            for path, text in generated().items()
            if not (DOCS / path).exists() or (DOCS / path).read_text() != text
        ]

        assert stale == [], "run make sdk"

    def test_name_every_operation_event_code_command_and_setting(self) -> None:
        text = "".join(generated().values())
        names = [f"`{one.method} {one.path}`" for one in OPERATIONS] + [f"## {type} " for type in EVENT_TYPES]
        names += [f"## {code} " for code in STATUS] + [f"## {name}\n" for name, _command in commands()]
        names += [f"`VINR_{name.upper()}`" for name in Settings.model_fields]

        assert [name for name in names if name not in text] == []

    def test_are_all_of_their_folder(self) -> None:
        on_disk = {str(path.relative_to(DOCS)) for path in (DOCS / "reference").rglob("*.md")}

        assert on_disk == {path for path in generated() if path.startswith("reference/")}, "run make sdk"


class TestPages:
    def test_stand_in_the_contents(self) -> None:
        on_disk = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "decisions" not in path.parts}

        assert on_disk - {"mutants.md"} == set(pages())

    def test_open_with_a_title_and_a_sentence(self) -> None:
        for page in pages():
            text = (DOCS / page).read_text()
            assert heading(text) and 20 <= len(summary(text)) <= 300, page


class TestRules:
    def test_that_the_code_cites_are_written_down(self) -> None:
        root = DOCS.parent
        files = [*(root / "src").rglob("*.py"), *(root / "tests").rglob("*.py"), *(root / "tests").rglob("*.scenario")]
        cited = {number for file in files for number in re.findall(r"\bR(\d{1,2})\b", file.read_text())}
        told = set(re.findall(r"\*\*R(\d{1,2}) ", (DOCS / "concepts/rules.md").read_text()))

        assert len(cited) > 10
        assert sorted(cited - told, key=int) == [], "say in docs/concepts/rules.md what they are"

    def test_have_a_number_each(self) -> None:
        numbers = re.findall(r"\*\*(R\d{1,2}[a-z]*) ", (DOCS / "concepts/rules.md").read_text())

        assert [number for number, count in Counter(numbers).items() if count > 1] == []


class TestReasons:
    def test_against_a_code_stand_in_the_order_in_which_they_are_given(self) -> None:
        table = (DOCS / "guides/codes.md").read_text().partition("| reason | what to do |")[2].partition("\n\n")[0]
        told = re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines() if line))

        assert told == ["code_attempts_exceeded", *(one for one in get_args(Reason) if one != told[0])]

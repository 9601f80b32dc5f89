"""Bugs of the API's description, of its reference, and such as only a fuzz run finds."""

from __future__ import annotations

from mutant import Mutant

FUZZ = "fuzz/test_fuzz.py::TestEveryOperation::test_answers_what_is_documented_whatever_it_is_sent"
REFERENCE = "api/test_openapi.py::TestReference"

MUTANTS = [
    Mutant(
        "a status is described that never comes",
        "MADE_OR_FOUND",
        "(201,)",
        "(200, 201)",
        "api/test_openapi.py::TestStatuses::test_are_those_that_the_operations_tell",
    ),
    Mutant(
        "the refusals of an operation are left out of its description",
        "refusals",
        "*operation.refusals,",
        "",
        "api/test_bad_input.py::TestForeignObjects::test_are_unknown_in_the_path[retrieve_payment]",
    ),
    Mutant(
        "an answer's example is of another type",
        "_Maker._plain",
        "if fits is not None and isinstance(value, fits):",
        "if value is not None:",
        "api/test_openapi.py::TestDocument::test_gives_an_example_of_every_answer",
    ),
    Mutant(
        "an instant out of range breaks the request", "read_instant", "if not 0 <= value <= UNIX_MAX:", "if 0:", FUZZ
    ),
    Mutant(
        "a list is filtered by a word nothing has",
        "Choice.__call__",
        "if value not in self.words:",
        "if 0:",
        "api/test_openapi.py::TestFilters::test_refuse_a_word_that_nothing_has",
    ),
    Mutant("an answer lacks its version", "answer_headers", '(b"vinr-version", VERSION.encode()),', "", FUZZ),
    Mutant(
        "the reference may run inline scripts",
        "_POLICY",
        "script-src 'self';",
        "script-src 'self' 'unsafe-inline';",
        f"{REFERENCE}::test_may_load_nothing_from_elsewhere",
    ),
    Mutant(
        "doc_url points to no place of the page",
        "_errors_html",
        '<h2 id="{code}">',
        '<h2 id="error-{code}">',
        f"{REFERENCE}::test_has_a_place_for_the_doc_url_of_every_error",
    ),
]

"""Nothing is left without a word: no operation without its example, no error code without its meaning."""

from __future__ import annotations

from vinr_server.api.error_codes import ERROR_CODES
from vinr_server.api.openapi import openapi, refusals
from vinr_server.api.operations import OPERATIONS
from vinr_server.api.parse import read_struct
from vinr_server.api.problems import STATUS
from vinr_server.api.replies import object_of


class TestOperations:
    def test_have_a_described_answer(self) -> None:
        missing = [operation.id for operation in OPERATIONS if object_of(operation, OPERATIONS) is None]

        assert missing == [], "describe what they answer in vinr_server/api/replies.py"

    def test_have_an_example_of_their_body(self) -> None:
        missing = [one.id for one in OPERATIONS if one.body is not None and one.example is None]

        assert missing == [], "give Operation.example, a body that works in the sandbox"
        for operation in OPERATIONS:
            if operation.body is not None and operation.example is not None:
                read_struct(operation.body, operation.example)

    def test_can_be_described(self) -> None:
        assert len(openapi()["paths"]) > 20


class TestErrorCodes:
    def test_are_explained(self) -> None:
        assert sorted(STATUS.keys() - ERROR_CODES.keys()) == [], "explain them in vinr_server/api/error_codes.py"
        assert sorted(ERROR_CODES.keys() - STATUS.keys()) == []

    def test_stand_in_full_sentences(self) -> None:
        for code, one in ERROR_CODES.items():
            for text in one:
                assert text[-1] in ".?)" and " " in text, (code, text)

    def test_of_operations_are_known(self) -> None:
        unknown = {code for operation in OPERATIONS for code in refusals(operation)} - STATUS.keys()

        assert unknown == set()

"""Why an import can't run, and why a row can't be imported."""

from __future__ import annotations


class ImportRefused(Exception):
    """The import can't run; the message is a sentence for the person who started it."""


class RowRefused(Exception):
    """One row can't be imported."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def invalid(message: str) -> RowRefused:
    """Say which value can't be right."""
    return RowRefused("parameter_invalid", message)

"""The English of what people read: plain words, one spelling (STYLE, "English").

To hold more texts to it, add their globs with a reader that blanks out what is not prose and keeps the line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Each pattern with what to write instead. A word stands on its own, in any case, also across a line break.
INSTEAD = {
    r"told|tells": "emits, returns, reports, shows or logs",
    r"at hand": "this or current",
    r"anew": "again or new",
    r"whoever": "anybody who, or each member who",
    r"besides": "also, or in addition to",
    r"(?<!left\s)of its own": "its own, or separate",  # "what is left of its own lot" has an owner
    r"no more(?! than)": "no longer",
    r"enrol|enrols|enrolments?": "enroll, enrolls, enrollment",
    r"licences?": "license",
    r"cancelled|cancelling": "canceled, canceling",
    r"behaviours?": "behavior",
    r"(?:honour|favour|colour)(?:s|ed|ing|able)?": "honor, favor, color",
    r"\w{3,}(?:alis|oris|ognis|anis)(?:e|es|ed|ing|ation)": "…ize, …ization",
}
_WORDS = {re.compile(rf"\b(?:{word})\b".replace(" ", r"\s+"), re.IGNORECASE): use for word, use in INSTEAD.items()}

_NO_PROSE = re.compile(r"^( *)```.*?^\1```$|`[^`]*`|\]\([^)]*\)|<[^>]*>", re.DOTALL | re.MULTILINE)


def markdown_prose(text: str) -> str:
    """A page without its code, targets of links and tags; its lines stay where they are."""
    return _NO_PROSE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


@dataclass(frozen=True)
class Texts:
    """Files with prose in them, by globs below the repository, and how their prose is read."""

    globs: tuple[str, ...]
    read: Callable[[str], str]
    without: tuple[str, ...] = ()

    def files(self) -> list[Path]:
        """The files that are there, without those that stand below a path of `without`."""
        left_out = [ROOT / path for path in self.without]
        found = {path for glob in self.globs for path in ROOT.glob(glob)}
        return sorted(path for path in found if not any(path.is_relative_to(place) for place in left_out))


PAGES = Texts(
    ("*.md", "docs/**/*.md", "sdk/*/README.md"),
    markdown_prose,
    # The parts of docs are generated: their words come from the code and the tests. ARCHITECTURE.md is not held yet.
    without=("docs/reference", "docs/settings.md", "docs/mutants.md", "ARCHITECTURE.md"),
)
HELD = [(texts, path) for texts in (PAGES,) for path in texts.files()]


def unplain(prose: str) -> Iterator[str]:
    """Each banned word of a text: its line, the word, and what to write instead."""
    found = [(match.start(), match[0], use) for word, use in _WORDS.items() for match in word.finditer(prose)]
    for start, word, use in sorted(found):
        yield f"line {prose.count(chr(10), 0, start) + 1}: “{' '.join(word.split())}”; write {use}"


@pytest.mark.parametrize(("texts", "path"), HELD, ids=[str(path.relative_to(ROOT)) for _texts, path in HELD])
def test_words_are_plain(texts: Texts, path: Path) -> None:
    found = [f"{path.relative_to(ROOT)}, {line}" for line in unplain(texts.read(path.read_text()))]

    assert found == []


class TestTheLint:
    def test_looks_at_every_page_that_is_written_by_hand(self) -> None:
        assert len(PAGES.files()) > 35
        assert all((ROOT / path).exists() for path in PAGES.without)

    def test_finds_a_word_with_its_line_in_any_case_and_across_lines(self) -> None:
        page = "# Title\n\nAnew. The command at\nhand tells it,\nin no more than 3 lines. It is no more.\n"

        assert [line.partition(";")[0] for line in unplain(markdown_prose(page))] == [
            "line 3: “Anew”",
            "line 3: “at hand”",
            "line 4: “tells”",
            "line 5: “no more”",
        ]

    def test_leaves_code_links_and_longer_words_alone(self) -> None:
        page = "```sh\necho told\n```\n\nRun `vinr tells`, see [tests](told.md#anew): foretold, enrolled, honored.\n"

        assert list(unplain(markdown_prose(page))) == []

    @pytest.mark.parametrize("word", ["Enrols", "enrolment", "normalised", "authorisation", "honoured", "licence"])
    def test_finds_british_spellings(self, word: str) -> None:
        assert len(list(unplain(f"The member is {word}."))) == 1

"""The English of what people read: plain words, one spelling, names that say what they name (STYLE, "English").

To hold more texts to it, add their globs with a reader that blanks out what is not prose and keeps the line breaks.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

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


# Before Python 3.12 an f-string is one token, later its texts are tokens between the two ends.
_PROSE_TOKENS = {"STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END", "COMMENT"}
_FORMATTED = re.compile(r"(?i)\b(?:f|fr|rf)(?P<quotes>\"{3}|'{3}|[\"'])")
_HOLE = re.compile(r"\{\{|\}\}|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_MARKS = re.compile(r"^\w*(?:\"{3}|'{3}|[\"'])|(?:\"{3}|'{3}|[\"'])$|^#+|`[^`]*`")
_CODE = "·"  # stands for code: neither a part of a word nor a space between two


def python_prose(text: str) -> str:
    """The docstrings, comments and other strings of a module, without what is quoted or filled in; lines stay."""
    page = [[_CODE if not mark.isspace() else mark for mark in line] for line in text.splitlines(keepends=True)]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in _PROSE_TOKENS:
            _put(page, token.start, token.end, _prose_of(_between(text, token.start, token.end)))
    return "".join("".join(line) for line in page)


def _between(text: str, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = text.splitlines(keepends=True)[start[0] - 1 : end[0]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return "".join(lines)


# The contract calls a passage through a campaign an enrolment, in paths, fields and names of calls.
_OF_CONTRACT = re.compile(r"f?\"[\w./{}]*enrolments?[\w./{}]*\"")


def _prose_of(token: str) -> str:
    """A token without its quotes, or the mark of a comment; a string that goes on in the next is one text with it."""
    if _OF_CONTRACT.fullmatch(token):
        return re.sub(r"[^\n]", _CODE, token)
    if _FORMATTED.match(token):
        token = _HOLE.sub(lambda hole: re.sub(r"[^\n]", _CODE, hole[0]), token)
    return _MARKS.sub(lambda mark: re.sub(r"[^\n]", _CODE if mark[0].startswith("`") else " ", mark[0]), token)


def _put(page: list[list[str]], start: tuple[int, int], end: tuple[int, int], prose: str) -> None:
    for row, line in enumerate(prose.splitlines(keepends=True), start=start[0] - 1):
        column = start[1] if row == start[0] - 1 else 0
        page[row][column : column + len(line)] = line


# Words that no name may hold, and names that are too vague to be one.
UNPLAIN_IN_NAMES = {"tell", "tells", "telling", "told", "anew"}
UNPLAIN_NAMES = {"one"}


def unplain_names(source: str) -> Iterator[str]:
    """Each vague or unplain name that a module binds: of functions, classes, arguments, loops and other variables."""
    for line, name in sorted(_bound(ast.parse(source))):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", name)}
        if name in UNPLAIN_NAMES:
            yield f"line {line}: {name} is no name; say what it is: an offer, a line, a row"
        elif words & UNPLAIN_IN_NAMES:
            yield f"line {line}: {name}; write emit, announce, report, show or log"


def _bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


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
    # These parts of docs are generated: their words come from the code and the tests.
    without=("docs/reference", "docs/settings.md", "docs/mutants.md"),
)
SOURCE = Texts(
    ("src/vinr_server/**/*.py",),
    python_prose,
    # What a migration said when it was written stays; the imports are not held yet.
    without=(
        "src/vinr_server/storage/postgres/migrations",
        "src/vinr_server/cli/imports",
    ),
)
HELD = [(texts, path) for texts in (PAGES, SOURCE) for path in texts.files()]


def unplain(prose: str) -> Iterator[str]:
    """Each banned word of a text: its line, the word, and what to write instead."""
    found = [(match.start(), match[0], use) for word, use in _WORDS.items() for match in word.finditer(prose)]
    for start, word, use in sorted(found):
        yield f"line {prose.count(chr(10), 0, start) + 1}: “{' '.join(word.split())}”; write {use}"


@pytest.mark.parametrize(("texts", "path"), HELD, ids=[str(path.relative_to(ROOT)) for _texts, path in HELD])
def test_words_are_plain(texts: Texts, path: Path) -> None:
    found = [f"{path.relative_to(ROOT)}, {line}" for line in unplain(texts.read(path.read_text()))]

    assert found == []


@pytest.mark.parametrize("path", SOURCE.files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_plain(path: Path) -> None:
    found = [f"{path.relative_to(ROOT)}, {line}" for line in unplain_names(path.read_text())]

    assert found == []


class TestTheLint:
    def test_looks_at_every_page_that_is_written_by_hand(self) -> None:
        assert len(PAGES.files()) > 35
        assert all((ROOT / path).exists() for path in PAGES.without)

    def test_looks_at_every_floor_and_room(self) -> None:
        looked_at = {str(path.relative_to(ROOT / "src/vinr_server").parent) for path in SOURCE.files()}

        assert {"api/resources", "cli/operating", "core/offers", "engine", "storage/laws", "workers"} < looked_at
        assert len(looked_at) > 25
        assert all((ROOT / path).exists() for path in SOURCE.without)

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

    def test_reads_the_docstrings_comments_and_messages_of_a_module(self) -> None:
        module = '''
            """It tells `told` things."""
            told = [anew for anew in (1, 2)]  # begins anew, at
            # hand
            message = (
                f"The {told} offer{s} of {told[0]}, no {anew}"
                f" more, is at "
                'hand.'
            )
            words = ["no", "more"], {"at": "hand"}
            '''

        assert [line.partition(";")[0] for line in unplain(python_prose(dedent(module)))] == [
            "line 2: “tells”",
            "line 3: “anew”",
            "line 3: “at hand”",
            "line 7: “at hand”",
        ]

    def test_finds_names_that_say_nothing(self) -> None:
        module = """
            def tell(line, *, one=1):
                print(one, line.one, told(anew))
                for one, other in lines:
                    pass
                return [one.id for one in lines], lambda one: 1, (stone := 1)
            class TellSegments:
                def _told_apart(self): pass
            """

        assert [line.partition(";")[0] for line in unplain_names(dedent(module))] == [
            "line 2: one is no name",
            "line 2: tell",
            "line 4: one is no name",
            "line 6: one is no name",
            "line 6: one is no name",
            "line 7: TellSegments",
            "line 8: _told_apart",
        ]

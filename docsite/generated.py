"""Every page that is generated from the code, and the two lists of all pages."""

from __future__ import annotations

import shutil
from pathlib import Path

from docsite.api_pages import FOLDER, api_pages, index_page, objects_page
from docsite.cli_page import cli_page
from docsite.contents import DOCS, SECTIONS, heading, summary
from docsite.error_page import errors_page
from docsite.event_page import events_page
from vinr_server.cli.operating.settings_table import settings_page

NOTE = "<!-- Generated from the code by `make sdk`; do not edit. -->\n"
_LLMS = """# VINR Engagement

> A self-hosted loyalty and promotions engine: report payments and other events, and it turns them into points, tiers and
> rewards, with an exact ledger in your own PostgreSQL. A JSON API under /v1, SDKs for Python (`vinr`) and TypeScript
> (`@vinr/sdk`), a command line (`vinr`). Every page below is Markdown.
"""


def generated() -> dict[str, str]:
    """The text of each generated file, by its path below docs."""
    made = {
        f"{FOLDER}/index.md": index_page(),
        **api_pages(),
        "reference/objects.md": objects_page(),
        "reference/events.md": events_page(),
        "reference/errors.md": errors_page(),
        "reference/cli.md": cli_page(),
    }
    made = {path: NOTE + "\n" + text.rstrip("\n") + "\n" for path, text in made.items()}
    made["settings.md"] = settings_page()
    made["llms.txt"] = _llms(made)
    return made


def write_generated(docs: Path = DOCS) -> None:
    """The files are below docs; pages of resources that no longer exist are gone."""
    made = generated()
    shutil.rmtree(docs / FOLDER, ignore_errors=True)
    for path, text in made.items():
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        (docs / path).write_text(text)


def _llms(made: dict[str, str]) -> str:
    parts = [_LLMS]
    for section, paths in SECTIONS.items():
        parts.append(f"\n## {section}\n\n")
        for path in paths:
            text = made.get(path) or (DOCS / path).read_text()
            parts.append(f"- [{heading(text)}](/{path}): {summary(text)}\n")
    return "".join(parts)

"""docs/settings.md, generated from the settings. Renew: .venv/bin/python -m vinr_server.cli.operating.settings_table"""

from __future__ import annotations

from pathlib import Path

from pydantic_core import PydanticUndefined

from vinr_server.engine.settings import Settings

PAGE = Path(__file__).parents[4] / "docs" / "settings.md"
HEADER = """# Settings

Settings come from the environment; a wrong one stops the start and is named. This page is generated from
`engine/settings.py` (renew: `.venv/bin/python -m vinr_server.cli.operating.settings_table`). `vinr dev` sets the first
three itself.

| variable | default | what it is |
|---|---|---|
"""


def settings_page() -> str:
    """The page: a row for each setting, in the order of the fields."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "needed" if field.default is PydanticUndefined else f"`{field.default}`"
        rows.append(f"| `VINR_{name.upper()}` | {default} | {field.description} |\n")
    return HEADER + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(settings_page())

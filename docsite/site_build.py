"""The site: Zensical renders the pages, strict about links and loading nothing from elsewhere; each also as Markdown."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docsite.contents import DOCS, SECTIONS, pages

BUILD = DOCS.parent / "build"
CONFIG: dict[str, Any] = {
    "site_name": "VINR Engagement",
    "docs_dir": "pages",
    "site_dir": "docs",
    "nav": [{section: paths} for section, paths in SECTIONS.items()],
    "theme": {
        "name": "material",
        "font": False,
        "features": ["navigation.sections", "content.code.copy", "search.highlight", "toc.follow"],
    },
    "markdown_extensions": ["attr_list", "tables", "pymdownx.superfences", "pymdownx.highlight"],
}


def build(target: Path = BUILD) -> int:
    """The site is in `docs` below the target. Returns the exit code: not 0 if a link leads nowhere."""
    shutil.rmtree(target / "pages", ignore_errors=True)
    for page in (*pages(), "llms.txt"):
        (target / "pages" / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DOCS / page, target / "pages" / page)
    (target / "mkdocs.yml").write_text(json.dumps(CONFIG, indent=2))  # JSON is YAML
    zensical = Path(sys.executable).parent / "zensical"
    command = [str(zensical), "build", "--clean", "--strict", "--config-file", str(target / "mkdocs.yml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        return 1
    for page in pages():
        shutil.copy(DOCS / page, target / "docs" / page)
    print(f"{sum(1 for _ in pages())} pages, as HTML and as Markdown: {target / 'docs' / 'index.html'}")
    return 0

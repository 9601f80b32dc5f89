"""`python -m docsite`: the generated pages are written anew. `python -m docsite build` builds the site besides."""

from __future__ import annotations

import sys

from docsite.generated import write_generated
from docsite.site_build import build

write_generated()
if sys.argv[1:] == ["build"]:
    raise SystemExit(build())

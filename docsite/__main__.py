"""`python -m docsite`: writes the generated pages again. `python -m docsite build` also builds the site."""

from __future__ import annotations

import sys

from docsite.generated import write_generated
from docsite.site_build import build

write_generated()
if sys.argv[1:] == ["build"]:
    raise SystemExit(build())

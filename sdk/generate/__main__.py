"""`python -m sdk.generate`: writes the SDKs' generated parts again."""

from __future__ import annotations

from sdk.generate.python import write_python
from sdk.generate.typescript import write_typescript

from vinr_server.api.contract.openapi import openapi

write_python(openapi())
write_typescript(openapi())

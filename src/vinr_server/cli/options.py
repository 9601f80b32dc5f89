"""Options that several commands share: where the server is, with which key, and how to print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BaseUrl = Annotated[
    str | None,
    typer.Option(envvar="VINR_BASE_URL", help="The server. Default: the sandbox that runs on the data directory."),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="VINR_SECRET_KEY",
        help="A secret key. Default: the sandbox's own. Prefer VINR_SECRET_KEY: other users see a command's options.",
    ),
]
DataDirectory = Annotated[Path | None, typer.Option(help="Where the sandbox's data lives. Default: .vinr here.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]

"""How uvicorn runs the application, in `vinr dev` and in `vinr serve` alike."""

from __future__ import annotations

from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess


def uvicorn_config(application: Any, **more: Any) -> uvicorn.Config:
    """httptools and uvloop, no access log: a request is logged by its Request-Id where it matters."""
    return uvicorn.Config(
        application,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=20,
        **more,
    )


def run_server(*, host: str, port: int, workers: int) -> int:
    """Serve until told to stop. With several workers, each is a process with a writer of its own."""
    config = uvicorn_config(
        "vinr_server.api.asgi:create", factory=True, host=host, port=port, workers=workers, backlog=2048
    )
    if workers == 1:
        server = uvicorn.Server(config)
        server.run()
        return 0 if server.started else 1
    Multiprocess(config, sockets=[config.bind_socket()]).run()
    return 0

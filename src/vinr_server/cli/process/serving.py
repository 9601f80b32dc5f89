"""How uvicorn runs the application: in `vinr dev` in one process, in `vinr serve` in as many as you ask for."""

from __future__ import annotations

import logging
import socket
import sys
import time
from functools import partial
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from vinr_server.api.edge.asgi import Server
from vinr_server.cli.process.connection import PatientConnection
from vinr_server.cli.process.database_wait import wait_in_server
from vinr_server.cli.process.draining import forget_signals, install_drain
from vinr_server.cli.process.logs import log_json
from vinr_server.cli.process.metrics import of_server, of_writer, serve_metrics
from vinr_server.engine.settings import Settings

BACKLOG = 2048
# Uvicorn kills a worker that is silent for this long and starts another. With its default of 5 s, no worker came up on
# a machine so busy that loading the code took 8 s (two cores, load 37): each was killed while it started.
WORKER_SILENT_SECONDS_MAX = 60
# Longer than clients and proxies keep an idle connection: httpx 5 s, nginx and the load balancers of AWS 60 s, Go 90 s.
# Who sends on a connection just as the server closes it gets no answer; with uvicorn's default of 5 s that was httpx.
KEEP_ALIVE_SECONDS = 100


def uvicorn_config(application: Any, **more: Any) -> uvicorn.Config:
    """httptools and uvloop, no access log: a request is logged by its Request-Id where it matters."""
    # asyncpg's pool logs a traceback for every attempt to reach a missing database; the engine logs it once.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        application,
        http=PatientConnection,
        loop="uvloop",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,  # its loggers write in our form
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=20,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=WORKER_SILENT_SECONDS_MAX,
        backlog=BACKLOG,
        **more,
    )


def listen(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket on the port; raises OSError with a sentence if the port is taken.

    A shared socket is only bound: the kernel spreads connections over the processes that listen, each on its own.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        bound.bind((host, port))
        if not is_shared:
            bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise OSError(f"port {port} on {host} can't be used: {error.strerror}. Choose another with --port.") from None
    bound.set_inheritable(True)
    return bound


def create(*, is_loopback_allowed: bool = False) -> Server:
    """The application with the environment's settings, for a separate process; every worker calls this.

    No setting allows loopback as a webhook's target; tests, whose receivers are there, allow it in their own program.
    """
    settings = Settings()  # type: ignore[call-arg]
    server = Server(settings, is_loopback_allowed=is_loopback_allowed)
    log_json()

    def begin() -> None:
        install_drain(server, seconds=settings.drain_seconds)
        serve_metrics(settings, partial(of_server, server), partial(of_writer, server.writer))

    server.before_start = partial(wait_in_server, settings.database_url)
    server.on_started = begin
    return server


class Workers(Multiprocess):
    """Uvicorn's supervisor, with a socket for each worker.

    On one shared socket the first worker to wake took all of 64 connections that came at once: one writer did the
    work of two. Every reading of `sockets` binds a new one; the parent's copy is closed when the worker has started.
    """

    @property
    def sockets(self) -> list[socket.socket]:
        """A new socket on the one port."""
        return [listen(self.config.host, self.config.port, is_shared=True)]

    @sockets.setter
    def sockets(self, _given: list[socket.socket]) -> None:
        """Ignores the sockets that uvicorn passes back."""

    def join_all(self) -> None:
        """All workers have ended. Passes a second signal on, so that they end sooner."""
        while any(process.process.is_alive() for process in self.processes):
            if self.signal_queue:
                self.signal_queue.clear()
                for process in self.processes:
                    if process.process.is_alive():
                        process.process.terminate()
            time.sleep(0.05)
        super().join_all()


def run_server(
    *, host: str, port: int, workers: int, application: str = "vinr_server.cli.process.serving:create"
) -> int:
    """Serve until a signal. With several workers, each is a process with its own writer.

    `application` names the function that makes the application in each process.
    """
    log_json()
    try:
        listener = listen(host, port)
    except OSError as error:
        print(f"vinr serve: {error}", file=sys.stderr)
        return 1
    port = listener.getsockname()[1]
    config = uvicorn_config(application, factory=True, host=host, port=port, workers=workers)
    if workers == 1:
        server = uvicorn.Server(config)
        forget_signals()
        server.run([listener])
        return 0 if server.started else 1
    listener.close()
    Workers(config, sockets=[]).run()
    return 0

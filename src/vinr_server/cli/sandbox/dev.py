"""`vinr dev`: the whole engine on one machine with nothing else installed, for trials and tests."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import uvicorn
import uvloop
from rich.console import Console

from vinr_server.api.edge.asgi import Server
from vinr_server.cli.process.draining import forget, install_drain, signals_to
from vinr_server.cli.process.logs import log_short
from vinr_server.cli.process.metrics import of_deliveries, of_due_work, of_server, of_writer, serve_metrics
from vinr_server.cli.process.serving import listen, uvicorn_config
from vinr_server.cli.sandbox.inbox import Inbox, InboxRoutes
from vinr_server.cli.sandbox.inbox_endpoint import open_inbox
from vinr_server.cli.sandbox.journal import Journal
from vinr_server.cli.sandbox.recording import Recording
from vinr_server.cli.sandbox.routes import SandboxRoutes
from vinr_server.cli.sandbox.seed import (
    Credentials,
    Sandbox,
    credentials,
    forget_sandbox,
    open_realm,
    remember_sandbox,
    seed,
)
from vinr_server.engine.outbound import Sender
from vinr_server.engine.sealing import Seal
from vinr_server.engine.settings import Settings
from vinr_server.storage.postgres.connect import connect_readers
from vinr_server.storage.postgres.embedded import EmbeddedRefused, default_data_dir, recreate_database, start_embedded
from vinr_server.storage.postgres.migrate import migrate
from vinr_server.workers.codes import CodeWorker
from vinr_server.workers.deliver import DeliveryWorker
from vinr_server.workers.due import DueWorker

PORT = 8484
PORTS_TRIED = 20


def run_dev(*, data: Path | None, host: str, port: int | None, as_json: bool) -> int:
    """Run until SIGTERM or Ctrl-C; the database stops too. Returns the exit code."""
    data_dir = (data or default_data_dir(Path.cwd())).absolute()
    try:
        listener = _listen(host, port)
        server = start_embedded(data_dir)
    except (EmbeddedRefused, OSError) as error:
        print(f"vinr dev: {error}", file=sys.stderr)
        return 1
    try:
        keys, journal = credentials(data_dir), Journal(data_dir)
        announce: Callable[[Sandbox], None] = partial(_announce, as_json=as_json)
        while True:
            migrate(server.url)
            realm = open_realm(server.url, keys)
            # The socket stays open between two rounds, so that callers wait meanwhile instead of being refused.
            sandbox = Sandbox(_base_url(listener), keys.secret_key, server.url)
            if not uvloop.run(_serve(listener.dup(), data_dir, sandbox, keys, realm, journal, announce)):
                return 0
            forget_sandbox(data_dir)
            recreate_database(server.url)
            journal.clear()
            announce = _announce_reset
    except KeyboardInterrupt:
        return 0
    finally:
        forget_sandbox(data_dir)
        server.stop()


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket on the given port; without one, on 8484 or the next free port."""
    if port is not None:
        return listen(host, port)
    for candidate in range(PORT, PORT + PORTS_TRIED):
        try:
            return listen(host, candidate)
        except OSError as error:
            refusal = error
    raise refusal


async def _serve(
    listener: socket.socket,
    data_dir: Path,
    sandbox: Sandbox,
    keys: Credentials,
    realm: int,
    journal: Journal,
    announce: Callable[[Sandbox], None],
) -> bool:
    """Serve until a signal or a reset; returns whether to start again."""
    log_short()
    settings = Settings(database_url=sandbox.database_url, key_pepper=keys.key_pepper, secrets_key=keys.secrets_key)
    application = Server(settings, is_loopback_allowed=True)
    application.on_started = lambda: install_drain(application, seconds=0)
    resetting = asyncio.Event()

    def reset() -> None:
        resetting.set()
        server.should_exit = True

    inbox = Inbox()
    read_with = None if _is_on_loopback(listener) else keys.secret_key
    pages = InboxRoutes(inbox, secret_key=read_with)
    routes = SandboxRoutes(Recording(application, journal), secret_key=keys.secret_key, inbox=pages, reset=reset)
    server = uvicorn.Server(uvicorn_config(routes))
    pool = await connect_readers(sandbox.database_url, size=4)
    worker = DueWorker(pool, application.writer)
    codes = CodeWorker(pool, application.writer)
    webhooks = DeliveryWorker(
        pool, application.writer, sender=Sender(is_loopback_allowed=True), seal=Seal(settings.secrets_key)
    )
    serving = asyncio.create_task(_until_signal(server, listener))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        await seed(application.writer, realm)
        seal, here = Seal(settings.secrets_key), _base_url_on_loopback(listener)
        await open_inbox(inbox, application.writer, realm, seal, data_dir=data_dir, base_url=here)
        working = asyncio.gather(worker.run(), codes.run(), webhooks.run())
        figures = (partial(of_server, application), partial(of_writer, application.writer))
        own = (partial(of_due_work, worker.figures), partial(of_deliveries, webhooks.figures))
        serve_metrics(settings, *figures, *own)
        remember_sandbox(data_dir, sandbox)
        announce(sandbox)
        await serving
        worker.stop()
        codes.stop()
        webhooks.stop()
        await working
    await serving
    await pool.close()
    return resetting.is_set()


async def _until_signal(server: uvicorn.Server, listener: socket.socket) -> None:
    with signals_to(forget):
        await server.serve(sockets=[listener])


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_on_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def _base_url_on_loopback(listener: socket.socket) -> str:
    """The address on this machine: a server that listens on every address listens on loopback too."""
    return _base_url(listener).replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _announce_reset(_sandbox: Sandbox) -> None:
    print("The sandbox is empty and seeded again.", file=sys.stderr, flush=True)


def _announce(sandbox: Sandbox, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(sandbox)), flush=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]VINR Engagement[/bold] is ready. Stop it with Ctrl-C; the data stays.\n")
    console.print(f"  API       {sandbox.base_url}\n  Key       {sandbox.secret_key}")
    console.print(f"  Docs      {sandbox.base_url}/docs")
    console.print(f"  Inbox     {sandbox.base_url}/_inbox  (every event, as a webhook)")
    console.print(f"  Database  {sandbox.database_url}\n\nTry it:\n")
    account = f"{sandbox.base_url}/v1/loyalty/accounts/loy_abc123"
    console.print(f"  curl {account} -H 'Authorization: Bearer {sandbox.secret_key}'", markup=False)
    console.print("  vinr trigger payment.completed    (then look at the inbox)\n", markup=False)

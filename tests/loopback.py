"""`vinr serve` and `vinr worker` as the tests run them: with receivers of webhooks on this machine, until stdin ends.

python tests/loopback.py serve PORT WORKERS
python tests/loopback.py worker
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

from vinr_server.api.edge.asgi import Server
from vinr_server.cli.process import serving
from vinr_server.cli.process.working import run_worker
from vinr_server.engine.settings import Settings


def create() -> Server:
    """The application of a process, as `vinr serve` makes it but for its targets."""
    return serving.create(is_loopback_allowed=True)


def end_with_stdin() -> None:
    """This process' group ends when nobody is left who could write to its stdin: with the tests, even killed ones."""
    assert os.getpgrp() == os.getpid(), "it needs a group of its own: who started it is in this one, and would end too"

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock, held here, keeps Python from ending
            pass
        # Nobody waits for an end in order; and uvicorn waits 60 s for the ping of a worker that ended before it.
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_stdin()
    # Each process of the server imports this module by its name.
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    sys.path.insert(0, here)
    if sys.argv[1] == "serve":
        port, workers = int(sys.argv[2]), int(sys.argv[3])
        sys.exit(serving.run_server(host="127.0.0.1", port=port, workers=workers, application="loopback:create"))
    asyncio.run(run_worker(Settings(), is_loopback_allowed=True))  # type: ignore[call-arg]

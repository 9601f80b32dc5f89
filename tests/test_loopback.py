"""No server outlives the tests: it ends with the process that started it, which may have been killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

from conftest import PATIENCE_SECONDS, free_port

# Starts a server of two workers whose database is away, says who leads their group, and stays.
STARTER = """
import signal, sys
from conftest import start_process
started = start_process("postgresql://nobody@127.0.0.1:" + sys.argv[1] + "/none", "serve", sys.argv[2], "2")
print(started.pid, flush=True)
signal.pause()
"""
# Each of its workers logs this once.
WAITS = b"next attempt in 0.5 s"


def test_a_killed_starter_takes_its_server_along() -> None:
    command = [sys.executable, "-c", STARTER, str(free_port()), str(free_port())]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    starter = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert starter.stdout is not None
    group = int(starter.stdout.readline())
    try:
        waiting = 0
        for line in starter.stdout:
            waiting += WAITS in line
            if waiting == 2:
                break
        assert waiting == 2

        starter.kill()

        starter.communicate(timeout=PATIENCE_SECONDS)  # their output ends with the last of them
    finally:
        starter.kill()
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

"""The code of the pages runs as printed against a real server, and prints what its comments say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pages import blocks, environment, like_the_sandbox, program, told, with_code

from conftest import PATIENCE_SECONDS, RunningServer


def run(command: list[str], code: str, server: RunningServer) -> str:
    """What the program prints, in a realm of its own that is like the sandbox."""
    env = environment(server, like_the_sandbox(server))
    done = subprocess.run([*command, code], env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


class TestPython:
    @pytest.mark.parametrize("page", with_code("python"))
    def test_prints_what_it_says(self, page: str, shared_server: RunningServer) -> None:
        printed = run([sys.executable, "-c"], program(page, "python"), shared_server)

        assert [line for line in printed.splitlines() if line] == told(page, "python")


class TestPages:
    def test_show_the_main_calls_in_three_ways(self) -> None:
        for page in ("start.md", "guides/launch-a-program.md", "guides/linking-payments.md", "guides/refunds.md"):
            assert all(blocks(page, language) for language in ("sh", "python", "ts")), page

    def test_are_many(self) -> None:
        assert len(with_code("python")) >= 10 and len(with_code("sh")) >= 8 and len(with_code("console")) >= 4
        assert sum(len(told(page, "python")) for page in with_code("python")) >= 20

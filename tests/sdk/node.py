"""Node.js for the tests: the machine's own if it is young enough, else that of PyPI, as pinned in uv.lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sdk/typescript"
VENV = ROOT / ".venv/bin"
OLDEST = 18


@cache
def node_folder() -> Path:
    """Where `node` and `npm` are."""
    node = shutil.which("node")
    if node and shutil.which("npm") and _version(node) >= OLDEST:
        return Path(node).parent
    with (ROOT / "uv.lock").open() as held:  # by one process, while others wait
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (VENV / "node").exists():
            sync = [VENV / "uv", "sync", "--frozen", "--inexact", "--quiet", "--group", "node"]
            subprocess.run(sync, cwd=ROOT, check=True)
    return VENV


def _version(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.lstrip("v").partition(".")[0])


def run(
    *command: str, cwd: Path, env: Mapping[str, str] = {}, input: str | None = None
) -> subprocess.CompletedProcess[str]:
    """What came of a command of Node.js, or of one that the package's own dependencies bring."""
    path = os.pathsep.join([str(node_folder()), str(PACKAGE / "node_modules/.bin"), os.environ["PATH"]])
    env = os.environ | {"PATH": path, "NO_COLOR": "1"} | env
    return subprocess.run(command, cwd=cwd, env=env, input=input, capture_output=True, text=True, check=False)


def build_app(folder: Path) -> None:
    """A user's project with the package in it, as npm would publish it, and the package's tests.

    Test processes run side by side: the package is built in a copy of its own.
    """
    _require_compiler()
    copy = folder / "source"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(PACKAGE / "node_modules")
    _require(run("npm", "pack", "--pack-destination", str(folder), cwd=copy))
    [packed] = folder.glob("*.tgz")
    shutil.unpack_archive(packed, folder)
    home = folder / "node_modules/@vinr/sdk"
    home.parent.mkdir(parents=True)
    (folder / "package").rename(home)
    for test in (PACKAGE / "tests").glob("*.ts"):
        shutil.copy(test, folder)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')


def _require_compiler() -> None:
    """What package-lock.json pins is installed; by one process, while others wait."""
    lock, installed = PACKAGE / "package-lock.json", PACKAGE / "node_modules/.package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            _require(run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=PACKAGE))


def compile_strictly(folder: Path, *files: str, emit: bool = True) -> str:
    """What the compiler has against these files; nothing if they are right."""
    types = ["--types", "node", "--typeRoots", str(PACKAGE / "node_modules/@types")]
    target = ["--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]
    options = ["--strict", "--pretty", "false", *([] if emit else ["--noEmit"]), *target, *types]
    return run("tsc", *options, *files, cwd=folder).stdout


def _require(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr

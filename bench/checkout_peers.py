"""Engines of the same kind as ours, each as it ships, in a separate process that times itself.

json-rules-engine and Medusa's promotions come from npm and hold their offers in memory; django-oscar comes from PyPI
and keeps them in the bench's PostgreSQL. All versions and their hashes are locked in bench/peers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.checkout_workload import PRICES, UNITS, BenchOffer
from bench.rig import Rig

PEERS = Path(__file__).parent / "peers"
INSTALL_SECONDS = 300
# The template that PostgreSQL makes new databases from.
EMPTY = "template1"
# For starting, storing the offers and one evaluation more than was asked for.
SPARE_SECONDS = 180


@dataclass(frozen=True)
class Peer:
    """An engine, and the most offers it is measured with; `why` says why not more."""

    name: str
    most: int = 1_000
    why: str = ""


NODE = (Peer("json-rules-engine"), Peer("medusa"))
OSCAR = Peer("django-oscar", 100, "one evaluation takes about ten times as long as at 100")
PEERS_OF_OURS = (*NODE, OSCAR)


class Peers:
    """The engines that could be installed, in a directory of this run. `missing` says why others were not."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._directory = rig, rig.directory / "peers"
        shutil.copytree(PEERS, self._directory)
        self.missing: dict[str, str] = {}
        for peers, install in ((NODE, self._install_node), ((OSCAR,), self._install_oscar)):
            why = install()
            if why is not None:
                self.missing |= {peer.name: why for peer in peers}

    def measured_at(self, size: int) -> list[Peer]:
        """The peers to measure with so many offers."""
        return [peer for peer in PEERS_OF_OURS if peer.name not in self.missing and size <= peer.most]

    def measure(self, peer: Peer, made: Sequence[BenchOffer], *, seconds: float) -> dict[str, Any] | None:
        """The figures that the peer prints; None if it fails, and then it is missing from now on."""
        cart = [{"sku": sku, "price": price, "units": UNITS} for sku, price in PRICES.items()]
        work = json.dumps({"cart": cart, "offers": [asdict(offer) for offer in made]})
        command = ["node", "measure.js", peer.name, str(seconds)]
        if peer is OSCAR:
            command = [str(self._python), "django_oscar.py", self._rig.url(self._rig.copy(EMPTY)), str(seconds)]
        done = self._run(command, work, seconds=seconds + SPARE_SECONDS)
        if isinstance(done, str):
            self.missing[peer.name] = f"at {len(made):,} offers {done}"
            return None
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    # ---- making them ready

    @property
    def _python(self) -> Path:
        return self._directory / "venv" / "bin" / "python"

    def _install_node(self) -> str | None:
        if shutil.which("npm") is None or shutil.which("node") is None:
            return "node and npm are not installed"
        done = self._run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"])
        return done if isinstance(done, str) else None

    def _install_oscar(self) -> str | None:
        uv = [sys.executable, "-m", "uv"]
        pinned = ["--require-hashes", "--python", str(self._python), "--requirements", "requirements.txt"]
        for command in (["venv", "--python", sys.executable, "venv"], ["pip", "install", *pinned]):
            done = self._run([*uv, *command])
            if isinstance(done, str):
                return done
        return None

    def _run(
        self, command: list[str], work: str = "", *, seconds: float = INSTALL_SECONDS
    ) -> subprocess.CompletedProcess[str] | str:
        """The process if it succeeded, or how it failed."""
        shown = " ".join(command[:3])
        try:
            done = subprocess.run(
                command,
                cwd=self._directory,
                input=work,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"`{shown}` took more than {seconds:.0f} s"
        except OSError as error:
            return f"`{shown}`: {error}"
        return done if done.returncode == 0 else f"`{shown}` failed: {done.stderr.strip()[-400:]}"

"""A shop to import into: a program, separate ids, and the commands an operator runs, each a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from conftest import PATIENCE_SECONDS, RunningServer, make_realm


@dataclass
class Shop:
    """A program that gives a point per currency unit, separate ids, and the command to import into it."""

    client: httpx2.Client
    base_url: str
    key: str
    directory: Path
    program: str = ""
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def open(self) -> None:
        """The program and its rule exist."""
        self.program = self._post("/v1/loyalty/programs", {"name": "Shop"})["id"]
        rule = {"program": self.program, "trigger": "payment.completed", "earn": {"points_per_currency_unit": 1}}
        self._post("/v1/loyalty/earning_rules", rule)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.client.post(path, json=body)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def write(self, text: str | bytes, name: str = "purchases.csv") -> Path:
        """A file to import."""
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def command(self, file: Path, *more: str) -> list[str]:
        """The command line; `more` comes last and wins."""
        prefixes = ["--customer-prefix", f"cust_{self.name}_", "--payment-prefix", f"pay_{self.name}_"]
        line = [sys.executable, "-m", "vinr_server.cli", "import", "purchases", str(file), "--program", self.program]
        return [*line, "--columns", "customer,date,amount", *prefixes, "--base-url", self.base_url, "--json", *more]

    def run_with_key(self, key: str, file: Path) -> Run:
        """The finished import under another key."""
        return Shop(self.client, self.base_url, key, self.directory, self.program, self.name).run(file)

    def run(self, file: Path, *more: str, currency: str | None = "USD", seconds: float = PATIENCE_SECONDS) -> Run:
        """The finished import."""
        fixed = [] if currency is None else ["--currency", currency]
        done = subprocess.run(
            self.command(file, *fixed, *more),
            env=self.env(),
            cwd=self.directory,
            capture_output=True,
            timeout=seconds,
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    def env(self) -> dict[str, str]:
        """The environment of the command."""
        return os.environ | {"VINR_SECRET_KEY": self.key}

    def balances(self) -> dict[str, int]:
        """Every member's balance, by the customer as the file names it."""
        members: list[dict[str, Any]] = []
        query: dict[str, Any] = {"program": self.program, "limit": 100}
        while True:
            page = self.client.get("/v1/loyalty/accounts", params=query).json()
            members += page["data"]
            if not page["has_more"]:
                return {member["customer"].removeprefix(f"cust_{self.name}_"): member["balance"] for member in members}
            query["starting_after"] = page["data"][-1]["id"]

    def payments(self, customer: str) -> list[dict[str, Any]]:
        """The payments of a customer, by when they were made."""
        query = {"customer": f"cust_{self.name}_{customer}", "limit": 100}
        found: list[dict[str, Any]] = self.client.get("/v1/payments", params=query).json()["data"]
        return sorted(found, key=lambda payment: payment["occurred_at"])

    def vinr(self, *words: str, seconds: float = PATIENCE_SECONDS) -> Run:
        """Any command against this shop."""
        line = [sys.executable, "-m", "vinr_server.cli", *words, "--base-url", self.base_url]
        done = subprocess.run(line, env=self.env(), cwd=self.directory, capture_output=True, timeout=seconds)
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True)
class Run:
    """What a finished import said."""

    code: int
    out: str
    err: str

    @property
    def counts(self) -> tuple[int, int, int]:
        """Created, existing, failed."""
        summary = json.loads(self.out)
        return summary["created"], summary["existing"], summary["failed"]


def new_shop(server: RunningServer, directory: Path) -> Iterator[Shop]:
    """A shop in a new realm."""
    realm = make_realm(server.database_url, f"tnt_{uuid.uuid4().hex}")
    with server.client(realm.key) as client:
        shop = Shop(client, server.base_url, realm.key, directory)
        shop.open()
        yield shop

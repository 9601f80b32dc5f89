"""`vinr import segment-members` as an operator runs it: in a separate process, against a real server."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import uuid
from pathlib import Path

from conftest import PATIENCE_SECONDS, RunningServer, make_realm

URL = "/v1/engagement/segments"


def run(server: RunningServer, key: str, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VINR_SECRET_KEY": key, "VINR_BASE_URL": server.base_url}
    command = [sys.executable, "-m", "vinr_server.cli", "import", "segment-members", *options]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


class TestImport:
    def test_adds_accounts_that_exist_and_names_the_rest(self, shared_server: RunningServer, tmp_path: Path) -> None:
        realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}", livemode=False)
        with shared_server.client(realm.key) as client:
            program = client.post("/v1/loyalty/programs", json={"name": "P"}).json()["id"]
            client.post(URL, json={"id": "vip", "name": "VIP", "type": "static"})
            accounts = [
                client.post("/v1/loyalty/accounts", json={"program": program, "customer": f"cust_{n}"}).json()["id"]
                for n in range(3)
            ]
            filler = [f"loy_none{n}" for n in range(1_500)]
            rows = [accounts[0], "=loy_1", "", *filler, *accounts[1:], accounts[0]]
            (tmp_path / "vips.csv").write_text("name,account\n" + "".join(f"x,{row}\n" for row in rows))

            first = run(shared_server, realm.key, tmp_path, "vips.csv", "--segment", "vip")
            again = run(shared_server, realm.key, tmp_path, "vips.csv", "--segment", "vip")
            size = client.get(f"{URL}/vip/size").json()["count"]

        failed = list(csv.DictReader((tmp_path / "vips.csv.errors.csv").open()))
        assert (first.returncode, again.returncode, size) == (2, 2, 3), first.stderr
        assert "Read 1,506 rows: 3 joined vip, 1 were there already, 1,502 failed." in first.stdout
        assert "0 joined vip, 4 were there already" in again.stdout
        assert {row["code"] for row in failed} == {"parameter_invalid", "resource_missing"}
        assert [row["row"] for row in failed if row["code"] == "parameter_invalid"] == ["2", "3"]

    def test_says_what_keeps_it_from_starting(self, shared_server: RunningServer, tmp_path: Path) -> None:
        realm = make_realm(shared_server.database_url, f"tnt_{uuid.uuid4().hex}", livemode=False)
        (tmp_path / "vips.csv").write_text("account\nloy_1\n")

        missing = run(shared_server, realm.key, tmp_path, "vips.csv", "--segment", "vip")
        column = run(shared_server, realm.key, tmp_path, "vips.csv", "--segment", "vip", "--column", "id")
        key = run(shared_server, "sk_test_none", tmp_path, "vips.csv", "--segment", "vip")

        assert [run.returncode for run in (missing, column, key)] == [1, 1, 1]
        assert "No such segment: 'vip'" in missing.stderr
        assert "no column 'id'" in column.stderr
        assert "VINR_SECRET_KEY" in key.stderr

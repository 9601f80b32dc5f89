"""`vinr import codes` and `vinr export codes` as an operator runs them, against a real server."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from conftest import RunningServer, make_realm

SPELLED = "code,max_redemptions\n0071,\nPRINT-0072,5\n1.2E+10,\nprint 0072,\n,\nPRINT-0073,²\nPRINT-0074, 7 \n"


def vinr(server: RunningServer, key: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """What the command line says."""
    told = {"VINR_SECRET_KEY": key, "VINR_BASE_URL": server.base_url}
    command = [sys.executable, "-m", "vinr_server.cli", *options]
    return subprocess.run(command, cwd=folder, env=os.environ | told, capture_output=True, text=True, timeout=60)


def test_codes_go_from_a_file_into_a_batch_and_back(shared_server: RunningServer, tmp_path: Path) -> None:
    key = make_realm(shared_server.database_url, "tnt_code_files").key
    client = shared_server.client(key)
    offer = {"name": "Ten", "type": "fixed_discount", "value": 1000, "requires_code": True}
    made = client.post("/v1/offers", json=offer).json()["id"]
    batch = client.post("/v1/engagement/code_batches", json={"offer": made, "name": "Printed"}).json()["id"]
    (tmp_path / "codes.csv").write_text(SPELLED)
    importing = ("import", "codes", "codes.csv", "--batch", batch)

    tried = vinr(shared_server, key, tmp_path, *importing, "--dry-run")
    done = vinr(shared_server, key, tmp_path, *importing)
    again = vinr(shared_server, key, tmp_path, *importing)
    exported = vinr(shared_server, key, tmp_path, "export", "codes", "--batch", batch, "-o", "out.csv")

    assert "would be added" in tried.stdout
    assert (done.returncode, done.stdout) == (
        2,
        f"Read 6 rows: 3 added to {batch}, 1 were there already, 2 failed.\n",
    ), done.stderr
    assert f"Read 6 rows: 0 added to {batch}, 4 were there already, 2 failed." in again.stdout
    assert "spreadsheet has shortened" in (tmp_path / "codes.csv.errors.csv").read_text()
    assert exported.returncode == 0, exported.stderr
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [(row["code"], row["max_redemptions"]) for row in rows] == [
        ("PRINT-0074", "7"),
        ("PRINT-0072", "5"),
        ("0071", "1"),
    ]

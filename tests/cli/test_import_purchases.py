"""`vinr import purchases` as an operator runs it: in a separate process, against a real server."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from conftest import PATIENCE_SECONDS, RunningServer, wait_until
from vinr_server.cli.imports.purchase_rows import (
    BadRow,
    Columns,
    ImportRefused,
    Purchase,
    Reading,
    RowRefused,
    parse_columns,
    read_amount,
    read_purchases,
)

POSITIONS = parse_columns("customer,date,amount")


@dataclass
class Shop:
    """A program that gives a point per currency unit, ids of its own, and the command to import into it."""

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

    def run(self, file: Path, *more: str, currency: str | None = "USD") -> Run:
        """The finished import."""
        fixed = [] if currency is None else ["--currency", currency]
        done = subprocess.run(
            self.command(file, *fixed, *more),
            env=self.env(),
            cwd=self.directory,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
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
                return {one["customer"].removeprefix(f"cust_{self.name}_"): one["balance"] for one in members}
            query["starting_after"] = page["data"][-1]["id"]

    def payment(self, row: int) -> dict[str, Any]:
        """The payment of a row."""
        found: dict[str, Any] = self.client.get(f"/v1/payments/pay_{self.name}_{row}").json()
        return found


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


@pytest.fixture
def shop(shared_server: RunningServer, tmp_path: Path) -> Iterator[Shop]:
    """A shop on the shared server."""
    with shared_server.client() as client:
        shop = Shop(client, shared_server.base_url, shared_server.realm.key, tmp_path)
        shop.open()
        yield shop


class TestImportPurchases:
    def test_enrols_and_awards_every_row_once(self, shop: Shop) -> None:
        file = shop.write("header\n 001 19970101 1 11.77\n 002 19970112 1 0.00\n 001 19970202 2  5.23\r\n\n")
        more = ("--columns", "customer,date,-,amount", "--skip-rows", "1", "--date-format", "%Y%m%d", "--time", "12:00")

        first = shop.run(file, *more)
        second = shop.run(file, *more)

        assert (first.code, first.counts) == (0, (3, 0, 0)), first
        assert (second.code, second.counts) == (0, (0, 3, 0)), second
        assert shop.balances() == {"001": 16, "002": 0}
        assert shop.payment(1)["amount"] == 1177
        assert shop.payment(3)["occurred_at"] == 854884800  # 1997-02-02T12:00:00Z
        assert not list(shop.directory.glob("*.errors.csv"))

    def test_says_how_to_leave_a_header_out(self, shop: Shop) -> None:
        run = shop.run(shop.write("customer,date,amount\na,2026-01-01,5\nb,2026-01-01,x\n"))

        assert (run.code, run.counts) == (2, (1, 0, 2)), run
        with (shop.directory / "purchases.csv.errors.csv").open(newline="") as errors:
            _header, first, last = csv.reader(errors)
        assert first[3].endswith("If this line is the header, leave it out with --skip-rows 1.")
        assert "--skip-rows" not in last[3]

    def test_writes_failed_rows_down_as_harmless_cells(self, shop: Shop) -> None:
        lines = ["a,2026-01-01,5", "=1+1,2026-01-01,-5", "+b,01/02/2026,5", "@c,2026-01-01,5.001", "d,2026-01-01"]
        file = shop.write("\n".join([*lines, "e,2026-01-01,x", "-f,,5", "g,2026-01-02,7"]))

        run = shop.run(file)

        assert (run.code, run.counts) == (2, (2, 0, 6)), run
        with (shop.directory / "purchases.csv.errors.csv").open(newline="") as errors:
            header, *rows = csv.reader(errors)
        assert header == ["row", "line", "code", "message"]
        assert [(row, line) for row, line, _code, _message in rows] == [
            ("2", "'=1+1,2026-01-01,-5"),
            ("3", "'+b,01/02/2026,5"),
            ("4", "'@c,2026-01-01,5.001"),
            ("5", "d,2026-01-01"),
            ("6", "e,2026-01-01,x"),
            ("7", "'-f,,5"),
        ]
        assert [row[2] for row in rows] == ["parameter_invalid"] * 5 + ["parameter_missing"]
        assert shop.balances() == {"a": 5, "g": 7}

    def test_writes_control_characters_down_as_escapes(self, shop: Shop) -> None:
        run = shop.run(shop.write("customer,date,amount\n\x1b[2Ja\x9b\u202e,2026-01-01,x\n"), "--skip-rows", "1")

        assert run.counts == (0, 0, 1), run
        written = (shop.directory / "purchases.csv.errors.csv").read_text()
        assert "\\x1b[2Ja\\x9b\\u202e,2026-01-01,x" in written
        assert not {*written} & {"\x1b", "\x9b", "\u202e"}

    def test_reports_what_the_server_refuses_by_row(self, shop: Shop) -> None:
        shop.run(shop.write("a,2026-01-01,5\n"))
        file = shop.write("a,2026-01-01,6\nb,2026-01-01,7\nc\x00,2026-01-01,8\nd,2026-01-01,9\n")

        run = shop.run(file, "--errors", "wrong.csv")

        assert (run.code, run.counts) == (2, (2, 0, 2)), run
        with (shop.directory / "wrong.csv").open(newline="") as errors:
            codes = {row["row"]: row["code"] for row in csv.DictReader(errors)}
        assert codes == {"1": "id_conflict", "3": "body_invalid"}
        assert shop.balances() == {"a": 5, "b": 7, "d": 9}

    def test_writes_nothing_on_a_dry_run(self, shop: Shop) -> None:
        file = shop.write("a,2026-01-01,5\na,2026-01-02,6\nb,2026-01-01,-7\n")

        run = shop.run(file, "--dry-run")

        assert (run.code, run.counts) == (2, (2, 0, 1)), run
        assert shop.balances() == {}

    def test_reads_columns_by_their_header_and_currencies_by_row(self, shop: Shop) -> None:
        text = (
            'Beleg;Betrag;Kunde;Währung;Datum\nA1;1500;Jörg;JPY;24.12.2025\nA2;"1.525";"O;Hara";kwd;25.12.2025 08:30\n'
        )
        file = shop.write(text.encode("cp1252"))
        more = ("--columns", "customer=Kunde,date=Datum,amount=Betrag,currency=Währung,payment=Beleg")

        strict = shop.run(file, *more, "--encoding", "cp1252", "--date-format", "%d.%m.%Y", currency=None)
        timed = shop.run(file, *more, "--encoding", "cp1252", "--date-format", "%d.%m.%Y %H:%M", currency=None)

        assert (strict.code, strict.counts) == (2, (1, 0, 1)), strict
        assert (timed.code, timed.counts) == (2, (1, 0, 1)), timed
        amounts = [shop.client.get(f"/v1/payments/pay_{shop.name}_A{row}").json()["amount"] for row in (1, 2)]
        assert amounts == [1500, 1525]
        assert shop.balances() == {"Jörg": 1500, "O;Hara": 1}

    def test_stops_at_once_without_a_key_that_opens(self, shop: Shop) -> None:
        file = shop.write("a,2026-01-01,5\n")

        wrong = shop.run_with_key("sk_test_wrong", file)
        absent = shop.run_with_key("", file)

        assert (wrong.code, wrong.err.count("\n")) == (1, 1), wrong
        assert "refuses VINR_SECRET_KEY" in wrong.err
        assert (absent.code, absent.err.count("\n")) == (1, 1), absent
        assert "Set VINR_SECRET_KEY" in absent.err and 'eval "$(vinr status -o env)"' in absent.err

    def test_stops_with_a_sentence_where_the_file_cannot_be_read(self, shop: Shop) -> None:
        latin = shop.write("J\xf6rg,2026-01-01,5\n".encode("latin-1"), name="latin.csv")

        absent = shop.run(shop.directory / "absent.csv")
        other_encoding = shop.run(latin)

        assert (absent.code, absent.err.count("\n")) == (1, 1), absent
        assert "absent.csv can't be read: No such file or directory." in absent.err
        assert other_encoding.code == 1, other_encoding
        assert "latin.csv is not UTF-8 (byte 0xf6" in other_encoding.err
        assert shop.balances() == {}

    def test_stops_with_a_sentence_where_no_server_knows_the_program(self, shop: Shop) -> None:
        file = shop.write("a,2026-01-01,5\n")

        refusals = {
            "prog_absent": shop.run(file, "--program", "prog_absent"),
            "can't be reached": shop.run(file, "--base-url", "http://127.0.0.1:9"),
        }

        for sentence, run in refusals.items():
            assert run.code == 1, run
            assert sentence in run.err, run
        assert shop.balances() == {}


class TestInterruptedImport:
    def test_is_completed_by_the_next_run(self, shop: Shop) -> None:
        rows = 1200
        file = shop.write("".join(f"c{row % 100},2026-01-01,{row % 7}.00\n" for row in range(rows)))
        options = ("--currency", "USD", "--batch-size", "4", "--concurrency", "1")

        # Its third call is answered when it has been interrupted, so that it is, however late that is.
        with Trouble(shop.base_url, ["", "", "wait"]) as trouble:
            process = subprocess.Popen(
                shop.command(file, *options, "--base-url", trouble.url),
                env=shop.env(),
                cwd=shop.directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            wait_until(lambda: trouble.left == [], what="the third call is under way")
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            trouble.may_go_on.set()
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        interrupted = Run(process.returncode, out.decode(), err.decode())
        done = sum(interrupted.counts)
        rest = shop.run(file)

        assert (interrupted.code, interrupted.counts[2]) == (130, 0), interrupted
        assert 0 < done < rows
        assert "Run the same command again" in interrupted.err
        assert rest.counts == (rows - done, done, 0), rest
        assert shop.balances() == {
            f"c{customer}": sum(row % 7 for row in range(customer, rows, 100)) for customer in range(100)
        }

    def test_gets_over_a_busy_server_and_lost_answers(self, shop: Shop) -> None:
        file = shop.write("".join(f"c{row % 5},2026-01-01,1\n" for row in range(50)))
        with Trouble(shop.base_url, ["busy", "lose the answer", "hang up"]) as trouble:
            started = time.monotonic()
            run = shop.run(file, "--base-url", trouble.url, "--batch-size", "25", "--concurrency", "1")
            seconds = time.monotonic() - started

        assert (run.code, sum(run.counts), run.counts[2]) == (0, 50, 0), run
        assert trouble.left == []
        assert seconds > 1, "the Retry-After of one second was waited for"
        assert shop.balances() == {f"c{customer}": 10 for customer in range(5)}


class Trouble:
    """Stands between the import and the server; each POST meets the next trouble, then the way is free."""

    def __init__(self, target: str, troubles: list[str]) -> None:
        self.left = troubles
        self.may_go_on = threading.Event()
        trouble = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._forward("GET", b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kind = trouble.left.pop(0) if trouble.left else ""
                if kind == "busy":
                    self._answer(503, b"{}", {"Retry-After": "1"})
                elif kind == "hang up":
                    self.close_connection = True
                else:
                    if kind == "wait":
                        trouble.may_go_on.wait(PATIENCE_SECONDS)
                    self._forward("POST", body, is_lost=kind == "lose the answer")

            def _forward(self, method: str, body: bytes, *, is_lost: bool = False) -> None:
                headers = {"Authorization": self.headers["authorization"]}
                answer = httpx2.request(
                    method, target + self.path, content=body, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
                )
                if is_lost:
                    self.close_connection = True
                else:
                    self._answer(answer.status_code, answer.content, {})

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Trouble:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class TestParseColumns:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "lacks customer"),
            ("customer,date", "lacks amount"),
            ("-,-,-", "lacks customer and date and amount"),
            ("customer,date,amount,amount", "names amount twice"),
            ("customer,date,amount,price", "'price' is not understood"),
            ("customer=Kunde,date,amount=Betrag", "'date' is not understood"),
            ("customer=,date=Datum,amount=Betrag", "'customer=' is not understood"),
        ],
    )
    def test_refuses_what_names_no_purchase(self, text: str, sentence: str) -> None:
        with pytest.raises(ImportRefused) as refused:
            parse_columns(text)

        assert sentence in str(refused.value)

    def test_takes_a_header_with_a_comma_in_quotes(self) -> None:
        columns = parse_columns('customer=Kunde,date=Datum,"amount=Betrag, brutto"')

        assert columns.names["amount"] == "Betrag, brutto"

    def test_refuses_a_header_that_lacks_a_column_or_has_it_twice(self) -> None:
        columns = parse_columns("customer=K,date=D,amount=B")

        with pytest.raises(ImportRefused, match="has no column 'B'"):
            columns.located_in(["K", "D"])
        with pytest.raises(ImportRefused, match="more than one column 'D'"):
            columns.located_in(["K", "D", "D", "B"])


class TestReadAmount:
    @pytest.mark.parametrize(
        ("text", "currency", "minor"),
        [("11.77", "USD", 1177), ("0.29", "EUR", 29), ("5", "EUR", 500), ("1500", "JPY", 1500), ("1.525", "KWD", 1525)],
    )
    def test_is_exact_in_the_minor_unit(self, text: str, currency: str, minor: int) -> None:
        assert read_amount(text, currency) == minor

    @pytest.mark.parametrize(
        ("text", "currency"),
        [
            *[
                ("1.5", "JPY"),
                ("1.001", "USD"),
                ("1.0001", "KWD"),
                ("5", "XXZ"),
                ("9" * 16, "EUR"),
                ("9" * 5000, "EUR"),
            ],
            *((text, "EUR") for text in ("-1", "(1)", "NaN", "Infinity", "1e3", "1,50", "1_000", "\u0661", "1.", "+1")),
        ],
    )
    def test_refuses_what_the_currency_cannot_hold(self, text: str, currency: str) -> None:
        with pytest.raises(RowRefused) as refused:
            read_amount(text, currency)

        assert refused.value.code == "parameter_invalid"


class TestReadPurchases:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "   "])
    def test_finds_the_separator(self, separator: str) -> None:
        lines = [separator.join(("k1", "2026-01-01", "5.50")) + "\n"]

        (purchase,) = _read(lines)

        assert isinstance(purchase, Purchase)
        assert purchase.payment.amount == 550

    def test_takes_the_delimiter_that_fits_the_columns_and_not_the_one_in_amounts(self) -> None:
        rows = _read(["k1;2026-01-01;5,50\n", "k2;2026-01-01;6\n"])

        assert [type(row) for row in rows] == [BadRow, Purchase]

    def test_numbers_rows_that_span_lines_and_leaves_blank_ones_out(self) -> None:
        rows = _read(['"k\n1",2026-01-01,5\n', "\n", "k2,2026-01-01\n", "k3,2026-01-01,6\n"])

        assert [(row.row, row.line) for row in rows] == [
            (1, '"k\n1",2026-01-01,5'),
            (2, "k2,2026-01-01"),
            (3, "k3,2026-01-01,6"),
        ]
        assert isinstance(rows[1], BadRow)

    @pytest.mark.parametrize(
        ("date", "options", "occurred_at"),
        [
            ("2026-01-01", {}, 1767225600),
            ("2026-01-01", {"timezone": "Europe/Berlin", "time_of_day": "12:00"}, 1767265200),
            ("2026-01-01T12:00:00-05:00", {"timezone": "Europe/Berlin"}, 1767286800),
            ("2026-03-29 02:30", {"timezone": "Europe/Berlin"}, 1774747800),  # not on any clock: 03:30
            ("2026-10-25 02:30", {"timezone": "Europe/Berlin"}, 1792888200),  # twice: the first
            ("01.02.2026", {"date_format": "%d.%m.%Y"}, 1769904000),
            ("2026-01-01 00:00:00.5", {}, "2026-01-01T00:00:00.500000+00:00"),
        ],
    )
    def test_reads_the_instant_in_its_zone(self, date: str, options: dict[str, str], occurred_at: int | str) -> None:
        (purchase,) = _read([f"k1,{date},5\n"], **options)

        assert isinstance(purchase, Purchase), purchase
        assert purchase.payment.occurred_at == occurred_at

    def test_puts_prefixes_before_ids_and_kinds_only_where_lacking(self) -> None:
        columns = parse_columns("customer,date,amount,payment")
        lines = ["7,2026-01-01,5,A1\n", "cust_8,2026-01-01,5,pay_B2\n"]

        given = _read(lines, columns, customer_prefix="cust_x_", payment_prefix="pay_x_")
        bare = _read(lines, columns, customer_prefix=None, payment_prefix=None)

        assert [_ids(row) for row in given] == [("cust_x_7", "pay_x_A1"), ("cust_x_cust_8", "pay_x_pay_B2")]
        assert [_ids(row) for row in bare] == [("cust_7", "pay_A1"), ("cust_8", "pay_B2")]

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"payment_prefix": None}, "Give --payment-prefix"),
            ({"payment_prefix": "p_"}, "must start with pay_"),
            ({"currency": None}, "Say the currency once"),
            ({"currency": "EURO"}, "is not an ISO 4217 currency"),
            ({"timezone": "Berlin"}, "is not an IANA time zone"),
            ({"time_of_day": "noon"}, "is not a time of day"),
            ({"date_format": "%d.%m"}, "does not say day, month and year"),
            ({"date_format": "%Q"}, "is not a strptime format"),
            ({"columns": parse_columns("customer,date,-,amount")}, "names 4 columns, but no row"),
        ],
    )
    def test_refuses_options_that_suit_no_row(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ImportRefused) as refused:
            _read(["k1,2026-01-01,5\n"], **options)

        assert sentence in str(refused.value)


def _read(lines: list[str], columns: Columns = POSITIONS, **options: Any) -> list[Purchase | BadRow]:
    reading = Reading(columns, **({"currency": "EUR", "payment_prefix": "pay_"} | options))
    return list(read_purchases(iter(lines), form="auto", skip_rows=0, reading=reading))


def _ids(row: Purchase | BadRow) -> tuple[str, str]:
    assert isinstance(row, Purchase)
    return row.payment.customer, row.payment.id

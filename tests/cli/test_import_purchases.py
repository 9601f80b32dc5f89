"""`vinr import purchases` as an operator runs it: in a separate process, against a real server."""

from __future__ import annotations

import csv
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from shops import Run, Shop, new_shop

from conftest import PATIENCE_SECONDS, WITHOUT_TLS, RunningServer, wait_until
from vinr_server.cli.imports.presets import PURCHASES
from vinr_server.cli.imports.purchase_rows import BadRow, Outcome, Purchase, Reading, read_purchases
from vinr_server.cli.imports.reading.columns import Columns, parse_columns
from vinr_server.cli.imports.reading.dates import DateEvidence, DateStyle, instant_reader
from vinr_server.cli.imports.reading.decimals import DecimalEvidence, decimal_reader, minor_units
from vinr_server.cli.imports.reading.records import find_separator, read_records
from vinr_server.cli.imports.refusals import ImportRefused, RowRefused

POSITIONS = parse_columns("customer,date,amount", PURCHASES)


@pytest.fixture
def shop(shared_server: RunningServer, tmp_path: Path) -> Iterator[Shop]:
    """A shop on the shared server."""
    yield from new_shop(shared_server, tmp_path)


class TestImportPurchases:
    def test_enrols_and_awards_every_row_once(self, shop: Shop) -> None:
        file = shop.write("header\n 001 19970101 1 11.77\n 002 19970112 1 0.00\n 001 19970202 2  5.23\r\n\n")
        more = ("--columns", "customer,date,-,amount", "--skip-rows", "1", "--date-format", "%Y%m%d", "--time", "12:00")

        first = shop.run(file, *more)
        second = shop.run(file, *more)

        assert (first.code, first.counts) == (0, (3, 0, 0)), first
        assert (second.code, second.counts) == (0, (0, 3, 0)), second
        assert shop.balances() == {"001": 16, "002": 0}
        first_payment, last_payment = shop.payments("001")
        assert first_payment["amount"] == 1177
        assert last_payment["occurred_at"] == 854884800  # 1997-02-02T12:00:00Z
        assert not list(shop.directory.glob("*.errors.csv"))

    def test_leaves_a_header_out_and_shows_what_it_reads_first(self, shop: Shop) -> None:
        run = shop.run(shop.write("customer;date;amount\na;24.12.2025;1.234,50\n"))

        assert (run.code, run.counts) == (0, (1, 0, 0)), run
        for found in ("UTF-8, separated by semicolons, under a header", "decimal comma", "day, month, year", "in UTC"):
            assert found in run.err, run.err
        assert "2025-12-24T00:00:00Z  1234.50 USD" in run.err

    def test_names_the_line_of_a_header_further_down(self, shop: Shop) -> None:
        text = "Shop report\n\ncustomer,date,amount\na,2026-01-01,5\n"
        named = ("--columns", "customer=customer,date=date,amount=amount")

        refused = shop.run(shop.write(text), *named)
        skipped = shop.run(shop.write(text), *named, "--skip-rows", "2")

        assert (refused.code, "add --skip-rows 2" in refused.err) == (1, True), refused
        assert skipped.counts == (1, 0, 0), skipped

    @pytest.mark.parametrize(
        ("line", "option", "settled"),
        [("a,01/02/2026,5", "--date-order", "mdy"), ("a,2026-01-01,1.234", "--decimal", ".")],
    )
    def test_refuses_what_can_be_read_in_two_ways(self, shop: Shop, line: str, option: str, settled: str) -> None:
        refused = shop.run(shop.write(f"{line}\n"), currency="KWD")
        said = shop.run(shop.write(f"{line}\n"), option, settled, currency="KWD")

        assert (refused.code, "two ways" in refused.err, option in refused.err) == (1, True, True), refused
        assert said.counts == (1, 0, 0), said

    def test_knows_rows_by_what_they_say_wherever_they_stand(self, shop: Shop) -> None:
        twins = ["a,2026-01-01,5\n", "a,2026-01-01,5\n", "b,2026-01-02,7\n"]

        first = shop.run(shop.write("".join(twins)))
        newer = shop.run(shop.write("".join(["c,2026-01-03,9\n", *reversed(twins), "a,2026-01-01,5\n"])))

        assert (first.counts, newer.counts) == ((3, 0, 0), (2, 3, 0)), newer
        assert shop.balances() == {"a": 15, "b": 7, "c": 9}

    def test_takes_rows_with_a_negative_amount_as_refunds(self, shop: Shop) -> None:
        columns = ("--columns", "customer,date,amount,order", "--refunds", "negative")
        file = shop.write("a,2026-01-02,-4,A1\na,2026-01-01,10,A1\nb,2026-01-01,-1,A9\n")

        runs = [shop.run(file, *columns) for _time in range(2)]

        assert [run.counts for run in runs] == [(2, 0, 1), (0, 2, 1)], runs
        assert (shop.balances(), shop.payments("a")[0]["order"]) == ({"a": 6}, "A1")

    def test_gives_back_what_a_newer_export_says_was_refunded(self, shop: Shop) -> None:
        header = "Id,Name,Email,Financial Status,Paid at,Total,Taxes,Shipping,Currency,Refunded Amount\n"
        order = "{0},#{0},Ada@x.de,{1},2026-01-02 10:00:00 -0400,20.00,0.00,0.00,USD,{2}\n"
        line = "{0},#{0},Ada@x.de,,,,,,,\n"

        states = (("paid", "0.00"), ("partially_refunded", "5.00"), ("refunded", "20.00"))
        balances = []
        for status, refunded in states:
            text = header + order.format(7, status, refunded) + line.format(7) + order.format(8, "voided", "0.00")
            preset = ("--preset", "shopify-orders")
            words = [word for word in shop.command(shop.write(text), *preset) if word not in ("--columns",)][3:]
            words.remove("customer,date,amount")
            run = shop.vinr(*words)
            assert run.code == 0, run
            balances.append(shop.balances())

        assert balances == [{"ada@x.de": 20}, {"ada@x.de": 15}, {"ada@x.de": 0}]

    def test_writes_failed_rows_down_as_harmless_cells(self, shop: Shop) -> None:
        lines = ["a,2026-01-01,5", "=1+1,2026-01-01,-5", "+b,01/02/26,5", "@c,2026-01-01,5.001", "d,2026-01-01"]
        file = shop.write("\n".join([*lines, "e,2026-01-01,x", "-f,,5", "g,2026-01-02,7"]))

        run = shop.run(file, "--decimal", ".")

        assert (run.code, run.counts) == (2, (2, 0, 6)), run
        with (shop.directory / "purchases.csv.errors.csv").open(newline="") as errors:
            header, *rows = csv.reader(errors)
        assert header == ["row", "line", "code", "message"]
        assert [(row, line) for row, line, _code, _message in rows] == [
            ("2", "'=1+1,2026-01-01,-5"),
            ("3", "'+b,01/02/26,5"),
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
        with_ids = ("--columns", "customer,date,amount,payment")
        shop.run(shop.write("a,2026-01-01,5,1\n"), *with_ids)
        file = shop.write("a,2026-01-01,6,1\nb,2026-01-01,7,2\nc\x00,2026-01-01,8,3\nd,2026-01-01,9,4\n")

        run = shop.run(file, *with_ids, "--errors", "wrong.csv")

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
        named = "customer=Kunde,date=Datum,amount=Betrag,currency=Währung,payment=Beleg"
        more = ("--columns", named, "--decimal", ".")

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
        other_encoding = shop.run(latin, "--encoding", "utf-8")

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
                    method,
                    target + self.path,
                    content=body,
                    headers=headers,
                    trust_env=False,
                    verify=WITHOUT_TLS,
                    timeout=PATIENCE_SECONDS,
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
            parse_columns(text, PURCHASES)

        assert sentence in str(refused.value)

    def test_takes_a_header_with_a_comma_in_quotes(self) -> None:
        columns = parse_columns('customer=Kunde,date=Datum,"amount=Betrag, brutto"', PURCHASES)

        assert columns.names["amount"] == ("Betrag, brutto",)

    def test_refuses_a_header_that_lacks_a_column_or_has_it_twice(self) -> None:
        columns = parse_columns("customer=K,date=D,amount=B", PURCHASES)

        with pytest.raises(ImportRefused, match="has no column 'B'"):
            columns.located_in(["K", "D"])
        with pytest.raises(ImportRefused, match="more than one column 'D'"):
            columns.located_in(["K", "D", "D", "B"])


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "sign", "currency", "minor"),
        [
            ("11.77", ".", "USD", 1177),
            ("0.29", ".", "EUR", 29),
            ("5", ".", "EUR", 500),
            ("1500", ".", "JPY", 1500),
            ("1000.00", ".", "JPY", 1000),
            ("1.525", ".", "KWD", 1525),
            ("1.234,50", ",", "EUR", 123450),
            ("1 234 567,5", ",", "EUR", 123456750),
            ("1\u202f234,50 €", ",", "EUR", 123450),
            ("$1,234.50", ".", "USD", 123450),
            ("CHF 1'234.50", ".", "CHF", 123450),
            ("-12,50", ",", "EUR", -1250),
            ("(12.50)", ".", "EUR", -1250),
        ],
    )
    def test_are_exact_in_the_minor_unit(self, text: str, sign: str, currency: str, minor: int) -> None:
        assert minor_units(decimal_reader(sign)(text), currency, text=text, field="amount") == minor

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
            *(
                (text, "EUR")
                for text in ("NaN", "Infinity", "1e3", "1,50", "12,34.5", "1_000", "\u0661", "1.", "+1", "")
            ),
        ],
    )
    def test_are_refused_where_the_currency_cannot_hold_them(self, text: str, currency: str) -> None:
        with pytest.raises(RowRefused) as refused:
            minor_units(decimal_reader(".")(text), currency, text=text, field="amount")

        assert refused.value.code == "parameter_invalid"

    @pytest.mark.parametrize(
        ("texts", "sign"),
        [
            (["5", "12"], None),
            (["1.234", "12.5"], "."),
            (["1.234", "12,5"], ","),
            (["1.234.567"], ","),
            (["1,234.5"], "."),
            (["0.500"], "."),
            (["1234.567"], "."),
        ],
    )
    def test_show_their_decimal_sign(self, texts: list[str], sign: str | None) -> None:
        evidence = DecimalEvidence({})
        for row, text in enumerate(texts, start=1):
            evidence.see(row, text)

        assert evidence.sign() == sign

    @pytest.mark.parametrize("texts", [["1.234"], ["1,234", "5"], ["12.5", "12,5"]])
    def test_are_never_guessed(self, texts: list[str]) -> None:
        evidence = DecimalEvidence({})
        for row, text in enumerate(texts, start=1):
            evidence.see(row, text)

        with pytest.raises(ImportRefused, match="two ways"):
            evidence.sign()


class TestDates:
    @pytest.mark.parametrize(
        ("texts", "order"),
        [
            (["2026-01-02"], None),
            (["01.02.2026", "31.01.2026"], "dmy"),
            (["01/02/2026", "01/31/2026"], "mdy"),
            (["02.02.2026"], None),
        ],
    )
    def test_show_their_order(self, texts: list[str], order: str | None) -> None:
        evidence = DateEvidence({})
        for row, text in enumerate(texts, start=1):
            evidence.see(row, text)

        assert evidence.order() == order

    @pytest.mark.parametrize("texts", [["01.02.2026"], ["01/02/2026", "2026-01-02"], ["31/01/2026", "01/31/2026"]])
    def test_are_never_guessed(self, texts: list[str]) -> None:
        evidence = DateEvidence({})
        for row, text in enumerate(texts, start=1):
            evidence.see(row, text)

        with pytest.raises(ImportRefused, match="two ways"):
            evidence.order()

    @pytest.mark.parametrize(
        ("date", "style", "occurred_at"),
        [
            ("2026-01-01", {}, 1767225600),
            ("2026-01-01", {"timezone": "Europe/Berlin", "time_of_day": "12:00"}, 1767265200),
            ("2026-01-01T12:00:00-05:00", {"timezone": "Europe/Berlin"}, 1767286800),
            ("2026-01-01 12:00:00 -0500", {"timezone": "Europe/Berlin"}, 1767286800),
            ("2026-03-29 02:30", {"timezone": "Europe/Berlin"}, 1774747800),  # not on any clock: 03:30
            ("2026-10-25 02:30", {"timezone": "Europe/Berlin"}, 1792888200),  # twice: the first
            ("01.02.2026", {"date_format": "%d.%m.%Y"}, 1769904000),
            ("01.02.2026", {"order": "dmy"}, 1769904000),
            ("02/01/2026 12:30 AM", {"order": "mdy"}, 1769905800),
            ("1769904000", {}, 1769904000),
            ("20260201", {}, 1769904000),
        ],
    )
    def test_are_read_in_their_zone(self, date: str, style: dict[str, Any], occurred_at: int) -> None:
        assert instant_reader(DateStyle(**style))(date).timestamp() == occurred_at

    @pytest.mark.parametrize("date", ["01.02.2026", "01.02.26", "31.02.2026", "2026-13-01", "soon", "1969-12-31"])
    def test_are_refused_where_nobody_said_how_they_are_meant(self, date: str) -> None:
        with pytest.raises(RowRefused):
            instant_reader(DateStyle())(date)


class TestReadPurchases:
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|", "   "])
    def test_finds_the_separator(self, separator: str) -> None:
        lines = [separator.join(("k1", "2026-01-01", "5.50")) + "\n"]

        (purchase,) = _read(lines)

        assert isinstance(purchase, Purchase)
        assert purchase.payment.amount == 550

    def test_numbers_rows_that_span_lines_and_leaves_blank_ones_out(self) -> None:
        rows = _read(['"k\n1",2026-01-01,5\n', "\n", "k2,2026-01-01\n", "k3,2026-01-01,6\n"])

        assert [(row.row, row.line) for row in rows] == [
            (1, '"k\n1",2026-01-01,5'),
            (2, "k2,2026-01-01"),
            (3, "k3,2026-01-01,6"),
        ]
        assert isinstance(rows[1], BadRow)

    def test_keeps_a_fraction_of_a_second(self) -> None:
        (purchase,) = _read(["k1,2026-01-01 00:00:00.5,5\n"])

        assert isinstance(purchase, Purchase)
        assert purchase.payment.occurred_at == "2026-01-01T00:00:00.500000+00:00"

    def test_puts_prefixes_before_ids_and_kinds_only_where_lacking(self) -> None:
        columns = parse_columns("customer,date,amount,payment", PURCHASES)
        lines = ["7,2026-01-01,5,A1\n", "cust_8,2026-01-01,5,pay_B2\n"]

        given = _read(lines, columns, customer_prefix="cust_x_", payment_prefix="pay_x_")
        bare = _read(lines, columns, customer_prefix=None, payment_prefix=None)

        assert [_ids(row) for row in given] == [("cust_x_7", "pay_x_A1"), ("cust_x_cust_8", "pay_x_pay_B2")]
        assert [_ids(row) for row in bare] == [("cust_7", "pay_A1"), ("cust_8", "pay_B2")]

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"payment_prefix": "p_"}, "must start with pay_"),
            ({"currency": None}, "Say the currency"),
            ({"currency": "EURO"}, "is not an ISO 4217 currency"),
            ({"only": ("paid",)}, "need a column status"),
            ({"refunds": "negative"}, "needs a column payment or order"),
            ({"columns": parse_columns("customer,date,amount,status", PURCHASES)}, "such as --only paid,completed"),
            ({"dates": DateStyle(time_of_day="noon")}, "is not a time of day"),
            ({"dates": DateStyle(date_format="%d.%m")}, "does not say day, month and year"),
            ({"dates": DateStyle(date_format="%Q")}, "is not a strptime format"),
        ],
    )
    def test_refuses_options_that_suit_no_row(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ImportRefused) as refused:
            _read(["k1,2026-01-01,5\n"], **options)

        assert sentence in str(refused.value)

    def test_refuses_columns_that_no_row_has(self) -> None:
        with pytest.raises(ImportRefused, match="names 4 columns, but no row"):
            find_separator(["k1,2026-01-01,5\n"], parse_columns("customer,date,-,amount", PURCHASES))


def _read(lines: Sequence[str], columns: Columns = POSITIONS, **options: Any) -> list[Outcome]:
    reading = Reading(**({"columns": columns, "currency": "EUR", "payment_prefix": "pay_"} | options))
    return list(read_purchases(read_records(iter(lines), find_separator(lines, columns)), reading))


def _ids(row: Outcome) -> tuple[str, str]:
    assert isinstance(row, Purchase)
    return row.payment.customer, row.payment.id

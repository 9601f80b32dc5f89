"""Bugs of the command line: what is sent to whom, what is kept, and what is reset."""

from __future__ import annotations

from mutant import Mutant

FIRST_DAY = "cli/test_first_day.py"
LISTEN = "cli/test_listen.py"
DATABASE_WAIT = "cli/test_database_wait.py::TestProcesses"

BOUNDED = "cli/test_bounded_connection.py"
IMPORTS = "cli/test_import_purchases.py"
MUTANTS = [
    Mutant(
        "the sandbox's key is sent to any server",
        "_api_of",
        "if not key and is_sandbox and sandbox is not None:",
        "if not key and sandbox is not None:",
        f"{FIRST_DAY}::TestTrigger::test_sends_the_sandbox_key_to_the_sandbox_alone",
    ),
    Mutant(
        "keys are kept in the journal",
        "shown_body",
        '_SECRET.sub(rb"\\1***", raw[: BODY_BYTES_MAX + 64])',
        "raw[: BODY_BYTES_MAX + 64]",
        f"{FIRST_DAY}::TestLogs::test_keep_no_key_and_are_their_owner_s_alone",
    ),
    Mutant(
        "the journal has no end",
        "Journal.write",
        "if os.fstat(self._file).st_size > FILE_BYTES_MAX:",
        "if False:",
        f"{FIRST_DAY}::TestLogs::test_are_bounded",
    ),
    Mutant(
        "months of 30 days",
        "later",
        'moved = expires_at(instant, months=months, rounding="none", zone="UTC")',
        "moved = instant + timedelta(days=30 * months)",
        f"{FIRST_DAY}::TestClock::test_reads_lengths_of_time",
    ),
    Mutant(
        "an inbox that believes every signature",
        "_fault",
        "if not any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in given):",
        "if not given:",
        f"{LISTEN}::test_signatures_check_as_they_do_in_the_sdks",
    ),
    Mutant(
        "the journal's line comes after the answer",
        "Exchange.sending.sent",
        "self._journal.write(self._entry())",
        """
        await send(message)
        self._journal.write(self._entry())
        return
        """,
        f"{FIRST_DAY}::TestLogs::test_have_the_line_before_the_answer_ends",
    ),
    Mutant(
        "a process whose database is away fails, and is started again",
        "create",
        "server.before_start = partial(wait_in_server, settings.database_url)",
        "",
        f"{DATABASE_WAIT}::test_of_a_server_are_not_started_again_and_again[2]",
    ),
    Mutant(
        "the pause does not grow",
        "wait_for_database",
        "pause = min(2 * pause, PAUSE_SECONDS_MAX)",
        "pause = PAUSE_SECONDS",
        f"{DATABASE_WAIT}::test_that_start_before_the_database_wait_and_then_work",
    ),
    Mutant(
        "who waits for the database does not hear a signal",
        "wait_for_database",
        "if is_stopped():",
        "if False:",
        f"{DATABASE_WAIT}::test_of_a_server_are_not_started_again_and_again[1]",
    ),
    Mutant(
        "a sandbox that was told to end calls it a failure",
        "_until_signal",
        "with signals_to(forget):",
        "if True:",
        "cli/test_dev.py::TestRestarts::test_go_on_with_the_same_key_and_data_after_any_end",
    ),
    Mutant(
        "a header line is counted when it has ended",
        "BoundedConnection._check_bounds",
        "if self._framing_bytes > HEAD_BYTES_MAX:",
        "if self._slices > 1 and _size(self.url, self.headers) > HEAD_BYTES_MAX:",
        f"{BOUNDED}::TestHeads::test_beyond_a_limit_are_refused[endless line]",
    ),
    Mutant(
        "header lines are not counted",
        "BoundedConnection.on_header",
        "if len(self.headers) == HEAD_LINES_MAX:",
        "if False:",
        f"{BOUNDED}::TestHeads::test_beyond_a_limit_are_refused[lines]",
    ),
    Mutant(
        "a target has no end",
        "BoundedConnection.on_url",
        "if len(self.url) > TARGET_BYTES_MAX:",
        "if False:",
        f"{BOUNDED}::TestHeads::test_beyond_a_limit_are_refused[target]",
    ),
    Mutant(
        "heads are counted for the connection and not for each request",
        "BoundedConnection.on_message_complete",
        "self._framing_bytes = self._body_bytes = self._trailers = 0",
        "self._body_bytes = self._trailers = 0",
        f"{BOUNDED}::TestHeads::test_count_for_each_request",
    ),
    Mutant(
        "of two Authorization headers the last counts",
        "_require_once",
        "if names.count(name) > 1:",
        "if name != b'authorization' and names.count(name) > 1:",
        f"{BOUNDED}::TestHeads::test_say_once_what_counts",
    ),
    Mutant(
        "trailers become headers",
        "BoundedConnection.on_header",
        "return",
        "",
        f"{BOUNDED}::TestHeads::test_do_not_stand_behind_the_body",
    ),
    Mutant(
        "any number of requests may wait on one connection",
        "BoundedConnection.on_headers_complete",
        "if len(self.pipeline) == WAITING_MAX:",
        "if False:",
        f"{BOUNDED}::TestQueues::test_on_one_connection_end",
    ),
    Mutant(
        "a refusal overtakes the answers before it",
        "BoundedConnection._refuse",
        "cycle.keep_alive = False",
        """
        self.transport.write(_answer(problem))
        cycle.keep_alive = False
        """,
        f"{BOUNDED}::TestQueues::test_are_answered_before_what_is_refused",
    ),
    Mutant(
        "an answered body is read for as long as it comes",
        "BoundedConnection._check_bounds",
        "self._body_bytes > BODY_BYTES_MAX and self.cycle.response_complete",
        "False",
        f"{BOUNDED}::TestBodies::test_that_nobody_waits_for_are_read_no_further",
    ),
    Mutant(
        "the framing of a body is not counted",
        "BoundedConnection._check_bounds",
        "self._framing_bytes > 2 * HEAD_BYTES_MAX + FRAMING_PER_BODY_BYTE * self._body_bytes",
        "False",
        f"{BOUNDED}::TestBodies::test_are_not_outweighed_by_their_framing",
    ),
    Mutant(
        "ids of imported rows by row number",
        "Identities.of",
        'return f"{self._prefix}{digest.hex()}" + (f"_{ordinal}" if ordinal > 1 else "")',
        'return f"{self._prefix}{sum(self._seen.values())}"',
        f"{IMPORTS}::TestImportPurchases::test_knows_rows_by_what_they_say_wherever_they_stand",
    ),
    Mutant(
        "equal rows of a file are one",
        "Identities.of",
        "ordinal = self._seen[digest]",
        "ordinal = 1",
        f"{IMPORTS}::TestImportPurchases::test_knows_rows_by_what_they_say_wherever_they_stand",
    ),
    Mutant(
        "a decimal comma is read as thousands",
        "DecimalEvidence.sign",
        "return next(iter(self.by_sign))",
        'return "."',
        f"{IMPORTS}::TestNumbers::test_show_their_decimal_sign",
    ),
    Mutant(
        "an ambiguous number is guessed",
        "DecimalEvidence.sign",
        "if self.ambiguous:",
        "if False:",
        f"{IMPORTS}::TestNumbers::test_are_never_guessed",
    ),
    Mutant(
        "an ambiguous date is guessed",
        "DateEvidence.order",
        "if self.ambiguous:",
        "if False:",
        f"{IMPORTS}::TestDates::test_are_never_guessed",
    ),
    Mutant(
        "a member's balance is brought again",
        "decide_import_account",
        "opening.fingerprint == context.fingerprint",
        "False",
        "api/test_import_accounts.py::TestImport::test_moves_nothing_twice",
    ),
    Mutant(
        "an old lifetime is forgotten",
        "_bring",
        "lifetime_points = brought_points - counted_points",
        "lifetime_points = 0",
        "api/test_import_accounts.py::TestImport::test_gives_what_they_bring_and_no_welcome",
    ),
]

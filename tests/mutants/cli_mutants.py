"""Bugs of the command line: what is sent to whom, what is kept, and what is reset."""

from __future__ import annotations

from mutant import Mutant

FIRST_DAY = "cli/test_first_day.py"
LISTEN = "cli/test_listen.py"
DATABASE_WAIT = "cli/test_database_wait.py::TestProcesses"

MUTANTS = [
    Mutant(
        "the sandbox's key is sent to any server",
        "cli/calling.py",
        "    if not key and is_sandbox and sandbox is not None:\n",
        "    if not key and sandbox is not None:\n",
        f"{FIRST_DAY}::TestTrigger::test_sends_the_sandbox_key_to_the_sandbox_alone",
    ),
    Mutant(
        "keys are kept in the journal",
        "cli/journal.py",
        '_SECRET.sub(rb"\\1***", raw[: BODY_BYTES_MAX + 64])',
        "raw[: BODY_BYTES_MAX + 64]",
        f"{FIRST_DAY}::TestLogs::test_keep_no_key_and_are_their_owner_s_alone",
    ),
    Mutant(
        "the journal has no end",
        "cli/journal.py",
        "if os.fstat(self._file).st_size > FILE_BYTES_MAX:",
        "if False:",
        f"{FIRST_DAY}::TestLogs::test_are_bounded",
    ),
    Mutant(
        "months of 30 days",
        "cli/durations.py",
        'moved = expires_at(instant, months=months, rounding="none", zone="UTC")',
        "moved = instant + timedelta(days=30 * months)",
        f"{FIRST_DAY}::TestClock::test_reads_lengths_of_time",
    ),
    Mutant(
        "an inbox that believes every signature",
        "cli/signatures.py",
        "    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):\n",
        "    if not given:\n",
        f"{LISTEN}::test_signatures_check_as_they_do_in_the_sdks",
    ),
    Mutant(
        "the journal's line comes after the answer",
        "cli/recording.py",
        """                    self._journal.write(self._entry())
            await send(message)
""",
        """                    await send(message)
                    self._journal.write(self._entry())
                    return
            await send(message)
""",
        f"{FIRST_DAY}::TestLogs::test_have_the_line_before_the_answer_ends",
    ),
    Mutant(
        "a process whose database is away fails, and is started again",
        "cli/serving.py",
        "    server.before_start = partial(wait_in_server, settings.database_url)\n",
        "",
        f"{DATABASE_WAIT}::test_of_a_server_are_not_started_again_and_again[2]",
    ),
    Mutant(
        "the pause does not grow",
        "cli/database_wait.py",
        "pause = min(2 * pause, PAUSE_SECONDS_MAX)",
        "pause = PAUSE_SECONDS",
        f"{DATABASE_WAIT}::test_that_start_before_the_database_wait_and_then_work",
    ),
    Mutant(
        "who waits for the database does not hear a signal",
        "cli/database_wait.py",
        "            if is_stopped():\n",
        "            if False:\n",
        f"{DATABASE_WAIT}::test_of_a_server_are_not_started_again_and_again[1]",
    ),
    Mutant(
        "a sandbox that was told to end calls it a failure",
        "cli/dev.py",
        "    with signals_to(forget):\n        await",
        "    if True:\n        await",
        "cli/test_dev.py::TestRestarts::test_go_on_with_the_same_key_and_data_after_any_end",
    ),
]

"""Bugs around the transaction: locks, batches, keys, COMMIT, retries, queues, due work."""

from __future__ import annotations

from mutant import Mutant, scenario

RACES = "properties/test_property_races.py"
WRITER = "engine/test_writer.py"
ORDER = "engine/test_order.py"
LOST = "engine/test_crash.py::TestLostCommit"

LOCKS = [
    Mutant(
        "no row lock",
        "LOCK",
        '"for no key update of t"',
        '""',
        f"{RACES}::test_what_is_there_once_is_given_once",
    ),
    Mutant(
        "what is counted is read before its lock",
        "KINDS",
        'Kind(Counter, _locked, "counters", bucket_of)',
        'Kind(Counter, _by_id, "counters", bucket_of)',
        f"{RACES}::test_what_is_there_once_is_given_once[last_in_stock]",
    ),
    Mutant(
        "locks in no order",
        "select_rows",
        "order by t.realm, t.{column} {lock}",
        "{lock}",
        f"{ORDER}::test_rows_are_locked_in_the_order_of_their_ids",
    ),
    Mutant(
        "new rows in no order",
        "save",
        "row_type in SORTED",
        "False",
        f"{ORDER}::test_rows_are_inserted_in_the_order_of_their_names",
    ),
    Mutant(
        "idempotency keys in no order",
        "save",
        "sorted(kept, key=lambda answer: (answer.realm, answer.key, answer.operation))",
        "kept",
        f"{ORDER}::test_rows_are_inserted_in_the_order_of_their_names[idempotency_keys]",
    ),
    Mutant(
        "the lots that expire last are read first",
        "FIRST_LOTS",
        "order by l.expires_at, l.available_at, l.sequence limit",
        "order by l.expires_at desc, l.available_at, l.sequence limit",
        scenario("many_lots: Of many lots a small redemption takes the one that expires first (R3)", "postgres"),
    ),
]

SAVE = (
    "await save(connection, batch_id, written, loaded, decided.kept, encoded=decided.encoded,"
    " is_distributed=is_distributed)"
)
SAVED_APART = """
await save(connection, batch_id, written, loaded, [], encoded=decided.encoded)
await connection.execute("commit")
await connection.execute("begin")
await save(connection, uuid.uuid4(), {}, {}, decided.kept, encoded={})
"""
SWALLOWED = f"""
await connection.execute("savepoint saving")
try:
    {SAVE}
except Exception:
    await connection.execute("rollback to saving")
"""
COMMIT_LATER = """
import asyncio
tag, _later = "COMMIT", asyncio.ensure_future(connection.execute("commit"))
"""
LOAD = "await Loader(connection, needs, loaded, follow=follow_rows, is_distributed=is_distributed).load()"
LOAD_ONCE = f"""
seen = run_batch.__dict__.setdefault("seen", {{}})
if id(submissions) not in seen:
    {LOAD}
    seen[id(submissions)] = (submissions, loaded)
loaded = seen[id(submissions)][1]
"""

COMMITS = [
    Mutant(
        "idempotency rows in another transaction",
        "run_batch",
        SAVE,
        SAVED_APART,
        "properties/test_property_faults.py::test_any_statement_may_fail",
    ),
    Mutant(
        "answer before COMMIT",
        "run_batch",
        'tag = await connection.execute("commit")',
        COMMIT_LATER,
        f"{WRITER}::TestPoison::test_at_commit_is_refused_alone",
    ),
    Mutant(
        "an error swallowed, then COMMIT",
        "run_batch",
        SAVE,
        SWALLOWED,
        f"{WRITER}::TestPoison::test_in_a_statement_is_refused_alone",
    ),
    Mutant(
        "retry without reload",
        "run_batch",
        LOAD,
        LOAD_ONCE,
        f"{RACES}::test_a_batch_that_is_tried_again_looks_again",
    ),
    Mutant(
        "retry without a look at what was read before the locks",
        "Loader.load",
        "self._check_looks()",
        "",
        f"{ORDER}::test_an_award_that_joins_a_payment_before_its_lock_is_clawed_back",
    ),
    Mutant(
        "a need that was forgotten is a row that is missing",
        "Coverage.require_row",
        "raise Undeclared(row_type, key)",
        "return",
        "engine/test_undeclared.py::test_a_bug_is_an_error_of_its_own_and_its_neighbours_go_on",
    ),
    Mutant(
        "an edit of what can't change is lost",
        "Table.require_mutable",
        "self._immutable_values(before) != self._immutable_values(after)",
        "False",
        "engine/test_undeclared.py::test_a_bug_is_an_error_of_its_own_and_its_neighbours_go_on",
    ),
    Mutant(
        "a batch is loaded again as often as a decision asks",
        "Wholes.add",
        "reload.need in needs or self._count > RELOADS_MAX",
        "reload.need in needs or self._count > 3 * RELOADS_MAX",
        "engine/test_undeclared.py::test_a_decision_that_asks_for_ever_more_is_given_up",
    ),
    Mutant(
        "a catalogue that another process has changed is kept",
        "Catalogues.are_at",
        "known[realm][0] != revision",
        "False",
        scenario("frozen: A new revision is for new payments (R16)", "postgres"),
    ),
    Mutant(
        "a row of the catalogue stays as it was first read",
        "read_catalogue",
        "if pair is None or pair[0] != record:",
        "if pair is None:",
        f"{ORDER}::test_a_catalogue_read_again_is_made_anew_where_it_has_changed",
    ),
    Mutant(
        "a catalogue that the other lane has read is taken for the batch's own",
        "Catalogues.are_at",
        "known[realm][0]",
        "self._known[realm][0]",
        f"{ORDER}::test_a_catalogue_read_beside_a_batch_is_not_taken_for_its_own",
    ),
    Mutant(
        "a lost reply to COMMIT is taken for a commit",
        "Lane._after_lost_connection",
        "if has_happened:",
        "if True:",
        f"{LOST}::test_that_did_not_happen_is_safe_to_repeat",
    ),
    Mutant(
        "a lost reply to COMMIT is taken for a failure",
        "Lane._after_lost_connection",
        "if outcomes is not None:",
        "if False:",
        f"{LOST}::test_that_happened_is_answered_as_such",
    ),
    Mutant(
        "a COMMIT still under way is taken for a failure",
        "happened",
        "(None if is_running else False)",
        "False",
        f"{LOST}::test_that_is_still_under_way_is_waited_for",
    ),
]

KEYS_JOINED = "join idempotency_keys k using (realm, bucket, key, operation)"
KEYS = [
    Mutant(
        "key without body hash",
        "_repeat",
        "if fingerprint == submission.fingerprint:",
        "if True:",
        scenario("idempotency: The same key with another body is refused", "postgres"),
    ),
    Mutant(
        "key without tenant",
        "FIND_KEPT",
        KEYS_JOINED,
        "join lateral (select w.realm, i.bucket, i.key, i.operation, i.fingerprint, i.status, i.event_id, i.reply"
        " from idempotency_keys i where (i.key, i.operation) = (w.key, w.operation)) k on true",
        "api/test_conventions.py::TestIdempotencyKeys::test_are_each_realms_own",
    ),
    Mutant(
        "key without operation",
        "FIND_KEPT",
        KEYS_JOINED,
        "join lateral (select i.realm, i.bucket, i.key, w.operation, i.fingerprint, i.status, i.event_id, i.reply"
        " from idempotency_keys i where (i.realm, i.key) = (w.realm, w.key)) k on true",
        scenario("idempotency: A key is its operation's own", "postgres"),
    ),
    Mutant(
        "a refusal uses up the key",
        "_refuse",
        "not submission.keeps_refusal",
        "",
        f"{ORDER}::test_a_key_refused_is_free_again_in_the_same_batch",
    ),
    Mutant(
        "a dry run writes",
        "decide_all",
        "if submission.is_dry_run:",
        "if False:",
        scenario("dry_runs: An award on trial", "postgres"),
    ),
    Mutant(
        "a batch is loaded again for each decision that asks",
        "decide_all",
        "asked.setdefault(realm, set()).update(missing.rows)",
        "raise Reload(realm, rows=missing.rows) from None",
        f"{ORDER}::test_what_many_decisions_of_a_kind_ask_for_is_loaded_at_once",
    ),
]

MANNERS = [
    Mutant(
        "missing `future.done()`",
        "Lane._answer",
        "if future.done():",
        "if False:",
        f"{WRITER}::TestWaiters::test_that_are_cancelled_disturb_nobody",
    ),
    Mutant(
        "a batch fails whole for one culprit",
        "Lane._halve",
        "if len(submissions) == 1:",
        """
        if submissions:
            return [_verdict_on_one(submission, error, state) for submission in submissions]
        if len(submissions) == 1:
        """,
        f"{WRITER}::TestPoison::test_in_a_statement_is_refused_alone",
    ),
    Mutant(
        "a queue without an end",
        "Writer.enqueue",
        "len(self._queue) >= QUEUE_MAX",
        "False",
        f"{WRITER}::TestQueue::test_that_is_full_sheds_calls_and_loses_none",
    ),
    Mutant(
        "expiry `<` for `<=` in the worker",
        "DUE_ACCOUNTS",
        "next_expiry_at <= coalesce(",
        "next_expiry_at < coalesce(",
        "workers/test_due.py",
    ),
    Mutant(
        "expiry `<` for `<=` in the balance that is read",
        "ACCOUNT_FIGURES",
        "l.expires_at <= instant.now",
        "l.expires_at < instant.now",
        "workers/test_due.py::TestBalance::test_is_the_same_before_and_after_the_expiry_is_written",
    ),
    Mutant(
        "the engine works as the owner of its tables",
        "ROLE",
        'ROLE = {"role": "vinr_app"}',
        "ROLE: dict[str, str] = {}",
        "storage/test_schema.py::TestRole",
    ),
]

MUTANTS = [*LOCKS, *COMMITS, *KEYS, *MANNERS]

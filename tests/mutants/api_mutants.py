"""Bugs of the API: pages, tenants, keys, fingerprints."""

from __future__ import annotations

from mutant import Mutant

LISTS = "api/test_conventions.py::TestLists"
FOREIGN = "api/test_bad_input.py::TestForeignObjects"
TENANTS = "api/test_tenants.py"
KEYS = "api/test_conventions.py::TestIdempotencyKeys"

BULK = "api/test_conventions.py::TestBulk"
PAGES = [
    Mutant(
        "a page never knows of a next one",
        "Reader.page",
        "query.limit + 1",
        "query.limit",
        f"{LISTS}::test_are_walked_in_both_directions[list_customers]",
    ),
    Mutant(
        "a page repeats the row of its cursor",
        "Reader.page",
        '">" if query.after is None else "<"',
        '">=" if query.after is None else "<="',
        f"{LISTS}::test_are_walked_in_both_directions[list_customers]",
    ),
    Mutant(
        "a cursor by time alone skips what shares an instant",
        "Listing.order",
        'order: Sequence[str] = ("created_at", "id")',
        'order: Sequence[str] = ("created_at",)',
        f"{LISTS}::test_are_walked_in_both_directions[list_customers]",
    ),
]

ONE = "select {table.select_list} from {table.name} t where realm = $1 and id = $2"
POSITION = "select {columns} from {table.name} t where realm = $1 and {query.cursor_column} = $2"
MATRIX = "api/test_authorisation.py::TestMatrix::test_answers_as_specified"
API_KEYS = "api/test_api_keys.py"

TENANCY = [
    Mutant(
        "objects are retrieved without the tenant filter",
        "Reader.row",
        ONE,
        ONE.replace("realm = $1", "$1::int4 is not null"),
        f"{FOREIGN}::test_are_unknown_in_the_path[retrieve_payment]",
    ),
    Mutant(
        "lists without the tenant filter",
        "Reader.page",
        '["t.realm = $1"], [realm]',
        '["$1::int4 is not null"], [realm]',
        f"{FOREIGN}::test_are_not_in_lists_of_all",
    ),
    Mutant(
        "a cursor without the tenant filter",
        "Reader._position",
        POSITION,
        POSITION.replace("realm = $1", "$1::int4 is not null"),
        f"{FOREIGN}::test_are_unknown_in_lists[list_payments]",
    ),
    Mutant(
        "a customer's zone without the tenant filter",
        "ZONE_OF_CUSTOMER",
        "where t.realm = $1 and t.customer_id = $2",
        "where $1::int4 is not null and t.customer_id = $2",
        f"{TENANTS}::TestZones::test_of_a_customer_are_those_of_its_own_tenant",
    ),
    Mutant(
        "a program's zone without the tenant filter",
        "ZONES",
        "select timezone from programs where realm = $1 and id = $2",
        "select timezone from programs where $1::int4 is not null and id = $2 order by realm",
        f"{TENANTS}::TestZones::test_of_a_program_are_those_of_its_own_tenant",
    ),
    Mutant(
        "a batch loads without the tenant",
        "select_rows",
        "t on t.realm = w.realm and t.{column} = w.id",
        "t on t.{column} = w.id",
        f"{FOREIGN}::test_are_unknown_where_they_are_named[award_points]",
    ),
    Mutant(
        "a revoked key still opens",
        "_refuse",
        "if found.is_revoked:",
        "if False:",
        f"{TENANTS}::TestKeys::test_that_are_revoked_open_nothing",
    ),
    Mutant(
        "a revoked key that was seen before opens for good",
        "KeyRing.caller",
        "if known is not None and known[0] > time.monotonic():",
        "if known is not None:",
        f"{TENANTS}::TestKeys::test_that_are_remembered_are_looked_up_again_in_time",
    ),
]

RIGHTS = [
    Mutant(
        "one operation without the tenant filter",
        "Reader.row",
        f'f"{ONE}", realm, id',
        f"""f"{ONE}".replace("realm = $1", "$1::int4 > 0" if table.name == "payments" else "realm = $1"), realm, id""",
        MATRIX,
    ),
    Mutant(
        "one operation without its permission",
        "App._answer",
        "if caller.allowed is not None and operation.id not in caller.allowed:",
        'if caller.allowed is not None and operation.id not in {*caller.allowed, "refund_payment"}:',
        MATRIX,
    ),
    Mutant(
        "a right to read suffices to write",
        "_holds",
        '("write", right)',
        '("write", "read")',
        MATRIX,
    ),
    Mutant(
        "a restricted key manages keys",
        "allowed",
        "operation.resource not in SECRET_ONLY and _holds_all(given, operation.rights)",
        "operation.resource in SECRET_ONLY or _holds_all(given, operation.rights)",
        MATRIX,
    ),
    Mutant(
        "an expired key still opens",
        "_refuse",
        "if found.is_expired:",
        "if False:",
        MATRIX,
    ),
    Mutant(
        "a restricted key without its tenant",
        "FIND_KEY",
        "select k.realm, r.livemode, k.id",
        "select case k.kind when 'restricted' then (select min(id) from realms) else k.realm end as realm,"
        " r.livemode, k.id",
        MATRIX,
    ),
    Mutant(
        "a replay shows a key's secret again",
        "_with_secret",
        "shown = None if reply.is_replay or is_dry_run else secret",
        "shown = secret",
        f"{API_KEYS}::TestSecrets::test_are_shown_once_and_stored_nowhere",
    ),
    Mutant(
        "a key makes one that lives longer",
        "_refuse_expiry",
        "if limit is not None and (expires_at is None or expires_at > limit):",
        "if limit is not None and expires_at is not None and expires_at > limit:",
        f"{API_KEYS}::TestExpiry::test_bounds_the_keys_it_makes",
    ),
    Mutant(
        "a key that was just revoked makes another",
        "_refuse_actor",
        "if key is None or key.revoked_at is not None:",
        "if key is None:",
        f"{API_KEYS}::TestRevoking::test_takes_a_keys_power_over_keys_at_once",
    ),
    Mutant(
        "a slow request is waited for",
        "PatientConnection._look_after",
        "if now - began >= REQUEST_SECONDS:",
        "if False:",
        "cli/test_connection.py::TestConnections::test_that_send_slowly_are_closed",
    ),
]

FINGERPRINTS = [
    Mutant(
        "a key's fingerprint without the ids of the path",
        "fingerprint",
        "for id in ids:",
        "for id in ():",
        f"{KEYS}::test_are_one_for_an_operation_whichever_object_it_names",
    ),
    Mutant(
        "a bulk call's items share one key",
        "submit_items",
        'f"{key}/{place}"',
        "key",
        f"{BULK}::test_keeps_an_answer_for_each_under_its_key",
    ),
    Mutant(
        "a bulk call's key for another program",
        "create_payments",
        "{'program': body.program, 'deliver_events': body.deliver_events}",
        "{'deliver_events': body.deliver_events}",
        f"{BULK}::test_refuses_its_key_for_anything_else_as_a_whole",
    ),
    Mutant(
        "a bulk call's key whether webhooks hear of it or not",
        "_begin",
        "{**whole, bulk.field: [item.fingerprint.hex() for item in items]}",
        "{'program': whole['program'], bulk.field: [item.fingerprint.hex() for item in items]}",
        f"{BULK}::test_refuses_its_key_for_anything_else_as_a_whole",
    ),
    Mutant(
        "a bulk call's key for fewer items, or more",
        "_begin",
        "[item.fingerprint.hex() for item in items]",
        "[items[0].fingerprint.hex()]",
        f"{BULK}::test_refuses_its_key_for_anything_else_as_a_whole",
    ),
    Mutant(
        "a bulk call's refused items are tried again under its key",
        "submit_items",
        "keeps_refusal=True",
        "keeps_refusal=False",
        f"{BULK}::test_answers_its_key_as_at_first_whatever_could_be_done_by_now",
    ),
    Mutant(
        "a bulk call's replayed refusals name the new request",
        "_result",
        "_refused(bulk, refusal, first_request_id, path)",
        "_refused(bulk, refusal, request_id, path)",
        f"{BULK}::test_answers_its_key_as_at_first_whatever_could_be_done_by_now",
    ),
    Mutant(
        "a bulk call that broke off is done anew",
        "submit_items",
        "f'{key}/{place}'",
        "f'{request_id}/{place}'",
        "engine/test_crash.py::TestKilledServer::test_goes_on_with_a_bulk_call_where_it_was_killed",
    ),
    Mutant(
        "a bulk call's key is taken by a dry run",
        "Request.submission",
        "is_dry_run=self.is_dry_run,",
        "is_dry_run=self.is_dry_run and operation == 'create_payments',",
        f"{BULK}::test_keeps_no_key_of_a_dry_run",
    ),
    Mutant(
        "the contrary of an unknown field is suggested",
        "nearest_name",
        "[known_name for known_name in known if not means_contrary(name, known_name)]",
        "list(known)",
        "api/test_suggestions.py::test_the_contrary_is_never_suggested",
    ),
]

MUTANTS = [*PAGES, *TENANCY, *RIGHTS, *FINGERPRINTS]

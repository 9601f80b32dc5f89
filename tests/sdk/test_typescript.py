"""@vinr/sdk as its users get it: packed, installed, type-checked strictly, and run against a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_world import ALONE, World, build_world
from node import PACKAGE, ROOT, build_app, compile_strictly, run
from sdk_calls import sdk_call

from conftest import RunningServer, make_realm
from vinr_server.api.contract.operation import ListOf, Operation
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.resources.bulk_payments import BulkPayments

TESTS = sorted(path.name for path in (PACKAGE / "tests").glob("*.test.ts"))


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that uses the package, its files compiled."""
    folder = tmp_path_factory.mktemp("app")
    build_app(folder)
    complaints = compile_strictly(folder, *TESTS, "every_operation.ts")
    assert complaints == "", complaints
    return folder


def environment(base_url: str, key: str) -> dict[str, str]:
    """What the SDK reads, and where the vectors are."""
    vectors = str(ROOT / "sdk/vectors/webhook_signatures.json")
    return {"VINR_BASE_URL": base_url, "VINR_SECRET_KEY": key, "VINR_VECTORS": vectors}


class TestPackage:
    def test_holds_the_build_and_nothing_else(self, app: Path) -> None:
        home = app / "node_modules/@vinr/sdk"
        names = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}

        sources = {str(path.relative_to(PACKAGE / "src"))[:-3] for path in (PACKAGE / "src").rglob("*.ts")}
        built = {f"dist/{name}{ending}" for name in sources for ending in (".js", ".d.ts")}
        assert names == built | {"package.json", "README.md", "LICENSE"}

    def test_needs_no_other_and_knows_its_version(self) -> None:
        package = json.loads((PACKAGE / "package.json").read_text())
        lock = json.loads((PACKAGE / "package-lock.json").read_text())

        assert "dependencies" not in package
        assert f"VERSION = '{package['version']}'" in (PACKAGE / "src/version.ts").read_text()
        assert lock["packages"][""]["version"] == package["version"]
        assert all(re.fullmatch(r"[\d.]+", version) for version in package["devDependencies"].values())


@pytest.fixture(scope="session")
def readme(app: Path) -> list[str]:
    """The README's TypeScript, each block compiled as a module of its own."""
    blocks = re.findall(r"```ts\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    names = [f"readme_{number}.ts" for number in range(len(blocks))]
    for name, block in zip(names, blocks, strict=True):
        (app / name).write_text(block)
    assert compile_strictly(app, *names) == ""
    return blocks


class TestReadme:
    def test_quick_start_works_as_printed_and_twice(
        self, app: Path, readme: list[str], shared_server: RunningServer
    ) -> None:
        realm = make_realm(shared_server.database_url, f"tnt_{os.urandom(6).hex()}")
        with shared_server.client(realm.key) as client:
            client.post("/v1/loyalty/programs", json={"id": "prog_default", "name": "Sandbox"})
            reward = {"id": "rwd_fiveOff", "program": "prog_default", "name": "Five off", "points_cost": 100}
            benefit = {"type": "discount", "amount": 500, "currency": "EUR"}
            client.post("/v1/loyalty/rewards", json={**reward, "benefit": benefit})

            for _ in range(2):
                done = run("node", "readme_0.js", cwd=app, env=environment(shared_server.base_url, realm.key))
                assert re.fullmatch(r"Discount disc_\w+ for 100 points\n", done.stdout), done.stdout + done.stderr

            done = run("node", "readme_1.js", cwd=app, env=environment(shared_server.base_url, realm.key))
            assert done.stdout == "1 false\ncust_grace 20\n", "the keys of the quick start let it count once"

    def test_receiver_answers_a_webhook(self, app: Path, readme: list[str]) -> None:
        key = os.urandom(32)
        payload = json.dumps({"id": "evt_1", "type": "review.posted", "data": {"stars": 5}}).encode()
        at = int(time.time())
        signature = f"t={at},v1={hmac.new(key, b'%d.' % at + payload, hashlib.sha256).hexdigest()}"
        script = """
            import { POST } from './readme_2.js';
            const [body, signature] = process.argv.slice(1);
            for (const text of [body, `${body} `]) {
              const headers = { 'x-vinr-signature': signature };
              const sent = new Request('http://shop.example/hook', { method: 'POST', body: text, headers });
              const answer = await POST(sent);
              console.log(answer.status, await answer.text());
            }"""
        secret = {"VINR_WEBHOOK_SECRET": f"whsec_{base64.b64encode(key).decode()}"}

        done = run("node", "--input-type=module", "-e", script, payload.decode(), signature, cwd=app, env=secret)

        stars, good, altered = done.stdout.splitlines()
        assert (stars, good) == ("5 stars", '200 {"seen":"evt_1"}'), done.stderr
        assert altered.startswith("400 No signature matches"), done.stdout


class TestTypes:
    def test_refuse_each_marked_mistake_and_nothing_else(self, app: Path) -> None:
        lines = (app / "mistakes.ts").read_text().splitlines()
        marked = {number for number, line in enumerate(lines, 1) if "// wrong" in line}

        told = compile_strictly(app, "mistakes.ts", emit=False)

        refused = {int(one) for one in re.findall(r"^mistakes\.ts\((\d+),\d+\): error", told, re.MULTILINE)}
        assert len(marked) >= 40
        assert refused == marked, told

    def test_hold_no_any(self, app: Path) -> None:
        declared = [*(app / "node_modules/@vinr/sdk/dist").rglob("*.d.ts")]

        any_type = r".*\bany\b(?!\??:).*"  # a field may be called so
        loose = {
            path.name: found
            for path in declared
            if (found := re.findall(any_type, re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)))
        }

        assert len(declared) > 10
        assert loose == {}


class TestRuns:
    @pytest.mark.parametrize("name", TESTS)
    def test_by_itself(self, app: Path, shared_server: RunningServer, name: str) -> None:
        realm = make_realm(shared_server.database_url, f"tnt_{os.urandom(6).hex()}")

        done = run("node", "--test", f"{name[:-3]}.js", cwd=app, env=environment(shared_server.base_url, realm.key))

        assert done.returncode == 0, done.stdout + done.stderr
        passed = re.search(r"^(?:#|ℹ) pass (\d+)$", done.stdout, re.MULTILINE)
        assert passed is not None and int(passed[1]) > 0, done.stdout


def camel(name: str) -> str:
    """snake_case as camelCase."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def asked(world: World, operation: Operation) -> dict[str, Any]:
    """The call of an operation by its first sample, written in camelCase at its top; `key` opens its world."""
    call = sdk_call(world, operation)
    body = {camel(name): value for name, value in call.arguments.items()}
    kind = operation.item
    names = [*kind.__struct_encode_fields__, *(camel(name) for name in kind.__struct_encode_fields__)]
    given = [*call.ids, *([body] if operation.body is not None or isinstance(operation.reply, ListOf) else [])]
    return {"key": world.realm.key, "path": operation.sdk.split("."), "arguments": given, "names": names}


@pytest.fixture(scope="module")
def answers(app: Path, shared_server: RunningServer) -> Mapping[str, Any]:
    """What each operation answered, or why it did not: what can't be in one world, each in its own."""
    unchanged, used = build_world(shared_server), build_world(shared_server)
    calls = []
    for operation in OPERATIONS:
        world = used if operation.right == "write" else unchanged
        if operation.id in ALONE:
            world = build_world(shared_server)
        calls.append(asked(world, operation))
        if operation.id in ALONE:
            world.client.close()
    for world in (unchanged, used):
        world.client.close()
    env = environment(shared_server.base_url, unchanged.realm.key)

    done = run("node", "every_operation.js", cwd=app, env=env, input=json.dumps(calls))

    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {operation.id: answer for operation, answer in zip(OPERATIONS, told, strict=True)}


class TestEveryOperation:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
    def test_is_reached_and_its_answer_reads_both_ways(self, answers: Mapping[str, Any], operation: Operation) -> None:
        answer = answers[operation.id]

        assert "failed" not in answer, answer
        assert answer["answered"]["requestId"].startswith("req_")
        if answer.get("shown") is None:  # undefined is left out
            assert (
                isinstance(operation.reply, ListOf) and "/{id}/" in operation.path
            )  # an object's own list may be empty
            return
        kind = operation.item
        assert not [name for name in answer["shown"] if "_" in name]
        for name in kind.__struct_encode_fields__:
            assert answer["read"].get(name) == answer["read"].get(camel(name)) == answer["shown"].get(camel(name))
        assert kind is BulkPayments or answer["shown"].keys() - {"data"}

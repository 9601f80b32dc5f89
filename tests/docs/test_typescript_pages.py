"""The TypeScript of the pages type-checks strictly against @vinr/sdk, runs, and prints what its comments say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path

import pytest
from node import build_app, compile_strictly, run
from pages import environment, like_the_sandbox, program, told, with_code

from conftest import RunningServer

# A route handler is a module for a framework to call.
HANDLERS = ("guides/webhooks-nextjs.md",)
PAGES = with_code("ts")


def file_of(page: str) -> str:
    """The page's program in the project."""
    return page.removesuffix(".md").replace("/", "_") + ".ts"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's project with the package installed and every page's program compiled."""
    folder = tmp_path_factory.mktemp("pages")
    build_app(folder)
    for page in PAGES:
        (folder / file_of(page)).write_text(program(page, "ts"))
    complaints = compile_strictly(folder, *map(file_of, PAGES))
    assert complaints == "", complaints
    return folder


class TestTypeScript:
    @pytest.mark.parametrize("page", [page for page in PAGES if page not in HANDLERS])
    def test_prints_what_it_says(self, page: str, project: Path, shared_server: RunningServer) -> None:
        env = environment(shared_server, like_the_sandbox(shared_server))

        done = run("node", file_of(page).replace(".ts", ".js"), cwd=project, env=env)

        assert done.returncode == 0, done.stdout + done.stderr
        assert [line for line in done.stdout.splitlines() if line] == told(page, "ts")

    @pytest.mark.parametrize("page", HANDLERS)
    def test_handles_what_is_signed_and_refuses_the_rest(self, page: str, project: Path) -> None:
        key, now = os.urandom(32), int(time.time())
        body = json.dumps({"id": "evt_1", "type": "payment.completed", "data": {"id": "pay_1"}})
        signature = f"t={now},v1={hmac.new(key, f'{now}.{body}'.encode(), hashlib.sha256).hexdigest()}"
        script = """
            const { POST } = await import(process.argv[1]);
            const [body, signature] = process.argv.slice(2);
            for (const sent of [body, `${body} `]) {
              const headers = { 'x-vinr-signature': signature };
              const answer = await POST(new Request('http://shop.example/', { method: 'POST', body: sent, headers }));
              console.log(answer.status, (await answer.text()).slice(0, 20));
            }"""
        secret = {"VINR_WEBHOOK_SECRET": f"whsec_{base64.b64encode(key).decode()}"}
        handler = "./" + file_of(page).replace(".ts", ".js")

        done = run("node", "--input-type=module", "-e", script, handler, body, signature, cwd=project, env=secret)

        assert done.stdout == '200 {"status":"done"}\n400 No signature matches\n', done.stdout + done.stderr

    def test_is_refused_where_it_is_wrong(self, project: Path) -> None:
        wrong = program("start.md", "ts").replace("pointsSpent", "pointsSpend")
        (project / "wrong.ts").write_text(wrong)

        assert "pointsSpend" in compile_strictly(project, "wrong.ts", emit=False)

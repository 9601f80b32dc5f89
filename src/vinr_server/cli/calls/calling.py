"""The public API as a command calls it: finds the server and the key, and reports every failure in a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from vinr_server.cli.control_characters import visible_json, visible_lines
from vinr_server.cli.exits import REFUSED, UNREACHABLE, USAGE, fail
from vinr_server.cli.sandbox.seed import Sandbox, running_sandbox
from vinr_server.storage.postgres.embedded import default_data_dir

REQUEST_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command finds its server, according to its options and the environment."""

    base_url: str | None
    key: str | None
    data: Path | None
    as_json: bool = False

    @property
    def data_dir(self) -> Path:
        """The directory of the sandbox."""
        return data_dir_of(self.data)


def data_dir_of(data: Path | None) -> Path:
    """The directory of the sandbox: the one that was named, or the default."""
    return (data or default_data_dir(Path.cwd())).absolute()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API to a call that succeeded."""

    method: str
    path: str
    status: int
    request_id: str
    body: dict[str, Any]


class Refused(Exception):
    """The API refused a call; `error` is what it said."""

    def __init__(self, status: int, error: Mapping[str, Any], hint: str) -> None:
        param = f" (param: {error['param']})" if error.get("param") else ""
        request = f" [{error['request_id']}]" if error.get("request_id") else ""
        super().__init__(f"{status} {error['code']}: {error['message']}{param}{hint}{request}")
        self.status, self.error = status, error


class Unreachable(Exception):
    """No server answered; the message is a sentence."""


class Api:
    """One server under one key."""

    def __init__(self, base_url: str, key: str, *, origin: str, hint: str = "") -> None:
        self.base_url, self.key = base_url.rstrip("/"), key
        self._origin, self._hint = origin, hint
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx2.Client(headers=headers, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """The object at the path."""
        return self._ask("GET", path, query=query).body

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer to a write."""
        return self._ask("POST", path, body=body)

    def delete(self, path: str) -> Answer:
        """The answer to a removal."""
        return self._ask("DELETE", path)

    def close(self) -> None:
        """The connections are closed."""
        self._client.close()

    def _ask(
        self, method: str, path: str, *, query: Mapping[str, str | int] = {}, body: Mapping[str, Any] | None = None
    ) -> Answer:
        try:
            response = self._client.request(method, self.base_url + path, params=dict(query), json=body)
        except httpx2.TimeoutException:
            raise Unreachable(f"{self.base_url} did not answer within {REQUEST_SECONDS_MAX:.0f} s.") from None
        except httpx2.TransportError as error:
            said = str(error) or type(error).__name__
            raise Unreachable(f"{self.base_url} can't be reached: {said}.{self._hint}") from None
        try:
            answer = response.json()
            if response.is_success:
                return Answer(method, path, response.status_code, response.headers["request-id"], answer)
            hint = f" The key is from {self._origin}." if response.status_code == 401 else ""
            raise Refused(response.status_code, answer["error"], hint)
        except (ValueError, KeyError, TypeError):
            message = f"{self.base_url} answered {response.status_code} without an error. Is it a VINR server?"
            raise Unreachable(message) from None


@contextmanager
def calling(place: Place, what: str) -> Iterator[Api]:
    """The API of the place; a refusal ends the command with a sentence and an exit code.

    With --json, the refusal is printed on standard output, so that a script has its code and details.
    """
    api = _api_of(place, what)
    try:
        yield api
    except Refused as refused:
        if place.as_json:
            print(json.dumps({"error": refused.error}))
        fail(what, str(refused), code=REFUSED)
    except Unreachable as error:
        fail(what, str(error), code=UNREACHABLE)
    finally:
        api.close()


def _api_of(place: Place, what: str) -> Api:
    sandbox = running_sandbox(place.data_dir)
    base_url = place.base_url or (sandbox.base_url if sandbox else None)
    if base_url is None:
        _no_server(place, what)
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        fail(what, f"--base-url (VINR_BASE_URL) {base_url!r} is not a URL.", code=USAGE)
    if url.scheme not in ("http", "https") or not url.host:
        fail(what, f"--base-url (VINR_BASE_URL) {base_url!r} must start with http:// or https://.", code=USAGE)
    is_sandbox = sandbox is not None and base_url.rstrip("/") == sandbox.base_url
    key, origin = place.key, "--key or VINR_SECRET_KEY"
    if not key and is_sandbox and sandbox is not None:
        # The sandbox's key is sent to the sandbox and nowhere else.
        key, origin = sandbox.secret_key, str(place.data_dir)
    if not key:
        fail(what, f"{base_url} needs a secret key. Set VINR_SECRET_KEY.", code=USAGE)
    if not key.isascii() or not key.isprintable():
        fail(what, f"the key from {origin} contains a character that no key has. Copy it again.", code=USAGE)
    return Api(base_url, key.strip(), origin=origin, hint=_hint_of(place, sandbox, is_sandbox))


def _no_server(place: Place, what: str) -> NoReturn:
    why = f"no sandbox runs on {place.data_dir}. Start one with `vinr dev`, or name a server with VINR_BASE_URL."
    fail(what, why, code=UNREACHABLE)


def _hint_of(place: Place, sandbox: Sandbox | None, is_sandbox: bool) -> str:
    """What to do if nothing answers; an address kept in a shell outlives its sandbox."""
    if sandbox is not None and not is_sandbox:
        return f' A sandbox runs at {sandbox.base_url}; to use it: eval "$(vinr status -o env)".'
    return " Is `vinr dev` running?" if is_sandbox or place.base_url else ""


def require_test_key(api: Api, what: str) -> None:
    """The key opens test data."""
    if "_live_" in api.key[:8]:
        fail(what, "this works on test data only, and the key is for live data. Use an sk_test_… key.", code=USAGE)


def print_json(value: Any) -> None:
    """One line of JSON."""
    print(visible_json(json.dumps(value, ensure_ascii=False)), flush=True)


def say(text: str) -> None:
    """Print a line for the person who waits; standard output stays clean."""
    print(visible_lines(text), file=sys.stderr, flush=True)


def read_object(text: str | None, option: str, what: str) -> dict[str, Any]:
    """The JSON object of an option; {} if it was not given."""
    if text is None:
        return {}
    try:
        value = json.loads(text, parse_constant=lambda name: _no_number(name))
    except ValueError as error:
        fail(what, f"{option} is not valid JSON: {error}.", code=USAGE)
    if not isinstance(value, dict):
        fail(what, f"""{option} must be a JSON object, such as '{{"metadata": {{"order": "1234"}}}}'.""", code=USAGE)
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")

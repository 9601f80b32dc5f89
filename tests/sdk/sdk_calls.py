"""One real call through the SDK for every operation of the table, made from the samples that the API's tests use."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Any

from api_world import World, samples

from vinr_server.api.contract.operation import Operation


@dataclass(frozen=True)
class SdkCall:
    """Where a method stands below the client, and its arguments."""

    operation: Operation
    path: tuple[str, ...]
    ids: tuple[str, ...]
    arguments: dict[str, Any]

    def on(self, client: Any) -> Any:
        """What the method returns."""
        method = client
        for name in self.path:
            method = getattr(method, name)
        return method(*self.ids, **self.arguments)


def snake(name: str) -> str:
    """camelCase as snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


# What must have happened before: nothing can be given back that was not taken.
BEFORE = {"release_discount": "consume_discount"}


def sdk_call(world: World, operation: Operation) -> SdkCall:
    """The operation by its first sample; a retrieval by the world's object of its kind."""
    path = tuple(f"{name}_" if keyword.iskeyword(name) else name for name in map(snake, operation.sdk.split(".")))
    if operation.method == "GET":
        if "{id}" not in operation.path:
            return SdkCall(operation, path, (), {"limit": 2} if operation.is_paged else {})
        url = operation.path.partition("/{id}")[0]
        known = next((id for id in world.ids.values() if world.client.get(f"{url}/{id}").is_success), None)
        assert known is not None, f"the world has no object for {operation.id}"
        return SdkCall(operation, path, (known,), {})
    for earlier in samples(world).get(BEFORE.get(operation.id, ""), [])[:1]:
        world.post(earlier.path, earlier.body or {})
    [sample, *_] = samples(world)[operation.id]
    ids = re.fullmatch(operation.path.replace("{id}", "([^/]+)"), sample.path)
    assert ids is not None, sample
    arguments = {f"{name}_" if keyword.iskeyword(name) else name: value for name, value in (sample.body or {}).items()}
    return SdkCall(operation, path, ids.groups(), arguments)

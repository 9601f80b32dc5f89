"""From method and path to an operation and the ids in the path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from vinr_server.api.contract.operation import Operation
from vinr_server.api.edge.problems import Problem

Match = tuple[Operation, Mapping[str, str]]


class Router:
    """Finds static paths by one look-up, and paths with an id segment by segment."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._static: dict[tuple[str, str], Match] = {}
        self._templates: dict[int, list[tuple[list[str], Operation]]] = {}
        for operation in operations:
            if "{" in operation.path:
                parts = operation.path.split("/")
                self._templates.setdefault(len(parts), []).append((parts, operation))
            else:
                self._static[operation.method, operation.path] = (operation, {})

    def match(self, method: str, path: str) -> Match:
        """The operation, or a problem: there is no such route, or not by this method."""
        found = self._static.get((method, path))
        if found is not None:
            return found
        segments = path.split("/")
        allowed = {known for known, route in self._static if route == path}
        for parts, operation in self._templates.get(len(segments), ()):
            if all(part == segment or part[:1] == "{" for part, segment in zip(parts, segments, strict=True)):
                if operation.method == method:
                    return operation, _ids(parts, segments)
                allowed.add(operation.method)
        if allowed:
            methods = sorted(allowed)
            message = f"{method} is not allowed at {path}. Use {' or '.join(methods)}."
            raise Problem("method_not_allowed", message, details={"allow": ", ".join(methods)})
        raise Problem("route_missing", f"There is nothing at {method} {path}. The routes are listed at /openapi.json.")


def _ids(parts: Sequence[str], segments: Sequence[str]) -> dict[str, str]:
    """The ids in a path. NUL is replaced, since PostgreSQL can't store it: such an id matches no object."""
    pairs = zip(parts, segments, strict=True)
    return {part[1:-1]: unquote(segment).replace("\x00", "\ufffd") for part, segment in pairs if part[:1] == "{"}

"""No test client sees an answer that OpenAPI does not foresee: its status, and the code of a refusal."""

from __future__ import annotations

import httpx2

from vinr_server.api.contract.openapi import refusals
from vinr_server.api.contract.table import OPERATIONS
from vinr_server.api.edge.problems import STATUS, Problem
from vinr_server.api.edge.routing import Router

_ROUTER = Router(OPERATIONS)


def check_documented(response: httpx2.Response) -> None:
    """The answer is one that the description of its operation lists. For the hooks of a client."""
    request = response.request
    try:
        operation, _ids = _ROUTER.match(request.method, request.url.raw_path.decode("latin-1").partition("?")[0])
    except Problem:  # no operation: a document, or a path or a method that there is not
        return
    asked = f"{operation.id}: {request.method} {request.url}"
    if response.is_success:
        assert response.status_code in operation.answers, f"{asked} answers {response.status_code}; tell its `answers`"
        return
    response.read()
    code = response.json()["error"]["code"]
    assert code in refusals(operation), f"{asked} is refused with {code}; list it in the operation's `refusals`"
    assert STATUS[code] == response.status_code, asked

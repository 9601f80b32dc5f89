"""What a key may do: every operation, those of named resources, or reads of the catalogue.

An operation's resource is its path in the SDKs without the verb, in snake_case. An operation that changes nothing needs
the right to read; any other needs the right to write, which includes reading. Only secret keys handle keys and their
audit: nobody can grant that.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from vinr_server.api.contract.operation import Operation
from vinr_server.api.edge.parse import snake
from vinr_server.api.edge.problems import Problem

RIGHTS = ("read", "write")
# What a publishable key reads: what a shop's page shows to everybody.
CATALOGUE = ("loyalty.programs", "loyalty.earning_rules", "loyalty.rewards")
SECRET_ONLY = ("api_keys", "api_key_acts")


def grantable(operations: Iterable[Operation]) -> frozenset[str]:
    """Every resource that a restricted key may be given."""
    return frozenset(operation.resource for operation in operations if operation.resource not in SECRET_ONLY)


def allowed(operations: Iterable[Operation], kind: str, permissions: Mapping[str, Any]) -> frozenset[str] | None:
    """The ids of the operations that a key may call; None: all of them."""
    if kind == "secret":
        return None
    given = permissions if kind == "restricted" else dict.fromkeys(CATALOGUE, "read")
    return frozenset(
        operation.id
        for operation in operations
        if operation.resource not in SECRET_ONLY and _holds_all(given, operation.rights)
    )


def _holds_all(given: Mapping[str, Any], rights: Iterable[str]) -> bool:
    return all(_holds(given, *right.split(":")) for right in rights)


def _holds(given: Mapping[str, Any], resource: str, right: str) -> bool:
    return given.get(resource) in ("write", right)


def refuse(kind: str, operation: Operation) -> Problem:
    """Say which right the call needs."""
    needed = " and ".join(operation.rights)
    if operation.resource in SECRET_ONLY:
        message = f"This call needs a secret key (sk_…), but your key is {kind}. Use a secret key."
    elif kind == "publishable":
        message = f"This call needs {needed}, but a publishable key only reads the catalogue. Use a secret key."
    else:
        message = f"This call needs {needed}, which your restricted key lacks. Use a key that has it."
    details = {"resource": operation.resource, "right": operation.right}
    return Problem("permission_missing", message, details=details)


def read_permissions(kind: str, given: Mapping[str, Any], *, grantable: Collection[str]) -> dict[str, str]:
    """The permissions of a new key, by resource. Only a restricted key has any."""
    if kind != "restricted":
        if given:
            message = "permissions: only a restricted key has permissions. Leave them out, or create a restricted key."
            raise Problem("parameter_invalid", message, param="permissions")
        return {}
    if not given:
        message = 'permissions is required for a restricted key, such as {"loyalty.points": "write"}.'
        raise Problem("parameter_missing", message, param="permissions")
    permissions: dict[str, str] = {}
    for name, right in given.items():
        resource, param = snake(name), f"permissions.{name[:100]}"
        if resource not in grantable:
            nearest = difflib.get_close_matches(resource, grantable, n=1, cutoff=0.5)
            hint = f"Did you mean {nearest[0]}?" if nearest else f"Known resources: {', '.join(sorted(grantable))}."
            raise Problem("parameter_invalid", f"{param}: no such resource. {hint}", param=param)
        if right not in RIGHTS:
            raise Problem("parameter_invalid", f"{param} must be read or write.", param=param)
        if permissions.setdefault(resource, right) != right:
            message = f"permissions: {resource} is given in two spellings with different values. Send one of them."
            raise Problem("parameter_conflict", message, param="permissions")
    return permissions

"""Customers: references to the people whom the merchant knows."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType, field

from vinr_server.api.contract.input import CustomerId, Email, Input, Metadata, Name, sent
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Json, Reference, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.api.edge.identity import folded_email, read_email
from vinr_server.core.members import commands, payloads, rows

URL = "/v1/customers"


class CreateCustomerInput(Input):
    id: CustomerId | None = None
    name: Name | None = None
    email: Email | None = None
    metadata: Metadata = {}


class UpdateCustomerInput(Input):
    name: Name | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    metadata: Metadata = {}


class MergeCustomersInput(Input):
    from_: CustomerId = field(name="from")
    into: CustomerId


class Customer(Reply):
    id: str
    object: Literal["customer"]
    name: str | None
    email: str | None
    merged_into: Reference | None
    metadata: Json
    created: int
    livemode: bool


class MergedAccount(Reply):
    program: Reference
    from_: Reference = field(name="from")
    into: Reference
    lifetime_points: int


class CustomerMerge(Reply):
    object: Literal["customer_merge"]
    from_: Reference = field(name="from")
    into: Reference
    accounts: list[MergedAccount]
    livemode: bool


def create_customer(call: Call) -> commands.CreateCustomer:
    body: CreateCustomerInput = call.body
    email = read_email(body.email, param="email")
    return commands.CreateCustomer(body.id, body.name, email, read_metadata(body.metadata))


def update_customer(call: Call) -> commands.UpdateCustomer:
    changes = sent(call.body, "name", "email")
    if "email" in changes:
        changes["email"] = read_email(changes["email"], param="email")
    return commands.UpdateCustomer(call.id, changes, read_metadata(call.body.metadata, allows_null=True))


def merge_customers(call: Call) -> commands.MergeCustomers:
    body: MergeCustomersInput = call.body
    return commands.MergeCustomers(body.from_, body.into)


def _email(value: str, _param: str) -> str:
    """A filter by an address, however its letters are written."""
    return folded_email(value)


CUSTOMERS = Listing(rows.Customer, {"email": ("email_key", _email)})
show_customers = shown_by(payloads.customer_payload)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        id="create_customer",
        method="POST",
        path=URL,
        sdk="customers.create",
        summary="Create a reference to a customer.",
        body=CreateCustomerInput,
        translate=create_customer,
        reply=Customer,
        answers=MADE_OR_FOUND,
        refusals=("id_conflict",),
        example={"name": "Ada", "email": "ada@example.com"},
    ),
    Operation(
        id="retrieve_customer",
        method="GET",
        path=f"{URL}/{{id}}",
        sdk="customers.retrieve",
        summary="Retrieve one customer.",
        read=retrieve(rows.Customer, "customer", show_customers),
        reply=Customer,
        refusals=FIND,
    ),
    Operation(
        id="update_customer",
        method="POST",
        path=f"{URL}/{{id}}",
        sdk="customers.update",
        summary="Change a customer.",
        body=UpdateCustomerInput,
        translate=update_customer,
        reply=Customer,
        immutable=("id",),
        refusals=(*FIND, "immutable_field"),
        example={"email": "ada@example.com"},
    ),
    Operation(
        id="merge_customers",
        method="POST",
        path=f"{URL}/merge",
        sdk="customers.merge",
        summary="Merge a customer into another, for good: points, tiers and history become the other's.",
        body=MergeCustomersInput,
        translate=merge_customers,
        reply=CustomerMerge,
        refusals=(*FIND, "customer_merged", "account_closed", "checkout_session_open"),
        example={"from": "cust_8sJ2k", "into": "cust_abc123"},
    ),
    Operation(
        id="list_customers",
        method="GET",
        path=URL,
        sdk="customers.list",
        summary="List customers, newest first.",
        read=list_of(CUSTOMERS, URL, show_customers),
        listing=CUSTOMERS,
        reply=ListOf(Customer),
    ),
)

"""Customers: references to the people whom the merchant knows."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from vinr_server.api.contract.input import CustomerId, Input, Metadata, Name, sent
from vinr_server.api.contract.operation import FIND, MADE_OR_FOUND, ListOf, Operation
from vinr_server.api.contract.pages import Listing, text
from vinr_server.api.contract.reads import list_of, retrieve, shown_by
from vinr_server.api.contract.reply import Json, Reply
from vinr_server.api.contract.values import read_metadata
from vinr_server.api.edge.call import Call
from vinr_server.core.members import commands, payloads, rows

URL = "/v1/customers"


class CreateCustomerInput(Input):
    id: CustomerId | None = None
    name: Name | None = None
    email: Name | None = None
    metadata: Metadata = {}


class UpdateCustomerInput(Input):
    name: Name | UnsetType | None = UNSET
    email: Name | UnsetType | None = UNSET
    metadata: Metadata = {}


class Customer(Reply):
    id: str
    object: Literal["customer"]
    name: str | None
    email: str | None
    metadata: Json
    created: int
    livemode: bool


def create_customer(call: Call) -> commands.CreateCustomer:
    body: CreateCustomerInput = call.body
    return commands.CreateCustomer(body.id, body.name, body.email, read_metadata(body.metadata))


def update_customer(call: Call) -> commands.UpdateCustomer:
    changes = sent(call.body, "name", "email")
    return commands.UpdateCustomer(call.id, changes, read_metadata(call.body.metadata, allows_null=True))


CUSTOMERS = Listing(rows.Customer, {"email": ("email", text)})
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

"""The commands of the first day: options and help of trigger, listen, logs, reset and clock."""

from __future__ import annotations

from typing import Annotated

import typer

from vinr_server.cli.options import AsJson, BaseUrl, DataDirectory, Key

clock_app = typer.Typer(help="Test clocks: let a year pass in a second.", no_args_is_help=True)
PANEL = "First day"

Fields = Annotated[
    str | None,
    typer.Option(help='Extra fields of the call, as a JSON object. For a business event, its data: {"plan": "gold"}.'),
]


def complete_type(incomplete: str) -> list[tuple[str, str]]:
    """The event types that start with this text, for the shell's completion."""
    from vinr_server.cli.calls.recipes import RECIPES

    return [(type, how) for type, (how, _make) in RECIPES.items() if type.startswith(incomplete)]


def trigger(
    event: Annotated[
        str | None,
        typer.Argument(
            help="The event's type. You can report any name that the engine does not use.", autocompletion=complete_type
        ),
    ] = None,
    customer: Annotated[str | None, typer.Option(help="cust_…. Default: cust_abc123, or a new customer.")] = None,
    amount: Annotated[int, typer.Option(help="Payment or refund, in minor units: 5000 is 50.00 EUR.")] = 5000,
    currency: Annotated[str, typer.Option(help="The payment's currency.")] = "EUR",
    points: Annotated[int, typer.Option(help="Points to award, adjust or reverse.")] = 100,
    account: Annotated[str | None, typer.Option(help="loy_…. Default: the customer's account in the program.")] = None,
    program: Annotated[str, typer.Option(help="prog_….")] = "prog_default",
    payment: Annotated[str | None, typer.Option(help="An id for the new payment, or the payment to refund.")] = None,
    reward: Annotated[str | None, typer.Option(help="The reward to redeem. Default: the cheapest.")] = None,
    fields: Fields = None,
    is_list: Annotated[bool, typer.Option("--list", help="List the event types and how each is made.")] = False,
    base_url: BaseUrl = None,
    key: Key = None,
    data: DataDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Make an event happen through the public API: its points and webhooks are real.

    Prints each call with its Request-Id, and every event that it caused.
    Works on test data only.

    Examples:
      vinr trigger payment.completed --amount 5000 --customer cust_abc123
      vinr trigger payment.refunded --payment pay_1001 --amount 2000
      vinr trigger subscription.created --fields '{"plan": "gold"}'
    """
    from vinr_server.cli.calls.calling import Place, read_object
    from vinr_server.cli.calls.recipes import Wish
    from vinr_server.cli.calls.trigger import list_triggers, trigger
    from vinr_server.cli.exits import USAGE, fail

    if is_list:
        list_triggers(as_json=as_json)
        return
    if event is None:
        fail("trigger", "which event? See `vinr trigger --list`.", code=USAGE)
    wish = Wish(
        amount=amount,
        currency=currency,
        points=points,
        customer=customer,
        account=account,
        program=program,
        payment=payment,
        reward=reward,
        fields=read_object(fields, "--fields", "trigger"),
    )
    trigger(event, wish, Place(base_url, key, data, as_json))


def listen(
    forward_to: Annotated[
        str | None,
        typer.Option(help="Where to forward events: a URL, or a port of this machine. Default: nowhere."),
    ] = None,
    events: Annotated[
        list[str] | None, typer.Option(help="An event type, repeatable: payment.completed, 'loyalty.*'. Default: all.")
    ] = None,
    base_url: BaseUrl = None,
    key: Key = None,
    data: DataDirectory = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines: the endpoint, then each event.")] = False,
) -> None:
    """Show events as they happen, and forward each to a receiver on this machine, byte for byte with its signature.

    Prints the signing secret first, then a line for each event with the
    receiver's answer. Events that the receiver does not accept are sent again,
    as to any endpoint. The endpoint is removed when the command ends.

    A server elsewhere can't reach this machine: its events are shown, but
    --forward-to is refused.

    Examples:
      vinr listen --forward-to http://localhost:3000/webhooks --events 'loyalty.*'
      vinr listen --forward-to 3000 --events payment.completed --events payment.refunded
      vinr listen --json | jq .event.type
    """
    from vinr_server.cli.calls.calling import Place
    from vinr_server.cli.calls.listen import listen

    listen(Place(base_url, key, data, as_json), target=forward_to, events=events or [])


def logs(
    request: Annotated[str | None, typer.Argument(help="One request with its bodies, by Request-Id (req_…).")] = None,
    status: Annotated[str | None, typer.Option(help="409, 4xx or error (400 and above).")] = None,
    method: Annotated[str | None, typer.Option(help="GET, POST or DELETE.")] = None,
    path: Annotated[str | None, typer.Option(help="Part of the path, or a pattern with *.")] = None,
    code: Annotated[str | None, typer.Option(help="The error code, such as insufficient_points.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many of the newest requests to show.", min=1)] = 30,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep showing new requests as they come.")] = False,
    data: DataDirectory = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, with bodies.")] = False,
) -> None:
    """Show the requests that the sandbox answered, newest last. It reads a file: the sandbox need not be running.

    A server in production writes lines of JSON to standard error instead,
    one for each request with VINR_LOG_REQUESTS=1.

    Examples:
      vinr logs --status error --follow
      vinr logs req_3f1c0a…
      vinr logs --json --path /v1/payments | jq .request
    """
    from vinr_server.cli.calls.calling import data_dir_of
    from vinr_server.cli.sandbox.requests_shown import Choice, show_requests

    choice = Choice(request_id=request, status=status, method=method, path=path, code=code)
    show_requests(data_dir_of(data), choice, limit=limit, is_following=follow, in_json=as_json)


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")] = False,
    base_url: Annotated[str | None, typer.Option(envvar="VINR_BASE_URL", hidden=True)] = None,
    data: DataDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Empty the sandbox and seed it again, running or not. Its address and key stay the same.

    Refuses if VINR_BASE_URL names any other server: only a sandbox is ever
    reset.

    Example:
      vinr reset --yes
    """
    from vinr_server.cli.sandbox.reset import reset

    reset(data=data, base_url=base_url, is_agreed=yes, as_json=as_json)


At = Annotated[str | None, typer.Option("--at", help="RFC 3339, a date or Unix seconds. Default: now.")]


@clock_app.command(name="create")
def create_clock(
    at: At = None,
    name: Annotated[str | None, typer.Option(help="What the clock is for.")] = None,
    base_url: BaseUrl = None,
    key: Key = None,
    data: DataDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Create a clock that stands still. A program created on it, with all its members, follows its time.

    Example:
      vinr clock create --at 2026-01-01
    """
    from vinr_server.cli.calls.calling import Place
    from vinr_server.cli.calls.clocks import create_clock

    create_clock(Place(base_url, key, data, as_json), at=at, name=name)


@clock_app.command(name="list")
def list_clocks(base_url: BaseUrl = None, key: Key = None, data: DataDirectory = None, as_json: AsJson = False) -> None:
    """List the clocks: the time on each, and whether it is ready.

    Example:
      vinr clock list --json
    """
    from vinr_server.cli.calls.calling import Place
    from vinr_server.cli.calls.clocks import list_clocks

    list_clocks(Place(base_url, key, data, as_json))


@clock_app.command(name="advance")
def advance_clock(
    by: Annotated[str | None, typer.Argument(help="How far: 13mo, 90d, 2h, 1y6mo (y, mo, w, d, h, min, s).")] = None,
    to: Annotated[str | None, typer.Option(help="Or until when: RFC 3339, a date or Unix seconds.")] = None,
    clock: Annotated[str | None, typer.Option(help="clock_…. Needed if there are several.")] = None,
    base_url: BaseUrl = None,
    key: Key = None,
    data: DataDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Move a clock forward and wait until all work due by then is done, such as expiries.

    Examples:
      vinr clock advance 13mo
      vinr clock advance --to 2028-01-01 --clock clock_0197a3
    """
    from vinr_server.cli.calls.calling import Place
    from vinr_server.cli.calls.clocks import advance_clock

    advance_clock(Place(base_url, key, data, as_json), by=by, to=to, clock_id=clock)


@clock_app.command(name="delete")
def delete_clock(
    clock: Annotated[str, typer.Argument(help="clock_….")],
    base_url: BaseUrl = None,
    key: Key = None,
    data: DataDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Delete a clock. Time stands still for the programs on it.

    Example:
      vinr clock delete clock_0197a3
    """
    from vinr_server.cli.calls.calling import Place
    from vinr_server.cli.calls.clocks import delete_clock

    delete_clock(Place(base_url, key, data, as_json), clock_id=clock)


def add_to(app: typer.Typer) -> None:
    """The app has these commands."""
    for command in (trigger, listen, logs, reset):
        app.command(rich_help_panel=PANEL)(command)
    app.add_typer(clock_app, name="clock", rich_help_panel=PANEL)

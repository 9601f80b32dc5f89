"""A webhook's URL in the one reading that is checked and then connected to.

The grammar is narrower than any browser's on purpose: what two parsers could read differently is refused, not
interpreted. docs/decisions/0007-webhook-targets.md has the list.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

import idna

from vinr_server.engine.addresses import LOOPBACK, Address, denial

URL_CHARACTERS_MAX = 2048
PORTS = {"https": 443, "http": 80}
LOCALHOST: tuple[Address, ...] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^#]*)")
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# If the last label is a number, some readers take the host for an IPv4 address: 127.1, 0177.0.0.1, 0x7f000001.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# Look-ups wait in the C library, 10 s and more per name server. They have separate threads, so that names which don't
# answer block neither each other nor the loop's default threads.
_LOOKUPS = ThreadPoolExecutor(64, thread_name_prefix="vinr-lookup")

Resolver = Callable[[str], Awaitable[Sequence[str]]]


class Forbidden(Exception):
    """Nothing may be sent to the URL; `reason` is a sentence that its owner understands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: `host` is a lower-case ASCII name or a bare address, `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_localhost(self) -> bool:
        """Whether the name means this machine wherever it is looked up (RFC 6761)."""
        return self.host == "localhost" or self.host.endswith(".localhost")


async def look_up(host: str) -> list[str]:
    """All addresses of the name, as the machine's resolver knows them, the best first.

    The name is looked up with a final dot, so that no search domain of the machine is tried.
    """
    ask = partial(socket.getaddrinfo, host.encode() + b".", None, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, ask)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def target_of(url: str, *, is_loopback_allowed: bool) -> Target:
    """Read the URL, without looking up its addresses.

    Refuses (Forbidden): anything but https://host[:443]/path?query; with `is_loopback_allowed` http and other ports
    too, which `addresses_of` then holds to loopback.
    """
    if len(url) > URL_CHARACTERS_MAX:
        raise Forbidden(f"The URL has {len(url)} characters; at most {URL_CHARACTERS_MAX} are allowed.")
    if re.search(r"[\x00-\x20\x7f-\xa0\\]|\s", url):
        raise Forbidden("The URL contains a space, a control character or a backslash; remove it.")
    if "#" in url:
        raise Forbidden("The URL has a fragment (#…), which is never sent; remove it.")
    match = _URL.fullmatch(url)
    if match is None:
        raise Forbidden("The URL must be written in full, such as https://hooks.example.com/vinr.")
    if not match["path"].isascii():
        raise Forbidden("The URL's path contains characters beyond ASCII; write them percent-encoded.")
    scheme = match["scheme"].lower()
    if scheme not in PORTS:
        raise Forbidden(f"The URL must start with https://, not {scheme}://.")
    target = _target(scheme, match["authority"], match["path"])
    if not is_loopback_allowed:
        _check_scheme_and_port(target)
    return target


def _target(scheme: str, authority: str, path: str) -> Target:
    if "@" in authority:
        raise Forbidden("The URL contains user info (…@); remove it, since receivers know us by the signature.")
    if "%" in authority:
        raise Forbidden("The URL's host contains a % (an encoded character or a zone); write the host without it.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise Forbidden("The URL's host and port can't be read; write them like hooks.example.com or [2606:4700::1].")
    port = int(match["port"]) if match["port"] else PORTS[scheme]
    if not 0 < port < 65536:
        raise Forbidden(f"The URL names port {port}; ports go from 1 to 65535.")
    literal: Address | None
    if match["six"]:
        literal = _address_six(match["six"])
        host = str(literal)
    else:
        host = _host(match["name"])
        literal = _address_four(host)
    return Target(scheme, host, port, path if path.startswith("/") else "/" + path, literal)


def _address_six(text: str) -> IPv6Address:
    try:
        return IPv6Address(text)
    except AddressValueError:
        raise Forbidden(f"[{text}] is not an IPv6 address.") from None


def _address_four(host: str) -> IPv4Address | None:
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except AddressValueError:
        raise Forbidden(f"{host} is not an IPv4 address of four plain decimal numbers.") from None


def _host(name: str) -> str:
    if name.endswith("."):
        raise Forbidden(f"The URL's host {name} ends with a dot; remove the dot.")
    host = name.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, strict=True).decode()
        except UnicodeError:
            message = f"The URL's host {name} is not an international host name; write its xn-- form."
            raise Forbidden(message) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise Forbidden(f"The URL's host {name} is not a host name.")
    return host


def _check_scheme_and_port(target: Target) -> None:
    if target.scheme != "https":
        raise Forbidden(f"The URL must start with https://, not {target.scheme}://.")
    if target.port != PORTS["https"]:
        raise Forbidden(f"The URL names port {target.port}; webhooks only go to port 443.")


async def addresses_of(target: Target, *, is_loopback_allowed: bool, resolver: Resolver) -> tuple[Address, ...]:
    """All addresses of the target, each of them checked; the resolver is asked once, or never for a literal address.

    Refuses (Forbidden): a name without an address; any address of the deny table, except loopback if it is allowed;
    http and ports other than 443, unless every address is loopback.
    """
    if target.literal is not None:
        addresses: tuple[Address, ...] = (target.literal,)
    elif target.is_localhost:
        addresses = LOCALHOST
    else:
        addresses = await _resolved(target.host, resolver)
    reasons = [denial(address) for address in addresses]
    for reason in reasons:
        if reason is not None and not (reason == LOOPBACK and is_loopback_allowed):
            raise Forbidden(f"{target.host} leads to {reason}; webhooks only go to the public internet.")
    if set(reasons) != {LOOPBACK}:
        _check_scheme_and_port(target)
    return addresses


async def _resolved(host: str, resolver: Resolver) -> tuple[Address, ...]:
    # A name with a single label is looked up in the machine's local network.
    if "." not in host:
        raise Forbidden(f"The URL's host {host} is not a full name such as hooks.example.com.")
    try:
        found = [ip_address(text) for text in await resolver(host)]
    except OSError:
        found = []
    if not found:
        raise Forbidden(f"The URL's host {host} could not be looked up: it has no address, or its name server is down.")
    return tuple(found)

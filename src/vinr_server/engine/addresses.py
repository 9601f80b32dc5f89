"""Which internet addresses the engine never sends to, and why: the deny table of webhook targets.

Source: the IANA IPv4 and IPv6 special-purpose address registries, the IPv6 address space registry, and the addresses
under which clouds serve credentials. Blocks that a registry marks globally reachable stay in the table if no receiver
of webhooks can live there; `ipaddress.is_global` lets those through, and 168.63.129.16 too
(docs/decisions/0007-webhook-targets.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

LOOPBACK = "loopback"


@dataclass(frozen=True, slots=True)
class Block:
    """A range of addresses; `reason` completes the sentence "hooks.example.com leads to …"."""

    network: IPv4Network | IPv6Network
    reason: str
    source: str


def _blocks(*rows: tuple[str, str, str]) -> tuple[Block, ...]:
    return tuple(Block(ip_network(network), reason, source) for network, reason, source in rows)


# Ordered: the first block that holds an address gives the reason.
V4 = _blocks(
    ("0.0.0.0/8", "this host itself", "RFC 791"),
    ("10.0.0.0/8", "a private network", "RFC 1918"),
    ("100.100.100.200/32", "a cloud's metadata", "Alibaba Cloud"),
    ("100.64.0.0/10", "a carrier's internal network", "RFC 6598"),
    ("127.0.0.0/8", LOOPBACK, "RFC 1122"),
    ("168.63.129.16/32", "a cloud's metadata", "Azure; globally routable by its number"),
    ("169.254.0.0/16", "link-local addresses, where clouds keep their metadata", "RFC 3927; AWS, Azure, Google, ECS"),
    ("172.16.0.0/12", "a private network", "RFC 1918"),
    ("192.0.0.192/32", "a cloud's metadata", "Oracle Cloud"),
    ("192.0.0.0/24", "protocol addresses", "RFC 6890; .9 (RFC 7723) and .10 (RFC 8155) count as global"),
    ("192.0.2.0/24", "addresses for documentation", "RFC 5737"),
    ("192.31.196.0/24", "a sink for misdirected queries (AS112)", "RFC 7535; counts as global"),
    ("192.52.193.0/24", "multicast relays (AMT)", "RFC 7450; counts as global"),
    ("192.88.99.0/24", "6to4 relays", "RFC 7526, deprecated"),
    ("192.168.0.0/16", "a private network", "RFC 1918"),
    ("192.175.48.0/24", "a sink for misdirected queries (AS112)", "RFC 7534; counts as global"),
    ("198.18.0.0/15", "a network for benchmarks", "RFC 2544"),
    ("198.51.100.0/24", "addresses for documentation", "RFC 5737"),
    ("203.0.113.0/24", "addresses for documentation", "RFC 5737"),
    ("224.0.0.0/4", "multicast", "RFC 1112; much of it counts as global"),
    ("255.255.255.255/32", "broadcast", "RFC 919"),
    ("240.0.0.0/4", "reserved addresses", "RFC 1112"),
)

V6 = _blocks(
    ("::/128", "this host itself", "RFC 4291"),
    ("::1/128", LOOPBACK, "RFC 4291"),
    ("::ffff:0:0/96", "an IPv4 address inside an IPv6 one", "RFC 4291, mapped"),
    ("::ffff:0:0:0/96", "an IPv4 address inside an IPv6 one", "RFC 2765, translated"),
    ("::/96", "an IPv4 address inside an IPv6 one", "RFC 4291, compatible, deprecated"),
    ("64:ff9b::/96", "an IPv4 address inside an IPv6 one", "RFC 6052, NAT64; counts as global"),
    ("64:ff9b:1::/48", "an IPv4 address inside an IPv6 one", "RFC 8215, local NAT64"),
    ("100::/64", "addresses that discard traffic", "RFC 6666"),
    ("100:0:0:1::/64", "addresses that discard traffic", "RFC 9780"),
    ("2001::/32", "a Teredo tunnel", "RFC 4380"),
    ("2001:2::/48", "a network for benchmarks", "RFC 5180"),
    ("2001:10::/28", "hashes that are not addresses", "RFC 4843, ORCHID"),
    ("2001:20::/28", "hashes that are not addresses", "RFC 7343, ORCHIDv2; counts as global"),
    ("2001:30::/28", "drone tags", "RFC 9374, DETs; counts as global"),
    ("2001::/23", "protocol addresses", "RFC 2928; 2001:1::1-3, 2001:3::/32 and 2001:4:112::/48 count as global"),
    ("2001:db8::/32", "addresses for documentation", "RFC 3849"),
    ("2002::/16", "an IPv4 address inside an IPv6 one", "RFC 3056, 6to4"),
    ("2620:4f:8000::/48", "a sink for misdirected queries (AS112)", "RFC 7534; counts as global"),
    ("3fff::/20", "addresses for documentation", "RFC 9637"),
    ("5f00::/16", "route segments", "RFC 9602"),
    ("fd00:ec2::254/128", "a cloud's metadata", "AWS"),
    ("fd20:ce::254/128", "a cloud's metadata", "Google Cloud"),
    ("fd00:42::42/128", "a cloud's metadata", "Scaleway"),
    ("fc00::/7", "a private network", "RFC 4193"),
    ("fe80::/10", "link-local addresses", "RFC 4291"),
    ("fec0::/10", "a private network", "RFC 3879, site-local, deprecated"),
    ("ff00::/8", "multicast", "RFC 4291"),
    # Global unicast is 2000::/3 only; these three cover everything outside it.
    ("::/3", "reserved addresses", "IPv6 address space registry"),
    ("4000::/2", "reserved addresses", "IPv6 address space registry"),
    ("8000::/1", "reserved addresses", "IPv6 address space registry"),
)


def denial(address: Address) -> str | None:
    """Why nothing is sent to the address, in words that complete "… leads to"; None if it may be sent to."""
    for block in V4 if address.version == 4 else V6:
        if address in block.network:
            return block.reason
    return None

"""Bugs of the way out: webhook targets, their addresses, receivers that misbehave."""

from __future__ import annotations

from mutant import Mutant

TESTS = "engine/test_outbound.py"
SPELLINGS = f"{TESTS}::TestUrls::test_of_many_readings_are_refused_even_in_dev"
FLIPPING = f"{TESTS}::TestFlippingNames"
MISBEHAVING = f"{TESTS}::TestReceiversThatMisbehave"
STATUS = "            reading.status = response.status\n"
FOLLOW = """            for name, value in response.headers:
                if name.lower() == b"location":
                    return await self._exchange(_text(value), headers, body, reading)
"""

TARGETS = [
    Mutant(
        "only the first address of a name is checked",
        "engine/targets.py",
        "for reason in reasons:",
        "for reason in reasons[:1]:",
        f"{TESTS}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "one good address is enough",
        "engine/targets.py",
        "for reason in reasons:",
        "for reason in reasons if None not in reasons else ():",
        f"{TESTS}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "`ipaddress.is_global` instead of the table",
        "engine/addresses.py",
        "if address in block.network:",
        "if address in block.network and not address.is_global:",
        f"{TESTS}::TestAddresses::test_inside_are_refused_by_number_and_by_name",
    ),
    Mutant(
        "an address inside another is not looked for",
        "engine/addresses.py",
        '    ("64:ff9b::/96", "an IPv4 address inside an IPv6 one", "RFC 6052, NAT64; counts as global"),\n',
        '    ("64:ff9b::/128", "an IPv4 address inside an IPv6 one", "RFC 6052, NAT64; counts as global"),\n',
        f"{TESTS}::TestAddresses::test_inside_are_refused_by_number_and_by_name",
    ),
    Mutant(
        "IPv4 addresses are read as the C library does",
        "engine/targets.py",
        "return IPv4Address(host)",
        "return IPv4Address(socket.inet_aton(host))",
        SPELLINGS,
    ),
    Mutant(
        "full-width digits and dots are mapped to plain ones",
        "engine/targets.py",
        "idna.encode(host, strict=True)",
        "idna.encode(host, uts46=True)",
        SPELLINGS,
    ),
    Mutant(
        "a final dot is passed over",
        "engine/targets.py",
        'if name.endswith("."):',
        'name = name.removesuffix(".")\n    if name.endswith("."):',
        SPELLINGS,
    ),
    Mutant(
        "user info is passed over",
        "engine/targets.py",
        'if "@" in authority:',
        'authority = authority.rpartition("@")[2]\n    if "@" in authority:',
        SPELLINGS,
    ),
    Mutant(
        "http and any port wherever loopback is allowed",
        "engine/targets.py",
        "if set(reasons) != {LOOPBACK}:",
        "if not is_loopback_allowed:",
        f"{TESTS}::TestUrls::test_of_http_and_other_ports_stay_refused_off_loopback_in_dev",
    ),
]

SENDING = [
    Mutant(
        "redirects followed",
        "engine/outbound.py",
        STATUS,
        STATUS + FOLLOW,
        f"{TESTS}::TestAnAttempt::test_follows_no_redirect",
    ),
    Mutant(
        "connected to by name, not to the address that was checked",
        "engine/outbound.py",
        "connect_tcp(str(address), port,",
        "connect_tcp(host, port,",
        f"{FLIPPING}::test_are_connected_to_where_they_were_checked",
    ),
    Mutant(
        "looked up again for the connection",
        "engine/outbound.py",
        "async with aclosing(_CheckedAddresses(addresses)) as network:",
        "addresses = await addresses_of(target, is_loopback_allowed=True, resolver=self._resolver)\n"
        "        async with aclosing(_CheckedAddresses(addresses)) as network:",
        f"{FLIPPING}::test_are_connected_to_where_they_were_checked",
    ),
    Mutant(
        "addresses are checked at creation and not at the attempt",
        "engine/outbound.py",
        "addresses_of(target, is_loopback_allowed=self._is_loopback_allowed,",
        "addresses_of(target, is_loopback_allowed=True,",
        f"{FLIPPING}::test_are_refused_at_the_attempt",
    ),
    Mutant(
        "any name in the certificate will do",
        "engine/outbound.py",
        "assert self._tls.check_hostname and",
        "self._tls.check_hostname = False\n        assert",
        f"{TESTS}::TestTls::test_refuses_a_bad_certificate",
    ),
    Mutant(
        "any certificate will do",
        "engine/outbound.py",
        "        assert self._tls.check_hostname and self._tls.verify_mode == ssl.CERT_REQUIRED\n",
        "        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE\n",
        f"{TESTS}::TestTls::test_refuses_a_bad_certificate",
    ),
    Mutant(
        "a handshake broken off leaves its connection open",
        "engine/outbound.py",
        "if self._stream is not None:",
        "if False:",
        f"{TESTS}::TestTls::test_that_is_none_ends_the_attempt",
    ),
    Mutant(
        "the time counts for each read and not for the attempt",
        "engine/outbound.py",
        "                async for chunk in chunks:\n",
        "                async for chunk in chunks:\n"
        "                    for attempt in self._attempts:\n"
        "                        attempt.reschedule(asyncio.get_running_loop().time() + self._seconds_max)\n",
        f"{MISBEHAVING}::test_by_being_slow_end_in_time[drips its body]",
    ),
    Mutant(
        "an answer is read to its end",
        "engine/outbound.py",
        "ANSWER_BYTES_MAX = 64 * 1024",
        "ANSWER_BYTES_MAX = 64 * 1024 * 1024",
        f"{MISBEHAVING}::test_by_being_loud_are_read_64_kib_of[endless body]",
    ),
    Mutant(
        "what TLS says of a record that is none is raised",
        "engine/outbound.py",
        "httpcore2.RemoteProtocolError, OSError)",
        "httpcore2.RemoteProtocolError)",
        f"{MISBEHAVING}::test_at_random_never_raise[in TLS]",
    ),
]

MUTANTS = [*TARGETS, *SENDING]

"""Bugs of the way out: webhook targets, their addresses, receivers that misbehave."""

from __future__ import annotations

from mutant import Mutant

TESTS = "engine/test_outbound.py"
SPELLINGS = f"{TESTS}::TestUrls::test_of_many_readings_are_refused_even_in_dev"
FLIPPING = f"{TESTS}::TestFlippingNames"
MISBEHAVING = f"{TESTS}::TestReceiversThatMisbehave"

TARGETS = [
    Mutant(
        "only the first address of a name is checked",
        "addresses_of",
        "for reason in reasons:",
        "for reason in reasons[:1]:",
        f"{TESTS}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "one good address is enough",
        "addresses_of",
        "for reason in reasons:",
        "for reason in reasons if None not in reasons else ():",
        f"{TESTS}::TestUrls::test_that_lead_inside_are_refused",
    ),
    Mutant(
        "`ipaddress.is_global` instead of the table",
        "denial",
        "if address in block.network:",
        "if address in block.network and not address.is_global:",
        f"{TESTS}::TestAddresses::test_inside_are_refused_by_number_and_by_name",
    ),
    Mutant(
        "an address inside another is not looked for",
        "V6",
        '("64:ff9b::/96", "an IPv4 address inside an IPv6 one", "RFC 6052, NAT64; counts as global"),',
        '("64:ff9b::/128", "an IPv4 address inside an IPv6 one", "RFC 6052, NAT64; counts as global"),',
        f"{TESTS}::TestAddresses::test_inside_are_refused_by_number_and_by_name",
    ),
    Mutant(
        "IPv4 addresses are read as the C library does",
        "_address_four",
        "return IPv4Address(host)",
        "return IPv4Address(socket.inet_aton(host))",
        SPELLINGS,
    ),
    Mutant(
        "full-width digits and dots are mapped to plain ones",
        "_host",
        "idna.encode(host, strict=True)",
        "idna.encode(host, uts46=True)",
        SPELLINGS,
    ),
    Mutant(
        "a final dot is passed over",
        "_host",
        'if name.endswith("."):',
        """
        name = name.removesuffix(".")
        if name.endswith("."):
        """,
        SPELLINGS,
    ),
    Mutant(
        "user info is passed over",
        "_target",
        'if "@" in authority:',
        """
        authority = authority.rpartition("@")[2]
        if "@" in authority:
        """,
        SPELLINGS,
    ),
    Mutant(
        "http and any port wherever loopback is allowed",
        "addresses_of",
        "if set(reasons) != {LOOPBACK}:",
        "if not is_loopback_allowed:",
        f"{TESTS}::TestUrls::test_of_http_and_other_ports_stay_refused_off_loopback_in_dev",
    ),
]

SENDING = [
    Mutant(
        "redirects followed",
        "Sender._exchange",
        "reading.status = response.status",
        """
        reading.status = response.status
        for name, value in response.headers:
            if name.lower() == b"location":
                return await self._exchange(_text(value), headers, body, reading)
        """,
        f"{TESTS}::TestAnAttempt::test_follows_no_redirect",
    ),
    Mutant(
        "connected to by name, not to the address that was checked",
        "_CheckedAddresses.connect_tcp",
        "str(address)",
        "host",
        f"{FLIPPING}::test_are_connected_to_where_they_were_checked",
    ),
    Mutant(
        "looked up again for the connection",
        "Sender._exchange",
        "async with aclosing(_CheckedAddresses(addresses)) as network:",
        """
        addresses = await addresses_of(target, is_loopback_allowed=True, resolver=self._resolver)
        async with aclosing(_CheckedAddresses(addresses)) as network:
        """,
        f"{FLIPPING}::test_are_connected_to_where_they_were_checked",
    ),
    Mutant(
        "addresses are checked at creation and not at the attempt",
        "Sender._exchange",
        "is_loopback_allowed=self._is_loopback_allowed, resolver=self._resolver",
        "is_loopback_allowed=True, resolver=self._resolver",
        f"{FLIPPING}::test_are_refused_at_the_attempt",
    ),
    Mutant(
        "any name in the certificate will do",
        "Sender.__init__",
        "assert self._tls.check_hostname and self._tls.verify_mode == ssl.CERT_REQUIRED",
        """
        self._tls.check_hostname = False
        assert self._tls.verify_mode == ssl.CERT_REQUIRED
        """,
        f"{TESTS}::TestTls::test_refuses_a_bad_certificate",
    ),
    Mutant(
        "any certificate will do",
        "Sender.__init__",
        "assert self._tls.check_hostname and self._tls.verify_mode == ssl.CERT_REQUIRED",
        "self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE",
        f"{TESTS}::TestTls::test_refuses_a_bad_certificate",
    ),
    Mutant(
        "a handshake broken off leaves its connection open",
        "_CheckedAddresses.aclose",
        "if self._stream is not None:",
        "if False:",
        f"{TESTS}::TestTls::test_that_is_none_ends_the_attempt",
    ),
    Mutant(
        "the time counts for each read and not for the attempt",
        "Sender._exchange",
        "reading.body += chunk",
        """
        for attempt in self._attempts:
            attempt.reschedule(asyncio.get_running_loop().time() + self._seconds_max)
        reading.body += chunk
        """,
        f"{MISBEHAVING}::test_by_being_slow_end_in_time[drips its body]",
    ),
    Mutant(
        "an answer is read to its end",
        "ANSWER_BYTES_MAX",
        "ANSWER_BYTES_MAX = 64 * 1024",
        "ANSWER_BYTES_MAX = 64 * 1024 * 1024",
        f"{MISBEHAVING}::test_by_being_loud_are_read_64_kib_of[endless body]",
    ),
    Mutant(
        "what TLS says of a record that is none is raised",
        "_RECEIVERS_FAULTS",
        "httpcore2.RemoteProtocolError, OSError",
        "httpcore2.RemoteProtocolError",
        f"{MISBEHAVING}::test_at_random_never_raise[in TLS]",
    ),
]

MUTANTS = [*TARGETS, *SENDING]

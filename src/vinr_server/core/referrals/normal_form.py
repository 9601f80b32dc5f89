"""When two e-mail addresses are one mailbox (R19d)."""

from __future__ import annotations

GMAIL = ("gmail.com", "googlemail.com")


def normal_email(email: str) -> str:
    """The address without what many mail systems ignore: case, what follows a +, and in Gmail's dots.

    Dots count everywhere else: dan.dascal2@hotmail.com and dandascal2@hotmail.com are two people.
    """
    local, _at, domain = email.strip().lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in GMAIL:
        local, domain = local.replace(".", ""), GMAIL[0]
    return f"{local}@{domain}"

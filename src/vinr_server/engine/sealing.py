"""Webhook secrets at rest: sealed under a key that the database does not hold, and opened to sign with.

Signing needs a secret in the clear, so it can't be hashed as API keys are. It is sealed with Fernet
(AES-128-CBC, HMAC-SHA-256) under VINR_SECRETS_KEY: not under the pepper, which can never be replaced.
"""

from __future__ import annotations

import base64
import binascii
from secrets import token_bytes

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX = "whsec_"
KEY_BYTES = 32
# "AAAA…" is as long as a key and is none. 32 random bytes always have at least 20 different ones.
DIFFERENT_BYTES_MIN = 20


class Unsealable(Exception):
    """What is stored was altered, or sealed under a key that is not known here."""


class Seal:
    """Seals under the first of its keys, and opens what any of them has sealed, so that a key can be replaced."""

    def __init__(self, keys: str) -> None:
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in read_keys(keys)])

    def close(self, text: str) -> bytes:
        """The text, sealed; never twice the same."""
        return self._fernet.encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """The text again. Raises Unsealable."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise Unsealable("its secret was sealed under a key missing from VINR_SECRETS_KEY; add that key") from None


def read_keys(text: str) -> list[bytes]:
    """The keys of a comma-separated list, each 32 random bytes in base64 of either alphabet. Raises ValueError."""
    keys = [_read_key(part.strip()) for part in text.split(",")]
    if any(len(set(key)) < DIFFERENT_BYTES_MIN for key in keys):
        raise ValueError("is not random; make one with: openssl rand -base64 32")
    return keys


def _read_key(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("must be 32 bytes in base64; make one with: openssl rand -base64 32")
    return key


def make_seal_key() -> str:
    """A new key to seal under."""
    return base64.urlsafe_b64encode(token_bytes(KEY_BYTES)).decode()


def make_secret() -> str:
    """A new signing secret of 256 random bits."""
    return PREFIX + base64.b64encode(token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """What to sign with: the decoded 32 bytes."""
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)

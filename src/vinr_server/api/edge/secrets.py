"""The secrets that open the API: how they are made, what is stored of them, and what may be shown again."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

PREFIXES = {"secret": "sk", "restricted": "rk", "publishable": "pk"}
# 43 characters of base64url are 256 bits. Anything that looks different is not our key and not worth a look-up.
KEY = re.compile(r"(?:sk|rk|pk)_(?:test|live)_[A-Za-z0-9_-]{43}\Z")


def make_key(*, livemode: bool, kind: str = "secret") -> str:
    """A new key of 256 random bits."""
    return f"{PREFIXES[kind]}_{'live' if livemode else 'test'}_{secrets.token_urlsafe(32)}"


def hash_key(key: str, pepper: str) -> bytes:
    """What is stored of a key: its HMAC-SHA-256 under the installation's pepper."""
    return hmac.new(pepper.encode(), key.encode(), hashlib.sha256).digest()


def hint_of(key: str) -> str:
    """What may be shown of a key so that people recognize it: its prefix and its last four characters."""
    return f"{key[:8]}…{key[-4:]}"

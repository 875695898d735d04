"""Tokens: how one is written, what is kept of it, and whether it is still good."""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import datetime
from typing import Final

from ..errors import InvalidRequest
from .frozen import frozen
from .naming import fault_of_name
from .principal import Scope
from .secret import is_secret

PREFIX: Final = "outlast_"
"""What every token begins with, so that people and scanners of leaked secrets know one."""

SECRET_BYTES: Final = 32
"""Of chance in each: 256 bits."""

LOCAL: Final = "local"
"""The token of whoever has the home, which the first start of a server makes."""

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43
_CHECK_LENGTH: Final = 6
_TOKEN: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_SECRET_LENGTH}}})([0-9A-Za-z]{{{_CHECK_LENGTH}}})"
)


@frozen
class Token:
    """What is kept of a token. Never what lets somebody in."""

    id: str
    """Names it for ever: another token of the same name has another."""

    name: str
    digest: bytes
    """The SHA-256 of what was printed once. See `digest_of`."""

    scope: Scope
    policy: str | None = None
    """The section of the server's policy that it is under."""

    secrets: frozenset[str] = frozenset()
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""

    revoked_at: datetime | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether it lets somebody in at *now*."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def state(self, now: datetime) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.is_good(now) else "expired"


def write_token(chance: bytes) -> str:
    """
    Return the token of these `SECRET_BYTES` random bytes: prefix, secret, and a checksum (CRC-32)
    by which a scanner tells a token from what only looks like one.
    """
    if len(chance) != SECRET_BYTES:
        raise ValueError(f"a token is made of {SECRET_BYTES} bytes")
    secret = _base62(int.from_bytes(chance), _SECRET_LENGTH)
    return f"{PREFIX}{secret}{_check(secret)}"


def is_token(text: str) -> bool:
    """Whether *text* is written as a token: it may still be nobody's."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match[2] == _check(match[1])


def digest_of(token: str) -> bytes:
    """
    Return what is kept of *token*.

    A plain hash is enough: slow ones make guesses dear where people chose the password, and
    nobody guesses 256 random bits, be a guess ever so cheap.
    """
    return hashlib.sha256(token.encode()).digest()


def check_token(name: object, scope: Scope, *, policy: str | None, secrets: frozenset[str]) -> None:
    """
    See that a token can be made so.

    Raises:
        InvalidRequest: It cannot; every fault is listed.
    """
    faults = []
    if fault := fault_of_name(name, "a token"):
        faults.append(fault)
    elif name == LOCAL:
        faults.append(f"{LOCAL!r} is the name of the server's own token: take another")
    faults += [f"{each!r:.80} is no name of a secret" for each in secrets if not is_secret(each)]
    if scope is Scope.ADMIN and policy is not None:
        faults.append("an administrator is under no policy: take the scope run, or no policy")
    if scope is not Scope.RUN and secrets:
        faults.append(
            f"secrets are for tokens that run jobs, and this one's scope is {scope}"
            + (": an administrator has them all" if scope is Scope.ADMIN else "")
        )
    if faults:
        raise InvalidRequest(*faults)


def _check(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits

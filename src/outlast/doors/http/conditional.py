"""The headers by which a caller says how it wants its answer: `Prefer`, `If-None-Match`, `Range`."""

from __future__ import annotations

import re
from typing import Final

from ...errors import InvalidRequest

MAX_WAIT_S: Final = 60
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)
_VIEW: Final = re.compile(r"(?:^|[,;])\s*view\s*=\s*\"?full\"?\s*(?=$|[,;])", re.IGNORECASE)
_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)
MAX_KEY_CHARACTERS: Final = 255


def wanted_wait(prefer: str | None) -> int | None:
    """Return how many seconds the caller would wait (RFC 7240, 4.3), at most 60; None: not said."""
    found = _WAIT.search(prefer) if prefer else None
    return None if found is None else min(int(found[1]), MAX_WAIT_S)


def wants_all(prefer: str | None) -> bool:
    """Whether the caller would have all there is of a job, its spec included."""
    return prefer is not None and _VIEW.search(prefer) is not None


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller has this very answer (RFC 9110, 13.1.2: a weak comparison)."""
    if if_none_match is None:
        return False
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """
    Return the one range of bytes that is asked for, of *size*: its first, and behind its last.

    None: none that we understand, so that the whole is to be given (RFC 9110, 14.2). A first
    byte that is not there is returned as it is.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    if found[3] is not None:
        return (max(0, size - int(found[3])), size) if int(found[3]) else (size, size)
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    return first, min(last + 1, size)


def read_key(header: str | None) -> str | None:
    """
    Return the idempotency key, with or without the quotation marks of a structured string.

    Raises:
        InvalidRequest: It is empty, too long, or has characters that are not printable.
    """
    if header is None:
        return None
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key or len(key) > MAX_KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key: 1 to {MAX_KEY_CHARACTERS} printable ASCII characters,"
            f" not {key!r:.80}"
        )
    return key

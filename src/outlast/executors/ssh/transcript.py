"""
What is shown of a conversation with a host: what it printed, and what we answered, with every
secret as `(hidden)`, however the host cuts it up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = b"(hidden)"


class Echo:
    """
    Takes out of what a host prints the answer that its terminal repeats: it is shown once.

    An answer that is not repeated, as a password is not, is shown by us alone.
    """

    def __init__(self) -> None:
        self._expected = b""
        self._held = b""

    def expect(self, answer: bytes) -> None:
        """From now on *answer* and a line's end may come back."""
        self._expected, self._held = answer + b"\r", b""

    def take(self, data: bytes) -> bytes:
        """Return what of *data*, and of what was held, is no repetition."""
        if not self._expected:
            return data
        held = self._held + data
        if held.startswith(self._expected):
            rest = held[len(self._expected) - 1 :]
        elif self._expected.startswith(held):
            self._held = held
            return b""
        else:
            rest = held
        self._expected = self._held = b""
        return rest

    def end(self) -> bytes:
        """Return what was held: no more will come."""
        held, self._expected, self._held = self._held, b"", b""
        return held


class Mask:
    """Replaces secrets in a stream of bytes, also where one comes in pieces."""

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {
            line.encode("utf-8", "surrogateescape")
            for secret in secrets
            for line in (secret, *secret.splitlines())
        }
        self._secrets = sorted(lines - {b""}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)) or b"(?!)")
        self._held = b""

    def take(self, data: bytes) -> bytes:
        """Return what can be shown by now; what may be the beginning of a secret is held."""
        data = self._held + data
        out, at = [], 0
        for match in self._pattern.finditer(data):
            if match.start() >= self._unfinished(data, at):
                break  # it may become a longer one
            out += [data[at : match.start()], HIDDEN]
            at = match.end()
        keep = self._unfinished(data, at)
        self._held = data[keep:]
        return b"".join([*out, data[at:keep]])

    def end(self) -> bytes:
        """Return what was held: no more will come. Half a secret is a secret, too."""
        held, self._held = self._held, b""
        return self.whole(held)

    def whole(self, data: bytes) -> bytes:
        """Return *data*, which stands for itself, without secrets."""
        shown = self._pattern.sub(HIDDEN, data)
        keep = self._unfinished(shown)
        left = shown[keep:]
        is_half = any(
            secret.startswith(left) and 2 * len(left) >= len(secret) for secret in self._secrets
        )
        return shown[:keep] + (HIDDEN if left and is_half else left)

    def _unfinished(self, data: bytes, since: int = 0) -> int:
        """Return where the longest end of *data* begins that a longer secret begins with."""
        longest = max(map(len, self._secrets), default=1) - 1
        for at in range(max(since, len(data) - longest), len(data)):
            end = data[at:]
            if any(len(secret) > len(end) and secret.startswith(end) for secret in self._secrets):
                return at
        return len(data)

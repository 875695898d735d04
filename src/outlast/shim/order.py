"""
How a shim is told what to run: one message after another over its channel.

In the interpreter's own format (marshal): both ends are of one interpreter, and reading it runs
no code, so that a shim touches, and copies, fewer pages. Records, which outlive versions, are JSON.
"""

from __future__ import annotations

import marshal
from typing import Any

_LENGTH_BYTES = 4


def pack(message: dict[str, Any]) -> bytes:
    """Return *message* as it goes over the channel."""
    body = marshal.dumps(message)
    return len(body).to_bytes(_LENGTH_BYTES, "little") + body


def unpack(data: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Return the first message in *data*, None if it is not whole yet, and what comes after it."""
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < max(end, _LENGTH_BYTES):
        return None, data
    message: dict[str, Any] = marshal.loads(data[_LENGTH_BYTES:end])  # noqa: S302 from our parent
    return message, data[end:]

"""How a command ended whose shim did not live to write it down."""

from __future__ import annotations

import os
import signal

from .spool import Line, Wish

OURS = (signal.SIGTERM, signal.SIGKILL)
"""The signals by which a command is ended at its limit of time."""


def end_line(
    status: int, began: Line, wish: Wish | None, *, at_ms: int, mono_ms: int, by: str
) -> Line:
    """
    Return the line for the command of the line *began*, which ended with wait status *status*.

    *at_ms* is the time of day, *mono_ms* the monotonic clock's. Where no wish was left, a signal
    of ours after its limit of time was its shim's, which died before it could say so.
    """
    code = os.waitstatus_to_exitcode(status)
    reason, error = (None, None) if wish is None else (wish.reason, wish.error)
    is_late = mono_ms >= began["mono_ms"] + began["timeout_ms"]
    if wish is None and is_late and -code in OURS:
        reason = "timeout"
    return {
        "event": "ended",
        "at": at_ms,
        "code": code if code >= 0 else None,
        "signal": -code if code < 0 else None,
        "reason": reason,
        "error": error,
        "by": by,
    }

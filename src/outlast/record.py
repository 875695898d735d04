"""What a line of an attempt's record says, as the sight of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from .core.limits import from_epoch_ms
from .core.sight import OUTLIVED, Alive, Emptied, Exited, Sight, Unkillable
from .core.state import Reason
from .shim import spool

Line = dict[str, Any]

RAISED: Final = 1
"""The exit code of a Python program that raised."""


def sight_of(line: Line, folder: str, began: Line | None) -> Sight:
    """
    Return what *line*, of the record in *folder*, says.

    *began* is the line of the start, for one of the end; None where the command never ran.
    """
    at = from_epoch_ms(line["at"])
    match line["event"]:
        case "began" | "orphaned":
            return Alive(
                started_at=at,
                containment=line["containment"],
                # Not told by the shims of an older Outlast, and an image only of a container.
                survives=line.get("survives"),
                image_id=line.get("image_id"),
                image_digest=line.get("image_digest"),
                degraded=line["event"] == "orphaned",
            )
        case "ended":
            return _exited(line, folder, None if line.get("unstarted") else began, at)
        case "unkillable":
            return Unkillable(error=line["error"])
    return _emptied(line, folder, at)


def _exited(line: Line, folder: str, began: Line | None, at: datetime) -> Exited:
    reason, error = _reason(line.get("reason")), line.get("error")
    if reason is None and line["code"] == RAISED:
        raised = spool.read_outcome(folder).get("error")
        if isinstance(raised, str):
            reason, error = Reason.EXCEPTION, raised
    return Exited(
        at=at,
        started_at=None if began is None else from_epoch_ms(began["at"]),
        containment=None if began is None else began["containment"],
        survives=None if began is None else began.get("survives"),
        image_id=None if began is None else began.get("image_id"),
        image_digest=None if began is None else began.get("image_digest"),
        exit_code=line["code"],
        signal=line["signal"],
        reason=reason,
        error=error,
    )


def _reason(name: object) -> Reason | None:
    try:
        return Reason(str(name)) if name is not None else None
    except ValueError:
        # A newer shim's word: that it was not the command's own end is certain.
        return Reason.SIGNAL


def _emptied(line: Line, folder: str, at: datetime) -> Emptied:
    percent, message = spool.read_progress(folder)
    if left := line.get("leftovers"):
        who = "1 background process" if left == 1 else f"{left} background processes"
        said = f"{who} {OUTLIVED}, and {'is' if left == 1 else 'are'} gone"
        message = said if message is None else f"{message} ({said})"
    return Emptied(
        at=at,
        stdout_bytes=line["stdout_bytes"],
        stderr_bytes=line["stderr_bytes"],
        progress_pct=percent,
        message=message,
    )

"""`outlast supervisor status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("status", epilog="outlast supervisor status --json")
def status(caller: Caller) -> int:
    """
    Tell whether a supervisor runs, and what it does. Starts none.

    None running (`pid` is null) is no fault: it comes with the next job and leaves when idle.
    """
    found = caller.link.status() or {}
    data = {name: found.get(name) for name in ("pid", "version", "running", "queued")}
    line = "none runs; the next job starts one"
    if data["pid"]:
        line = "pid {pid}, version {version}: {running} running, {queued} queued".format(**data)
    caller.answer(lambda: data, lambda: line)
    return 0

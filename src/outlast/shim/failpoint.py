"""
The named places where a test may have a process of ours killed, to see that nothing is lost.

Armed by `OUTLAST_FAILPOINT=NAME:FILE`: whoever first reaches NAME removes FILE and dies by
SIGKILL. Unarmed, a failpoint costs a comparison.
"""

from __future__ import annotations

import os

VARIABLE = "OUTLAST_FAILPOINT"

FAILPOINTS = (
    "cli.before_submit",
    "cli.after_submit",
    "supervisor.before_claim",
    "supervisor.after_claim",
    "supervisor.after_launch",
    "supervisor.before_record_start",
    "supervisor.after_record_start",
    "supervisor.before_record_end",
    "supervisor.after_record_end",
    "supervisor.before_cancel",
    "supervisor.after_cancel",
    "launcher.before_fork",
    "launcher.after_fork",
    "shim.after_take",
    "shim.after_claim",
    "shim.after_fork",
    "shim.after_began",
    "shim.after_go",
    "shim.after_end",
    "shim.after_record_end",
    "shim.after_emptied",
    "ssh.before_sent",
    "ssh.after_sent",
    "ssh.after_start",
    "ssh.after_append",
    "ssh.after_end",
    "ssh.before_remove",
    "ssh.after_remove",
    "ssh.before_stop",
    "ssh.after_stop",
    "bound.before_sent",
    "bound.after_sent",
    "bound.after_request",
    "bound.before_end",
)
"""Those that any job may pass on its way. A test kills at each."""

OF_CONTAINERS = (
    "forkserver.before_fork",
    "forkserver.after_fork",
    "keeper.after_claim",
    "keeper.after_make",
    "keeper.after_began",
    "keeper.after_start",
    "keeper.after_end",
    "keeper.after_remove",
)
"""Those of a container's shim. A test kills at each of them, too."""

OF_OUTBOXES = ("outbox.after_volume", "outbox.after_helper")
"""Those of a container's shim where files are to be collected."""

OF_COLLECTING = ("outbox.before_fetch", "outbox.after_fetch")
"""Those of a supervisor that collects out of a container."""

OF_RETRIES = ("supervisor.before_record_retry", "supervisor.after_record_retry")
"""Those of a supervisor that stores that a failed attempt is not the last."""

OF_MOVES = ("supervisor.before_move", "supervisor.after_move")
"""Those of a supervisor that moves what has not begun."""

OF_HOLDING = ("supervisor.before_hold", "supervisor.after_hold")
"""Those of a supervisor that holds what has not begun, or releases it."""

OF_WEBHOOKS = ("deliveries.before_send", "deliveries.before_record")
"""Those of a supervisor that tells of an end over HTTP."""

OF_SCHEDULES = ("schedules.before_submit", "schedules.after_submit")
"""Those of a supervisor that submits what a schedule is due for."""

_armed, _, _token = os.environ.get(VARIABLE, "").partition(":")


def reach(name: str) -> None:
    """Die here, if a test has asked for it and nobody has died of it yet."""
    if name == _armed:
        try:
            os.unlink(_token)
        except FileNotFoundError:
            return
        import signal

        os.kill(os.getpid(), signal.SIGKILL)  # pragma: no cover - nobody lives to count it

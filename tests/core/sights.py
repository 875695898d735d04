"""What an executor may see, and of which nodes: the rows and columns of the plan's table."""

from __future__ import annotations

from typing import Any

from outlast.core import sight
from outlast.core.state import NodeStatus, Reason

from .lives import a_node, a_waiting_node, later

P, R, C, F, X = NodeStatus


def alive(**said: Any) -> sight.Alive:
    return sight.Alive(**{"started_at": later(1), "containment": "cgroup"} | said)


def exited(**said: Any) -> sight.Exited:
    return sight.Exited(**{"at": later(50), "started_at": later(1), "containment": "cgroup"} | said)


NODES = {
    "claimed": a_node(P),
    "running": a_node(R),
    "complete": a_node(C),
    "failed": a_node(F),
    "cancelled": a_node(X, started_at=later(1)),
    "cancelled unstarted": a_node(X),
    "waiting": a_waiting_node(),
    "waiting, gone": a_waiting_node(stopped_at=later(3)),
    "settled": a_node(X, stopped_at=later(3)),
}

SIGHTS: dict[str, sight.Sight | None] = {
    "not asked": None,
    "preparing": sight.Preparing(),
    "alive": alive(),
    "degraded": alive(degraded=True),
    "exited 0": exited(exit_code=0),
    "exited 3": exited(exit_code=3),
    "signal": exited(signal=11),
    "timed out": exited(reason=Reason.TIMEOUT, signal=9),
    "silent": exited(reason=Reason.IDLE_TIMEOUT, exit_code=0),
    "cancelled": exited(reason=Reason.CANCELLED),
    "cancelled, code": exited(reason=Reason.CANCELLED, exit_code=5),
    "unknown end": exited(),
    "never ran": exited(started_at=None, reason=Reason.SPAWN_FAILED),
    "never ran, cancelled": exited(started_at=None, reason=Reason.CANCELLED),
    "never ran, says 0": exited(started_at=None, exit_code=0),
    "emptied": sight.Emptied(at=later(51), stdout_bytes=7, stderr_bytes=9),
    "unkillable": sight.Unkillable(error="4711 does not die"),
    "gone": sight.Gone(),
    "rebooted": sight.Gone(rebooted=True),
}

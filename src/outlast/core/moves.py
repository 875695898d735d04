"""Every move between a node's statuses, once. Nothing else decides."""

from __future__ import annotations

from typing import Final

from . import events as ev
from .state import NodeStatus

MOVES: Final[dict[NodeStatus, dict[type[ev.Event], NodeStatus]]] = {
    NodeStatus.PENDING: {
        ev.Claimed: NodeStatus.PENDING,
        ev.Started: NodeStatus.RUNNING,
        ev.Failed: NodeStatus.FAILED,
        ev.Retried: NodeStatus.PENDING,
        ev.CancelRequested: NodeStatus.CANCELLED,
    },
    NodeStatus.RUNNING: {
        ev.ShimLost: NodeStatus.RUNNING,
        ev.Completed: NodeStatus.COMPLETE,
        ev.Failed: NodeStatus.FAILED,
        ev.Retried: NodeStatus.PENDING,
        ev.CancelRequested: NodeStatus.CANCELLED,
    },
    NodeStatus.COMPLETE: {},
    NodeStatus.FAILED: {},
    NodeStatus.CANCELLED: {},
}

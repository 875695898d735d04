"""The table of moves, pinned: what it says is written out here a second time."""

from __future__ import annotations

import pytest

from outlast.core import events as ev
from outlast.core.moves import MOVES
from outlast.core.state import TERMINAL, TERMINAL_JOB, TIMED_OUT, JobStatus, NodeStatus, Reason

from .lives import AFTERMATHS, CAUSES

LEGAL = {
    ("pending", "Claimed"): "pending",
    ("pending", "Started"): "running",
    ("pending", "Failed"): "failed",
    ("pending", "Retried"): "pending",
    ("pending", "CancelRequested"): "cancelled",
    ("running", "ShimLost"): "running",
    ("running", "Completed"): "complete",
    ("running", "Failed"): "failed",
    ("running", "Retried"): "pending",
    ("running", "CancelRequested"): "cancelled",
}


def kinds_of(base: type) -> set[type]:
    """Every class below *base* that stands for something that happens, bases left out."""
    below: list[type] = base.__subclasses__()
    return {kind for kind in below if kind is not ev.AttemptEvent}.union(
        *(kinds_of(kind) for kind in below)
    )


@pytest.mark.parametrize("status", NodeStatus)
@pytest.mark.parametrize("kind", CAUSES)
def test_every_pair_is_decided(status: NodeStatus, kind: type[ev.Event]) -> None:
    """Each status and event leads where this page says, or nowhere."""
    assert LEGAL.get((status, kind.__name__)) == MOVES[status].get(kind)


def test_every_status_has_its_row() -> None:
    """A status that is added without saying where it leads is caught here."""
    assert list(NodeStatus) == list(MOVES)


def test_every_event_is_known() -> None:
    """An event that is added without a word on what it does is caught here."""
    of_this_package = {
        kind
        for base in (ev.Event, ev.Aftermath)
        for kind in kinds_of(base)
        if kind.__module__ == ev.__name__
    }

    assert {*CAUSES, *AFTERMATHS} == of_this_package


def test_every_event_moves_some_node() -> None:
    """No event is decoration."""
    assert set(CAUSES) == {kind for row in MOVES.values() for kind in row}


def test_every_status_can_be_reached() -> None:
    """No status is decoration."""
    reached: set[NodeStatus] = set()
    todo = [NodeStatus.PENDING]
    while todo:
        if (status := todo.pop()) not in reached:
            reached.add(status)
            todo.extend(MOVES[status].values())

    assert set(NodeStatus) == reached


def test_every_status_can_still_end() -> None:
    """From wherever a node is, some news leads it to an end."""
    for status, row in MOVES.items():
        assert not row or TERMINAL & set(row.values()), status


def test_terminal_is_where_the_table_ends() -> None:
    """The statuses called terminal are those with an empty row, and they are these three."""
    assert {"complete", "failed", "cancelled"} == TERMINAL
    assert {status for status, row in MOVES.items() if not row} == TERMINAL


def test_the_vocabulary_is_pinned() -> None:
    """Statuses and reasons are public: callers compare them with these very words."""
    assert ["pending", "running", "complete", "failed", "cancelled"] == list(NodeStatus)
    assert ["queued", "running", "complete", "partial", "failed", "cancelled"] == list(JobStatus)
    assert {"complete", "partial", "failed", "cancelled"} == TERMINAL_JOB
    assert {"timeout", "idle_timeout", "queue_timeout"} == TIMED_OUT
    assert [
        "exit_nonzero",
        "signal",
        "timeout",
        "idle_timeout",
        "queue_timeout",
        "dependency_failed",
        "connect_timeout",
        "connect_failed",
        "auth_failed",
        "host_key_rejected",
        "spawn_failed",
        "image_unavailable",
        "pull_timeout",
        "engine_unavailable",
        "engine_error",
        "secret_unavailable",
        "disk_full",
        "oom_killed",
        "output_limit",
        "prompt_unanswered",
        "artifacts_missing",
        "exception",
        "lost",
        "host_rebooted",
        "cancelled",
    ] == list(Reason)

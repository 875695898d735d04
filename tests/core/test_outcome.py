"""A job's fate, worked out from its nodes', and the exit codes that tell it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.job import Node
from outlast.core.outcome import (
    OURS,
    SIGNAL_BASE,
    TIMED_OUT_STATUS,
    TIMEOUT_EXIT_CODE,
    Exit,
    exit_code,
    job_outcome,
    own_exit_status,
)
from outlast.core.state import JobStatus, NodeStatus, Reason
from outlast.core.transition import with_node

from .lives import NOW, a_job, a_node

P, R, C, F, X = NodeStatus

ENDS = [
    a_node(P, attempt=0),
    a_node(P),
    a_node(R),
    a_node(C),
    a_node(F),
    a_node(F, reason=Reason.TIMEOUT, exit_code=-1),
    a_node(F, reason=Reason.QUEUE_TIMEOUT, started_at=None),
    a_node(X),
]
"""A node of every kind that the rule tells apart."""


def by_the_words_of_the_rule(nodes: list[Node]) -> tuple[str, str | None]:
    """The rule as the model states it, in its order, by counting."""
    count = {status: sum(node.status == status for node in nodes) for status in NodeStatus}
    complete, ended = count[C], count[C] + count[F] + count[X]
    if ended < len(nodes):
        begun = ended > 0 or any(node.started_at is not None for node in nodes)
        return ("running" if begun else "queued"), None
    if complete == len(nodes):
        return "complete", None
    why = sorted({str(node.reason) for node in nodes if node.status != C})
    reason = why[0] if why[1:] == [] else "mixed"
    if complete == 0 and count[X] > 0:
        return "cancelled", reason
    if complete > 0:
        return "partial", reason
    return "failed", reason


OUTCOMES = {
    "not claimed": ([P], "queued", None),
    "one waits, one runs": ([P, R], "running", None),
    "one waits, one has completed": ([P, C], "running", None),
    "one waits, one was cancelled": ([P, X], "running", None),
    "one runs": ([R], "running", None),
    "all completed": ([C, C, C], "complete", None),
    "some completed, some failed": ([C, F], "partial", "signal"),
    "some completed, the rest cancelled": ([C, X, X], "partial", "cancelled"),
    "one of each end": ([C, F, X], "partial", "mixed"),
    "all failed": ([F, F], "failed", "signal"),
    "all cancelled": ([X, X], "cancelled", "cancelled"),
    "none completed and one cancelled": ([F, X], "cancelled", "mixed"),
}


@pytest.mark.parametrize(("statuses", "status", "reason"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(statuses: list[NodeStatus], status: str, reason: str | None) -> None:
    """A job's status and reason follow from its nodes' by one rule."""
    assert (status, reason) == job_outcome(a_node(each) for each in statuses)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_combination_is_as_the_rule_says(size: int) -> None:
    """Up to four nodes of every kind, in every order, fare as the model's words have it."""
    for nodes in product(ENDS, repeat=size):
        assert by_the_words_of_the_rule(list(nodes)) == job_outcome(nodes)


@given(st.lists(st.builds(a_node, st.sampled_from(NodeStatus)), min_size=1, max_size=30))
def test_the_order_of_nodes_says_nothing(nodes: list[Node]) -> None:
    """A job on many hosts fares the same whichever host is named first."""
    assert job_outcome(nodes) == job_outcome(reversed(nodes))


def fate(*nodes: Node) -> Any:
    """The job of these nodes, its status worked out."""
    return with_node(a_job(*nodes), nodes[0])


EXITS = {
    "queued": ([a_node(P, attempt=0)], 3, 125),
    "running": ([a_node(R)], 3, 125),
    "complete": ([a_node(C)], 0, 0),
    "exit code 37": ([a_node(F, reason=Reason.EXIT_NONZERO, exit_code=37, signal=None)], 4, 37),
    "signal 11": ([a_node(F, reason=Reason.SIGNAL, signal=11)], 4, 139),
    "a signal of unknown number": ([a_node(F, reason=Reason.SIGNAL, signal=None)], 4, 125),
    "time-out": ([a_node(F, reason=Reason.TIMEOUT, exit_code=-1)], 7, 124),
    "idle time-out": ([a_node(F, reason=Reason.IDLE_TIMEOUT, exit_code=-1)], 7, 124),
    "queue time-out": ([a_node(F, reason=Reason.QUEUE_TIMEOUT)], 7, 124),
    "cancelled": ([a_node(X)], 8, 125),
    "cancelled, its code known": ([a_node(X, exit_code=0)], 8, 125),
    "lost": ([a_node(F, reason=Reason.LOST)], 4, 125),
    "rebooted": ([a_node(F, reason=Reason.HOST_REBOOTED)], 4, 125),
    "its need failed": ([a_node(F, reason=Reason.DEPENDENCY_FAILED, started_at=None)], 4, 125),
    "no such program": ([a_node(F, reason=Reason.SPAWN_FAILED)], 4, 125),
    "over its output limit": ([a_node(F, reason=Reason.OUTPUT_LIMIT, exit_code=0)], 4, 125),
    "two complete": ([a_node(C, index=0), a_node(C, index=1)], 0, 0),
    "partial": ([a_node(C, index=0), a_node(F, index=1)], 6, 6),
    "partial by time-out": (
        [a_node(C, index=0), a_node(F, index=1, reason=Reason.TIMEOUT)],
        6,
        6,
    ),
    "one timed out, one failed": (
        [a_node(F, index=0, reason=Reason.TIMEOUT), a_node(F, index=1)],
        4,
        4,
    ),
    "two timed out, each in its way": (
        [
            a_node(F, index=0, reason=Reason.TIMEOUT),
            a_node(F, index=1, reason=Reason.QUEUE_TIMEOUT),
        ],
        7,
        124,
    ),
    "one timed out, one cancelled": (
        [a_node(F, index=0, reason=Reason.TIMEOUT), a_node(X, index=1)],
        8,
        8,
    ),
}


@pytest.mark.parametrize(("nodes", "ours", "own"), EXITS.values(), ids=EXITS)
def test_exit_codes(nodes: list[Node], ours: int, own: int) -> None:
    """`job status` ends with ours; with `--exit-status`, one node's job with the command's own."""
    job = fate(*nodes)

    assert (ours, own) == (exit_code(job), own_exit_status(job))


def test_every_status_and_reason_has_its_exit_code() -> None:
    """No job is in a state for which `job status` has no exit code, and 1, 2, 5 are no fate."""
    codes = {exit_code(fate(node)) for node in ENDS}
    codes |= {exit_code(fate(a_node(F, reason=reason))) for reason in Reason}
    codes.add(exit_code(a_job(status=JobStatus.PARTIAL)))

    assert {0, 3, 4, 6, 7, 8} == codes


def test_the_exit_codes_are_pinned() -> None:
    """These numbers are public: shells compare with them."""
    assert (-1, 124, 125, 128) == (TIMEOUT_EXIT_CODE, TIMED_OUT_STATUS, OURS, SIGNAL_BASE)
    assert (0, 1, 2, 3, 4, 5, 6, 7, 8) == (
        Exit.COMPLETE,
        Exit.OUR_FAULT,
        Exit.USAGE,
        Exit.RUNNING,
        Exit.FAILED,
        Exit.NOT_FOUND,
        Exit.PARTIAL,
        Exit.TIMED_OUT,
        Exit.CANCELLED,
    )


@given(
    st.sampled_from(NodeStatus),
    st.none() | st.sampled_from(Reason),
    st.none() | st.integers(0, 255),
    st.none() | st.integers(1, 64),
)
def test_success_is_never_made_up(
    status: NodeStatus, reason: Reason | None, code: int | None, signal: int | None
) -> None:
    """A job exits 0 in either manner only if its command ended with 0 of itself."""
    node = a_node(status, reason=reason, exit_code=code, signal=signal, completed_at=NOW)
    job = fate(node)

    assert (exit_code(job) == 0) == (status == C)
    if own_exit_status(job) == 0:
        assert code == 0
        assert reason in (None, Reason.EXIT_NONZERO)

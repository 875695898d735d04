"""What to do next: every sight of every node, and whole lives under a supervisor that dies."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from outlast.core import events as ev
from outlast.core import sight
from outlast.core.job import JobSpec, Node
from outlast.core.plan import UNKNOWN_END, Launch, Stop, Watch, plan, queue_deadline
from outlast.core.state import NodeStatus, Reason

from .lives import NOW, a_job, a_node, later
from .sights import NODES, SIGHTS, alive, exited

P, R, C, F, X = NodeStatus
END = later(60)


# One column for each of NODES, in that order; a dot is nothing to do.
DECIDED = """
not asked | Launch | Watch | Watch | Watch | Stop Watch | Stop Watch | Watch | . | .
preparing | . | . | . | . | . | . | . | . | .
alive | Started | . | Stop | Stop | Stop | Stop | Stop | . | .
degraded | Started ShimLost | ShimLost | Stop | Stop | Stop | Stop | Stop | . | .
exited 0 | Started Completed | Completed | . | CameLate | CameLate | CameLate | . | . | CameLate
exited 3 | Started Failed | Failed | . | CameLate | CameLate | CameLate | . | . | CameLate
signal | Started Failed | Failed | . | . | . | . | . | . | .
timed out | Started Failed | Failed | . | . | . | . | . | . | .
silent | Started Failed | Failed | . | CameLate | CameLate | CameLate | . | . | CameLate
cancelled | Started Cancel | Cancel | . | . | . | . | . | . | .
cancelled, code | Started Cancel CameLate | Cancel CameLate | . | CameLate | CameLate | CameLate | . | . | CameLate
unknown end | Started Failed | Failed | . | . | . | . | . | . | .
never ran | Failed | Failed | . | . | . | Stopped | . | . | .
never ran, cancelled | Cancel Stopped | Cancel | . | . | . | Stopped | . | . | .
never ran, says 0 | Failed | Completed | . | CameLate | CameLate | Stopped | . | . | .
emptied | . | . | Measured Stopped | Measured Stopped | Measured Stopped | Measured Stopped | Measured Stopped | Measured Stopped | Measured Stopped
unkillable | . | . | StopFailed | StopFailed | StopFailed | StopFailed | Failed StopFailed | StopFailed | StopFailed
gone | Failed | Failed | Stopped | Stopped | Stopped | Stopped | Stopped | . | .
rebooted | Failed | Failed | Stopped | Stopped | Stopped | Stopped | Stopped | . | .
"""

CELLS = [
    pytest.param(name, node, cell.replace("Cancel", "CancelRequested").split(), id=f"{name}-{node}")
    for line in DECIDED.strip().splitlines()
    for name, *cells in [[cell.strip() for cell in line.split("|")]]
    for node, cell in zip(NODES, cells, strict=True)
]


@pytest.mark.parametrize(("seen", "node", "expected"), CELLS)
def test_every_sight_of_every_node_is_decided(seen: str, node: str, expected: list[str]) -> None:
    """For whatever is seen of a node, wherever it is, this is what is to be done."""
    actions = plan(a_job(NODES[node]), NODES[node], SIGHTS[seen], now=END)

    assert [name for name in expected if name != "."] == [type(each).__name__ for each in actions]


def test_the_table_has_every_sight() -> None:
    """A sight that is added without a row of its own is caught here."""
    assert list(SIGHTS) == list(dict.fromkeys(cell.values[0] for cell in CELLS))
    assert set(sight.Sight.__args__) == {type(each) for each in SIGHTS.values() if each}


# --------------------------------------------------------------------------------- what the actions say

SAID: dict[str, tuple[Node, sight.Sight, tuple[object, ...]]] = {
    "a start is told with the command's own time": (
        a_node(P),
        alive(),
        (ev.Started(at=later(1), attempt=1, containment="cgroup"),),
    ),
    "a start that nobody saw is told with the end": (
        a_node(P),
        exited(exit_code=0, containment=None),
        (
            ev.Started(at=later(1), attempt=1, containment="group"),
            ev.Completed(at=later(50), attempt=1),
        ),
    ),
    "what it outlives is told with its start": (
        a_node(P),
        alive(survives="logout"),
        (ev.Started(at=later(1), attempt=1, containment="cgroup", survives="logout"),),
    ),
    "what it outlived is told with a start that nobody saw": (
        a_node(P),
        exited(exit_code=0, survives="container"),
        (
            ev.Started(at=later(1), attempt=1, containment="cgroup", survives="container"),
            ev.Completed(at=later(50), attempt=1),
        ),
    ),
    "a lost shim is told with the time it was noticed": (
        a_node(R),
        alive(degraded=True),
        (ev.ShimLost(at=END, attempt=1),),
    ),
    "a lost shim is told once": (a_node(R, degraded=True), alive(degraded=True), ()),
    "a stop has the grace of the spec": (
        a_node(X),
        alive(),
        (Stop(timedelta(seconds=7)),),
    ),
    "the command's own verdict": (
        a_node(R),
        exited(exit_code=3, error="make: *** [all] Error 3"),
        (
            ev.Failed(
                at=later(50),
                attempt=1,
                reason=Reason.EXIT_NONZERO,
                exit_code=3,
                error="make: *** [all] Error 3",
            ),
        ),
    ),
    "a signal that we did not send": (
        a_node(R),
        exited(signal=11),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.SIGNAL, signal=11),),
    ),
    "our killing at the limit is -1, and no signal": (
        a_node(R),
        exited(signal=9, reason=Reason.TIMEOUT, error="TimeoutError: Timed out after 600s"),
        (
            ev.Failed(
                at=later(50),
                attempt=1,
                reason=Reason.TIMEOUT,
                exit_code=-1,
                error="TimeoutError: Timed out after 600s",
            ),
        ),
    ),
    "our killing for silence is -1, whatever it answered": (
        a_node(R),
        exited(exit_code=0, reason=Reason.IDLE_TIMEOUT),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.IDLE_TIMEOUT, exit_code=-1),),
    ),
    "a signal with a reason is that reason": (
        a_node(R),
        exited(signal=9, reason=Reason.OOM_KILLED),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.OOM_KILLED),),
    ),
    "a signal without a start is no signal": (
        a_node(P),
        exited(started_at=None, signal=9),
        (
            ev.Failed(
                at=later(50),
                attempt=1,
                reason=Reason.LOST,
                error=UNKNOWN_END,
                stopped_at=later(50),
            ),
        ),
    ),
    "a limit of size keeps the command's code": (
        a_node(R),
        exited(exit_code=1, reason=Reason.OUTPUT_LIMIT),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.OUTPUT_LIMIT, exit_code=1),),
    ),
    "an exit with neither code nor signal is lost": (
        a_node(R),
        exited(),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.LOST, error=UNKNOWN_END),),
    ),
    "what is lost keeps the word of who lost it": (
        a_node(R),
        exited(error="the shim was killed"),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.LOST, error="the shim was killed"),),
    ),
    "a program that could not start has nothing to stop": (
        a_node(P),
        exited(started_at=None, reason=Reason.SPAWN_FAILED, error="no such program"),
        (
            ev.Failed(
                at=later(50),
                attempt=1,
                reason=Reason.SPAWN_FAILED,
                error="no such program",
                stopped_at=later(50),
            ),
        ),
    ),
    "a code without a start is no code": (
        a_node(P),
        exited(started_at=None, exit_code=0),
        (
            ev.Failed(
                at=later(50),
                attempt=1,
                reason=Reason.LOST,
                error=UNKNOWN_END,
                stopped_at=later(50),
            ),
        ),
    ),
    "a cancel that came by the shim keeps the code": (
        a_node(R),
        exited(reason=Reason.CANCELLED, exit_code=5),
        (ev.CancelRequested(at=later(50)), ev.CameLate(attempt=1, exit_code=5)),
    ),
    "a cancel before the start leaves nothing to stop": (
        a_node(P),
        exited(started_at=None, reason=Reason.CANCELLED),
        (ev.CancelRequested(at=later(50)), ev.Stopped(attempt=1, at=later(50))),
    ),
    "a late code is told once": (a_node(X, late_exit_code=0), exited(exit_code=0), ()),
    "what it left, then that it is over": (
        a_node(C),
        sight.Emptied(
            at=later(51), stdout_bytes=7, stderr_bytes=9, progress_pct=60.0, message="linking"
        ),
        (
            ev.Measured(
                attempt=1, stdout_bytes=7, stderr_bytes=9, progress_pct=60.0, message="linking"
            ),
            ev.Stopped(attempt=1, at=later(51)),
        ),
    ),
    "given up: whether it runs is not known": (
        a_node(P),
        exited(started_at=None, reason=Reason.LOST, may_run=True),
        (ev.Failed(at=later(50), attempt=1, reason=Reason.LOST, stopped_at=None),),
    ),
    "given up, told again": (
        a_node(F),
        exited(started_at=None, reason=Reason.LOST, may_run=True),
        (),
    ),
    "given up, and its code came late": (
        a_node(F, started_at=later(1)),
        exited(reason=Reason.LOST, may_run=True, exit_code=37),
        (ev.CameLate(attempt=1, exit_code=37),),
    ),
    "nobody will look for it any more": (
        a_node(F),
        sight.Emptied(at=later(51), stdout_bytes=7, stderr_bytes=9, error="the host is away"),
        (
            ev.Measured(attempt=1, stdout_bytes=7, stderr_bytes=9),
            ev.Stopped(attempt=1, at=later(51), error="the host is away"),
        ),
    ),
    "lost": (
        a_node(R),
        sight.Gone(),
        (ev.Failed(at=END, attempt=1, reason=Reason.LOST, error=UNKNOWN_END, stopped_at=END),),
    ),
    "lost by a reboot": (
        a_node(R),
        sight.Gone(rebooted=True),
        (
            ev.Failed(
                at=END,
                attempt=1,
                reason=Reason.HOST_REBOOTED,
                error="The machine was started anew while this ran, or was about to",
                stopped_at=END,
            ),
        ),
    ),
    "gone after its end": (a_node(X), sight.Gone(), (ev.Stopped(attempt=1, at=END),)),
}


@pytest.mark.parametrize(("node", "seen", "expected"), SAID.values(), ids=SAID)
def test_an_action_says_what_was_seen(
    node: Node, seen: sight.Sight, expected: tuple[object, ...]
) -> None:
    """Times, codes, signals and words are those of the sight; what it lacks stays unknown."""
    job = a_job(node, spec=JobSpec(command=("true",), grace=timedelta(seconds=7)))

    assert expected == plan(job, node, seen, now=END)


# --------------------------------------------------------------------------------------------- the queue

QUEUES = {
    "no limit": (None, 10**9, False),
    "a moment before": (30, 29.999, False),
    "at the deadline": (30, 30, True),
    "after it": (30, 31, True),
    "no patience at all": (0, 0, True),
}


@pytest.mark.parametrize(("limit", "waited", "over"), QUEUES.values(), ids=QUEUES)
def test_a_node_waits_in_the_queue_as_long_as_it_may(
    limit: float | None, waited: float, over: bool
) -> None:
    """A node that nobody claimed fails at its queue time-out, not a moment earlier."""
    timeout = None if limit is None else timedelta(seconds=limit)
    job = a_job(Node(), spec=JobSpec(command=("true",), queue_timeout=timeout))
    failed = ev.Failed(
        at=later(waited),
        attempt=0,
        reason=Reason.QUEUE_TIMEOUT,
        error=f"TimeoutError: Not started within {limit}s",
        stopped_at=later(waited),
    )

    assert ((failed,) if over else ()) == plan(job, job.nodes[0], None, now=later(waited))
    assert (None if timeout is None else NOW + timeout) == queue_deadline(job)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(days=12), "1036800s"),
        (timedelta(days=365, milliseconds=1), "31536000.001s"),
    ],
    ids=str,
)
def test_a_queue_limit_is_told_in_full(limit: timedelta, told: str) -> None:
    """The number in the message is the one in force, however long."""
    job = a_job(spec=JobSpec(command=("true",), queue_timeout=limit))
    (failed,) = plan(job, job.nodes[0], None, now=NOW + limit)

    assert isinstance(failed, ev.Failed)
    assert f"TimeoutError: Not started within {told}" == failed.error


@pytest.mark.parametrize(
    "node",
    [a_node(P), a_node(R), a_node(X), a_node(X, attempt=0, stopped_at=later(2))],
    ids=["claimed", "running", "cancelled", "cancelled in the queue"],
)
def test_only_the_queue_is_timed(node: Node) -> None:
    """What was claimed or has ended is past its queue time-out's reach."""
    job = a_job(node, spec=JobSpec(command=("true",), queue_timeout=timedelta()))

    assert not [each for each in plan(job, node, None, now=END) if isinstance(each, ev.Event)]


def test_actions_are_values() -> None:
    """What is planned cannot be changed on its way to being done."""
    stop = Stop(timedelta(seconds=7))

    assert {Launch(), Watch(), stop} == {Launch(), Watch(), Stop(timedelta(seconds=7))}
    with pytest.raises(FrozenInstanceError):
        stop.grace = timedelta()  # type: ignore[misc]  # that is what must not work


def test_the_end_that_nobody_knows_is_told_in_words() -> None:
    """The error of a lost node says that its end is not known."""
    assert "Nothing is left that knows how this ended" == UNKNOWN_END

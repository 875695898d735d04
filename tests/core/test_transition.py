"""What happens to a node: refused, or heard and written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outlast.core import events as ev
from outlast.core.attempt import Attempt
from outlast.core.frozen import frozen
from outlast.core.job import Node
from outlast.core.moves import MOVES
from outlast.core.outcome import first_start
from outlast.core.state import TERMINAL, NodeStatus, Reason
from outlast.core.transition import settle, transition, with_node
from outlast.errors import IllegalMove, StaleAttempt

from .lives import (
    AFTERMATHS,
    BOOT,
    CAUSES,
    NOW,
    a_job,
    a_node,
    a_waiting_node,
    an_aftermath,
    an_event,
    later,
)

NEWS = [kind for kind in CAUSES if issubclass(kind, ev.AttemptEvent)]
KINDS: dict[str, type[ev.Event]] = {kind.__name__: kind for kind in CAUSES}


@pytest.mark.parametrize("status", NodeStatus)
@pytest.mark.parametrize("kind", CAUSES)
def test_every_pair_moves_or_is_refused(status: NodeStatus, kind: type[ev.Event]) -> None:
    """Each event moves a node as the table says, or is refused."""
    node = a_node(status)
    expected = MOVES[status].get(kind)

    if expected is None:
        with pytest.raises(IllegalMove, match=f"node 0 is {status}: {kind.__name__} cannot"):
            transition(node, an_event(kind, node))
    else:
        assert expected is transition(node, an_event(kind, node)).status


# ------------------------------------------------------------------------------------------- stories

STORIES = {
    "ends as asked": ("Claimed Started Completed", "complete", 1),
    "ends otherwise": ("Claimed Started Failed", "failed", 1),
    "cannot begin": ("Claimed Failed", "failed", 1),
    "waits too long in the queue": ("Failed", "failed", 0),
    "cancelled while it waits": ("CancelRequested", "cancelled", 0),
    "cancelled between claim and start": ("Claimed CancelRequested", "cancelled", 1),
    "cancelled while it runs": ("Claimed Started CancelRequested", "cancelled", 1),
    "loses its shim and ends": ("Claimed Started ShimLost Completed", "complete", 1),
    "fails, is tried again and succeeds": (
        "Claimed Started Retried Claimed Started Completed",
        "complete",
        2,
    ),
    "cannot begin, and is tried again": ("Claimed Retried Claimed Failed", "failed", 2),
    "cancelled between two tries": ("Claimed Started Retried CancelRequested", "cancelled", 1),
    "given up between two tries": ("Claimed Started Retried Failed", "failed", 1),
    "claimed anew, its first claim lost": ("Claimed Claimed Started Completed", "complete", 2),
}


def lives(names: str) -> list[tuple[Node, type[ev.Event]]]:
    """Each step of a story: the node as it was, and what it heard; then the node at its end."""
    node, steps = Node(), []
    for name in names.split():
        kind = KINDS[name]
        steps.append((node, kind))
        node = transition(node, an_event(kind, node))
    return [*steps, (node, ev.Event)]


@pytest.mark.parametrize(("names", "end", "attempts"), STORIES.values(), ids=STORIES)
def test_story(names: str, end: str, attempts: int) -> None:
    """The lives that a node may have, written out, so that the table has a witness."""
    *_, (node, _) = lives(names)

    assert (end, attempts) == (node.status, node.attempt)


def test_stories_walk_every_edge() -> None:
    """A move that no story needs is a move that nobody has thought through."""
    walked = {
        (node.status, kind) for names, _, _ in STORIES.values() for node, kind in lives(names)[:-1]
    }

    assert {(status, kind) for status, row in MOVES.items() for kind in row} == walked


# --------------------------------------------------------------------------------- what is written down

WRITTEN = {
    "a claim counts, has its time and names its boot": (
        Node(),
        ev.Claimed(at=later(1), attempt=1, boot_id="boot-2"),
        {"attempt": 1, "boot_id": "boot-2", "claimed_at": later(1)},
    ),
    "a start has its time, its containment, and what it outlives": (
        a_node(NodeStatus.PENDING),
        ev.Started(at=later(1), attempt=1, containment="cgroup", survives="logout"),
        {
            "status": "running",
            "started_at": later(1),
            "containment": "cgroup",
            "survives": "logout",
        },
    ),
    "the start of a container has its image": (
        a_node(NodeStatus.PENDING),
        ev.Started(
            at=later(1), attempt=1, containment="cgroup", image_id="sha256:a", image_digest="b@c"
        ),
        {
            "status": "running",
            "started_at": later(1),
            "containment": "cgroup",
            "image_id": "sha256:a",
            "image_digest": "b@c",
        },
    ),
    "a lost shim leaves the node running, degraded": (
        a_node(NodeStatus.RUNNING),
        ev.ShimLost(at=later(1), attempt=1),
        {"degraded": True},
    ),
    "completing is exit code 0, with processes left": (
        a_node(NodeStatus.RUNNING),
        ev.Completed(at=later(5), attempt=1),
        {"status": "complete", "exit_code": 0, "completed_at": later(5)},
    ),
    "completing, with none left": (
        a_node(NodeStatus.RUNNING),
        ev.Completed(at=later(5), attempt=1, stopped_at=later(6)),
        {
            "status": "complete",
            "exit_code": 0,
            "completed_at": later(5),
            "stopped_at": later(6),
        },
    ),
    "failing says all that is known": (
        a_node(NodeStatus.RUNNING),
        ev.Failed(
            at=later(5),
            attempt=1,
            reason=Reason.SIGNAL,
            exit_code=None,
            signal=11,
            error="core dumped",
            stopped_at=later(6),
        ),
        {
            "status": "failed",
            "reason": "signal",
            "signal": 11,
            "error": "core dumped",
            "completed_at": later(5),
            "stopped_at": later(6),
        },
    ),
    "failing with a code, and processes left": (
        a_node(NodeStatus.RUNNING),
        ev.Failed(at=later(5), attempt=1, reason=Reason.TIMEOUT, exit_code=-1),
        {"status": "failed", "reason": "timeout", "exit_code": -1, "completed_at": later(5)},
    ),
    "a cancel before any claim has nothing to stop": (
        Node(),
        ev.CancelRequested(at=later(5)),
        {
            "status": "cancelled",
            "reason": "cancelled",
            "completed_at": later(5),
            "stopped_at": later(5),
        },
    ),
    "a cancel after the claim has yet to be seen to stop": (
        a_node(NodeStatus.PENDING),
        ev.CancelRequested(at=later(5)),
        {"status": "cancelled", "reason": "cancelled", "completed_at": later(5)},
    ),
    "a failure that is tried again is put away, and the node waits": (
        a_node(NodeStatus.RUNNING, degraded=True),
        ev.Retried(
            at=later(5),
            attempt=1,
            reason=Reason.TIMEOUT,
            exit_code=-1,
            error="TimeoutError",
            retry_at=later(8),
        ),
        {
            "status": "pending",
            "started_at": None,
            "degraded": False,
            "retry_at": later(8),
            "earlier": (
                Attempt(
                    number=1,
                    reason="timeout",
                    exit_code=-1,
                    error="TimeoutError",
                    started_at=later(1),
                    completed_at=later(5),
                ),
            ),
        },
    ),
    "the next claim knows nothing of the attempt before": (
        a_waiting_node(stopped_at=later(3)),
        ev.Claimed(at=later(9), attempt=2, boot_id="boot-2"),
        {
            "attempt": 2,
            "boot_id": "boot-2",
            "claimed_at": later(9),
            "containment": None,
            "retry_at": None,
        },
    ),
    "a cancel between two attempts has nothing to stop": (
        a_waiting_node(stopped_at=later(3)),
        ev.CancelRequested(at=later(5)),
        {
            "status": "cancelled",
            "reason": "cancelled",
            "completed_at": later(5),
            "stopped_at": later(5),
            "retry_at": None,
        },
    ),
    "a cancel has, while the attempt before is not seen to be gone": (
        a_waiting_node(),
        ev.CancelRequested(at=later(5)),
        {
            "status": "cancelled",
            "reason": "cancelled",
            "completed_at": later(5),
            "retry_at": None,
        },
    ),
    "an attempt that cannot be followed is the node's last": (
        a_waiting_node(),
        ev.Failed(at=later(5), attempt=1, reason=Reason.SIGNAL, signal=9),
        {
            "status": "failed",
            "reason": "signal",
            "signal": 9,
            "started_at": later(1),
            "completed_at": later(5),
            "earlier": (),
            "retry_at": None,
        },
    ),
    "a cancel while it runs keeps what was known": (
        a_node(NodeStatus.RUNNING),
        ev.CancelRequested(at=later(5)),
        {"status": "cancelled", "reason": "cancelled", "completed_at": later(5)},
    ),
}


@pytest.mark.parametrize(("node", "event", "changed"), WRITTEN.values(), ids=WRITTEN)
def test_an_event_writes_what_it_says(node: Node, event: ev.Event, changed: dict[str, Any]) -> None:
    """Each event changes these fields, to these values, and no other."""
    assert replace(node, **changed) == transition(node, event)


# ----------------------------------------------------------------------------------------- stale news


@pytest.mark.parametrize("kind", NEWS)
@pytest.mark.parametrize("slip", [-1, 1])
@pytest.mark.parametrize("status", NodeStatus)
def test_stale_news_is_refused(status: NodeStatus, kind: type[ev.Event], slip: int) -> None:
    """A watcher of another attempt cannot move the node, wherever the node is."""
    node = a_node(status, attempt=4)

    with pytest.raises(StaleAttempt, match=f"node 0 is on attempt 4: {kind.__name__} is of"):
        transition(node, an_event(kind, node, slip=slip))


@pytest.mark.parametrize("attempt", [0, 1, 7])
def test_a_cancel_is_not_fenced(attempt: int) -> None:
    """Whoever cancels means the node, whichever attempt it is on."""
    node = a_node(NodeStatus.PENDING, attempt=attempt)

    assert NodeStatus.CANCELLED is transition(node, ev.CancelRequested(at=NOW)).status


@pytest.mark.parametrize("kind", AFTERMATHS)
@pytest.mark.parametrize("slip", [-1, 1])
def test_stale_aftermath_is_refused(kind: type[ev.Aftermath], slip: int) -> None:
    """What is learnt of another attempt is not told of this one."""
    node = a_node(NodeStatus.FAILED, attempt=4)

    with pytest.raises(StaleAttempt):
        settle(node, an_aftermath(kind, node, slip=slip))


# ------------------------------------------------------------------------------------------- aftermath

SETTLED = {
    "the last process is gone": (
        {"stop_error": "unkillable: 4711"},
        ev.Stopped(attempt=1, at=later(9)),
        {"stopped_at": later(9), "stop_error": None},
    ),
    "nobody will ever look for them again": (
        {"stop_error": "the host is out of reach"},
        ev.Stopped(attempt=1, at=later(9), error="its host stayed away"),
        {"stopped_at": later(9), "stop_error": "its host stayed away"},
    ),
    "gone already: the first sight of it counts": (
        {"stopped_at": later(3)},
        ev.Stopped(attempt=1, at=later(9)),
        {"stopped_at": later(3)},
    ),
    "the true exit code came late": (
        {},
        ev.CameLate(attempt=1, exit_code=37),
        {"late_exit_code": 37},
    ),
    "processes are left that do not die": (
        {},
        ev.StopFailed(attempt=1, error="unkillable: 4711"),
        {"stop_error": "unkillable: 4711"},
    ),
    "what it left": (
        {},
        ev.Measured(
            attempt=1, stdout_bytes=7, stderr_bytes=9, progress_pct=60.0, message="linking"
        ),
        {"stdout_bytes": 7, "stderr_bytes": 9, "progress_pct": 60.0, "message": "linking"},
    ),
}


@pytest.mark.parametrize(("had", "fact", "changed"), SETTLED.values(), ids=SETTLED)
@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_an_aftermath_writes_what_it_says(
    status: NodeStatus, had: dict[str, Any], fact: ev.Aftermath, changed: dict[str, Any]
) -> None:
    """Each aftermath changes these fields of an ended node, and no other."""
    node = replace(a_node(status), **had)

    assert replace(node, **changed) == settle(node, fact)


@pytest.mark.parametrize("kind", AFTERMATHS)
@pytest.mark.parametrize("status", sorted(set(NodeStatus) - TERMINAL))
def test_what_has_not_ended_has_no_aftermath(status: NodeStatus, kind: type[ev.Aftermath]) -> None:
    """A node that may still end some other way is not told its aftermath."""
    node = a_node(status)

    with pytest.raises(IllegalMove, match="no aftermath yet"):
        settle(node, an_aftermath(kind, node))


LEARNT = {
    "its last process is gone": (
        {"stop_error": "4711"},
        ev.Stopped(attempt=1, at=later(9)),
        {"stopped_at": later(9), "stop_error": None},
    ),
    "its code came late": ({}, ev.CameLate(attempt=1, exit_code=37), {"exit_code": 37}),
    "its code was known": ({"exit_code": 3}, ev.CameLate(attempt=1, exit_code=37), {}),
    "processes are left": ({}, ev.StopFailed(attempt=1, error="4711"), {"stop_error": "4711"}),
    "what it left": (
        {},
        ev.Measured(attempt=1, stdout_bytes=7, stderr_bytes=9, message="linking"),
        {"stdout_bytes": 7, "stderr_bytes": 9},
    ),
}


@pytest.mark.parametrize(("had", "fact", "changed"), LEARNT.values(), ids=LEARNT)
def test_what_is_learnt_between_two_attempts_is_of_the_earlier_one(
    had: dict[str, Any], fact: ev.Aftermath, changed: dict[str, Any]
) -> None:
    """The node waits on as it did; its last attempt has one more thing known of it."""
    node = a_waiting_node(**had)

    assert replace(node, earlier=(replace(node.earlier[0], **changed),)) == settle(node, fact)


@frozen
class Rumoured(ev.Event):
    """Something that the table may name and `transition` does not know."""


@frozen
class Whispered(ev.Aftermath):
    """Something that `settle` does not know."""


def test_an_unknown_fact_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds an event to the table and forgets what it does is told so."""
    monkeypatch.setitem(MOVES[NodeStatus.PENDING], Rumoured, NodeStatus.RUNNING)

    with pytest.raises(IllegalMove, match="Rumoured is not an event"):
        transition(Node(), Rumoured(at=NOW))
    with pytest.raises(IllegalMove, match="Whispered is no aftermath"):
        settle(a_node(NodeStatus.COMPLETE), Whispered(attempt=1))
    with pytest.raises(IllegalMove, match="Whispered is no aftermath"):
        settle(a_waiting_node(), Whispered(attempt=1))


# --------------------------------------------------------------------------------- news in any order


class NodeLife(RuleBasedStateMachine):
    """A node hears any news in any order: legal, illegal, stale, or of its aftermath."""

    def __init__(self) -> None:
        super().__init__()
        self.node = Node()
        self.job = a_job(self.node)
        self.at: datetime = NOW
        self.ended_as: Node | None = None

    def tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    @rule(kind=st.sampled_from(list(CAUSES)), slip=st.sampled_from([0, 0, 0, -1, 1]))
    def hear(self, kind: type[ev.Event], slip: int) -> None:
        event = an_event(kind, self.node, slip=slip, at=self.tick())
        before = self.node
        fenced = slip != 0 and issubclass(kind, ev.AttemptEvent)
        legal = kind in MOVES[before.status] and not fenced
        # An attempt that is put away has neither a start nor a second end of this kind.
        legal = legal and not (kind is ev.Retried and not before.is_claimed)
        legal = legal and not (kind is ev.Started and before.is_between)
        try:
            self.node = transition(before, event)
        except StaleAttempt:
            assert fenced
        except IllegalMove:
            assert not fenced
            assert not legal
        else:
            assert legal
            self.note(before)

    @rule(kind=st.sampled_from(list(AFTERMATHS)), slip=st.sampled_from([0, 0, 0, -1, 1]))
    def learn(self, kind: type[ev.Aftermath], slip: int) -> None:
        before = self.node
        try:
            self.node = settle(before, an_aftermath(kind, before, slip=slip))
        except IllegalMove:
            assert slip or not (before.is_terminal or before.is_between)
        else:
            assert slip == 0
            assert before.is_terminal or before.is_between

    def note(self, before: Node) -> None:
        assert self.ended_as is None
        assert self.node.attempt - before.attempt in (0, 1)
        self.job = with_node(self.job, self.node)
        if self.node.is_terminal:
            self.ended_as = self.node

    @invariant()
    def the_end_is_the_end(self) -> None:
        if self.ended_as is not None:
            known = {
                name: getattr(self.node, name)
                for name in (
                    *("stopped_at", "stop_error", "late_exit_code"),
                    *("stdout_bytes", "stderr_bytes", "progress_pct", "message"),
                )
            }
            assert replace(self.ended_as, **known) == self.node

    @invariant()
    def each_field_has_its_cause(self) -> None:
        node = self.node
        assert node.is_terminal == (node.completed_at is not None)
        assert (node.attempt > 0) == (node.boot_id is not None)
        assert node.boot_id in (None, BOOT)
        assert (node.status == NodeStatus.RUNNING) <= (node.started_at is not None)
        assert (node.status == NodeStatus.COMPLETE) <= (node.exit_code == 0)
        assert (node.reason is not None) == (node.status in ("failed", "cancelled"))
        assert not node.is_settled or node.is_terminal

    @invariant()
    def the_job_follows(self) -> None:
        assert self.job.is_terminal == self.node.is_terminal
        assert (self.job.completed_at, self.job.started_at) == (
            self.node.completed_at,
            first_start(self.node),
        )

    @invariant()
    def attempts_are_in_order(self) -> None:
        node = self.node
        numbers = [each.number for each in node.earlier]
        assert numbers == sorted(set(numbers))
        assert not numbers or numbers[-1] <= node.attempt
        assert node.is_between == (node.retry_at is not None)
        assert not (node.is_between and node.is_claimed)


TestNodeLife = NodeLife.TestCase
TestNodeLife.settings = settings(max_examples=100, stateful_step_count=30)

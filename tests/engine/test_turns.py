"""Whose turn it is: the order kept, no width exceeded, nobody forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast.core.job import Job, JobId, JobSpec, Node, nodes_of
from outlast.core.state import NodeStatus
from outlast.engine.turns import Place, Turns, has_turn

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(name: str, **spec: object) -> Job:
    made = JobSpec(command=("true",), **spec)  # type: ignore[arg-type]  # keys of a spec
    return Job(id=JobId(name), spec=made, nodes=(Node(),), created_at=NOW)


def begun(turns: Turns, jobs: list[Job]) -> list[str]:
    """Begin all whose turn it is, and return them in the order in which they began."""
    by_id = {each.id: each for each in jobs}
    names = []
    while (place := turns.first()) is not None:
        turns.run(by_id[place[0]], place[1])
        names.append(str(place[0]))
    return names


def waiting(width: int, jobs: list[Job]) -> Turns:
    turns = Turns(width)
    for each in jobs:
        turns.wait(each, 0)
    return turns


def on_hosts(name: str, count: int, **spec: object) -> Job:
    """A job with so many nodes elsewhere."""
    made = job(name, on=tuple(f"host{number}" for number in range(count)), **spec)
    return replace(made, nodes=nodes_of(made.spec))


def all_waiting(turns: Turns, each: Job) -> Turns:
    for node in each.nodes:
        turns.wait(each, node.index)
    return turns


def test_hosts_take_nothing_of_the_machine_s_width() -> None:
    """They begin while it is full, and what is here begins while they run."""
    here, there = [job("a"), job("b")], on_hosts("c", 3)
    turns = all_waiting(waiting(1, here), there)

    assert ["a", "c", "c", "c"] == begun(turns, [*here, there])
    assert (4, 1) == (turns.running, turns.waiting)
    turns.leave((JobId("a"), 0))
    assert ["b"] == begun(turns, here)


def test_a_job_has_no_more_hosts_at_once_than_it_says() -> None:
    """Another job's hosts are its own affair."""
    jobs = [on_hosts("a", 3, max_parallel=1), on_hosts("b", 2, max_parallel=5)]
    turns = Turns(1)
    for each in jobs:
        all_waiting(turns, each)

    assert ["a", "b", "b"] == begun(turns, jobs)
    turns.leave((JobId("a"), 0))
    assert ["a"] == begun(turns, jobs)


def test_hosts_in_a_queue_wait_in_it() -> None:
    """Its width is theirs too, and who comes behind one that needs this machine waits with it."""
    queue = {"queue": "q", "queue_width": 3}
    jobs = [job("full"), job("a", **queue), on_hosts("b", 2, **queue)]
    turns = all_waiting(waiting(1, jobs[:2]), jobs[2])

    assert ["full"] == begun(turns, jobs)
    turns.leave((JobId("full"), 0))
    assert ["a", "b", "b"] == begun(turns, jobs)


@pytest.mark.parametrize(
    ("node", "elsewhere", "in_session"),
    [
        pytest.param(Node(), True, True, id="waits"),
        pytest.param(Node(status=NodeStatus.RUNNING), True, True, id="runs"),
        pytest.param(Node(status=NodeStatus.COMPLETE), False, False, id="ended"),
        pytest.param(
            Node(status=NodeStatus.FAILED, reason="timeout"), False, False, id="ended at its limit"
        ),
        pytest.param(
            Node(status=NodeStatus.CANCELLED, reason="cancelled"), False, True, id="cancelled"
        ),
        pytest.param(Node(status=NodeStatus.FAILED, reason="lost"), False, True, id="given up"),
        pytest.param(
            Node(status=NodeStatus.CANCELLED, reason="cancelled", stopped_at=NOW),
            False,
            False,
            id="cancelled, and gone",
        ),
    ],
)
def test_a_turn_passes_on_with_the_end(node: Node, elsewhere: bool, in_session: bool) -> None:
    """In a session only when nothing that may still live is left of it."""
    session = job("b", session="s", session_id="ses_1")

    assert (elsewhere, in_session) == (has_turn(job("a"), node), has_turn(session, node))


def test_a_session_is_a_queue_that_no_other_can_be() -> None:
    """One at a time, whatever queue somebody names like it; another session is another queue."""
    of = {"session": "s", "session_id": "ses_1"}
    jobs = [
        *(job("a", **of), job("b", **of), job("c", session="s", session_id="ses_2")),
        *(job("d", queue="ses_1"), job("e", queue="s")),
    ]

    assert ["a", "c", "d", "e"] == begun(waiting(8, jobs), jobs)


def test_first_come_first_served() -> None:
    """As many as the machine's width, in the order of their coming."""
    jobs = [job(name) for name in "abc"]

    assert ["a", "b"] == begun(waiting(2, jobs), jobs)


def test_a_queue_is_no_wider_than_it_says() -> None:
    """What comes behind a full queue passes it; what waits in it keeps its place."""
    queue = {"queue": "q", "queue_width": 1}
    jobs = [job("a", **queue), job("b", **queue), job("c"), job("d", **queue)]
    turns = waiting(8, jobs)

    assert ["a", "c"] == begun(turns, jobs)
    turns.leave((JobId("a"), 0))
    assert ["b"] == begun(turns, jobs)


def test_the_place_in_the_line_is_kept_across_queues() -> None:
    """What came before goes before, whatever its queue, once there is room."""
    queue = {"queue": "q", "queue_width": 1}
    jobs = [job("a", **queue), job("b", **queue), job("c")]
    turns = waiting(1, jobs)
    turns.run(jobs[0], 0)
    turns.leave((JobId("a"), 0))

    assert ["b"] == begun(turns, jobs)


def test_the_job_that_came_last_says_how_wide() -> None:
    """So that a second call can open a queue further."""
    jobs = [job("a", queue="q", queue_width=1), job("b", queue="q", queue_width=2)]

    assert ["a", "b"] == begun(waiting(8, jobs), jobs)


def test_what_ran_before_is_counted() -> None:
    """A supervisor that takes over knows how full a queue is."""
    queue = {"queue": "q", "queue_width": 1}
    jobs = [job("b", **queue)]
    turns = Turns(8)
    turns.run(job("a", **queue), 0)
    turns.run(job("a", **queue), 0)  # told again: it is the same one
    turns.wait(jobs[0], 0)

    assert [] == begun(turns, jobs)
    assert 1 == turns.running


@pytest.mark.parametrize("queue", [None, "q"])
def test_who_waits_too_long_is_told(queue: str | None) -> None:
    """In a queue and in none; and no more once it has begun."""
    late = job("a", queue=queue, queue_timeout=timedelta(seconds=1))
    turns = waiting(1, [late])
    place: Place = (late.id, 0)

    assert turns.overdue(NOW) is None
    assert place == turns.overdue(NOW + timedelta(seconds=2))
    turns.run(late, 0)
    assert turns.overdue(NOW + timedelta(seconds=2)) is None


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes, begins and leaves, beside a list that is searched from its beginning."""

    WIDTH = 3
    WIDTHS: ClassVar[dict[str | None, int | None]] = {None: None, "one": 1, "two": 2}

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(self.WIDTH)
        self.line: list[Job] = []
        self.running: list[Job] = []
        self.count = 0

    def expected(self) -> Place | None:
        if len(self.running) >= self.WIDTH:
            return None
        for each in self.line:
            width = self.WIDTHS[each.spec.queue]
            beside = [one for one in self.running if one.spec.queue == each.spec.queue]
            if width is None or len(beside) < width:
                return each.id, 0
        return None

    @rule(queue=st.sampled_from(list(WIDTHS)))
    def comes(self, queue: str | None) -> None:
        self.count += 1
        new = job(f"{self.count}", queue=queue, queue_width=self.WIDTHS[queue])
        self.line.append(new)
        self.turns.wait(new, 0)

    @precondition(lambda self: self.expected() is not None)
    @rule()
    def begins(self) -> None:
        place = self.turns.first()
        (found,) = [each for each in self.line if place == (each.id, 0)]
        self.line.remove(found)
        self.running.append(found)
        self.turns.run(replace(found), 0)

    @precondition(lambda self: self.line or self.running)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        found = data.draw(st.sampled_from(self.line + self.running))
        assert (found in self.running) == self.turns.leave((found.id, 0))
        (self.running if found in self.running else self.line).remove(found)

    @invariant()
    def agrees(self) -> None:
        assert self.expected() == self.turns.first()
        assert (len(self.line), len(self.running)) == (self.turns.waiting, self.turns.running)


TestAnyOrder = AnyOrder.TestCase

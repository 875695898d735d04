"""Whose turn it is: the order kept, no width exceeded, nobody forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outlast.core.job import Job, JobId, JobSpec, Limits, Node, nodes_of, queue_of
from outlast.core.queue import Queue, QueueState
from outlast.core.state import NodeStatus
from outlast.engine.lane import FAIR, Place
from outlast.engine.turns import Turns, has_turn

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def job(name: str, **spec: object) -> Job:
    made = JobSpec(command=("true",), **spec)  # type: ignore[arg-type]  # keys of a spec
    return Job(
        id=JobId(name),
        spec=made,
        nodes=(Node(),),
        queue=queue_of(made),
        priority=made.priority,
        created_at=NOW,
    )


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


def test_queues_take_turns() -> None:
    """Whoever fills one queue does not keep the others waiting."""
    jobs = [job("a", queue="q"), job("b", queue="q"), job("c", queue="q"), job("d"), job("e")]
    turns, order = waiting(1, jobs), []
    while turns.waiting:
        (name,) = begun(turns, jobs)
        order.append(name)
        turns.leave((JobId(name), 0))

    assert ["a", "d", "b", "e", "c"] == order
    assert ["a", "d", "b", "e", "c"] == [name for name, _ in waiting(1, jobs).next_places(9)]


def test_a_higher_priority_comes_first() -> None:
    """In its queue; among equals whoever came first."""
    jobs = [job("a"), job("b", priority=5), job("c", priority=-1), job("d", priority=5)]

    assert ["b", "d", "a", "c"] == begun(waiting(9, jobs), jobs)


def test_nobody_starves() -> None:
    """However many of a higher priority keep coming, the oldest has one turn in so many."""
    low = [job(f"low{number}", priority=-20) for number in range(3)]
    turns, began = waiting(1, low), []
    for number in range(4 * FAIR):
        high = job(f"high{number}", priority=20)
        turns.wait(high, 0)
        place = turns.first()
        began.append(str(place[0]))
        turns.run(high if place[0] == high.id else job(place[0]), 0)
        turns.leave(place)

    assert [each.id for each in low] == [name for name in began if name.startswith("low")]


def test_what_may_begin_later_waits_outside() -> None:
    """It takes no turn before its time, and then stands behind who was there."""
    late = job("late", delay=timedelta(seconds=5), priority=1)
    at_eight = job("at", start_at=NOW + timedelta(seconds=3))
    past = job("past", start_at=NOW - timedelta(seconds=3))
    jobs = [late, at_eight, past]
    turns = waiting(9, jobs)

    assert (3, NOW + timedelta(seconds=3)) == (turns.waiting, turns.next_alarm())
    assert ["past"] == begun(turns, jobs)
    turns.ripen(NOW + timedelta(seconds=2))
    assert turns.first() is None
    turns.ripen(NOW + timedelta(seconds=5))
    assert ["late", "at"] == begun(turns, jobs)
    assert turns.next_alarm() is None


def test_what_left_before_its_time_never_begins() -> None:
    """And of its queue nothing is kept."""
    turns = waiting(9, [job("late", queue="q", delay=timedelta(seconds=5))])
    assert not turns.leave((JobId("late"), 0))
    turns.ripen(NOW + timedelta(seconds=9))

    assert (None, 0, None) == (turns.first(), turns.waiting, turns.next_alarm())


def test_the_limit_of_waiting_begins_with_the_time_to_begin() -> None:
    """Nobody waits too long for what they asked for."""
    late = job("late", delay=timedelta(seconds=5), queue_timeout=timedelta(seconds=1))
    turns = waiting(0, [late])
    turns.ripen(NOW + timedelta(seconds=5))

    assert turns.overdue(NOW + timedelta(seconds=5)) is None
    assert (late.id, 0) == turns.overdue(NOW + timedelta(seconds=7))


def test_the_job_that_said_it_last_says_how_wide() -> None:
    """So that a second call can open a queue further; who says nothing of it changes nothing."""
    jobs = [job("a", queue="q", queue_width=1), job("b", queue="q", queue_width=2)]
    assert ["a", "b"] == begun(waiting(8, jobs), jobs)

    jobs = [job("a", queue="q", queue_width=1), job("b", queue="q")]
    assert ["a"] == begun(waiting(8, jobs), jobs)


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


def test_a_queue_is_as_it_was_created() -> None:
    """Its width comes before what jobs say, at once and for as long as it is there."""
    jobs = [job(name, queue="q", queue_width=1) for name in "abcd"]
    turns = waiting(8, jobs)
    assert ["a"] == begun(turns, jobs)

    turns.follow({"q": Queue(name="q", width=3)})
    assert ["b", "c"] == begun(turns, jobs)
    turns.follow({"q": Queue(name="q", width=2)})
    assert [] == begun(turns, jobs)
    assert 3 == turns.running
    turns.follow({})
    turns.leave((JobId("a"), 0))
    turns.leave((JobId("b"), 0))
    assert [] == begun(turns, jobs)
    turns.follow({"q": Queue(name="q")})
    assert ["d"] == begun(turns, jobs)


def test_a_queue_that_is_paused_gives_no_turn() -> None:
    """`default` holds what names no queue, on hosts and in sessions as well; others go on."""
    here, session = job("a"), job("b", session="s", session_id="ses_1")
    there, other = on_hosts("c", 2), job("d", queue="q")
    jobs = [here, session, there, other]
    turns = all_waiting(waiting(8, [here, session, other]), there)

    turns.follow({"default": Queue(name="default", state=QueueState.PAUSED, width=1)})
    assert ["d"] == begun(turns, jobs)
    turns.follow({"default": Queue(name="default", width=1)})
    assert ["a", "b", "c", "c"] == begun(turns, jobs)


def test_who_does_not_fit_is_waited_for() -> None:
    """By all behind it in its queue, so that it has its turn; alone it fits whatever it needs."""
    needs = {"a": 1.5, "b": 1.0, "c": 0.5, "d": 9.0}
    jobs = [job(name, queue="q", limits=Limits(cpus=each)) for name, each in needs.items()]
    jobs += [job("e", queue="q"), job("f")]
    turns = waiting(8, jobs)
    turns.follow({"q": Queue(name="q", max_cpus=2.0)})

    assert ["a", "f"] == begun(turns, jobs)
    turns.leave((JobId("a"), 0))
    assert ["b", "c"] == begun(turns, jobs)
    turns.leave((JobId("b"), 0))
    assert [] == begun(turns, jobs)
    turns.leave((JobId("c"), 0))
    assert ["d", "e"] == begun(turns, jobs)


def test_memory_is_added_up_as_well() -> None:
    """What has ended is given back, to the last byte."""
    jobs = [job(name, queue="q", limits=Limits(memory_bytes=600, cpus=0.1)) for name in "abc"]
    turns = waiting(8, jobs)
    turns.follow({"q": Queue(name="q", max_memory_bytes=1200, max_cpus=0.2)})

    assert ["a", "b"] == begun(turns, jobs)
    for name in "ab":
        turns.leave((JobId(name), 0))
    assert ["c"] == begun(turns, jobs)


def test_who_is_moved_stands_where_it_would_have() -> None:
    """By its submission, in the other queue and with the other priority; no width goes with it."""
    jobs = {name: job(name, queue="q" if name in "ac" else "r") for name in "abcd"}
    turns = waiting(0, [*jobs.values()])
    jobs["c"] = replace(jobs["c"], queue="r")
    turns.move(jobs["c"], 0)
    assert ["a", "b", "c", "d"] == [str(name) for name, _ in turns.next_places(9)]

    jobs["d"] = replace(jobs["d"], priority=1)
    turns.move(jobs["d"], 0)
    jobs["a"] = replace(jobs["a"], queue="r")
    turns.move(jobs["a"], 0)
    assert ["d", "a", "b", "c"] == [str(name) for name, _ in turns.next_places(9)]
    assert 4 == turns.waiting


def test_who_is_moved_before_its_time_still_waits_for_that() -> None:
    """And once; one whose time has come keeps its place among those that came."""
    late = job("late", queue="q", delay=SECOND)
    turns = waiting(9, [late])
    late = replace(late, queue=None)
    turns.move(late, 0)
    assert None is turns.first()
    turns.ripen(NOW + SECOND)
    turns.wait(job("after"), 0)
    turns.move(replace(late, priority=0), 0)
    turns.ripen(NOW + 2 * SECOND)

    assert [("late", 0), ("after", 0)] == turns.next_places(9)

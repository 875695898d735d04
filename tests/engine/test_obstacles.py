"""What keeps a node from its turn, as whoever asks is told: the first thing, and how far behind."""

from __future__ import annotations

from typing import Any

import pytest

from outlast.core.job import Job, JobId, Limits, SessionId
from outlast.core.machine import Machine
from outlast.core.queue import Queue, QueueState
from outlast.engine.turns import COUNTED, Turns

from .test_turns import all_waiting, begun, job, on_hosts

NEXT = {"kind": "turn", "ahead": 0}
FULL = {"kind": "machine_full", "width": 2, "running": 2}
TWO = Limits(cpus=2)


def in_session(name: str) -> Job:
    return job(name, on=("host",), session="s", session_id=SessionId("id"))


def told(turns: Turns, *names: str) -> list[list[dict[str, Any]]]:
    """Return what keeps each of these; of one that is not told of, nothing."""
    found = dict(turns.obstacles([(JobId(name), 0) for name in names]))
    return [found.get((JobId(name), 0), []) for name in names]


@pytest.mark.parametrize(
    ("jobs", "rule", "expected"),
    [
        pytest.param(
            [job("a", queue="q", queue_width=1), job("b", queue="q", queue_width=1)],
            None,
            [{"kind": "queue_full", "width": 1, "running": 1}, NEXT],
            id="a queue as its jobs say",
        ),
        pytest.param(
            [job("a", queue="q", limits=TWO), job("b", queue="q", limits=TWO)],
            Queue(name="q", max_cpus=3),
            [{"kind": "queue_limits", "names": ["*cpus"]}, NEXT],
            id="what a queue has",
        ),
        pytest.param(
            [job("a", resources={"gpu": 1}), job("b", resources={"gpu": 2, "license": 1})],
            None,
            [{"kind": "resources", "names": ["gpu"]}, NEXT],
            id="what the machine has",
        ),
        pytest.param(
            [job("a", limits=Limits(memory_bytes=2)), job("b", limits=Limits(memory_bytes=2))],
            None,
            [{"kind": "resources", "names": ["*memory_bytes"]}, NEXT],
            id="its memory",
        ),
        pytest.param([job(name) for name in "abc"], None, [FULL, NEXT], id="a full machine"),
        pytest.param(
            [in_session("a"), in_session("b")], None, [{"kind": "session"}, NEXT], id="a session"
        ),
        pytest.param(
            [job("a", resources={"gpu": 2}), job("b", resources={"gpu": 1}), job("c")],
            None,
            [{"kind": "turn", "ahead": 1}],
            id="who is before it",
        ),
    ],
)
def test_the_first_obstacle_is_told(
    jobs: list[Job], rule: Queue | None, expected: list[dict[str, Any]]
) -> None:
    """Of the last of them, while the others run or wait; and nothing once those have ended."""
    has = Machine(resources={"gpu": 2, "license": 1}, max_memory_bytes=3)
    turns = Turns(2, has)
    turns.follow({} if rule is None else {rule.name: rule})
    for each in jobs:
        turns.wait(each, 0)
    names = begun(turns, jobs)

    last = jobs[-1].id
    assert [expected] == told(turns, last)
    assert [[]] * len(names) == told(turns, *names)
    for each in jobs[:-1]:
        turns.leave((each.id, 0))
    assert [[]] == told(turns, last)


def test_what_is_kept_for_another_is_not_there() -> None:
    """Who came later to it waits, though it is free."""
    jobs = [
        job("a", resources={"gpu": 1}),
        job("large", queue="large", resources={"gpu": 2}),
        job("small", queue="small", resources={"gpu": 1}),
    ]
    turns = Turns(8, Machine(resources={"gpu": 2}))
    for each in jobs:
        turns.wait(each, 0)
    assert ["a"] == begun(turns, jobs)

    short = [{"kind": "resources", "names": ["gpu"]}, NEXT]
    assert [short, short] == told(turns, "large", "small")
    turns.leave((JobId("large"), 0))
    assert [[]] == told(turns, "small")


def test_a_paused_queue_comes_first() -> None:
    """Whatever else would keep it, and also of one whose time has not come."""
    jobs = [job("a", queue="q"), job("b", queue="q")]
    turns = Turns(1)
    turns.wait(jobs[0], 0)
    turns.wait(jobs[1], 0, blocked=True)
    assert [[], []] == told(turns, "a", "b")

    turns.follow({"q": Queue(name="q", width=1, state=QueueState.PAUSED)})
    assert [[{"kind": "queue_paused"}]] * 2 == told(turns, "a", "b")


def test_whoever_is_far_behind_is_not_counted() -> None:
    """How many jobs are before it, each once; from some point on, at least how many."""
    many = on_hosts("many", COUNTED // 2, queue="q", queue_width=1)
    turns = all_waiting(Turns(1), many)
    for number in range(COUNTED):
        turns.wait(job(f"job{number}", queue="q"), 0)

    near, far = told(turns, "job0", f"job{COUNTED - 1}")
    assert [{"kind": "turn", "ahead": 1}] == near
    assert [{"kind": "turn", "ahead": 1 + COUNTED // 2, "or_more": True}] == far

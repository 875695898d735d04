"""What the machine has: never more in use than there is, each given in its turn, nobody forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from outlast.core.job import Job, JobId, Limits
from outlast.core.machine import Machine
from outlast.core.queue import Queue, QueueState
from outlast.engine.turns import Turns

from .test_turns import all_waiting, begun, job, on_hosts


def needing(name: str, *, queue: str | None = None, **needs: int) -> Job:
    return job(name, queue=queue, resources=needs)


def waiting(
    jobs: list[Job],
    *,
    max_cpus: float | None = None,
    max_memory_bytes: int | None = None,
    **has: int,
) -> Turns:
    """All of these waiting on a machine of eight that has this."""
    turns = Turns(8, Machine(resources=has, max_cpus=max_cpus, max_memory_bytes=max_memory_bytes))
    for each in jobs:
        turns.wait(each, 0)
    return turns


def end(turns: Turns, *names: str) -> None:
    for name in names:
        turns.leave((JobId(name), 0))


def test_no_more_runs_than_there_is_for() -> None:
    """Each takes it with its turn, and gives it back; who needs none is not kept waiting by it."""
    jobs = [needing(name, gpu=1) for name in "abc"] + [job("d", queue="other")]
    turns = waiting(jobs, gpu=2)

    assert ["a", "d", "b"] == begun(turns, jobs)
    end(turns, "b")
    assert ["c"] == begun(turns, jobs)


def test_who_waits_for_it_is_not_overtaken_in_its_queue() -> None:
    """Nor by one that needs nothing: as where a queue's processors are all taken."""
    jobs = [needing("a", gpu=1), needing("b", gpu=2), job("c"), job("d", queue="other")]
    turns = waiting(jobs, gpu=2)

    assert ["a", "d"] == begun(turns, jobs)
    assert [] == turns.next_places(9)
    end(turns, "a")
    assert ["b", "c"] == begun(turns, jobs)


def test_what_becomes_free_is_kept_for_who_waits_longest() -> None:
    """The small needs of other queues, which came later, do not eat it up; what it can spare, they have."""
    jobs = [
        needing("small1", queue="q1", gpu=2),
        needing("small2", queue="q2", gpu=2),
        needing("large", queue="large", gpu=3, license=1),
        needing("small3", queue="q1", gpu=1),
        needing("other", queue="q2", license=1),
    ]
    turns = waiting(jobs, gpu=4, license=2)

    assert ["small1", "small2", "other"] == begun(turns, jobs)
    end(turns, "small1")
    late = needing("late", queue="q3", gpu=1)
    turns.wait(late, 0)
    assert [] == begun(turns, [*jobs, late])
    end(turns, "small2")
    assert "large" in (names := begun(turns, [*jobs, late]))
    assert ["large", "small3"] == names  # it has waited longer than `late`
    end(turns, "large")
    assert ["late"] == begun(turns, [*jobs, late])


@pytest.mark.parametrize("goes", ["is paused", "leaves", "is moved", "is overtaken"])
def test_nothing_is_kept_for_who_is_not_in_front(goes: str) -> None:
    """Others have it at once."""
    holder, large = needing("a", gpu=1), needing("large", queue="q", gpu=2)
    small = needing("small", queue="other", gpu=1)
    jobs = [holder, large, small]
    turns = waiting(jobs, gpu=2)
    assert ["a"] == begun(turns, jobs)

    match goes:
        case "is paused":
            turns.follow({"q": Queue(name="q", state=QueueState.PAUSED)})
        case "leaves":
            end(turns, "large")
        case "is moved":
            turns.move(replace(large, queue="other", priority=-1), 0)
        case _:
            first = job("first", queue="q", priority=1)
            turns.wait(first, 0)
            jobs.append(first)
    expected = ["first", "small"] if goes == "is overtaken" else ["small"]

    assert expected == begun(turns, jobs)


def test_who_needs_more_than_there_is_has_all_of_it_alone() -> None:
    """The machine may have less than when it was submitted. What runs meanwhile goes on."""
    jobs = [needing("b", queue="q", gpu=4), needing("c", queue="r", tape=1)]
    others = [needing("d", queue="s", gpu=1), needing("e", queue="t", tape=1)]
    turns = Turns(8, Machine(resources={"gpu": 1}))
    turns.run(needing("a", gpu=2), 0)  # taken up
    for each in (*jobs, *others):
        turns.wait(each, 0)

    assert ["c"] == begun(turns, [*jobs, *others])
    end(turns, "a")
    assert ["b"] == begun(turns, [*jobs, *others])
    end(turns, "b", "c")
    assert ["d", "e"] == begun(turns, [*jobs, *others])


def test_each_host_of_a_job_takes_its_own() -> None:
    """It is this machine that counts: licenses, say. And a full machine does not keep them waiting."""
    there = on_hosts("hosts", 3, resources={"license": 1})
    turns = all_waiting(Turns(1, Machine(resources={"license": 2})), there)

    assert ["hosts", "hosts"] == begun(turns, [there])
    turns.leave((there.id, 0))
    assert ["hosts"] == begun(turns, [there])


def test_processors_and_memory_are_added_up_over_all_queues() -> None:
    """In one line, as resources are; who declares nothing, and what has no bound, is not counted."""
    limits = {
        "one": Limits(cpus=1.0, memory_bytes=600, pids=9),
        "large": Limits(cpus=3.0),
        "small": Limits(cpus=1.0),
        "memory": Limits(memory_bytes=500),
        "plain": Limits(),
    }
    jobs = [job(name, queue=name, limits=each) for name, each in limits.items()]
    turns = waiting(jobs, max_cpus=3.0, max_memory_bytes=1000)

    assert ["one", "plain"] == begun(turns, jobs)
    end(turns, "one")
    assert ["large", "memory"] == begun(turns, jobs)
    end(turns, "large")
    assert ["small"] == begun(turns, jobs)
    without = waiting(jobs, max_memory_bytes=1100)
    assert [*limits] == begun(without, jobs)


def test_between_two_tries_it_holds_nothing() -> None:
    """What comes behind it has it meanwhile."""
    jobs = [needing("a", gpu=1), needing("b", gpu=1)]
    turns = waiting(jobs, gpu=1)
    assert ["a"] == begun(turns, jobs)
    end(turns, "a")
    turns.wait(jobs[0], 0)

    assert ["b"] == begun(turns, jobs)
    end(turns, "b")
    assert ["a"] == begun(turns, jobs)


HAS = {"gpu": 4, "license": 2}
CPUS, MEMORY = 8.0, 1000
ALL: dict[str, Any] = {"resources": {"gpu": 4}}
ALL_CPUS: dict[str, Any] = {"limits": Limits(cpus=CPUS)}
SOME_OF_IT: list[dict[str, Any]] = [
    {},
    {"resources": {"gpu": 1}},
    {"resources": {"gpu": 2, "license": 1}},
    {"limits": Limits(cpus=0.5, memory_bytes=300)},
    {"limits": Limits(memory_bytes=400), "resources": {"gpu": 1}},
]
WIDTH = 12
LIMIT = 30
"""So many rounds of ends nobody has to wait whose queue is idle."""

QUEUES = [f"q{number}" for number in range(10)]
GREEDY = dict(zip(QUEUES, (ALL, ALL_CPUS), strict=False))


def test_nobody_starves_for_a_resource() -> None:
    """
    5,000 jobs through ten queues: never more in use than there is, be it resources, processors or
    memory; each queue in its order; and also those go on whose jobs need all of something, while
    the others want some of it.
    """
    chance = Random(8)
    turns = Turns(WIDTH, Machine(resources=HAS, max_cpus=CPUS, max_memory_bytes=MEMORY))
    turns.follow({name: Queue(name=name, width=chance.choice([1, 3, None])) for name in QUEUES})
    jobs: dict[JobId, Job] = {}
    for number in range(5000):
        queue = QUEUES[number % len(QUEUES)]
        some = chance.choice(SOME_OF_IT)
        new = job(f"{number:05}", queue=queue, **GREEDY.get(queue, some))
        jobs[new.id] = new
        turns.wait(new, 0)
    running: list[Job] = []
    last = dict.fromkeys(QUEUES, "")
    waited: Counter[str] = Counter()
    while jobs:
        idle = {str(each.queue) for each in jobs.values()} - {str(each.queue) for each in running}
        waited.update(idle)
        while (place := turns.first()) is not None:
            found = jobs.pop(place[0])
            turns.run(found, 0)
            running.append(found)
            queue = str(found.queue)
            assert last[queue] < found.id, "nobody is overtaken in a queue"
            last[queue], waited[queue] = str(found.id), 0
        used = Counter[str]()
        for each in running:
            used.update(each.spec.resources)
        assert used <= Counter(HAS)
        assert sum(each.spec.limits.cpus or 0 for each in running) <= CPUS
        assert sum(each.spec.limits.memory_bytes or 0 for each in running) <= MEMORY
        assert running, "nobody runs, and somebody waits"
        assert max(waited.values(), default=0) <= LIMIT, "a queue starves"
        chance.shuffle(running)
        for _ in range(chance.randint(1, max(1, len(running) // 2))):
            turns.leave((running.pop().id, 0))

    assert 0 == turns.waiting

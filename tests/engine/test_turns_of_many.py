"""Whose turn it is among many: by any order of events, and over a hundred thousand lives."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast.core.job import Job, JobId, Limits
from outlast.core.machine import Machine
from outlast.core.queue import Queue, QueueState
from outlast.engine.lane import FAIR, Place
from outlast.engine.turns import Turns

from .test_turns import NOW, SECOND, job

Name = str | None
"""Of a queue; None is `default`."""

WIDTHS: dict[Name, int | None] = {None: None, "one": 1, "two": 2}
"""What jobs say of their queues."""

RULES = st.builds(
    Queue,
    name=st.just(""),
    width=st.sampled_from([None, 1, 2]),
    max_cpus=st.sampled_from([None, 2.0, 3.0]),
    state=st.sampled_from(QueueState),
)


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes, ripens, is moved, begins and leaves, beside lists that are searched."""

    WIDTH = 3
    CPUS = 3.0
    """Of the machine: less than those may need that are as many as its width."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns(self.WIDTH, Machine(max_cpus=self.CPUS))
        self.for_cpus: list[JobId] = []
        """Those in front of their queues that wait for the machine's processors, in their order."""

        self.now = NOW
        self.queues: list[Name] = []
        """Those that have anything, whose turn is next first."""

        self.given: dict[Name, int] = {}
        self.said: dict[Name, int | None] = {}
        self.rules: dict[Name, Queue] = {}
        self.line: list[Job] = []
        """In the order in which they came, or their time did."""

        self.later: list[Job] = []
        self.running: list[Job] = []
        self.count = 0

    def expected(self) -> Place | None:
        if len(self.running) >= self.WIDTH:
            return None
        heads = [head for queue in self.queues if (head := self.head(queue)) is not None]
        taken = sum(each.spec.limits.cpus or 0 for each in self.running)
        by_id = {head.id: head for head in heads}
        fit = set()
        self.for_cpus = [each for each in self.for_cpus if each in by_id]
        for each in self.for_cpus:
            taken += (needs := by_id[each].spec.limits.cpus or 0)
            if taken <= self.CPUS:
                fit.add(each)
        for head in heads:
            needs = head.spec.limits.cpus or 0
            is_new = head.id not in self.for_cpus
            if head.id in fit or not needs or (is_new and taken + needs <= self.CPUS):
                return (head.id, 0)
            if is_new:
                self.for_cpus.append(head.id)
                taken += needs
        return None

    def head(self, queue: Name) -> Job | None:
        """Return who may begin in a queue."""
        rule = self.rules.get(queue)
        of_it = [each for each in self.line if each.queue == queue]
        beside = [each for each in self.running if each.queue == queue]
        width = self.said.get(queue) if rule is None else rule.width
        is_full = width is not None and len(beside) >= width
        if not of_it or is_full or (rule is not None and rule.state is QueueState.PAUSED):
            return None
        is_fair = (self.given[queue] + 1) % FAIR == 0
        best = of_it[0].priority if is_fair else max(each.priority for each in of_it)
        head = next(each for each in of_it if each.priority == best)
        most = None if rule is None else rule.max_cpus
        taken = sum(each.spec.limits.cpus or 0 for each in (*beside, head))
        needs_none = head.spec.limits.cpus is None
        return head if most is None or not beside or needs_none or taken <= most else None

    def enter(self, new: Job) -> None:
        if new.queue not in self.queues:
            self.queues.append(new.queue)
            self.given[new.queue], self.said[new.queue] = 0, None
        if new.queue == new.spec.queue and WIDTHS[new.queue]:
            self.said[new.queue] = WIDTHS[new.queue]

    def forget_empty(self) -> None:
        left = {each.queue for each in self.line + self.later + self.running}
        self.queues = [queue for queue in self.queues if queue in left]

    @rule(
        queue=st.sampled_from(list(WIDTHS)),
        priority=st.integers(-2, 2),
        delay=st.sampled_from([None, 1, 2]),
        cpus=st.sampled_from([None, None, 1.0, 2.0]),
    )
    def comes(self, queue: Name, priority: int, delay: int | None, cpus: float | None) -> None:
        self.count += 1
        new = job(
            f"{self.count:06}",
            queue=queue,
            queue_width=WIDTHS[queue],
            priority=priority,
            delay=None if delay is None else delay * SECOND,
            limits=Limits(cpus=cpus),
        )
        new = replace(new, created_at=self.now)
        (self.line if delay is None else self.later).append(new)
        self.enter(new)
        self.turns.wait(new, 0)

    @rule()
    def time_passes(self) -> None:
        self.now += SECOND
        due = sorted(
            (each.begins_at, each.id, each) for each in self.later if each.begins_at <= self.now
        )
        for _, _, each in due:
            self.later.remove(each)
            self.line.append(each)
        self.turns.ripen(self.now)

    @rule(queue=st.sampled_from(list(WIDTHS)), rule=st.none() | RULES)
    def is_changed(self, queue: Name, rule: Queue | None) -> None:
        self.rules.pop(queue, None)
        if rule is not None:
            self.rules[queue] = rule
        self.turns.follow({name or "default": each for name, each in self.rules.items()})

    @precondition(lambda self: self.line or self.later)
    @rule(data=st.data(), queue=st.sampled_from(list(WIDTHS)), priority=st.integers(-2, 2))
    def is_moved(self, data: st.DataObject, queue: Name, priority: int) -> None:
        found = data.draw(st.sampled_from(self.line + self.later))
        to = replace(found, queue=queue, priority=priority)
        waiting = self.line if found in self.line else self.later
        place = waiting.index(found)
        del waiting[place]
        self.forget_empty()
        waiting.insert(place, to)
        self.enter(to)
        assert self.turns.waits((found.id, 0))
        self.turns.move(to, 0)

    @precondition(lambda self: self.expected() is not None)
    @rule()
    def begins(self) -> None:
        place = self.turns.first()
        (found,) = [each for each in self.line if place == (each.id, 0)]
        self.line.remove(found)
        self.running.append(found)
        assert sum(each.spec.limits.cpus or 0 for each in self.running) <= self.CPUS
        self.given[found.queue] += 1
        self.queues.remove(found.queue)
        self.queues.append(found.queue)
        self.turns.run(replace(found), 0)
        assert not self.turns.waits((found.id, 0))

    @precondition(lambda self: self.line or self.later or self.running)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        found = data.draw(st.sampled_from(self.line + self.later + self.running))
        assert (found in self.running) == self.turns.leave((found.id, 0))
        for each in (self.line, self.later, self.running):
            if found in each:
                each.remove(found)
        self.forget_empty()

    @invariant()
    def agrees(self) -> None:
        assert self.expected() == self.turns.first()
        waiting = len(self.line) + len(self.later)
        assert (waiting, len(self.running)) == (self.turns.waiting, self.turns.running)


TestAnyOrder = AnyOrder.TestCase


class Crowd:
    """Queues and their jobs over a time that is driven, and who was passed over how often."""

    WIDTH = 40
    QUEUES = 50

    def __init__(self, jobs: int) -> None:
        self.chance = Random(8)
        self.turns = Turns(self.WIDTH)
        names = [f"q{number:02}" for number in range(self.QUEUES)]
        self.rules = {
            name: Queue(name=name, width=self.chance.choice([1, 2, 3, 8, None])) for name in names
        }
        self.turns.follow(dict(self.rules))
        self.jobs: dict[JobId, Job] = {}
        self.line = {name: deque[JobId]() for name in names}
        """Those that wait, oldest first; who has begun is taken out once it is the first."""

        self.last: dict[tuple[str, int], JobId] = {}
        """Who began last, of a queue and a priority."""

        self.waiting: Counter[str] = Counter()
        self.beside: Counter[str] = Counter()
        self.turn = 0
        self.since: dict[str, int] = {}
        """For each queue that could have a turn, the turn since which it could."""

        self.behind: Counter[str] = Counter()
        """Turns of a queue since its oldest is its oldest."""

        self.running: list[Job] = []
        for number in range(jobs):
            # The first queue alone has a fifth of all.
            queue = names[0] if number % 5 == 0 else self.chance.choice(names)
            new = job(f"{number:06}", queue=queue, priority=self.chance.choice([0, 0, 0, 5, -20]))
            self.jobs[new.id] = new
            self.line[queue].append(new.id)
            self.waiting[queue] += 1
            self.turns.wait(new, 0)
        self.look_at(*names)

    def fill(self) -> int:
        """Begin all whose turn it is. Returns how many did."""
        began = 0
        while (place := self.turns.first()) is not None:
            found = self.jobs.pop(place[0])
            self.turns.run(found, 0)
            self.note(found)
            began += 1
        return began

    def note(self, found: Job) -> None:
        queue = str(found.queue)
        assert queue in self.since, "it is full, or paused"
        assert self.turn - self.since.pop(queue) < self.QUEUES, "a queue starves"
        self.turn += 1
        self.waiting[queue] -= 1
        self.beside[queue] += 1
        self.look_at(queue)
        self.running.append(found)
        # Ids count the submissions: among equals nobody overtakes.
        assert self.last.get((queue, found.priority), "") < found.id
        self.last[queue, found.priority] = found.id
        self.behind[queue] += 1
        line = self.line[queue]
        while line and line[0] not in self.jobs:
            line.popleft()
            self.behind[queue] = 0
        assert self.behind[queue] < FAIR, "the oldest of a queue starves"

    def look_at(self, *names: str) -> None:
        """See which of these queues could have a turn."""
        for name in names:
            rule = self.rules[name]
            is_full = rule.width is not None and self.beside[name] >= rule.width
            if self.waiting[name] and rule.state is QueueState.OPEN and not is_full:
                self.since.setdefault(name, self.turn)
            else:
                self.since.pop(name, None)

    def change(self, rule: Queue) -> None:
        """Have a queue be so from now on."""
        self.rules[rule.name] = rule
        self.turns.follow(dict(self.rules))
        self.look_at(rule.name)

    def time_passes(self) -> None:
        """Let some of those that run end, and sometimes change a queue."""
        self.chance.shuffle(self.running)
        for _ in range(self.chance.randint(1, len(self.running))):
            ended = self.running.pop()
            self.beside[str(ended.queue)] -= 1
            self.turns.leave((ended.id, 0))
            self.look_at(str(ended.queue))
        if self.chance.random() < 0.2:
            name = self.chance.choice(list(self.rules))
            state = self.chance.choice([QueueState.OPEN, QueueState.OPEN, QueueState.PAUSED])
            width = self.chance.choice([1, 2, 3, 8, None])
            self.change(Queue(name=name, width=width, state=state))


@pytest.mark.slow
def test_nobody_starves_in_a_crowd() -> None:
    """100,000 jobs through 50 queues: the order kept, no width exceeded, none passed over for long."""
    crowd = Crowd(100_000)
    began = 0
    while crowd.jobs:
        began += crowd.fill()
        assert len(crowd.running) <= crowd.WIDTH
        if not crowd.running:  # all that is left waits in queues that are paused
            for name in crowd.rules:
                crowd.change(Queue(name=name, width=1))
            continue
        crowd.time_passes()

    assert (100_000, 0) == (began, crowd.turns.waiting)

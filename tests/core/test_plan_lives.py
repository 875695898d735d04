"""
Whole lives of one node: a supervisor that carries out its plans and dies at any moment, a
machine on which the command goes its own way, and a caller who cancels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.core import events as ev
from outlast.core import sight
from outlast.core.job import Job, JobSpec, Node
from outlast.core.plan import Action, Launch, Stop, Watch, plan
from outlast.core.state import NodeStatus, Reason
from outlast.core.transition import settle, transition, with_node

from .lives import NOW, a_job


@dataclass
class Machine:
    """Where the command runs. It outlives every supervisor, and says no more than it knows."""

    code: int | None = 0
    """How the command ends by itself; None: by a signal."""

    clock: datetime = NOW
    starts: int = 0
    stage: str = "nothing"
    """`nothing`, `unstarted`, `alive`, `ended`, `unkillable`, `empty`, or `gone`."""

    was_unkillable: bool = False
    shim: bool = True
    exit: sight.Exited | None = None
    news: list[sight.Sight] = field(default_factory=list)
    """Everything there was to see of the attempt, in order."""

    def fresh(self) -> Machine:
        """Return one on which the next attempt runs."""
        return Machine(code=self.code, clock=self.clock)

    def tick(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def launch(self) -> None:
        if self.stage == "nothing":
            self.stage, self.starts = "alive", self.starts + 1
            self.started_at = self.tick()
            self.see_alive()

    def see_alive(self) -> None:
        self.news.append(
            sight.Alive(started_at=self.started_at, containment="group", degraded=not self.shim)
        )

    def end(self, *, reason: Reason | None = None, killed: bool = False) -> None:
        """The command ends. Without its shim, nobody wrote down how."""
        if self.stage == "alive":
            known = self.shim and not killed
            self.exit = sight.Exited(
                at=self.tick(),
                started_at=self.started_at,
                containment="group",
                exit_code=self.code if known else None,
                signal=11 if known and self.code is None else None,
                reason=reason,
            )
            self.stage = "ended"
            self.news.append(self.exit)

    def cannot_start(self) -> None:
        if self.stage == "nothing":
            self.exit = sight.Exited(
                at=self.tick(), started_at=None, reason=Reason.SPAWN_FAILED, error="no such program"
            )
            self.stage = "unstarted"
            self.news.append(self.exit)

    def move(self, what: str) -> None:
        match what:
            case "ends":
                self.end()
            case "times out":
                self.end(reason=Reason.TIMEOUT, killed=True)
            case "cannot start":
                self.cannot_start()
            case "shim dies" if self.stage == "alive" and self.shim:
                self.shim = False
                self.see_alive()
            case "shim and command die" if self.stage == "alive":
                self.stage = "gone"
                self.news.append(sight.Gone())
            case "reboots" if self.stage == "alive":
                self.stage = "gone"
                self.news.append(sight.Gone(rebooted=True))
            case "leaves a process" if self.stage == "ended":
                self.stage, self.was_unkillable = "unkillable", True
                self.news.append(sight.Unkillable(error="4711 does not die"))
            case "empties" if self.stage in ("ended", "unkillable"):
                self.stage = "empty"
                self.news.append(sight.Emptied(at=self.tick(), stdout_bytes=7, stderr_bytes=9))

    def first_news(self) -> int:
        """Where a watcher that comes now begins: at the end, or else at how things stand."""
        if self.exit is not None:
            return self.news.index(self.exit)
        return max(0, len(self.news) - 1)


MOVES_OF_THE_MACHINE = (
    *("ends", "times out", "cannot start", "shim dies", "shim and command die", "reboots"),
    *("leaves a process", "empties"),
)


@dataclass
class World:
    """One job in the store, the machine, and a supervisor that may be anywhere in its work."""

    machine: Machine = field(default_factory=Machine)
    job: Job = field(default_factory=a_job)
    machines: list[Machine] = field(default_factory=list)
    """Those of all attempts, each of which may run beside the others."""

    told: int | None = None
    """How much of the machine's news this supervisor has heard; None: it does not watch."""

    hear_again: bool = False
    todo: list[Action] = field(default_factory=list)
    starts_at_cancel: int | None = None

    @property
    def node(self) -> Node:
        return self.job.nodes[0]

    @property
    def may_restart(self) -> bool:
        """Whether what is lost is tried again."""
        return self.job.spec.if_lost == "restart"

    @property
    def starts(self) -> int:
        """How often the command was started, in all attempts."""
        return sum(machine.starts for machine in self.machines)

    def record(self, fact: ev.Event | ev.Aftermath) -> None:
        """One write. An illegal move would raise, and fail the test."""
        ended = self.node if self.node.is_terminal else None
        node = (
            transition(self.node, fact) if isinstance(fact, ev.Event) else settle(self.node, fact)
        )
        assert ended is None or (ended.status, ended.reason) == (node.status, node.reason)
        self.job = with_node(self.job, node)

    def claim(self) -> None:
        if self.todo or not self.node.may_begin:
            return
        if self.node.attempt:
            before, self.machine = self.machine, self.machine.fresh()
            may_live = self.node.earlier[-1].reason == Reason.LOST
            assert may_live or before.stage in ("nothing", "unstarted", "gone", "empty")
            self.told, self.hear_again = None, False
        self.machines.append(self.machine)
        attempt = self.node.attempt + 1
        self.record(ev.Claimed(at=self.machine.tick(), attempt=attempt, boot_id="boot-1"))

    def watch(self) -> None:
        if self.told is None:
            self.told = self.machine.first_news()

    def look(self) -> None:
        """Hear the next news, and plan; with nothing new, the last news is as good as any."""
        if self.todo or not self.node.attempt:
            return
        seen: sight.Sight | None = None
        if self.told is not None:
            if self.told < len(self.machine.news) and not self.hear_again:
                self.told += 1
            seen = self.machine.news[self.told - 1] if self.told else sight.Gone()
        self.hear_again = False
        self.todo = list(plan(self.job, self.node, seen, now=self.machine.tick()))

    def act(self) -> None:
        """Carry out the next action of the plan."""
        if not self.todo:
            return
        match self.todo.pop(0):
            case Launch():
                self.machine.launch()
                self.watch()
            case Watch():
                self.watch()
            case Stop():
                self.machine.end(reason=Reason.CANCELLED)
            case ev.Event() | ev.Aftermath() as fact:
                self.record(fact)

    def cancel(self) -> None:
        """A caller cancels: what the supervisor heard last, it weighs anew by what is stored."""
        if not self.node.is_terminal:
            self.record(ev.CancelRequested(at=self.machine.tick()))
            self.starts_at_cancel = self.starts
            self.hear_again = self.told is not None and bool(self.todo)
            self.todo = []

    def crash(self) -> None:
        """`kill -9` of the supervisor: what it had in mind is gone; another one begins."""
        self.told, self.hear_again, self.todo = None, False, []

    def do(self, what: str) -> None:
        match what:
            case "claim" | "look" | "act" | "cancel" | "crash":
                getattr(self, what)()
            case _:
                self.machine.move(what)

    def live_on(self) -> None:
        """Nothing more goes wrong: the command ends, and the supervisor looks until all is told."""
        for _ in range(20 + 20 * self.job.spec.retries):
            for move in ("ends", "empties"):
                if self.node.is_settled:
                    return
                self.claim()
                while self.todo:
                    self.act()
                self.look()
                while self.todo:
                    self.act()
                self.machine.move(move)
        raise AssertionError(f"never settled: {self.node} while {self.machine}")


def told_truly(world: World) -> None:
    """What must hold of every life once it is over."""
    node, machine = world.node, world.machine
    assert node.is_settled
    assert world.job.is_settled
    assert all(each.starts <= 1 for each in world.machines)
    assert [*range(1, len(node.earlier) + 1)] == [each.number for each in node.earlier]
    assert len(node.earlier) <= world.job.spec.retries
    assert node.attempt == len(world.machines) <= world.job.spec.retries + 1
    if node.status == NodeStatus.FAILED and node.is_silent and world.job.spec.retries:
        is_last = node.attempt == world.job.spec.retries + 1
        is_lost = node.reason in (Reason.LOST, Reason.HOST_REBOOTED) and not world.may_restart
        assert is_last or is_lost or node.stop_error is not None or machine.was_unkillable
    if world.starts_at_cancel is not None:
        assert world.starts_at_cancel == world.starts
        assert NodeStatus.CANCELLED == node.status
    true_code = machine.exit.exit_code if machine.exit else None
    assert node.exit_code in (None, -1 if node.reason == Reason.TIMEOUT else true_code)
    assert node.late_exit_code in (None, true_code)
    if node.status == NodeStatus.COMPLETE:
        assert (0, 1) == (true_code, machine.starts)
    for each, of_it in zip(node.earlier, world.machines, strict=False):
        code = of_it.exit.exit_code if of_it.exit else None
        assert each.exit_code in (None, -1 if each.reason == Reason.TIMEOUT else code)
        assert each.reason not in (Reason.LOST, Reason.HOST_REBOOTED) or world.may_restart
    if node.reason in (Reason.LOST, Reason.HOST_REBOOTED):
        assert (None, None) == (node.exit_code, node.signal)


STORIES = {
    "all goes well": (
        "claim, look, act, look, act, ends, look, act, empties, look, act, act",
        "complete",
        None,
        1,
    ),
    "crash between claim and launch": ("claim, look, crash, look, act", "complete", None, 1),
    "crash between launch and record": ("claim, look, act, crash, look, act", "complete", None, 1),
    "crash between launch and record, ended meanwhile": (
        "claim, look, act, crash, ends, empties",
        "complete",
        None,
        1,
    ),
    "crash between start and end, both told at once": (
        "claim, look, act, ends, look, act, crash",
        "complete",
        None,
        1,
    ),
    "crash between the last two records": (
        "claim, look, act, look, act, ends, empties, look, act, look, act, crash",
        "complete",
        None,
        1,
    ),
    "cancelled in the queue": ("cancel", "cancelled", "cancelled", 0),
    "cancelled between claim and launch": (
        "claim, look, cancel, look, act",
        "cancelled",
        "cancelled",
        0,
    ),
    "cancelled between claim and launch, and a crash": (
        "claim, crash, cancel, look, act, look, act",
        "cancelled",
        "cancelled",
        0,
    ),
    "cancelled after launch, before the start is told": (
        "claim, look, act, cancel, crash",
        "cancelled",
        "cancelled",
        1,
    ),
    "cancelled while it runs": (
        "claim, look, act, look, act, cancel, look, act",
        "cancelled",
        "cancelled",
        1,
    ),
    "ends in the moment of its cancel": (
        "claim, look, act, look, act, ends, cancel",
        "cancelled",
        "cancelled",
        1,
    ),
    "cannot start": ("claim, cannot start, look, act", "failed", "spawn_failed", 0),
    "cannot start, and is cancelled before that is told": (
        "claim, cannot start, look, act, cancel, crash",
        "cancelled",
        "cancelled",
        0,
    ),
    "times out": ("claim, look, act, times out", "failed", "timeout", 1),
    "the machine is started anew": ("claim, look, act, reboots", "failed", "host_rebooted", 1),
    "started anew after a cancel": (
        "claim, look, act, look, act, cancel, reboots",
        "cancelled",
        "cancelled",
        1,
    ),
    "lost": ("claim, look, act, shim and command die, crash", "failed", "lost", 1),
    "loses its shim, and its code with it": (
        "claim, look, act, look, act, shim dies, look, act, ends",
        "failed",
        "lost",
        1,
    ),
    "leaves a process that does not die at once": (
        "claim, look, act, look, act, ends, leaves a process, look, act, look, act, look, act",
        "complete",
        None,
        1,
    ),
}


@pytest.mark.parametrize(
    ("steps", "status", "reason", "starts"), STORIES.values(), ids=list(STORIES)
)
def test_story(steps: str, status: str, reason: str | None, starts: int) -> None:
    """However it is interrupted, a node ends once, as it truly did, started once at most."""
    world = World()
    for step in steps.split(", "):
        world.do(step)
    world.live_on()

    told_truly(world)
    assert (status, reason, starts) == (
        world.node.status,
        world.node.reason,
        world.machine.starts,
    )


def test_a_late_code_is_told_beside_the_verdict() -> None:
    """A command that ended by itself just before its cancel was stored has its code told."""
    world = World(machine=Machine(code=37))
    for step in ("claim", "look", "act", "look", "act", "ends", "cancel"):
        world.do(step)
    world.live_on()

    assert ("cancelled", None, 37) == (
        world.node.status,
        world.node.exit_code,
        world.node.late_exit_code,
    )


def test_a_node_without_its_shim_is_told_as_degraded() -> None:
    """The node keeps running, and says that its shim is gone; once."""
    world = World()
    for step in ("claim", "look", "act", "look", "act", "shim dies", "look", "act", "look"):
        world.do(step)

    assert (NodeStatus.RUNNING, True, []) == (world.node.status, world.node.degraded, world.todo)


STEPS = st.sampled_from(
    (
        *("claim", "look", "look", "look", "act", "act", "act", "act", "crash", "cancel"),
        *MOVES_OF_THE_MACHINE,
    )
)


SPECS = st.builds(
    lambda retries, if_lost: JobSpec(command=("true",), retries=retries, if_lost=if_lost),
    st.sampled_from([0, 1, 3]),
    st.sampled_from(["fail", "restart"]),
)


@given(st.lists(STEPS, max_size=60), st.sampled_from([0, 37, None]), SPECS)
@settings(max_examples=600)
def test_every_life_ends_truly(steps: list[str], code: int | None, spec: JobSpec) -> None:
    """
    Under any interleaving, a node settles, is told truly, and no event is ever illegal; tried
    again, each attempt starts once, after the one before is gone, and none is left out.
    """
    world = World(machine=Machine(code=code), job=a_job(spec=spec))
    world.do("claim")
    for step in steps:
        world.do(step)
    world.live_on()

    told_truly(world)

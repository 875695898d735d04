"""What a supervisor submits when a schedule is due, and what it tells of where it does not."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outlast.core import events as ev
from outlast.core.job import Job, JobId, JobSpec
from outlast.core.schedule import Missed, Overlap, Schedule, Timing
from outlast.core.transition import transition, with_node
from outlast.engine import verbs
from outlast.engine.admission import Admission, add_admitted
from outlast.engine.almanac import Almanac
from outlast.engine.scheduledesk import SHOWN, AddSchedule, ScheduleDesk
from outlast.engine.schedulefiles import ScheduleFiles
from outlast.engine.schedules import HOSTS_ANSWER, Scheduler
from outlast.errors import Conflict, Forbidden, InvalidRequest, NotFound, NotTerminal, Unavailable
from outlast.executors import capabilities
from outlast.ports.executor import Captured
from outlast.ports.schedules import Schedules
from outlast.store import open_schedules
from outlast.testing.jobs import claimed

from ..world import PATIENCE_S
from .world import HOUR, World, no_room_to_write

MINUTE = timedelta(minutes=1)
TRUE = JobSpec(command=("true",))
CAPTURED = Captured(env={"PATH": os.defpath, "STAGE": "test"}, cwd="/")


class Nobody:
    """A supervisor that is told of work, and does none; *when_asked* is called where it is to catch up."""

    def __init__(self) -> None:
        self.wakes = 0
        self.when_asked: Callable[[], object] = lambda: None

    def catch_up(self, _: timedelta) -> bool:
        self.when_asked()
        return True

    def wake(self) -> None:
        self.wakes += 1


class Home:
    """A home's schedules: the verbs about them, and what a supervisor has of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.schedules: Schedules = open_schedules(world.home.database)
        self.files = ScheduleFiles(world.home)
        self.supervision = Nobody()
        self.desk = ScheduleDesk(
            self.schedules,
            self.supervision,  # type: ignore[arg-type]  # asked for nothing else
            world.clock,
            world.home,
            capabilities,
            submit=self.submit,
            get=world.store.get,
        )
        self.refusal: Forbidden | None = None
        self.scheduler = self.make_scheduler()

    def make_scheduler(self) -> Scheduler:
        """Return what a supervisor that begins now has."""
        return Scheduler(
            self.schedules,
            self.files,
            self.world.clock,
            admit=self._admit,
            submit=self.submit,
            get=self.world.store.get,
            catch_up=self._catch_up,
        )

    async def _catch_up(self, job_id: JobId) -> None:
        self.supervision.when_asked()

    def _admit(self, *_: object) -> None:
        if self.refusal is not None:
            raise self.refusal

    def submit(self, request: verbs.Submit) -> tuple[Job, ...]:
        world = self.world
        admission = Admission(world.home, world.clock, request, capabilities)
        return add_admitted(world.store, admission)

    def add(self, name: str = "hourly", *, spec: JobSpec = TRUE, **more: Any) -> Schedule:
        """Add one that is due each hour, unless *timing* says when."""
        timing = more.pop("timing", Timing(every=HOUR))
        request = verbs.Submit(specs=(spec,), captured=CAPTURED, **more.pop("request", {}))
        return self.desk.add(AddSchedule(name=name, timing=timing, request=request, **more))

    def turn(self, by: timedelta = HOUR) -> datetime | None:
        """Let time pass, and have what is due then submitted."""
        self.world.clock.advance(by)
        return self.scheduler.turn()

    def end(self, job: Job) -> None:
        """Have a job end."""
        store, clock = self.world.store, self.world.clock
        running = claimed(store.get(job.id), clock)
        over = transition(running.nodes[0], ev.Completed(at=clock.now(), attempt=1))
        assert not store.save([(store.get(job.id), with_node(running, over))])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    world = World(tmp_path / "home", {})
    home = Home(world)
    yield home
    home.desk.close()
    world.store.close()


def test_a_job_is_submitted_when_it_is_due(home: Home) -> None:
    """One for each time, under a key of its own, with what its caller had when it was added."""
    added = home.add(spec=replace(TRUE, env={"A": "1"}))
    assert home.turn(HOUR - MINUTE) == added.next_at
    assert () == home.world.jobs()
    following = home.turn(MINUTE)
    home.turn(timedelta())

    (job,) = home.world.jobs()
    (after,) = home.schedules.find()
    assert ("hourly", {"schedule": "hourly"}, {"A": "1"}) == (
        job.spec.name, job.spec.labels, job.spec.env,
    )  # fmt: skip
    assert (added.next_at, job.id, following) == (after.last_at, after.last_job_id, after.next_at)
    held = Path(home.world.home.capture(job.capture or "")).read_text()
    assert '"STAGE": "test"' in held
    assert home.supervision.wakes == 1


def test_what_was_missed_is_counted_and_told(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """By default no job makes up for it; with `once`, one does for all."""
    home.add()
    home.add("made-up-for", timing=Timing(every=HOUR, missed=Missed.ONCE))
    home.turn(3.5 * HOUR)

    hourly, made_up_for = home.schedules.find()
    assert (3, None) == (hourly.missed_count, hourly.last_job_id)
    assert (2, hourly.missed_at) == (made_up_for.missed_count, made_up_for.last_at)
    assert [made_up_for.last_job_id] == [job.id for job in home.world.jobs()]
    assert "hourly was due 3 times while nobody was there" in caplog.text


def test_a_run_that_has_not_ended_is_not_joined_by_another(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """What is due is left out and counted, until the last run is over or forgotten."""
    home.add()
    for _ in range(3):
        home.turn()
    (job,), (schedule,) = home.world.jobs(), home.schedules.find()
    assert (2, home.world.clock.now()) == (schedule.skipped_count, schedule.skipped_at)
    assert f"{job.id} has not ended: skipped" in caplog.text
    with pytest.raises(NotTerminal, match="has not ended"):
        home.desk.run("hourly")

    home.end(job)
    home.turn()
    second = home.world.jobs()[1]
    home.end(second)
    home.world.store.expire([second.id], at=home.world.clock.now(), forget_before=second.created_at)
    home.turn()

    assert 2 == len(home.world.jobs())
    assert 2 == home.schedules.find()[0].skipped_count


def test_an_end_of_which_nobody_has_told_is_one(home: Home) -> None:
    """The last run ended while no supervisor was there: the next one does not pass for its overlap."""
    home.add()
    home.turn()
    (first,) = home.world.jobs()
    home.supervision.when_asked = lambda: home.end(first)

    async def live() -> None:
        home.world.clock.advance(HOUR)
        working = asyncio.create_task(home.scheduler.run())
        await home.world.until(lambda: len(home.world.jobs()) > 1)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(live())
    (schedule,) = home.schedules.find()
    assert (0, 0) == (schedule.skipped_count, schedule.missed_count)
    second = home.world.store.get(schedule.last_job_id or first.id)
    home.supervision.when_asked = lambda: home.end(second)

    assert second.id != home.desk.run("hourly").id


def test_a_run_on_hosts_is_asked_about_before_it_has_the_next_left_out(home: Home) -> None:
    """A supervisor that begins hears from a host only after a while what has ended there."""
    home.add(spec=replace(TRUE, on=("127.0.0.2",), cwd=None))
    home.turn()
    (first,) = home.world.jobs()
    asked: list[int] = []

    def answer() -> None:
        asked.append(1)
        if len(asked) == 3:
            home.end(first)

    home.supervision.when_asked = answer

    async def live(until: Callable[[], bool]) -> None:
        home.world.clock.advance(HOUR)
        scheduler = home.make_scheduler()
        working = asyncio.create_task(scheduler.run())
        await home.world.until(until)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(live(lambda: len(home.world.jobs()) > 1))
    assert 0 == home.schedules.find()[0].skipped_count

    async def in_vain() -> None:
        living = asyncio.create_task(live(lambda: home.schedules.find()[0].skipped_count == 1))
        await home.world.until(lambda: len(asked) > 4)
        home.world.clock.advance(HOSTS_ANSWER)
        await living

    asyncio.run(in_vain())


def test_runs_may_wait_for_each_other(home: Home) -> None:
    """Each in its turn: they are in a queue of their own, one wide."""
    home.add(timing=Timing(every=HOUR, overlap=Overlap.QUEUE))
    for _ in range(3):
        home.turn()

    assert [("schedule:hourly", 1)] * 3 == [
        (job.spec.queue, job.spec.queue_width) for job in home.world.jobs()
    ]


def test_by_hand_it_runs_at_once(home: Home) -> None:
    """Also while it is paused, in the name of whoever asks; its times stay as they are."""
    home.add()
    home.desk.pause("hourly")
    job = home.desk.run("hourly", principal="ops")

    (schedule,) = home.schedules.find()
    assert (job.id, None, {"schedule": "hourly"}) == (
        schedule.last_job_id, schedule.next_at, job.spec.labels,
    )  # fmt: skip


def test_what_may_not_run_any_more_does_not(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """It was missed, and why is told; it is tried when it is due again, until it may or its files are there."""
    home.add()
    home.refusal = Forbidden("the token ci is good no more")
    home.turn()
    (schedule,) = home.schedules.find()
    assert ((), "the token ci is good no more") == (home.world.jobs(), schedule.error)
    assert (1, schedule.created_at + timedelta(hours=1)) == (
        schedule.missed_count, schedule.missed_at,
    )  # fmt: skip
    assert "may not run" in caplog.text

    home.refusal = None
    home.turn()
    assert (1, None) == (len(home.world.jobs()), home.schedules.find()[0].error)
    home.end(home.world.jobs()[0])
    shutil.rmtree(f"{home.world.home.path}/schedules")
    home.turn()
    assert 1 == len(home.world.jobs())
    assert "inherit is gone" in (home.schedules.find()[0].error or "")


def test_a_zone_that_this_machine_lost_is_told_once(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """The schedule stays due: where the zone is back, it goes on."""
    added = home.add()
    lost = replace(added, timing=Timing(cron="@hourly", tz="Gone/Zone"))
    home.schedules.add(replace(lost, id="sch_lost"), instead_of=added)
    home.turn()
    home.turn()

    (schedule,) = home.schedules.find()
    assert added.next_at == schedule.next_at
    assert "Gone/Zone" in (schedule.error or "")
    assert 1 == caplog.text.count("cannot go on")


def test_what_its_jobs_inherit_is_private_and_goes_with_it(home: Home) -> None:
    """Environment, secrets and input, in files for this user alone."""
    spec = replace(TRUE, secret_env={"KEY": "env:KEY"})
    added = home.add(spec=spec, request={"secrets": {"env:KEY": "hunter2"}, "stdin": b"in"})
    folder = Path(home.world.home.path, "schedules", added.id)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    home.turn()

    (job,) = home.world.jobs()
    assert ({0o600}, 0o700) == (modes, stat.S_IMODE(folder.stat().st_mode))
    assert b"in" == Path(job.spec.stdin or "").read_bytes()
    assert "hunter2" in Path(home.world.home.capture(job.capture or "")).read_text()
    database = Path(home.world.home.database)
    stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
    assert b"hunter2" not in stored
    home.desk.remove("hourly")
    assert not folder.exists()
    assert (job,) == home.world.jobs()


def test_what_was_left_by_somebody_who_was_killed_goes(home: Home) -> None:
    """Once it is old; what is there stays."""
    added = home.add()
    left, young = (Path(home.world.home.path, "schedules", name) for name in ("left", "young"))
    for folder in (left, young):
        folder.mkdir()
    then = home.world.clock.now().timestamp() - 7200
    for folder in (left, Path(home.world.home.path, "schedules", added.id)):
        os.utime(folder, (then, then))
    home.files.sweep({added.id}, home.world.clock.now())

    assert {added.id, "young"} == {path.name for path in left.parent.iterdir()}


def test_asked_for_again_it_is_the_same(home: Home) -> None:
    """Another one takes the name only where it is to."""
    first = home.add()
    assert first == home.add()
    with pytest.raises(Conflict, match="another schedule hourly"):
        home.add(spec=JobSpec(command=("false",)))
    second = home.add(spec=JobSpec(command=("false",)), replace=True)

    assert (second,) == home.schedules.find()
    assert [second.id] == os.listdir(f"{home.world.home.path}/schedules")


def test_other_words_to_read_make_it_another(home: Home) -> None:
    """What its command reads stands in no spec, and is asked for all the same."""
    first = home.add(request={"stdin": b"one"})
    assert first == home.add(request={"stdin": b"one"})
    for other in ({"stdin": b"two"}, {}):
        with pytest.raises(Conflict, match="another schedule hourly"):
            home.add(request=other)
    second = home.add(request={"stdin": b"two"}, replace=True)

    assert b"two" == home.files.read(second).stdin


def test_what_is_wrong_with_it_is_told_whole(home: Home) -> None:
    """Its name, its spec and this machine; and nothing is left of it."""
    with pytest.raises(InvalidRequest) as raised:
        home.add(
            "a b", spec=JobSpec(command=("no-such-program",), labels={"schedule": "x"}, cwd="/none")
        )

    assert 4 == len(raised.value.faults), raised.value.faults
    assert not Path(home.world.home.path, "schedules").exists()


def test_it_can_be_paused_and_goes_on(home: Home) -> None:
    """Meanwhile nothing is due, nor missed; its next times are told."""
    added = home.add()
    assert added.next_at is not None
    assert [added.next_at + HOUR * n for n in range(SHOWN)] == [*home.desk.coming(added)]
    asleep = home.desk.pause("hourly")
    assert (None, ()) == (home.turn(5.5 * HOUR), home.world.jobs())
    assert [] == home.desk.public(asleep, with_times=True)["next_times"]
    wakes = home.supervision.wakes
    assert ((asleep.state,), asleep.state, wakes) == (
        tuple(each.state for each in home.desk.list()),
        home.desk.get("hourly").state,
        home.supervision.wakes,
    )
    awake = home.desk.resume("hourly")
    home.desk.get("hourly")
    assert wakes + 2 == home.supervision.wakes

    assert added.next_at + 5 * HOUR == awake.next_at
    assert 0 == home.desk.list()[0].missed_count
    for name in ("none", "a b"):
        for ask in (home.desk.get, home.desk.pause, home.desk.remove, home.desk.run):
            with pytest.raises(NotFound):
                ask(name)


def test_where_the_store_is_out_of_reach_it_is_due_still(home: Home) -> None:
    """The time is not lost: once there is a store again, the job of it is submitted."""
    home.add()
    with home.world.store_is_out_of_reach(), pytest.raises(Unavailable):
        home.turn()
    assert () == home.world.jobs()
    home.scheduler.turn()

    assert 1 == len(home.world.jobs())


class Racing:
    """Schedules that somebody else changes each time, right before they are written: *times* times."""

    def __init__(self, schedules: Schedules, times: int) -> None:
        self._schedules = schedules
        self._left = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._schedules, name)

    def race(self) -> None:
        for each in self._schedules.find() if self._left else ():
            self._left -= 1
            assert self._schedules.save(each, each)

    def save(self, before: Schedule, after: Schedule) -> bool:
        self.race()
        return self._schedules.save(before, after)


def racing(home: Home, times: int) -> None:
    """Have somebody else be faster, so many times."""
    others = Racing(home.schedules, times)

    def submit(request: verbs.Submit) -> tuple[Job, ...]:
        others.race()
        return home.submit(request)

    for part in (home.desk, home.scheduler):
        part._schedules = others  # type: ignore[assignment]  # all of it, by __getattr__
        part._submit = submit


def test_whoever_changes_a_schedule_at_the_same_time_is_not_overwritten(home: Home) -> None:
    """It is looked at once more; where it changes all the time, that is told."""
    home.add()
    racing(home, 1)
    assert "paused" == home.desk.pause("hourly").state
    home.desk.resume("hourly")
    racing(home, 1)
    job = home.desk.run("hourly")
    assert (job,) == home.world.jobs()

    racing(home, 99)
    with pytest.raises(Unavailable, match="changes all the time"):
        home.desk.pause("hourly")
    home.end(job)
    with pytest.raises(Unavailable, match="changes all the time"):
        home.desk.run("hourly")


@pytest.mark.parametrize("verb", ["replace", "pause", "resume", "run", "remove"])
def test_nobody_changes_a_schedule_that_they_were_not_admitted_to(home: Home, verb: str) -> None:
    """What takes the place of another one between a look at that and the change is looked at, too."""
    home.add()
    seen: list[Schedule] = []

    def admits(schedule: Schedule) -> None:
        seen.append(schedule)
        if len(seen) > 1:
            raise Forbidden("may not run false")
        home.add(spec=JobSpec(command=("false",)), replace=True)

    ask = {
        "replace": lambda: home.add(timing=Timing(every=MINUTE), replace=True, admits=admits),
        "pause": lambda: home.desk.pause("hourly", admits),
        "resume": lambda: home.desk.resume("hourly", admits),
        "run": lambda: home.desk.run("hourly", admits),
        "remove": lambda: home.desk.remove("hourly", admits),
    }
    with pytest.raises(Forbidden):
        ask[verb]()
    (there,) = home.schedules.find()

    assert [("true",), ("false",)] == [each.spec.command for each in seen]
    assert (("false",), "active", ()) == (there.spec.command, there.state, home.world.jobs())
    assert [there.id] == os.listdir(f"{home.world.home.path}/schedules")


def test_of_two_that_take_its_place_at_once_one_is_left(home: Home) -> None:
    """And each was shown what it replaced."""
    home.add()
    seen: dict[str, list[str]] = {"one": [], "two": []}
    at_once = threading.Barrier(2)

    def replace_it(name: str) -> Schedule:
        spec = JobSpec(command=("true", name))
        at_once.wait(PATIENCE_S)
        return home.add(spec=spec, replace=True, admits=lambda was: seen[name].append(was.id))

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(replace_it, seen)
    (left,) = home.schedules.find()

    assert left in (one, two)
    assert {one.id: two.id, two.id: one.id}[left.id] == seen[left.spec.command[1]][-1]
    assert [left.id] == os.listdir(f"{home.world.home.path}/schedules")


def test_a_supervisor_that_is_too_late_with_a_step_looks_again(home: Home) -> None:
    """Nothing is submitted for what was changed meanwhile: the job is that of the second look."""
    home.add()
    racing(home, 1)
    home.turn()
    assert () == home.world.jobs()
    home.turn(timedelta())
    (job,) = home.world.jobs()
    racing(home, 1)
    home.turn()
    assert 0 == home.schedules.find()[0].skipped_count
    home.turn(timedelta())

    assert ((job,), 1) == (home.world.jobs(), home.schedules.find()[0].skipped_count)


def test_what_cannot_be_kept_leaves_nothing(home: Home) -> None:
    """On a full disk, out of reach of the store, or where another one was faster."""
    there = home.add("there")
    with no_room_to_write(), pytest.raises(Unavailable):
        home.add()

    found: list[tuple[Schedule, ...]] = [(there,), ()]

    class Faster(Racing):
        def find(self, name: str | None = None) -> tuple[Schedule, ...]:
            return found.pop()

    home.desk._schedules = Faster(home.schedules, 0)  # type: ignore[assignment]  # as above
    with pytest.raises(Conflict, match="another schedule there"):
        home.add("there", timing=Timing(every=2 * HOUR))

    class Gone(Racing):
        def add(self, *_: object, **__: object) -> None:
            raise Unavailable("out of reach")

    home.desk._schedules = Gone(home.schedules, 0)  # type: ignore[assignment]  # as above
    with pytest.raises(Unavailable, match="out of reach"):
        home.add("other")

    assert [there.id] == os.listdir(f"{home.world.home.path}/schedules")
    request = AddSchedule("it", Timing(every=HOUR), verbs.Submit(specs=(TRUE,)))
    assert ("AddSchedule(it)", "Held(policy=None, inventory=None)") == (
        repr(request),
        repr(home.files.read(there)),
    )


def test_a_supervisor_waits_for_its_store(home: Home) -> None:
    """Out of reach before it knows of a schedule, or after: it goes on once the store is back."""

    home.add()
    home.desk.remove("hourly")

    async def live() -> None:
        almanac = Almanac(home.schedules, lambda: home.scheduler)
        with home.world.store_is_out_of_reach():
            working = asyncio.create_task(almanac.run())
            await asyncio.sleep(0)
        home.add()
        almanac.wake()
        await home.world.until(lambda: almanac._scheduler is not None)
        with home.world.store_is_out_of_reach():
            home.world.clock.advance(HOUR)
            almanac.wake()
            await asyncio.sleep(0.05)
        almanac.wake()
        await home.world.until(lambda: bool(home.world.jobs()))
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(live())


def test_a_supervisor_knows_when_nothing_is_ever_due(home: Home) -> None:
    """Until then it stays; woken, it looks again."""
    made: list[Scheduler] = []

    def make() -> Scheduler:
        made.append(home.scheduler)
        return home.scheduler

    async def live() -> None:
        almanac = Almanac(home.schedules, make)
        working = asyncio.create_task(almanac.run())
        await home.world.until(lambda: almanac.is_idle)
        assert [] == made
        home.add()
        home.world.clock.advance(HOUR)
        almanac.wake()
        await home.world.until(lambda: bool(home.world.jobs()))
        assert not almanac.is_idle
        home.desk.remove("hourly")
        almanac.wake()
        await home.world.until(lambda: almanac.is_idle)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(live())

"""What is due is sent: how much at once, by which key, and what is made of what keeps it back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast.core.delivery import Delivery
from outlast.core.job import Job, JobId, JobSpec
from outlast.core.webhook import Webhook
from outlast.core.webhooksettings import WebhookSettings
from outlast.engine.deliveries import AT_ONCE_TO_ONE, NO_KEY, Deliverer, InForce
from outlast.engine.signing import FORGOTTEN_AGE, Keys
from outlast.errors import InvalidRequest
from outlast.ports.deliveries import Answer, Message
from outlast.ports.store import Entry
from outlast.store import open_deliveries
from outlast.testing.jobs import a_job, cancelled

from ..rigs.receiver import KEY
from .world import PATIENCE_S, World

HOOK = Webhook(url="https://ci.example/hook", secret="secret:HOOK")
SLOW = Webhook(url="https://slow.example/hook", secret="secret:HOOK")


class Network:
    """Takes what is sent; *slow* receivers answer once they are let."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.open: list[Message] = []
        self.answers: list[Answer] = []
        self.let = asyncio.Event()

    async def send(self, message: Message) -> Answer:
        self.open.append(message)
        if "slow" in message.url:
            await self.let.wait()
        self.open.remove(message)
        self.taken.append(message)
        return self.answers.pop(0) if self.answers else Answer(status=204)


class Office:
    """A deliverer at work, over a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = WebhookSettings()
        self.secrets: Mapping[str, str] = {}
        self.keys = Keys(world.home)
        self.deliveries = open_deliveries(world.home.database)
        self.network = Network()
        in_force = InForce(self._in_force)
        self.deliverer = Deliverer(
            self.deliveries, self.network, world.clock, world.home, in_force, chance=lambda: 0.0
        )

    def _in_force(self) -> tuple[WebhookSettings, Mapping[str, str]]:
        return self.settings, self.secrets

    def end(self, *webhooks: Webhook, held: bool = True) -> Job:
        """Store a job, hold its keys, and let it end."""
        clock = self.world.clock
        given = replace(a_job(clock), spec=JobSpec(command=("true",), webhooks=webhooks))
        if held and webhooks:
            self.keys.hold(given.id, {"secret:HOOK": KEY})
        (job,) = self.world.store.add([Entry(job=given)])
        over = cancelled(job, clock)
        self.world.store.save([(job, over)], due=self.deliverer.announce(over))
        return over

    def of(self, job: Job) -> tuple[Delivery, ...]:
        return self.deliveries.find(job_id=job.id)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        working = asyncio.create_task(self.deliverer.run(self.world.store))
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def until(self, is_so: Callable[[], object]) -> None:
        """Let it work until *is_so*."""
        await self.world.until(lambda: bool(is_so()))

    async def idle(self) -> None:
        """Return once nothing is to be sent any more."""
        await self.until(lambda: self.deliverer.is_idle)

    def holds(self, job: Job) -> bool:
        return self.keys.find(job.id, "secret:HOOK") is not None


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A home in which nothing runs."""
    world = World(tmp_path / "home", {})
    with closing(world.store):
        office = Office(world)
        with closing(office.deliveries):
            yield office


def test_what_is_sent_is_the_public_job(office: Office) -> None:
    """By its own id, at the time of the try, signed with the key that it was submitted with."""
    job = office.end(HOOK)

    async def live() -> None:
        async with office.at_work():
            await office.idle()

    asyncio.run(live())
    (message,), (delivery,) = office.network.taken, office.of(job)
    told = json.loads(message.body)

    assert (delivery.id, HOOK.url, KEY) == (message.id, message.url, message.key)
    assert ("job.cancelled", job.id) == (told["type"], told["data"]["job_id"])
    assert "delivered" == delivery.state
    assert not office.holds(job)
    assert KEY not in repr(message)


def test_a_receiver_that_is_slow_holds_up_no_other(office: Office) -> None:
    """So many to one at once, and no more; those to others go past them."""
    slow = [office.end(SLOW) for _ in range(3 * AT_ONCE_TO_ONE)]
    fine = office.end(HOOK)

    async def live() -> int:
        async with office.at_work():
            await office.until(lambda: office.network.taken)
            at_once = len(office.network.open)
            office.network.let.set()
            await office.idle()
        return at_once

    assert AT_ONCE_TO_ONE == asyncio.run(live())
    assert [fine.id, *(each.id for each in slow)] == [
        json.loads(each.body)["data"]["job_id"] for each in office.network.taken
    ]


def test_it_waits_for_its_time(office: Office) -> None:
    """One that was not taken comes again after its pause, by the clock and not before."""
    office.network.answers = [Answer(status=500, error="answered 500")]
    job = office.end(HOOK)
    clock = office.world.clock

    async def live() -> None:
        async with office.at_work():
            await office.until(lambda: office.of(job)[0].tries)
            clock.advance(timedelta(seconds=4))
            other = office.end(HOOK)  # whose message passes the first one's
            await office.until(lambda: office.of(other)[0].tries)
            clock.advance(timedelta(seconds=1))
            office.deliverer.wake()
            await office.idle()

    began = clock.now()
    asyncio.run(live())
    (delivery,) = office.of(job)

    assert [500, 204] == [each.status for each in delivery.tries]
    assert [timedelta(), timedelta(seconds=5)] == [each.at - began for each in delivery.tries]


def test_without_its_key_nothing_is_sent(office: Office) -> None:
    """It is told, and tried again: whoever asks finds out why."""
    job = office.end(HOOK, held=False)

    async def live() -> None:
        async with office.at_work():
            await office.until(lambda: office.of(job)[0].tries)

    asyncio.run(live())

    assert [NO_KEY] == [each.error for each in office.of(job)[0].tries]
    assert [] == office.network.taken


def test_the_receiver_of_all_has_the_key_of_the_settings(office: Office, tmp_path: Path) -> None:
    """As they are at the try: one that is not there is told, by its name and not its value."""
    office.settings = WebhookSettings(everybody=(HOOK,))
    office.secrets = {"HOOK": f"file:{tmp_path}/key"}
    job = office.end()

    async def live() -> None:
        async with office.at_work():
            await office.until(lambda: office.of(job)[0].tries)
            (tmp_path / "key").write_text(KEY)
            office.deliveries.again(job.id, at=office.world.clock.now())
            office.deliverer.wake()
            await office.idle()

    asyncio.run(live())
    errors = [each.error for each in office.of(job)[0].tries]

    assert ["secret secret:HOOK: No such file or directory", None] == errors
    assert [KEY] == [each.key for each in office.network.taken]


def test_settings_that_make_no_sense_leave_things_as_they_were(office: Office) -> None:
    """Whoever writes to the file is not to have ends lost meanwhile."""
    good = WebhookSettings(everybody=(HOOK,))
    said: list[WebhookSettings | InvalidRequest] = [good, InvalidRequest("half a file")]

    def read() -> tuple[WebhookSettings, Mapping[str, str]]:
        now = said.pop(0)
        if isinstance(now, InvalidRequest):
            raise now
        return now, {}

    in_force = InForce(read)

    assert [(HOOK,), (HOOK,)] == [in_force.look().webhooks.everybody for _ in range(2)]


def test_keys_that_nobody_needs_are_dropped(office: Office) -> None:
    """Of a submission that was killed, once it is old, and of a job that has told all; no others'."""
    now, old = office.world.clock.now(), FORGOTTEN_AGE + timedelta(minutes=1)
    given_up = office.end(HOOK)
    (waits,) = office.world.store.add(
        [Entry(job=replace(a_job(office.world.clock), spec=JobSpec(webhooks=(HOOK,))))]
    )
    killed, fresh = JobId("job_killed"), JobId("job_fresh")
    for job_id in (waits.id, killed, fresh):
        office.keys.hold(job_id, {"secret:HOOK": KEY})
    for job_id in (given_up.id, waits.id, killed, fresh):
        at = now.timestamp() - (0 if job_id == fresh else old.total_seconds())
        os.utime(f"{office.world.home.signing}/{job_id}", (at, at))
    office.network.answers = [Answer(status=410, error="answered 410")]

    async def live() -> None:
        async with office.at_work():
            await office.idle()

    asyncio.run(live())

    held = {job_id: office.keys.find(job_id, "secret:HOOK") for job_id in (waits.id, killed, fresh)}
    assert {waits.id: KEY, killed: None, fresh: KEY} == held
    assert office.holds(given_up)  # somebody may ask for it again


def test_a_job_that_is_deleted_takes_its_keys_along(office: Office) -> None:
    """With its files, delivered or not."""
    job = office.end(HOOK)
    office.world.home.remove_files(job.id)

    assert not office.holds(job)

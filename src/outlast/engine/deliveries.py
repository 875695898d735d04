"""Tells receivers of the ends of jobs: at least once, again and again until they have it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..core.delivery import Delivery, DeliveryState, Try, deliveries_of
from ..core.job import JobSpec
from ..core.limits import iso
from ..core.webhook import Webhook, shown_url
from ..core.webhooksettings import DEFAULTS, WebhookSettings
from ..errors import ClientError, Expired, InvalidRequest, NotFound, Unavailable
from ..ports.deliveries import Answer, Message
from ..shim.failpoint import reach
from .public import Address, public_job
from .secrets import resolve_secrets
from .signing import Keys

if TYPE_CHECKING:
    from ..core.job import Job, JobId
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.deliveries import Deliveries, Sender
    from ..ports.store import Store

log = logging.getLogger("outlast.webhooks")

AT_ONCE: Final = 16
AT_ONCE_TO_ONE: Final = 4
"""To one origin: one that is slow holds up no other."""

LOOK: Final = timedelta(minutes=1)
"""The longest sleep: the time of day may have jumped."""

STORE_AGAIN_S: Final = 1.0
"""Between two tries of a store that is out of reach."""

NOBODY: Final = Address(())

OURS: Final = frozenset({"poll_interval_ms", "webhooks"})
"""Of a public job, what is said to whoever asks here, and is none of a receiver's business."""

NOT_DELIVERED: Final = (DeliveryState.DUE, DeliveryState.FAILED)
NO_KEY: Final = "the key that it is to be signed with is not held any more"


class InForce:
    """What the settings say, read again when they have changed."""

    def __init__(
        self, read: Callable[[], tuple[WebhookSettings | None, Mapping[str, str]]]
    ) -> None:
        self._read = read
        self.webhooks = DEFAULTS
        self.secrets: Mapping[str, str] = {}

    def look(self) -> InForce:
        """Read them. Where they make no sense, what was in force is, still."""
        try:
            webhooks, self.secrets = self._read()
        except InvalidRequest as error:
            log.error("the settings of webhooks are as they were: %s", error)  # noqa: TRY400 the words say it all
        else:
            self.webhooks = webhooks or DEFAULTS
        return self


class Deliverer:
    """
    Sends what is due, of one home. What it knows stands in the store: another one, after any
    death, goes on from there, and sends once more what may have been sent and is not recorded.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        sender: Sender,
        clock: Clock,
        home: Home,
        in_force: InForce,
        *,
        chance: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._clock = clock
        self._keys = Keys(home)
        self._in_force = in_force
        self._chance = chance
        self._ended: set[JobId] = set()
        """Jobs that have ended, of whose keys it is not known yet whether they are needed."""

        self._flying: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._is_idle = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be sent, now or later."""
        return self._is_idle and not self._flying

    def announce(self, job: Job) -> tuple[Delivery, ...]:
        """Return what the end of *job* makes due, to be stored with it; and look, once it is."""
        due = deliveries_of(job, self._in_force.look().webhooks.everybody, self._clock.now())
        if job.spec.webhooks:
            self._ended.add(job.id)
        if due or job.spec.webhooks:
            self.wake()
        return due

    def wake(self) -> None:
        """There may be something due."""
        self._is_idle = False
        self._woken.set()

    async def run(self, store: Store) -> None:
        """Work until cancelled. *store* is that of the jobs."""
        with suppress(ClientError):
            self._forget_keys(store)
        try:
            while True:
                await self._turn(store)
        finally:
            tasks = [task for _, task in self._flying.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self, store: Store) -> None:
        self._woken.clear()
        pause = STORE_AGAIN_S
        try:
            while self._ended:
                self._let_go(store, self._ended.pop())
            self._begin(store)
            next_due = self._deliveries.next_due()
        except Unavailable as error:
            log.warning("what is due cannot be read, and is looked for again: %s", error)
        else:
            self._is_idle = next_due is None
            pause = LOOK.total_seconds()
            now = self._clock.now()
            if next_due is not None and next_due > now:  # else one waits for another to end
                pause = min(pause, (next_due - now).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()

    def _begin(self, store: Store) -> None:
        """Send what is due, as far as there is room."""
        while (room := AT_ONCE - len(self._flying)) > 0:
            to = Counter(origin for origin, _ in self._flying.values())
            full = [origin for origin, count in to.items() if count >= AT_ONCE_TO_ONE]
            found = self._deliveries.due(
                self._clock.now(), limit=room, but=self._flying, not_to=full
            )
            for each in found:
                if to[each.origin] < AT_ONCE_TO_ONE:
                    to[each.origin] += 1
                    task = asyncio.create_task(self._deliver(store, each))
                    self._flying[each.id] = each.origin, task
                    task.add_done_callback(partial(self._land, each.id))
            if len(found) < room:
                return

    def _land(self, delivery_id: str, _: asyncio.Task[None]) -> None:
        del self._flying[delivery_id]
        self.wake()

    async def _deliver(self, store: Store, due: Delivery) -> None:
        """Send one, once, and record what came of it."""
        at, began = self._clock.now(), self._clock.monotonic()
        reach("deliveries.before_send")
        try:
            answer = await self._send(store.get(due.job_id), due, at)
        except (NotFound, Expired):
            return  # deleted meanwhile, and what was due with it
        except Unavailable:
            await asyncio.sleep(STORE_AGAIN_S)
            return  # it is due, still
        except InvalidRequest as error:
            answer = Answer(error=error.message)
        except Exception as error:
            log.exception("%s could not be sent", due.id)
            answer = Answer(error=f"a fault of ours: {type(error).__name__}")
        reach("deliveries.before_record")
        this = Try(
            attempt=due.attempts + 1,
            at=at,
            took=timedelta(seconds=self._clock.monotonic() - began),
            status=answer.status,
            error=answer.error,
        )
        retries = self._in_force.look().webhooks.retries
        await self._record(store, due.tried(this, retries, self._chance(), answer.wish))

    async def _send(self, job: Job, due: Delivery, at: datetime) -> Answer:
        """Send it. Raises InvalidRequest where there is no key for it."""
        key = self._servers_key(due) if due.is_servers else self._keys.find(job.id, due.secret)
        if key is None:
            return Answer(error=NO_KEY)
        body = payload(job, due)
        message = Message(id=due.id, at=at, url=due.url, body=body, key=key)
        return await self._sender.send(message)

    def _servers_key(self, due: Delivery) -> str:
        spec = JobSpec(webhooks=(Webhook(url=due.url, secret=due.secret),))
        return resolve_secrets([spec], {}, named=self._in_force.look().secrets)[due.secret]

    async def _record(self, store: Store, after: Delivery) -> None:
        this = after.tries[-1]
        log.log(
            logging.INFO if this.succeeded else logging.WARNING,
            "webhook %s of %s to %s, attempt %s: %s%s",
            after.id,
            after.job_id,
            shown_url(after.url),
            this.attempt,
            this.error or f"answered {this.status}",
            "" if after.due_at is None else f"; again at {iso(after.due_at)}",
        )
        while True:
            try:
                self._deliveries.record(after)
                if not after.is_servers:
                    self._let_go(store, after.job_id)
                return
            except Unavailable as error:
                log.warning("what came of %s cannot be stored yet: %s", after.id, error)
            await asyncio.sleep(STORE_AGAIN_S)

    def _let_go(self, store: Store, job_id: JobId) -> None:
        """Hold the keys of a job no longer, once all is delivered that is to be told of it."""
        with suppress(NotFound, Expired):
            if not store.get(job_id).is_terminal:
                return
        if not self._deliveries.find(job_id=job_id, states=NOT_DELIVERED, limit=1):
            self._keys.drop(job_id)

    def _forget_keys(self, store: Store) -> None:
        """Drop what was left by a submission, or a supervisor, that was killed."""
        for job_id in self._keys.old(self._clock.now()):
            self._let_go(store, job_id)


def payload(job: Job, due: Delivery) -> str:
    """
    Return what is sent of *job*, as JSON: its type, the time of its end, and the public job
    without its result, and without what only means something here.
    """
    public = public_job(job, address=NOBODY, now=due.created_at)
    data = {
        name: value
        for name, value in public.items()
        if name not in OURS and not name.endswith(("_command", "_argv"))
    }
    told: dict[str, Any] = {"type": due.event, "timestamp": iso(job.completed_at), "data": data}
    return json.dumps(told, separators=(",", ":"))

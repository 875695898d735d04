"""What was decided, done: commands launched, watched and stopped through their executors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Final

from ..core.job import Job, JobId, Node, attempt_key
from ..core.sight import Preparing, Sight
from ..ports.executor import Captured, Executor, Handle, Launch
from ..shim.failpoint import reach
from .captures import Captures

log = logging.getLogger("outlast.supervisor")

MISSING: Final = "the captured environment, or a secret in it, is gone"

NEWS_STEPS: Final = 4
"""Rounds of the loop from a shim's line in the socket to those who listen to `news`."""

AGAIN_S: Final = 1.0
"""Between two tries where the machine has no room for another process or file, say."""


class Hands:
    """
    Keeps what is to be done until it may be: a launch only once it is stored as begun.

    *on_missing* hears of a node whose captured environment is gone before it began; *on_retry*
    is called when something has to be tried again.
    """

    def __init__(
        self,
        executors: Mapping[str, Executor],
        captures: Captures,
        on_missing: Callable[[Job, Node], None],
        on_retry: Callable[[], None],
    ) -> None:
        self._executors = executors
        self._captures = captures
        self._on_missing = on_missing
        self._on_retry = on_retry
        self._handles: dict[str, asyncio.Queue[Handle]] = {
            name: asyncio.Queue() for name in executors
        }
        self._begun: list[tuple[Job, Node]] = []
        self._ready: list[tuple[Job, Node]] = []
        self._stops: list[tuple[Job, Node, timedelta]] = []

    @property
    def wait_for_the_store(self) -> bool:
        """Whether something is to be done once all is stored."""
        return bool(self._begun or self._stops)

    # What is to be done ---------------------------------------------------------------------

    def launch(self, job: Job, node: Node, *, is_stored: bool) -> None:
        """Launch the node's attempt: soon if it is stored as begun, else once it is."""
        (self._ready if is_stored else self._begun).append((job, node))

    def stop(self, job: Job, node: Node, grace: timedelta) -> None:
        """Stop the node's attempt, once that is stored."""
        self._stops.append((job, node, grace))

    def watch(self, job: Job, node: Node) -> None:
        """Have the executor look how the node's attempt stands, and tell what is new."""
        self._handles[node.executor].put_nowait(_handle(job, node))

    def drop(self, job_id: JobId, index: int | None = None) -> None:
        """Launch nothing of this job, or of its one node, that has not been launched yet."""
        self._begun = [
            (job, node)
            for job, node in self._begun
            if job.id != job_id or index not in (None, node.index)
        ]

    # Doing it -------------------------------------------------------------------------------

    async def act_on_stored(self) -> None:
        """Launch what was stored as begun before."""
        ready, self._ready = self._ready, []
        for job, node in ready:
            await self._launch(job, node)

    async def act(self) -> None:
        """Do all that waited for the store."""
        begun, self._begun = self._begun, []
        stops, self._stops = self._stops, []
        if begun:
            reach("supervisor.after_claim")
        for job, node in begun:
            await self._launch(job, node)
        if begun:
            reach("supervisor.after_launch")
        for job, node, grace in stops:
            try:
                await self._executors[node.executor].stop(_handle(job, node), grace=grace)
            except OSError as error:
                self._stops.append((job, node, grace))
                self._try_again(f"{job.id} could not be stopped", error)
            else:
                # Of one that was never launched nobody has news: then it is told that it is gone.
                self.watch(job, node)
        self._captures.sweep()

    async def look(self, job: Job, node: Node) -> Sight | None:
        """Return how the node's attempt stands now; None if it has not begun."""
        return await self._executors[node.executor].look(_handle(job, node))

    async def news(self, name: str) -> AsyncIterator[tuple[str, Sight]]:
        """Yield what the executor *name* tells of the attempts that it was given."""

        async def handles() -> AsyncIterator[Handle]:
            while True:
                yield await self._handles[name].get()

        async for each in self._executors[name].watch(handles()):
            yield each

    async def let_news_come(self) -> None:
        """Return once what shims have told by now has been heard."""
        for _ in range(NEWS_STEPS):
            await asyncio.sleep(0)

    async def _launch(self, job: Job, node: Node) -> None:
        captured = self._captures.read(job)
        if captured is None:
            # Only said of an attempt that did not begin: the executor is asked first.
            if (seen := await self.look(job, node)) is None:
                self._on_missing(job, node)
                return
            if isinstance(seen, Preparing):
                self.watch(job, node)  # whoever prepares it has what we have not
                return
            captured = Captured(env={})
        key = attempt_key(job.id, node.index, node.attempt)
        launch = Launch(
            key=key,
            spec=job.spec.at(node.name),
            captured=captured,
            node=node.name,
            traceparent=job.traceparent,
        )
        try:
            await self._executors[node.executor].launch(launch)
        except OSError as error:
            self._begun.append((job, node))
            self._try_again(f"{job.id} could not be launched", error)

    def _try_again(self, what: str, error: OSError) -> None:
        log.warning("%s, and is tried again: %s", what, error)
        asyncio.get_running_loop().call_later(AGAIN_S, self._on_retry)


def _handle(job: Job, node: Node) -> Handle:
    return Handle(attempt_key(job.id, node.index, node.attempt))

"""One run of a batch: submit what is new, attach to the rest, and keep the manifest true."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..core.parse import read_spec
from ..errors import Conflict, Expired, InvalidRequest
from .disk import content_digest, is_there
from .keep import Keeper
from .manifest import STILL_RUNNING, Entry, Seen, entry_of, seen_of
from .plan import (
    BATCH_LABEL,
    Attach,
    Item,
    Known,
    Order,
    Submit,
    decide,
    idempotency_key,
    item_of,
    spec_of,
)

if TYPE_CHECKING:
    from ..client import Client
    from ..core.job import Job
    from ..ports.clock import Clock

PAGE: Final = 500
CHUNK: Final = 100
"""So many jobs are stored at once: a kill of the caller costs a part of the submission at most."""

STOPPED: Final = timedelta(seconds=15)
"""How long to stay for what is cancelled to be gone: it may still write to the output."""

CHUNK_BYTES: Final = 256 << 20
"""And when so much was read for it, whichever comes first: the first id is to come soon."""


class Planned(NamedTuple):
    """One input, and what is to be done about it."""

    item: Item
    what: Attach | Submit


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a run goes about it."""

    wait: timedelta | None
    """How long the caller stays; None: to the end."""

    retry_failed: bool = False
    max_errors: int | None = None
    """Stop submitting once so many have failed under the eyes of this run."""

    window: int = CHUNK
    """How many are unfinished at most while errors are counted: what is submitted will run."""


class Run:
    """
    A batch on its way. Whatever ends this process, the jobs go on and the manifest is true.

    *tell* is given each entry as it changes, *say* what a person should know.
    """

    def __init__(
        self,
        client: Client,
        order: Order,
        paths: Iterable[str],
        keeper: Keeper,
        manner: Manner,
        *,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._order = order
        self._paths = tuple(paths)
        self._keeper = keeper
        self._manner = manner
        self._clock = clock
        self._say = say
        self._unfinished: dict[str, Item] = {}
        self._failed = 0
        wait = manner.wait
        self._deadline = None if wait is None else clock.monotonic() + wait.total_seconds()
        self.submitted = 0
        self.attached = 0

    @property
    def is_stopped(self) -> bool:
        """Whether so many have failed that nothing more is submitted."""
        limit = self._manner.max_errors
        return limit is not None and self._failed >= limit

    def plan(self) -> Iterator[list[Planned]]:
        """Yield what is to be done about each input, some at a time, and do none of it."""
        known = Known()
        for jobs in jobs_of(self._client, self._order.batch):
            known.take(jobs)
        paths = list(reversed(self._paths))
        while paths:
            planned: list[Planned] = []
            read = 0
            while paths and len(planned) < self._room() and read < CHUNK_BYTES:
                path = paths.pop()
                try:
                    content = content_digest(self._source(path))
                    read += os.path.getsize(self._source(path))
                except OSError as error:
                    self._refuse(path, f"cannot be read: {error.strerror}")
                    continue
                item = item_of(self._order, path, content)
                planned.append(Planned(item, self._decide(item, known)))
            yield planned

    def go(self) -> None:
        """Do all of it, and stay as long as the manner says."""
        for planned in self.plan():
            self._attach(planned)
            self._submit([(item, what) for item, what in planned if isinstance(what, Submit)])
            self._keeper.save_soon()
            if self._manner.max_errors is not None and not self._is_time_over():
                # What is submitted will run: so errors are waited for before there is more.
                self._watch(until=self._has_room)
        self._watch(until=lambda: not self._unfinished)

    # Deciding -------------------------------------------------------------------------------

    def _room(self) -> int:
        if self._manner.max_errors is None or self.is_stopped or self._is_time_over():
            return CHUNK
        return max(1, min(CHUNK, self._manner.window - len(self._unfinished)))

    def _has_room(self) -> bool:
        return self.is_stopped or len(self._unfinished) <= self._manner.window // 2

    def _decide(self, item: Item, known: Known) -> Attach | Submit:
        output = self._output(item.output)
        return decide(
            item,
            known,
            output=output,
            is_there=output is not None and is_there(output),
            retry_failed=self._manner.retry_failed,
        )

    def _source(self, path: str) -> str:
        return os.path.join(self._order.source_root, path)

    def _output(self, output: str | None) -> str | None:
        root = self._order.output_root
        return None if root is None or output is None else os.path.join(root, output)

    def _is_time_over(self) -> bool:
        return self._deadline is not None and self._clock.monotonic() >= self._deadline

    # Doing ----------------------------------------------------------------------------------

    def _attach(self, planned: Iterable[Planned]) -> None:
        for item, what in planned:
            if isinstance(what, Attach):
                self.attached += 1
                self._note(item, what.seen, is_news=False)

    def _submit(self, planned: list[tuple[Item, Submit]]) -> None:
        """Submit what needs a job, in one transaction where there is nothing in its way."""
        if self.is_stopped:
            for item, what in planned:
                if what.failed is not None:
                    self._note(item, what.failed, is_news=False)
                else:
                    self._keeper.note(Entry(source_file_path=item.path))
            return
        ready: list[tuple[Item, Submit, dict[str, Any]]] = []
        for item, what in planned:
            spec = spec_of(self._order, item)
            if faults := read_spec(spec)[1]:
                self._refuse(item.path, "; ".join(faults))
                continue
            ready.append((item, what, spec))
        if not ready:
            return
        for item, what, _ in ready:
            self._make_way(item, what)
        keys = [idempotency_key(item, what.number) for item, what, _ in ready]
        try:
            jobs: Iterable[Job] = self._client.submit_many(
                [spec for _, _, spec in ready], keys=keys
            )
        except (Expired, Conflict) as error:
            _check_key(error)
            # Some number was that of a job whose record is gone: only its key is still taken.
            jobs = [self._submit_next(item, what.number, spec) for item, what, spec in ready]
        for (item, _, _), job in zip(ready, jobs, strict=True):
            self.submitted += 1
            self._note(item, seen_of(job), is_news=True)

    def _submit_next(self, item: Item, number: int, spec: dict[str, Any]) -> Job:
        """Submit under the first number from *number* on that is free."""
        while True:
            try:
                (job,) = self._client.submit_many([spec], keys=[idempotency_key(item, number)])
            except (Expired, Conflict) as error:
                _check_key(error)
                number += 1
            else:
                return job

    def _make_way(self, item: Item, what: Submit) -> None:
        for job_id in what.replaces:
            self._say(f"{item.path} has changed: {job_id} is cancelled, a new job takes its place")
            self._client.cancel(job_id, wait_stopped=STOPPED)
        output = self._output(item.output)
        if output is not None:
            try:
                os.makedirs(os.path.dirname(output), exist_ok=True)
            except OSError as error:
                raise InvalidRequest(
                    f"the folder of the output {output} cannot be made: {error.strerror}"
                ) from None

    def _refuse(self, path: str, why: str) -> None:
        self._say(f"{path}: {why}")
        self._failed += 1
        self._keeper.note(
            Entry(source_file_path=path, error_code=InvalidRequest.code), self._clock.monotonic()
        )

    def _note(self, item: Item, seen: Seen, *, is_news: bool) -> None:
        output = self._output(item.output)
        entry = entry_of(
            item.path,
            seen,
            output_path=item.output,
            is_there=output is not None and is_there(output),
        )
        if entry.error_code == STILL_RUNNING:
            self._unfinished[seen.job_id] = item
        else:
            self._unfinished.pop(seen.job_id, None)
            self._failed += entry.is_failure and is_news
        self._keeper.note(entry, self._clock.monotonic() if is_news else None)

    # Waiting --------------------------------------------------------------------------------

    def _watch(self, until: Callable[[], bool]) -> None:
        """Take in what becomes of the jobs until *until* holds, or the time is over."""
        if until():
            return
        left = None if self._deadline is None else self._deadline - self._clock.monotonic()
        timeout = None if left is None else timedelta(seconds=max(0.0, left))
        for job in self._client.watch(list(self._unfinished), timeout=timeout):
            if job.id in self._unfinished:
                self._note(self._unfinished[job.id], seen_of(job), is_news=True)
                self._keeper.save_soon()
            if until():
                return


def _check_key(error: Expired | Conflict) -> None:
    """See that the key of a job was refused, and not the job, whatever its key: no queue takes it, say."""
    if error.job_id is None:
        raise error


def jobs_of(client: Client, batch: str) -> Iterator[tuple[Job, ...]]:
    """Yield the jobs of a batch, newest first, many at a time."""
    cursor: str | None = None
    while True:
        page = client.list(labels={BATCH_LABEL: batch}, limit=PAGE, cursor=cursor)
        yield page.jobs
        cursor = page.next_cursor
        if cursor is None:
            return

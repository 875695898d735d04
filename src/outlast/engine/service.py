"""Does the verbs: load, transition, save. What every door speaks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId, Node, attempt_key
from ..core.state import UNSEEN
from ..errors import Expired, InvalidRequest, NotTerminal
from . import verbs
from .desks import Desks
from .public import Address, public_job

if TYPE_CHECKING:
    from ..core.needs import Need
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.completions import Completions
    from ..ports.deliveries import Deliveries
    from ..ports.queues import Queues
    from ..ports.schedules import Schedules
    from ..ports.sessions import Sessions
    from ..ports.store import Page, Store
    from ..ports.supervision import Arranging, News, Supervision
    from .artifacts import Place
    from .follow import Follow, Piece
    from .preflight import Ask

CATCH_UP: Final = timedelta(milliseconds=200)
"""What a supervisor is given to take in what has happened, before somebody is told."""


class Service(Desks):
    """The verbs over one home. Synchronous; may be shared by threads."""

    def __init__(
        self,
        store: Store,
        supervision: Supervision,
        clock: Clock,
        home: Home,
        address: Address,
        *,
        capabilities: Ask,
        open_sessions: Callable[[], Sessions],
        open_deliveries: Callable[[], Deliveries],
        open_completions: Callable[[], Completions],
        open_schedules: Callable[[], Schedules],
        open_queues: Callable[[], Queues],
        arranging: Arranging,
    ) -> None:
        self._store = store
        self._supervision = supervision
        self._clock = clock
        self._home = home
        self._address = address
        self._capabilities = capabilities
        self._open_sessions = open_sessions
        self._open_deliveries = open_deliveries
        self._open_completions = open_completions
        self._open_schedules = open_schedules
        self._open_queues = open_queues
        self._arranging = arranging

    def close(self) -> None:
        """Let go of the store and of the supervisor. Idempotent."""
        self._store.close()
        self._supervision.close()
        self.close_desks()

    # The verbs ------------------------------------------------------------------------------

    def submit(self, request: verbs.Submit) -> tuple[Job, ...]:
        """
        Store the jobs and wake the supervisor. On disk when this returns.

        A spec whose key is known is answered with the job it stands for, and starts nothing.

        Raises:
            InvalidRequest: Something keeps a job from starting here; all faults are listed,
                and nothing was stored.

            Conflict: A key stands for another spec. Nothing was stored.

            Expired: A key stands for a job whose retention is over.

            Unavailable: The home cannot be written, or no supervisor be started. Nothing was stored.
        """
        from ..home import longest_file, not_written
        from .admission import Admission, add_admitted

        if any(spec.session is not None for spec in request.specs):
            request = self.desk.placed(request)
        admission = Admission(self._home, self._clock, request, self._capabilities)
        self._home.prepare()
        if longest_file() is not None:
            # It may be that no supervisor can be started from here: told while nothing is stored.
            self._supervision.wake()
        try:
            jobs = add_admitted(self._store, admission)
        except OSError as error:
            raise not_written(f"The home {self._home.path}", error) from error
        self._supervision.wake()
        for job in jobs:
            self._tell_expired(job)
        return jobs

    def get(self, request: verbs.Get) -> Job:
        """
        Return the job as it stands, having given the supervisor a moment to catch up.

        Raises:
            NotFound: There is none of that id.

            Expired: There was one.
        """
        job = self._stored(request.job_id)
        if not job.is_settled:
            self._supervision.catch_up(CATCH_UP)
            job = self._stored(request.job_id)
        job = self._with_live_facts(job)
        if job.is_terminal:
            return job
        from .live import with_unstored_end

        return with_unstored_end(job, self.output_folder)

    def list(self, request: verbs.List) -> Page:
        """Return a page of jobs, newest first. Raises NotFound: *after* is none, and never was."""
        from ..ports.store import Query

        query = Query(**request._asdict())
        page = self._store.find(query)
        if any(not job.is_settled for job in page.jobs):
            self._supervision.catch_up(CATCH_UP)
            page = self._store.find(query)
        if request.after is not None and not page.jobs:
            with suppress(Expired):  # whom nobody waits for any more
                self._store.get(request.after)
        now = self._clock.now()
        there = [job for job in page.jobs if job.expires_at is None or job.expires_at > now]
        known = {job.id: job for job in page.jobs}  # whoever waits most often waits for one of them

        def get(job_id: JobId) -> Job:
            return known.get(job_id) or known.setdefault(job_id, self._store.get(job_id))

        live = (self._with_live_facts(job, get) for job in there)
        return replace(page, jobs=self.explained(live))

    def wait(self, request: verbs.Wait) -> tuple[Job, ...]:
        """
        Return the jobs once all of them (or any) have ended, or as they stand after *timeout*.

        Ends nothing but the waiting. Sleeps until something happens.

        Raises:
            NotFound: There is none of one of these ids.

            Expired: There was one.
        """
        job_ids = request.job_ids
        jobs = {job_id: self._stored(job_id) for job_id in job_ids}
        jobs = self._stay(jobs, request.timeout, any_of_them=request.any)
        return self.explained(self._with_live_facts(jobs[job_id]) for job_id in job_ids)

    def watch(self, request: verbs.Wait) -> Iterator[Job]:
        """
        Yield each job as it stands, and again whenever its status changes, until all have ended
        or the timeout has passed.

        Raises:
            NotFound: There is none of one of these ids.

            Expired: There was one.
        """
        from .watch import changes

        return changes(request, self._clock, self._stored, self._subscribe)

    def hear(self, tick: timedelta | None) -> Iterator[frozenset[JobId] | None]:
        """
        Yield which jobs may have changed, of all there are and will be, without end: None at first
        and where something may have been missed, none of them where nothing was heard for a *tick*.
        """
        news = self._supervision.news(None)
        try:
            yield None
            while True:
                yield news.changed(tick)
        finally:
            news.close()

    def read_output(self, request: verbs.ReadOutput) -> bytes:
        """
        Return a piece of a node's output: at most *limit* bytes from *offset*; b"" at the end
        so far.

        Raises:
            InvalidRequest: There is no such node or stream.
        """
        from .output import read_piece

        return read_piece(self._stored(request.job_id), request, self.output_folder)

    def list_artifacts(self, request: verbs.ListArtifacts) -> dict[str, Any]:
        """
        Return what was collected, as JSON: a line for each file, those that were left out included.

        Raises:
            InvalidRequest: There is no such node.
        """
        from . import artifacts

        job = self._stored(request.job_id)
        return artifacts.listing(job, self._places(job, request.node))

    def read_artifact(self, request: verbs.ReadArtifact) -> bytes:
        """
        Return a piece of a file: at most *limit* bytes from *offset*; b"" at its end.

        Raises:
            InvalidRequest: There is no such node.

            NotFound: It has no such file, or not here.
        """
        from . import artifacts

        (place,) = self._places(self._stored(request.job_id), request.node)
        return artifacts.read_piece(place, request.path, request.offset, request.limit)

    def zip_artifacts(self, request: verbs.ZipArtifacts) -> Iterator[bytes]:
        """
        Return a zip of what was collected, piece by piece as it is read. Its first file is
        `manifest.json`.

        Raises:
            InvalidRequest: There is no such node.
        """
        from . import artifacts

        job = self._stored(request.job_id)
        return artifacts.zipped(job, self._places(job, request.node))

    def cancel(self, request: verbs.Cancel) -> tuple[Job, bool]:
        """
        Cancel what has not ended. Returns the job as it then stands, and whether this call
        changed anything. Final as soon as it returns.
        """
        before = self._stored(request.job_id)
        unknown = request.nodes - {node.index for node in before.nodes}
        if unknown:
            raise InvalidRequest(f"{before.id} has no node {min(unknown)}")
        if before.is_settled:
            return self._with_live_facts(before), False
        self._supervision.cancel(before.id, nodes=request.nodes, grace=request.grace)
        after = self._store.get(before.id)
        changed = not before.is_terminal and any(
            node.reason == "cancelled" and not old.is_terminal
            for old, node in zip(before.nodes, after.nodes, strict=True)
        )
        if request.wait_stopped is not None:
            after = self._stay({after.id: after}, request.wait_stopped, settled=True)[after.id]
        return self._with_live_facts(after), changed

    def hold(self, request: verbs.Hold) -> Job:
        """Hold a job that has not begun. Raises NotFound, Expired, or Conflict: it has begun."""
        return self._hold(request.job_id, held=True)

    def release(self, request: verbs.Release) -> Job:
        """Release a job that is held. Raises NotFound, Expired, or Conflict: it has ended."""
        return self._hold(request.job_id, held=False)

    def _hold(self, job_id: JobId, *, held: bool) -> Job:
        job = self._stored(job_id)
        if job.held != held or (held and job.is_terminal):
            self._arranging.hold(job_id, held=held)
        return self.explained([self._with_live_facts(self._stored(job_id))])[0]

    def delete(self, request: verbs.Delete) -> tuple[JobId, ...]:
        """
        Remove ended jobs and their files. Returns their ids.

        Raises:
            NotTerminal: One of them still runs, or is not known to be gone. None was removed.
        """
        from .deletion import delete

        catch_up = partial(self._supervision.catch_up, CATCH_UP)
        parts = self._store, self._home, self._address
        return delete(request.job_ids, *parts, clock=self._clock, catch_up=catch_up)

    def retry(self, request: verbs.Retry) -> Job:
        """
        Submit the spec of an ended job again. The new job names the old one. Of those that the old
        one was to wait for, it waits for whoever has not ended yet.
        """
        old = self.get(verbs.Get(job_id=request.job_id))
        if not old.is_terminal:
            raise NotTerminal(
                f"{old.id} is {old.status}: only what has ended can be tried again", job_id=old.id
            )
        return self.submit(request.of(old, self._open_needs(old)))[0]

    def _open_needs(self, job: Job) -> tuple[Need, ...]:
        """Return those of its needs that nothing can be said of yet."""
        if not job.spec.after:
            return ()
        from .live import has_ended

        return tuple(n for n in job.spec.after if not has_ended(n.job_id, self._store.get))

    # What doors show ------------------------------------------------------------------------

    def public(self, job: Job, *, with_result: bool = True) -> dict[str, Any]:
        """Return *job* as the JSON that every door gives; lists leave out what it printed."""
        return public_job(
            job,
            address=self._address,
            now=self._clock.now(),
            result=self.result(job) if with_result and job.is_terminal else None,
        )

    def result(self, job: Job) -> dict[str, Any]:
        """Return what a job left: its exit code and the ends of its output, as text."""
        from .result import job_result

        return job_result(job, [self.output_folder(job, node) for node in job.nodes])

    def follow(self, request: Follow) -> Iterator[Piece | Job]:
        """
        Yield what nodes print, as it comes, and the job whenever it may have changed.

        Ends when all that the command and its children ever print was given, or the request's
        time is over. The last thing given is the job.

        Raises:
            InvalidRequest: There is no such node or stream.
        """
        from .follow import Following

        job = self.get(verbs.Get(job_id=request.job_id))
        following = Following(
            request,
            self._clock,
            lambda: self._with_live_facts(self._store.get(job.id)),
            lambda: self._supervision.news(frozenset({job.id})),
            lambda job, node, attempt: self._home.attempt(attempt_key(job.id, node, attempt or 1)),
        )
        return following.events(job)

    def output_folder(self, job: Job, node: Node) -> str:
        """Return the folder that holds the output of a node's current attempt."""
        return self._home.attempt(attempt_key(job.id, node.index, max(node.attempt, 1)))

    def _places(self, job: Job, index: int | None) -> Sequence[Place]:
        """Return the nodes of *job*, or the one of that index, with their folders."""
        from .artifacts import places

        return places(job, index, self.output_folder)

    # Reading --------------------------------------------------------------------------------

    def _stay(
        self, jobs: Mapping[JobId, Job], timeout: timedelta | None, **until: bool
    ) -> dict[JobId, Job]:
        from .waiting import stay

        return stay(jobs, timeout, self._clock, self._store.get, self._subscribe, **until)

    def _subscribe(self, job_ids: frozenset[JobId], timeout: timedelta | None) -> News:
        return self._supervision.news(job_ids, timeout=timeout)

    def _stored(self, job_id: JobId) -> Job:
        """Return the job as it is stored; one whose retention is over is there no more."""
        job = self._store.get(job_id)
        self._tell_expired(job)
        return job

    def _with_live_facts(self, job: Job, get: Callable[[JobId], Job] | None = None) -> Job:
        """Return *job* with the sizes and progress of what runs, which only its files know."""
        if job.is_settled and not any(node.earlier or node.reason in UNSEEN for node in job.nodes):
            return job
        from .live import with_live_facts

        return with_live_facts(job, self.output_folder, get or self._store.get)

    def _tell_expired(self, job: Job) -> None:
        if job.expires_at is not None and job.expires_at <= self._clock.now():
            raise Expired(
                f"The retention of {job.id} is over",
                job_id=job.id,
                suggestion="Keep the next one longer: --retention",
            )

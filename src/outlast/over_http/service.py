"""The verbs over HTTP. What `engine.service.Service` is here, this is on a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId
from ..core.limits import check_limit, iso, to_ms
from ..engine import verbs
from ..engine.public import Address
from ..errors import Expired, InvalidRequest, Unavailable
from .arranging import Arranging
from .hearing import Hearing
from .jobs import WITH_SPEC, RemoteJob, read_job, read_session
from .paths import path_of_job, path_of_session
from .transport import Transport

if TYPE_CHECKING:
    from ..clock import SystemClock
    from ..core.completion import CompletionPage
    from ..core.delivery import Delivery
    from ..core.session import Session
    from ..engine.follow import Follow, Piece
    from ..ports.store import Page
    from .queues import HttpQueues
    from .schedules import HttpSchedules
    from .streams import Deadline

MAX_WAIT_S: Final = 60
"""How long a server holds one request at most, for a caller that waits."""

MAX_PAGE: Final = 500
FULL: Final = {"Prefer": WITH_SPEC}
COMMANDS: Final = ("status", "cancel", "result", "logs")


class HttpService(Arranging, Hearing):
    """
    The verbs of one server. Synchronous; may be shared by threads.

    What may happen twice is asked again when an answer is lost. Whoever stays waits for a server
    that starts again meanwhile.
    """

    def __init__(self, transport: Transport, clock: SystemClock, address: Address) -> None:
        self._transport = transport
        self._clock = clock
        self._address = address

    def close(self) -> None:
        """Let go of all connections. Idempotent."""
        self._transport.close()

    # What callers begin: as they said it, since what it means is the server's to know ---------

    def submit(
        self,
        given: Sequence[Mapping[str, Any]],
        *,
        keys: Sequence[str | None],
        stdin: bytes | None = None,
        faults: Iterable[str] = (),
    ) -> tuple[Job, ...]:
        """
        Have the server store the jobs and run them; on its disk when this returns.

        Each has an idempotency key, if need be one of ours: an answer that is lost starts nothing
        twice.

        Raises:
            ClientError: As `Service.submit`; what the server would object to included.
        """
        from .given import as_sent

        ours = f"call-{self._clock.new_token()}"
        all_keys = [key or f"{ours}-{place}" for place, key in enumerate(keys)]
        body = as_sent(given, all_keys, stdin, faults)
        try:
            told = self._transport.ask_object("POST", ["jobs"], body=body, headers=FULL)
        except Unavailable as error:
            if len(keys) == 1 and error.retryable:
                error.suggestion = (
                    "If it was accepted, the same call with the same key finds it, and starts"
                    f" nothing twice: {all_keys[0]}"
                )
            raise
        return tuple(map(read_job, told["items"]))

    def retry(self, job_id: JobId, *, hold: bool = False) -> Job:
        """Submit the spec of an ended job again, as a new job that names the old one."""
        headers = {**FULL, "Idempotency-Key": f"call-{self._clock.new_token()}"}
        return read_job(
            self._transport.ask_object(
                *("POST", path_of_job(job_id, "retry")),
                headers=headers,
                body={"hold": True} if hold else {},
                job_id=job_id,
            )
        )

    def open_session(
        self,
        *,
        name: str,
        on: str,
        hosts: Mapping[str, Any] | None = None,
        faults: Iterable[str] = (),
    ) -> Session:
        """Open a session. As `Service.open_session`."""
        from .given import plain

        if found := list(faults):
            raise InvalidRequest(*found)
        body = {"name": name, "on": on, **({"hosts": plain(hosts)} if hosts else {})}
        return read_session(
            self._transport.ask_object("POST", ["sessions"], body=body, is_safe=False)
        )

    def close_session(self, name: str, *, cancel: bool = False) -> Session:
        """Close a session. As `Service.close_session`."""
        path = [*path_of_session(name), "close"]
        body = {"cancel": cancel}
        return read_session(self._transport.ask_object("POST", path, body=body, is_safe=False))

    # The other verbs ------------------------------------------------------------------------

    def get(self, request: verbs.Get) -> RemoteJob:
        """Return the job as it stands. As `Service.get`."""
        return self._get(request.job_id)

    def list(self, request: verbs.List) -> Page:
        """Return a page of jobs, newest first."""
        from ..ports.store import Page

        check_limit(request.limit)
        query = [("status", str(status)) for status in sorted(request.statuses)]
        query += [("label", f"{name}={value}") for name, value in request.labels.items()]
        if request.queue is not None:
            query.append(("queue", request.queue))
        if request.after is not None:
            query.append(("after", request.after))
        if request.oldest_first:
            query.append(("oldest_first", "true"))
        for name, at in (("since", request.since), ("ended_before", request.ended_before)):
            if at is not None:
                query.append((name, str(iso(at))))
        jobs: list[Job] = []
        cursor, left = request.cursor, request.limit
        while True:
            asked = [*query, ("limit", str(min(left, MAX_PAGE)))]
            if cursor is not None:
                asked.append(("cursor", cursor))
            told = self._transport.ask_object("GET", ["jobs"], query=asked, headers=FULL)
            jobs += map(read_job, told["items"])
            cursor, left = told["next_cursor"], left - MAX_PAGE
            if cursor is None or left <= 0:
                return Page(jobs=tuple(jobs), next_cursor=cursor)

    def wait(self, request: verbs.Wait) -> tuple[Job, ...]:
        """Return the jobs once all of them (or any) have ended. As `Service.wait`."""
        from .streams import Deadline

        deadline = Deadline(self._clock, request.timeout)
        if request.any and len(request.job_ids) > 1:
            seen: dict[JobId, Job] = {}
            for job in self._changes(request.job_ids, deadline):
                seen[job.id] = job
                is_all = len(seen) == len(set(request.job_ids))
                if is_all and any(each.is_terminal for each in seen.values()):
                    break
            return tuple(seen[job_id] for job_id in request.job_ids)
        jobs = {job_id: self._wait_for(job_id, deadline) for job_id in request.job_ids}
        return tuple(jobs[job_id] for job_id in request.job_ids)

    def watch(self, request: verbs.Wait) -> Iterator[Job]:
        """Yield each job as it stands, and again whenever its status changes. As `Service.watch`."""
        from .streams import Deadline

        return self._changes(request.job_ids, Deadline(self._clock, request.timeout))

    def read_output(self, request: verbs.ReadOutput) -> bytes:
        """Return a piece of a node's output. As `Service.read_output`."""
        if request.offset < 0 or request.limit < 0:
            raise InvalidRequest("offset and limit are not negative")
        names = ("node", "stream", "offset", "limit")
        query = [(name, str(getattr(request, name))) for name in names]
        if request.attempt is not None:
            query.append(("attempt", str(request.attempt)))
        path = path_of_job(request.job_id, "output")
        return self._transport.ask("GET", path, query=query, job_id=request.job_id).body

    def list_artifacts(self, request: verbs.ListArtifacts) -> dict[str, Any]:
        """Return what was collected, as JSON. As `Service.list_artifacts`."""
        query = [] if request.node is None else [("node", str(request.node))]
        path = path_of_job(request.job_id, "artifacts")
        return self._transport.ask_object("GET", path, query=query, job_id=request.job_id)

    def read_artifact(self, request: verbs.ReadArtifact) -> bytes:
        """Return a piece of a file. As `Service.read_artifact`."""
        query = [("offset", str(request.offset)), ("limit", str(request.limit))]
        path = path_of_job(
            request.job_id, "nodes", str(request.node), "artifacts", *request.path.split("/")
        )
        return self._transport.ask("GET", path, query=query, job_id=request.job_id).body

    def zip_artifacts(self, request: verbs.ZipArtifacts) -> Iterator[bytes]:
        """Return a zip of what was collected, piece by piece. As `Service.zip_artifacts`."""
        where = ["artifacts"] if request.node is None else ["nodes", str(request.node)]
        pieces = self._pieces(path_of_job(request.job_id, *where, "download"), "application/zip")
        first = next(pieces, b"")  # what is wrong is told now, and not when it is read
        return _with_first(first, pieces)

    def cancel(self, request: verbs.Cancel) -> tuple[Job, bool]:
        """Cancel what has not ended. As `Service.cancel`."""
        from .streams import Deadline

        body: dict[str, Any] = {}
        if request.nodes:
            body["nodes"] = sorted(request.nodes)
        if request.grace is not None:
            body["grace_ms"] = to_ms(request.grace)
        path = path_of_job(request.job_id, "cancel")
        told = self._transport.ask_object("POST", path, body=body, job_id=request.job_id)
        changed = bool(told.get("cancelled"))
        job = self._get(request.job_id)
        deadline = Deadline(self._clock, request.wait_stopped or timedelta(0))
        while not job.is_settled and (left := deadline.left_s):
            stay = min(left, MAX_WAIT_S)
            asked = {**body, "wait_stopped_ms": to_ms(timedelta(seconds=stay))}
            patience = deadline.patience_s
            self._transport.ask_object(
                "POST", path, body=asked, job_id=job.id, stay_s=stay, patience_s=patience
            )
            job = self._get(request.job_id)
        return job, changed

    def delete(self, request: verbs.Delete) -> tuple[JobId, ...]:
        """Remove ended jobs and their files. As `Service.delete`, one after another."""
        # One that still runs comes first, and is refused: then none was removed.
        jobs = [self._get(job_id) for job_id in request.job_ids]
        for job in sorted(jobs, key=lambda job: job.is_settled):
            self._delete(job.id)
        return tuple(request.job_ids)

    def session(self, request: verbs.Session) -> Session:
        """Return the open session of that name as it stands. Raises NotFound."""
        return read_session(self._transport.ask_object("GET", path_of_session(request.name)))

    def sessions(self, request: verbs.Sessions) -> tuple[Session, ...]:
        """Return the sessions as they stand, oldest first."""
        query = [("closed", "true")] if request.closed else []
        told = self._transport.ask_object("GET", ["sessions"], query=query)
        return tuple(map(read_session, told["items"]))

    def completions(self, request: verbs.Completions) -> CompletionPage:
        """Return ends, each once, in their order. As `Service.completions`."""
        from .completions import completions

        return completions(self._transport, self._clock, request)

    def deliveries(self, request: verbs.Deliveries) -> tuple[Delivery, ...]:
        """Return what webhooks were sent, or are to be. As `Service.deliveries`."""
        from .deliveries import read_deliveries

        query = [("state", str(state)) for state in sorted(request.states)]
        if request.job_id is not None:
            query.append(("job_id", request.job_id))
        query.append(("limit", str(request.limit)))
        told = self._transport.ask_object("GET", ["deliveries"], query=query, job_id=request.job_id)
        return read_deliveries(told)

    def redeliver(self, request: verbs.Redeliver) -> tuple[Delivery, ...]:
        """Have webhooks be tried again. As `Service.redeliver`."""
        from .deliveries import read_deliveries

        path = path_of_job(request.job_id, "redeliver")
        told = self._transport.ask_object("POST", path, body={}, job_id=request.job_id)
        return read_deliveries(told)

    @cached_property
    def schedules(self) -> HttpSchedules:
        """The verbs about schedules."""
        from .schedules import HttpSchedules

        return HttpSchedules(self._transport)

    @cached_property
    def queues(self) -> HttpQueues:
        """The verbs about queues."""
        from .queues import HttpQueues

        return HttpQueues(self._transport)

    # What doors show ------------------------------------------------------------------------

    def public(self, job: Job, *, with_result: bool = True) -> dict[str, Any]:
        """
        Return *job* as the JSON that the server gives, but for the commands: those ask it from
        here.
        """
        told = job.answer if isinstance(job, RemoteJob) else self._get(job.id).answer
        if with_result and job.is_terminal and "result" not in told:
            told = {**told, "result": self.result(job)}
        public: dict[str, Any] = {}
        for name, value in told.items():
            verb, _, kind = name.rpartition("_")
            if verb not in COMMANDS or kind not in ("command", "argv"):
                public[name] = value
            elif kind == "command":
                line = public[name] = self._address.command(verb, job.id)
                if line.split() != (argv := self._address.argv(verb, job.id)):
                    public[f"{verb}_argv"] = argv
        if not with_result:
            public.pop("result", None)
        return public

    def result(self, job: Job) -> dict[str, Any]:
        """Return what a job left: its exit code and the ends of its output, as text."""
        told = job.answer.get("result") if isinstance(job, RemoteJob) else None
        if told is None:
            told = self._get(job.id).answer.get("result")
        return dict(told or {})

    def follow(self, request: Follow) -> Iterator[Piece | Job]:
        """Yield what nodes print, as it comes, and the job. As `Service.follow`."""
        from .streams import Following

        job = self._get(request.job_id)
        return Following(self._transport, self._clock, request, read_job).events(job)

    # One request ----------------------------------------------------------------------------

    def _get(self, job_id: JobId, *, stay_s: int = 0, patience_s: float | None = None) -> RemoteJob:
        wait = f", wait={stay_s}" if stay_s else ""
        more = {} if patience_s is None else {"patience_s": patience_s}
        return read_job(
            self._transport.ask_object(
                "GET",
                path_of_job(job_id),
                headers={"Prefer": WITH_SPEC + wait},
                stay_s=stay_s,
                job_id=job_id,
                **more,
            )
        )

    def _wait_for(self, job_id: JobId, deadline: Deadline) -> RemoteJob:
        """Return the job once it has ended, or as it stands when the time is over."""
        job = self._get(job_id)
        while not job.is_terminal and not deadline.is_over:
            left = deadline.left_s
            if left is not None and left < 1:
                return self._last_moment(job, deadline)
            stay = MAX_WAIT_S if left is None else min(MAX_WAIT_S, int(left))
            job = self._get(job_id, stay_s=stay, patience_s=deadline.patience_s)
        return job

    def _last_moment(self, job: RemoteJob, deadline: Deadline) -> RemoteJob:
        """Stay for less than the second that a preference counts in: by the job's events."""
        for seen in self._changes([job.id], deadline):
            if seen.is_terminal:
                break
        return self._get(job.id)

    def _changes(self, job_ids: Sequence[JobId], deadline: Deadline) -> Iterator[RemoteJob]:
        from .streams import Watching

        return Watching(self._transport, deadline, self._get, read_job).changes(job_ids)

    def _delete(self, job_id: JobId) -> None:
        attempts = self._transport.attempts()
        while True:
            try:
                self._transport.ask("DELETE", path_of_job(job_id), is_safe=False, job_id=job_id)
            except Expired:
                if not attempts.failed:
                    raise
                return  # by the try before, whose answer was lost
            except Unavailable as error:
                if not error.retryable:
                    raise
                attempts.pause(error)
            else:
                return

    def _pieces(self, path: Sequence[str], kind: str) -> Iterator[bytes]:
        with self._transport.stream(path, kind=kind) as stream:
            yield from stream.pieces()


def _with_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest

"""The library's door: the verbs as methods, on this machine's store or on a server."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from .core.job import Job
from .core.limits import parse_duration
from .core.state import JobStatus
from .ends import Duration, Ends, duration, named, wait_timeout
from .engine import verbs
from .errors import InvalidRequest, NotTerminal
from .intake import intake_of
from .settings import load_settings
from .wiring import make_service

if TYPE_CHECKING:
    from .core.session import Session
    from .engine.queuedesk import QueueDesk
    from .engine.service import Service
    from .over_http import HttpService
    from .over_http.queues import HttpQueues
    from .ports.store import Page
    from .schedules import Schedules

PAGE: Final = 100


class Client(Ends):
    """
    Jobs in the home of this user, or in *home*; or on the server at *server*, `https://...`,
    `http://HOST:PORT` or `unix:///PATH`, with its *token*. Where none of these is given, the
    settings say which. *ssh_config* and *inventory* are files that say what is known of hosts, in
    place of those in the settings. With *allow_plain_http* a token may go to another machine for
    all to read.

    Each method does what the CLI's command of the same name does, and raises a `ClientError`
    with a stable `code` where it cannot. May be shared by threads.
    """

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        home: str | os.PathLike[str] | None = None,
        ssh_config: str | os.PathLike[str] | None = None,
        inventory: str | os.PathLike[str] | None = None,
        allow_plain_http: bool | None = None,
    ) -> None:
        self._settings = load_settings(
            home=home,
            server=server,
            ssh_config=ssh_config,
            inventory=inventory,
            allow_plain_http=allow_plain_http,
        )
        self._service = self._connect(token)
        self._intake = intake_of(self._service, self._settings)
        self._let_go = weakref.finalize(self, self._service.close)

    def _connect(self, token: str | None) -> Service | HttpService:
        if self._settings.server is not None:
            from .over_http import connect

            return connect(self._settings, token=token)
        if token is not None:
            raise InvalidRequest("a token is for a server, and none is named")
        return make_service(self._settings)

    def close(self) -> None:
        """
        Let go of the store, or of the server. No job is touched; idempotent. Or use it as a context manager; one
        that is forgotten lets go by itself.
        """
        self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._settings.server is not None:
            return f"Client({self._settings.server!r})"
        return f"Client(home={self._settings.home!r})"

    def submit(
        self,
        command: Sequence[str] | None = None,
        *,
        key: str | None = None,
        stdin_data: bytes | None = None,
        **spec: Any,
    ) -> Job:
        """
        Store a job and have it run; on disk when this returns. Never waits.

        *command* is a list of arguments; *spec* takes every key of a job's spec (`timeout="5m"`,
        `name`, `labels`, `env`, `cwd`, `shell`, ...). The command inherits this process's
        environment, umask and limits; on a server nothing of it, and *cwd* is absolute. The same *key*
        gives the same job again.

        Raises:
            InvalidRequest: Something is wrong with it; `faults` lists everything.

            Conflict: *key* stands for another spec.
        """
        if command is not None:
            spec["command"] = command
        return self._intake.submit([spec], keys=[key], stdin=stdin_data)[0]

    def submit_many(
        self, specs: Iterable[Mapping[str, Any]], *, keys: Iterable[str | None] | None = None
    ) -> tuple[Job, ...]:
        """Store many jobs, in this order, in one transaction: all of them or none."""
        given = [*specs]
        own = [None] * len(given) if keys is None else [*keys]
        return self._intake.submit(given, keys=own)

    def get(self, job_id: str) -> Job:
        """
        Return the job as it stands.

        Raises:
            NotFound: There is none of that id. `Expired`, if there was one.
        """
        return self._service.explained([self._service.get(verbs.Get(job_id=named(job_id)))])[0]

    def list(
        self,
        *,
        status: str | Iterable[str] = (),
        labels: Mapping[str, str] | None = None,
        since: Duration | datetime | None = None,
        queue: str | None = None,
        after: str | None = None,
        oldest_first: bool = False,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Page:
        """Return a page of jobs, newest first unless *oldest_first*; `next_cursor` leads to the next one."""
        if isinstance(since, str | int | float | timedelta):
            from .clock import SystemClock

            since = SystemClock().now() - parse_duration(since)
        names = [status] if isinstance(status, str) else list(status)
        unknown = [name for name in names if name not in set(JobStatus)]
        if unknown:
            raise InvalidRequest(
                f"{unknown[0]!r} is no status: it is one of {', '.join(JobStatus)}"
            )
        return self._service.list(
            verbs.List(
                statuses=frozenset(map(JobStatus, names)),
                labels=labels or {},
                since=since,
                queue=queue,
                after=None if after is None else named(after),
                oldest_first=oldest_first,
                limit=limit,
                cursor=cursor,
            )
        )

    def wait(self, job_id: str, *, timeout: Duration | None = None) -> Job:
        """
        Return the job once it has ended, however it did.

        Raises:
            WaitTimeout: It had not when *timeout* passed (`code == "job_timeout"`). It goes on.
        """
        return self.wait_all([job_id], timeout=timeout)[0]

    def wait_all(
        self, job_ids: Iterable[str], *, timeout: Duration | None = None
    ) -> tuple[Job, ...]:
        """Return the jobs once all of them have ended. Raises as `wait` does."""
        ids = tuple(map(named, job_ids))
        jobs = self._service.wait(verbs.Wait(job_ids=ids, timeout=duration(timeout)))
        for job in jobs:
            if not job.is_terminal:
                raise wait_timeout(job, timeout)
        return jobs

    def wait_any(self, job_ids: Iterable[str], *, timeout: Duration | None = None) -> Job:
        """Return a job that has ended, once one of them has. Raises as `wait` does."""
        ids = tuple(map(named, job_ids))
        jobs = self._service.wait(verbs.Wait(job_ids=ids, timeout=duration(timeout), any=True))
        for job in jobs:
            if job.is_terminal:
                return job
        raise wait_timeout(jobs[0], timeout)

    def watch(self, job_ids: Iterable[str], *, timeout: Duration | None = None) -> Iterator[Job]:
        """
        Yield each job as it stands, and again whenever its status changes.

        Ends when all have ended, or *timeout* has passed: no error, since a job that still runs
        was told as that. One subscription, however many there are.
        """
        ids = tuple(map(named, job_ids))
        return self._service.watch(verbs.Wait(job_ids=ids, timeout=duration(timeout)))

    def result(self, job_id: str) -> dict[str, Any]:
        """
        Return what an ended job left, as JSON has it: `exit_code`, the last 4 KiB of `stdout` and of
        `stderr` as text (`truncated` says if there is more), and a Python job's `value`.

        Raises:
            NotTerminal: It has not ended: `wait` for it.
        """
        job = self.get(job_id)
        if not job.is_terminal:
            raise NotTerminal(
                f"{job.id} is {job.status}: there is no result yet",
                job_id=job.id,
                suggestion="Wait for its end first",
            )
        return self._service.result(job)

    def output(
        self, job_id: str, *, stream: str = "stdout", node: int = 0, attempt: int | None = None
    ) -> bytes:
        """Return what a node has printed so far, in its current attempt or in an earlier one."""
        return b"".join(self.read_output(job_id, stream=stream, node=node, attempt=attempt))

    def read_output(
        self,
        job_id: str,
        *,
        stream: str = "stdout",
        node: int = 0,
        offset: int = 0,
        attempt: int | None = None,
    ) -> Iterator[bytes]:
        """Yield what a node has printed so far, from byte *offset* on, in pieces. See `output`."""
        wanted = verbs.ReadOutput(named(job_id), node, stream, offset=offset, attempt=attempt)
        while piece := self._service.read_output(wanted):
            yield piece
            wanted = wanted._replace(offset=wanted.offset + len(piece))

    def list_artifacts(self, job_id: str, *, node: int | None = None) -> dict[str, Any]:
        """
        Return what was collected from a job's nodes, or from one, as JSON has it: `items` with
        `node`, `path`, `size`, `sha256`, `state` and more, `nodes` with how each one's went.
        """
        request = verbs.ListArtifacts(job_id=named(job_id), node=node)
        return self._service.list_artifacts(request)

    def read_artifact(
        self, job_id: str, path: str, *, node: int = 0, offset: int = 0
    ) -> Iterator[bytes]:
        """
        Yield a file that was collected from a node, from byte *offset* on, in pieces.

        Raises:
            NotFound: It has no such file, or not here.
        """
        while True:
            piece = self._service.read_artifact(
                verbs.ReadArtifact(job_id=named(job_id), path=path, node=node, offset=offset)
            )
            if not piece:
                return
            yield piece
            offset += len(piece)

    def zip_artifacts(self, job_id: str, *, node: int | None = None) -> Iterator[bytes]:
        """
        Yield a zip of what was collected from all nodes, or from one, in pieces:
        `file.writelines(client.zip_artifacts(job.id))`. Its first file is `manifest.json`.
        """
        request = verbs.ZipArtifacts(job_id=named(job_id), node=node)
        return self._service.zip_artifacts(request)

    def cancel(
        self,
        job_id: str,
        *,
        grace: Duration | None = None,
        nodes: Iterable[int] = (),
        wait_stopped: Duration | None = None,
    ) -> Job:
        """
        Cancel what has not ended of a job; final when this returns. An ended one is left as it is.

        Its processes get SIGTERM, and SIGKILL after *grace* (default: the spec's). `stopped_at`
        says when the last one was gone; *wait_stopped* stays so long for it.
        """
        job, _ = self._service.cancel(
            verbs.Cancel(
                job_id=named(job_id),
                nodes=frozenset(nodes),
                grace=duration(grace),
                wait_stopped=duration(wait_stopped),
            )
        )
        return job

    def delete(self, *job_ids: str) -> None:
        """Remove ended jobs and their files. Raises `NotTerminal` if one still runs."""
        self._service.delete(verbs.Delete(job_ids=tuple(map(named, job_ids))))

    def hold(self, job_id: str) -> Job:
        """Have a job that has not begun wait until it is released. Raises `Conflict` if it has."""
        return self._service.hold(verbs.Hold(named(job_id)))

    def release(self, job_id: str) -> Job:
        """Have a job that is held wait for its turn as others do."""
        return self._service.release(verbs.Release(named(job_id)))

    def retry(self, job_id: str, *, hold: bool = False) -> Job:
        """Submit the spec of an ended job again, as a new job that names the old one; with *hold*, held."""
        return self._intake.retry(named(job_id), hold=hold)

    def move(self, job_id: str, *, queue: str | None = None, priority: int | None = None) -> Job:
        """
        Have a job that has not begun wait in another *queue* (`default`: that of no name), or with
        another *priority*, and return it.

        Raises:
            Conflict: It has begun, or the queue does not take it.
        """
        return self._service.move(verbs.Move(named(job_id), queue=queue, priority=priority))

    @property
    def queues(self) -> QueueDesk | HttpQueues:
        """The queues: `create("disk", width=1)`, `set`, `list`, `pause`, `resume`, `drain`, `delete`."""
        return self._service.queues

    def open_session(
        self, name: str, *, on: str, hosts: Mapping[str, Any] | None = None
    ) -> Session:
        """
        Have *name* stand for a host, and for a directory and variables there: commands that are
        submitted with `session=name` run there one after another. What *hosts* and the inventory
        say of the way there is the session's from now on. No host is asked for anything.

        Raises:
            InvalidRequest: The name or the host is none. `Conflict`: an open session has the name.
        """
        return self._intake.open_session(name=name, on=on, hosts=hosts)

    def session(self, name: str) -> Session:
        """Return the open session of that name as it stands. Raises `NotFound`."""
        return self._service.session(verbs.Session(name=name))

    def sessions(self, *, closed: bool = False) -> tuple[Session, ...]:
        """Return the open sessions, oldest first; or also the *closed* ones whose jobs are kept."""
        return self._service.sessions(verbs.Sessions(closed=closed))

    def close_session(self, name: str, *, cancel: bool = False) -> Session:
        """
        Close a session: a last job removes what its host keeps of it.

        Raises:
            NotTerminal: Something in it has not ended; with *cancel* that is ended.

            NotFound: No open session has this name.
        """
        return self._intake.close_session(name, cancel=cancel)

    @cached_property
    def schedules(self) -> Schedules:
        """Jobs that are submitted again and again."""
        from .schedules import Schedules

        return Schedules(self._service, self._settings)

    def describe(self, job: Job) -> dict[str, Any]:
        """Return *job* as the JSON that every door gives."""
        return self._service.public(job)


def run(
    command: Sequence[str] | None = None,
    *,
    wait: Duration | None = None,
    home: str | os.PathLike[str] | None = None,
    key: str | None = None,
    **spec: Any,
) -> Job:
    """
    Submit a command and stay until it has ended, or for *wait*.

    Raises:
        WaitTimeout: *wait* passed. The job goes on; the error's `job_id` finds it again.
    """
    with Client(home=home) as client:
        return client.wait(client.submit(command, key=key, **spec).id, timeout=wait)

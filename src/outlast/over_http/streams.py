"""Staying at jobs of a server's: its events, gone on with where a connection breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ..core.job import Job, JobId
from ..engine.follow import Follow, Mark, Piece, first_attempt
from ..errors import BadAnswer, InvalidRequest, Unavailable
from .attempts import OUTAGE_S
from .events import MEDIA_TYPE, Event, Events

if TYPE_CHECKING:
    from ..clock import SystemClock
    from .jobs import RemoteJob
    from .transport import Transport

STREAMS: Final = ("stdout", "stderr")
MAX_IDS: Final = 200
"""So many jobs are named in one request; of more, the changes of all are heard."""

Read = Callable[[JobId], "RemoteJob"]
Told = Callable[[Mapping[str, Any], "RemoteJob"], "RemoteJob"]
"""Reads a job that an event tells of; the one before it has what events leave out."""


class Deadline:
    """How long a caller stays; None: as long as it takes."""

    def __init__(self, clock: SystemClock, timeout: timedelta | None) -> None:
        self._clock = clock
        self._at = None if timeout is None else clock.monotonic() + timeout.total_seconds()

    @property
    def left_s(self) -> float | None:
        """The seconds that are left, never below 0."""
        return None if self._at is None else max(0.0, self._at - self._clock.monotonic())

    @property
    def is_over(self) -> bool:
        return self.left_s == 0

    @property
    def patience_s(self) -> float:
        """How long a server that went away meanwhile is waited for."""
        left = self.left_s
        return OUTAGE_S if left is None else min(left, OUTAGE_S)


class Stay:
    """One caller's stay at a stream of events, over as many connections as it takes."""

    def __init__(self, transport: Transport, path: Sequence[str], deadline: Deadline) -> None:
        self._transport = transport
        self._path = path
        self._deadline = deadline

    def events(
        self, query: Callable[[], Sequence[tuple[str, str]]], tick_s: Callable[[], float | None]
    ) -> Iterator[Event | None]:
        """
        Yield events; None where there was none for as long as *tick_s* says. After a break it goes
        on with what *query* says by then. Ends with the deadline; whoever has enough, leaves.

        Raises:
            ClientError: What the server says to the request, or that it cannot be reached.
        """
        attempts = None
        while True:
            try:
                for event in self._events(query(), tick_s):
                    if event is not None:
                        attempts = None  # it is there: the next outage is another one
                    yield event
            except BadAnswer:
                raise
            except Unavailable as error:
                if attempts is None:
                    attempts = self._transport.attempts(self._deadline.patience_s)
                attempts.pause(error)
            if self._deadline.is_over:
                return

    def _events(
        self, query: Sequence[tuple[str, str]], tick_s: Callable[[], float | None]
    ) -> Iterator[Event | None]:
        stream = self._transport.stream(self._path, query=query, kind=MEDIA_TYPE)
        with stream as opened, Events(opened) as events:
            while not self._deadline.is_over:
                waits = [each for each in (self._deadline.left_s, tick_s()) if each is not None]
                event = events.next(min(waits, default=None))
                if event is not None and event.name == "restart":
                    raise Unavailable("The server is about to start again")
                yield event


class Watching:
    """One caller's stay at how jobs stand. *read* asks for one."""

    def __init__(self, transport: Transport, deadline: Deadline, read: Read, told: Told) -> None:
        self._transport = transport
        self._deadline = deadline
        self._read = read
        self._told = told
        self._seen: dict[JobId, RemoteJob] = {}

    def changes(self, job_ids: Sequence[JobId]) -> Iterator[RemoteJob]:
        """
        Yield each job as it stands, and again whenever its status changes, until all have ended
        or the time is over.
        """
        for job_id in dict.fromkeys(job_ids):
            yield from self._news([self._read(job_id)])
        if not (waited := self._open_ones()) or self._deadline.is_over:
            return
        query = [("ids", ",".join(waited))] if len(waited) <= MAX_IDS else []
        stay = Stay(self._transport, ["events"], self._deadline)
        for event in stay.events(lambda: query, lambda: None):
            if event is not None:
                yield from self._news(self._heard(event))
                if event.name == "end" or not self._open_ones():
                    return

    def _heard(self, event: Event) -> Iterator[RemoteJob]:
        """Yield what an event tells of jobs that are watched."""
        if event.name in ("ready", "reset"):  # what came before is not told
            yield from map(self._read, self._open_ones())
            return
        before = self._seen.get(JobId(str(event.data.get("job_id"))))
        if before is None:
            return
        if event.name == "job":
            yield self._told(event.data, before)
        elif event.name == "gone":
            yield self._read(before.id)  # which raises what there is to be said of it

    def _news(self, jobs: Iterable[RemoteJob]) -> Iterator[RemoteJob]:
        for job in jobs:
            before = self._seen.get(job.id)
            self._seen[job.id] = job
            if before is None or before.status != job.status:
                yield job

    def _open_ones(self) -> list[JobId]:
        return [job_id for job_id, job in self._seen.items() if not job.is_terminal]


class Following:
    """One caller's stay at what a job prints. See `Service.follow`, which this is over HTTP."""

    def __init__(
        self,
        transport: Transport,
        clock: SystemClock,
        request: Follow,
        told: Told,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._request = request
        self._told = told
        self._ended: float | None = None
        self._job: RemoteJob | None = None
        self._marks: dict[tuple[int, str], Mark] = {}
        """Node and stream, and the first byte that is still to come."""

    def events(self, job: RemoteJob) -> Iterator[Piece | Job]:
        """Yield what happens to *job*, just read."""
        self._check(job)
        self._marks = {
            (node, stream): Mark(offset, first_attempt(self._request, job, node))
            for node in self._request.followed
            for stream, offset in self._request.offsets.items()
        }
        yield job
        if self._request.timeout == timedelta(0):  # who only looks gets what is there, as bytes
            yield from self._what_is_there(job)
            yield job
            return
        deadline = Deadline(self._clock, self._request.timeout)
        stay = Stay(self._transport, ["jobs", job.id, "events"], deadline)
        self._job = job
        for event in stay.events(self._query, self._tick_s):
            if event is None:
                if self._is_drained(job):
                    break
                yield job
            elif event.name == "output":
                if (piece := self._piece(event.data)) is not None:
                    yield piece
            elif event.name in ("status", "end"):
                job = self._job = self._told(event.data, job)
                yield job
                if event.name == "end":
                    return
            if self._is_drained(job):
                break
        if job.is_terminal:
            # Whoever has come to the end is not given half of it.
            yield from self._what_is_there(job)
        yield job

    def _check(self, job: Job) -> None:
        for node in self._request.followed:
            if not 0 <= node < len(job.nodes):
                raise InvalidRequest(f"{job.id} has no node {node}: 0 to {len(job.nodes) - 1}")
        for stream, offset in self._request.offsets.items():
            if stream not in STREAMS:
                raise InvalidRequest(f"there is no stream {stream!r}: stdout or stderr")
            if offset < 0:
                raise InvalidRequest("offset is not negative")

    def _query(self) -> list[tuple[str, str]]:
        nodes = dict.fromkeys(node for node, _ in self._marks)
        streams = dict.fromkeys(stream for _, stream in self._marks)
        query = [("node", str(node)) for node in nodes]
        if len(streams) == 1:
            query.append(("stream", next(iter(streams))))
        if len(self._marks) == 1:
            return [*query, ("after", _written(next(iter(self._marks.values()))))]
        at = (
            [str(node), *(_written(self._marks.get((node, of), Mark(0))) for of in STREAMS)]
            for node in nodes
        )
        return [*query, ("after", ",".join(map(":".join, at)))]

    def _piece(self, told: Mapping[str, Any]) -> Piece | None:
        """Return what an event brings and nothing had brought before."""
        import base64

        try:
            node, stream, offset = int(told["node"]), str(told["stream"]), int(told["offset"])
            text = told.get("text")
            data = base64.b64decode(told["base64"]) if text is None else str.encode(text)
            attempt = int(told.get("attempt", 1))
            mark = self._marks[node, stream]
        except (KeyError, TypeError, ValueError) as error:
            raise BadAnswer(f"an event of output is not understood: {error!s:.80}") from None
        end = Mark(offset + len(data), attempt)
        known = mark.offset if attempt == mark.attempt else 0
        if attempt < mark.attempt or end.offset <= known:
            return None
        offset, data = max(offset, known), data[max(0, known - offset) :]
        self._marks[node, stream] = end
        return Piece(stream, offset, data, node, attempt)

    def _what_is_there(self, job: RemoteJob) -> Iterator[Piece]:
        """Yield all that was printed by now, and not what comes meanwhile."""
        if job.spec.on_output_limit == "discard":
            yield from self._what_was_kept(job)
            return
        for (node, stream), mark in self._marks.items():
            at = mark
            while True:
                if data := self._read(job, node, stream, at):
                    piece = Piece(stream, at.offset, data, node, at.attempt)
                    yield piece
                    at = piece.end
                elif at.attempt < job.nodes[node].attempt:
                    at = Mark(0, at.attempt + 1)
                else:
                    break
            self._marks[node, stream] = at

    def _read(self, job: RemoteJob, node: int, stream: str, at: Mark) -> bytes:
        query = [("node", str(node)), ("stream", stream), ("offset", str(at.offset))]
        query += [("attempt", str(at.attempt)), ("limit", str(1 << 20))]
        path = ["jobs", job.id, "output"]
        return self._transport.ask("GET", path, query=query, job_id=job.id).body

    def _what_was_kept(self, job: RemoteJob) -> Iterator[Piece]:
        """As events tell it: they leave the hole out that was discarded, which bytes do not."""
        stay = Stay(self._transport, ["jobs", job.id, "events"], Deadline(self._clock, None))
        sizes = {
            (node.index, stream): (max(1, node.attempt), size)
            for node in job.nodes
            for stream, size in zip(STREAMS, (node.stdout_bytes, node.stderr_bytes), strict=True)
        }

        def has_all() -> bool:
            return all((at.attempt, at.offset) >= sizes[it] for it, at in self._marks.items())

        if has_all():
            return
        for event in stay.events(self._query, lambda: None):
            if event is not None and event.name == "output":
                if (piece := self._piece(event.data)) is not None:
                    yield piece
                if has_all():
                    return
            elif event is not None and event.name == "end":
                return

    def _tick_s(self) -> float | None:
        """Return how long to wait for an event before it is looked at what there is to do."""
        job = self._job
        tick = self._request.tick
        waits = [] if tick is None else [tick.total_seconds()]
        if job is not None and job.is_terminal and self._request.drain is not None:
            waits.append(max(0.0, self._drained_at() - self._clock.monotonic()))
        return min(waits, default=None)

    def _drained_at(self) -> float:
        drain = self._request.drain or timedelta(0)
        if self._ended is None:
            self._ended = self._clock.monotonic()
        return self._ended + drain.total_seconds()

    def _is_drained(self, job: Job) -> bool:
        """Whether what comes after the command's own end has been waited for long enough."""
        if not job.is_terminal or self._request.drain is None:
            return False
        return self._clock.monotonic() >= self._drained_at()


def _written(mark: Mark) -> str:
    """Return *mark* as a part of an event's id; one of the first attempt as ever."""
    return str(mark.offset) if mark.attempt == 1 else f"{mark.attempt}.{mark.offset}"

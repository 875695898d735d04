"""`outlast job watch`: what runs, waits and has ended lately, as it happens."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from ..completion import offer_queues
from ..lazy import verb
from ..search import label_option, labels_of, slip_of

if TYPE_CHECKING:
    from ...core.job import Job, JobId
    from ..board import View
    from ..caller import Caller

TICK: Final = timedelta(seconds=1)
"""How often the clocks of a view go on."""

COALESCE_S: Final = 0.1
"""A pause after each view: what happens together is shown together."""

MOST: Final = 100
ENDED: Final = 20
ENTER: Final = "\x1b[?1049h\x1b[?25l"
LEAVE: Final = "\x1b[?25h\x1b[?1049l"


@verb(
    "watch",
    epilog="""
    outlast job watch
    outlast job watch --queue disk
    outlast job watch --once
    outlast job watch --label team=db --json
    """,
)
@click.option("--queue", metavar="Q", help="Only jobs of this queue.", shell_complete=offer_queues)
@label_option
@click.option("--once", is_flag=True, help="Show how things stand, once.")
def watch(caller: Caller, *, queue: str | None, labels: tuple[str, ...], once: bool) -> int:
    """
    Show what runs, what waits, and what has ended lately, as it happens. Ctrl-C leaves.

    Where stdout is no terminal, there is a line for each change; with --json the job as JSON.
    """
    from ...errors import InvalidRequest

    faults: list[str] = []
    chosen = labels_of(labels, faults) | dict(caller.tool.labels)
    if faults:
        raise InvalidRequest(*faults)
    watching = Watching(caller, {"queue": queue, "labels": chosen})
    if not watching.look():
        for told in slip_of(caller, queue):
            caller.say(told)
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    try:
        if once:
            watching.show_once()
        elif is_terminal and not caller.is_json:
            with screen():
                watching.draw_all()
        else:
            watching.tell_all()
    except KeyboardInterrupt:
        pass
    return 0


class Watching:
    """One caller's stay. *query* is what `List` takes."""

    def __init__(self, caller: Caller, query: dict[str, Any]) -> None:
        self._caller = caller
        self._query = query
        self._running: tuple[Job, ...] = ()
        self._queued: tuple[Job, ...] = ()
        self._ended: dict[JobId, Job] = {}
        self._has_more = False

    def look(self) -> bool:
        """Read how things stand. Returns whether there is anything."""
        from ...core.state import TERMINAL_JOB, JobStatus

        self._running, more = self._find({JobStatus.RUNNING}, MOST)
        self._queued, others = self._find({JobStatus.QUEUED}, MOST)
        self._has_more = more or others
        for job in self._find(TERMINAL_JOB, ENDED)[0]:
            self._ended[job.id] = job
        latest = sorted(self._ended.values(), key=lambda job: str(job.completed_at), reverse=True)
        self._ended = {job.id: job for job in latest[:ENDED]}
        return bool(self._running or self._queued or self._ended)

    def _find(self, statuses: Any, limit: int) -> tuple[tuple[Job, ...], bool]:
        from ...engine.verbs import List

        verb = List(statuses=frozenset(statuses), limit=limit, **self._query)
        page = self._caller.service.list(verb)
        return tuple(page.jobs), page.next_cursor is not None

    def _view(self) -> View:
        from ..board import View, queue_line

        queues = [
            queue_line(each.queue.name, str(each.queue.state), each.queue.width, *counts)
            for each in self._caller.service.queues.list()
            if self._query["queue"] in (None, each.queue.name)
            and (any(counts := (each.running, each.waiting)) or str(each.queue.state) != "open")
        ]
        # Waiting: who came first is next.
        waiting = sorted(self._queued, key=lambda job: (-job.priority, job.created_at))
        return View(queues, self._running, waiting, list(self._ended.values()), self._has_more)

    def show_once(self) -> None:
        """Print one view."""
        from ...clock import SystemClock
        from ..board import board

        def public(jobs: Any) -> list[dict[str, Any]]:
            return [self._caller.service.public(job, with_result=False) for job in jobs]

        def text() -> str:
            width = shutil.get_terminal_size().columns if os.isatty(1) else 80
            return "\n".join(board(self._view(), SystemClock().now(), width, None))

        self._caller.answer(
            lambda: {
                "running": public(self._running),
                "queued": public(self._queued),
                "ended": public(self._ended.values()),
            },
            text,
        )

    def draw_all(self) -> None:
        """Draw a view, and again whenever something happens, and as the clocks go on."""
        for changed in self._caller.service.hear(TICK):
            if changed != frozenset():
                self._take_ended(changed)
                self.look()
            self._draw()
            select.select([], [], [], COALESCE_S)

    def _take_ended(self, changed: frozenset[JobId] | None) -> None:
        """Take in ends of jobs that are not among those submitted last."""
        shown = {job.id for job in (*self._running, *self._queued)}
        for job in self._read(shown if changed is None else shown & changed):
            if job.is_terminal:
                self._ended[job.id] = job

    def _draw(self) -> None:
        from ...clock import SystemClock
        from ..board import board

        width, height = shutil.get_terminal_size()  # one that says it has no size has the usual one
        lines = board(self._view(), SystemClock().now(), max(20, width), height)
        sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")
        sys.stdout.flush()

    def tell_all(self) -> None:
        """Print a line for each job that runs or waits, and again whenever it has changed."""
        told: dict[JobId, object] = {}
        known = {job.id for job in (*self._running, *self._queued)}
        for changed in self._caller.service.hear(TICK):
            if changed == frozenset() and not has_reader():
                raise BrokenPipeError
            if changed is None:
                self.look()
                known |= {job.id for job in (*self._running, *self._queued)}
            for job in self._read(known if changed is None else changed):
                if not self._is_meant(job):
                    continue
                known.add(job.id)
                state = (job.status, job.reason, [(n.phase, n.message) for n in job.nodes])
                if told.get(job.id) != state:
                    told[job.id] = state
                    self._tell(job)
                if job.is_terminal:
                    known.discard(job.id)

    def _is_meant(self, job: Job) -> bool:
        from ...core.job import DEFAULT_QUEUE

        queue, labels = self._query["queue"], self._query["labels"]
        return queue in (None, job.queue or DEFAULT_QUEUE) and all(
            job.spec.labels.get(name) == value for name, value in labels.items()
        )

    def _read(self, job_ids: Any) -> Iterator[Job]:
        from ...engine.verbs import Get
        from ...errors import NotFound

        for job_id in sorted(job_ids):
            try:
                yield self._caller.service.get(Get(job_id))
            except NotFound:
                continue  # deleted meanwhile

    def _tell(self, job: Job) -> None:
        from json import dumps

        from ...clock import SystemClock
        from ..board import line_of

        if self._caller.output == "json":
            line = dumps(self._caller.service.public(job, with_result=False))
        else:
            line = line_of(job, SystemClock().now())
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def has_reader() -> bool:
    """Whether somebody may still read our stdout: whoever read the other end of a pipe may not."""
    look = select.poll()
    look.register(1, 0)
    return not any(said & (select.POLLERR | select.POLLHUP) for _, said in look.poll(0))


@contextmanager
def screen() -> Iterator[None]:
    """Have a screen of our own, and leave the terminal as it was, also when asked to end."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        sys.stdout.write(ENTER)
        sys.stdout.flush()
        yield
    finally:
        sys.stdout.write(LEAVE)
        sys.stdout.flush()
        for number, handler in before.items():
            signal.signal(number, handler)

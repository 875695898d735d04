"""What Prometheus is told. Labels come from fixed sets alone: never an id, a name or a path as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from ...core.state import JobStatus
from ...version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from ...core.job import Job
    from .visits import Visit

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What `generate_latest` writes by default, and every Prometheus reads."""

STORE_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
REQUEST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
QUEUE_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600)
START_S: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 60, 300, 600)
RUN_S: Final = (0.05, 0.1, 0.5, 1, 5, 15, 60, 120, 300, 900, 1800, 3600, 14_400, 43_200, 86_400)
STOP_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The meters of one service, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which none needs
        here = self.registry = CollectorRegistry()
        self._jobs = Gauge(
            "outlast_jobs", "Jobs that have not ended, by status.", ["status"], registry=here
        )
        self._ended = Counter(
            "outlast_jobs_ended",
            "Jobs that ended since this service began, by status and reason.",
            ["status", "reason"],
            registry=here,
        )
        self._queue = Histogram(
            "outlast_job_queue_seconds",
            "From a job's submission to the start of its command.",
            ["executor"],
            buckets=QUEUE_S,
            registry=here,
        )
        self._start = Histogram(
            "outlast_job_start_seconds",
            "From the claim of a job's node to the start of its command there.",
            ["executor"],
            buckets=START_S,
            registry=here,
        )
        self._run = Histogram(
            "outlast_job_run_seconds",
            "From the start of a job's command to the job's end.",
            ["executor", "status"],
            buckets=RUN_S,
            registry=here,
        )
        self._stop = Histogram(
            "outlast_job_stop_seconds",
            "From a job's end to the end of its last process, by status.",
            ["executor", "status"],
            buckets=STOP_S,
            registry=here,
        )
        self._store = Histogram(
            "outlast_store_operation_seconds",
            "Transactions of this service's, refused ones included.",
            ["operation"],
            buckets=STORE_S,
            registry=here,
        )
        self._requests = Counter(
            "outlast_http_requests",
            "Requests that were answered; status 0: who asked left before.",
            ["method", "route", "status"],
            registry=here,
        )
        self._request = Histogram(
            "outlast_http_request_seconds",
            "From a request's head to that of its answer, which a long poll waits for.",
            ["method", "route"],
            buckets=REQUEST_S,
            registry=here,
        )
        self._streams = Gauge(
            "outlast_http_open_streams", "Streams of events that are open.", registry=here
        )
        self._supervisor = Gauge(
            "outlast_supervisor_up",
            "Whether there is a supervisor, and this service hears of all it does.",
            registry=here,
        )
        Gauge("outlast_build_info", "1, with the version.", ["version"], registry=here).labels(
            __version__
        ).set(1)
        ProcessCollector(registry=here)
        # Finding a meter by its labels takes longer than to count: each is looked up once.
        self._of_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._of_operation: dict[str, Histogram] = {}

    def stored(self, operation: str, seconds: float) -> None:
        """The store was asked. May be told by any thread."""
        if (found := self._of_operation.get(operation)) is None:
            found = self._of_operation[operation] = self._store.labels(operation)
        found.observe(seconds)

    def answered(self, visit: Visit) -> None:
        """A request's answer has begun, or never will."""
        method = visit.method if visit.method in METHODS else "other"
        key = (method, visit.route, visit.status)
        if (found := self._of_route.get(key)) is None:
            labels = self._requests.labels(*key), self._request.labels(method, visit.route)
            found = self._of_route[key] = labels
        count, took = found
        count.inc()
        took.observe(visit.until_answer_s)
        if visit.is_stream:
            self._streams.inc()

    def ended_stream(self) -> None:
        """A stream of events is over."""
        self._streams.dec()

    def began(self, executor: str, after: timedelta) -> None:
        """A node's command was started, so long after the node was claimed. Once for a node."""
        self._start.labels(executor).observe(_seconds(after))

    # Jobs: each of these once for a job -----------------------------------------------------

    def started(self, job: Job, after: timedelta) -> None:
        """A job's command was started, so long after its submission."""
        self._queue.labels(_executor(job)).observe(_seconds(after))

    def ended(self, job: Job, ran: timedelta | None) -> None:
        """A job has ended; None: it had never started."""
        self._ended.labels(job.status, job.reason or "").inc()
        if ran is not None:
            self._run.labels(_executor(job), job.status).observe(_seconds(ran))

    def stopped(self, job: Job, after: timedelta) -> None:
        """The last process of a job is gone, so long after the job's end."""
        self._stop.labels(_executor(job), job.status).observe(_seconds(after))

    def scrape(self, jobs: Mapping[JobStatus, int], *, is_supervised: bool) -> bytes:
        """Return all of it as text, with what is only so now: how many jobs are in each status."""
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            self._jobs.labels(status).set(jobs.get(status, 0))
        self._supervisor.set(is_supervised)
        return generate_latest(self.registry)


def _executor(job: Job) -> str:
    return job.nodes[0].executor


def _seconds(between: timedelta) -> float:
    """Return it in seconds; where the clock was set back, 0."""
    return max(0.0, between.total_seconds())

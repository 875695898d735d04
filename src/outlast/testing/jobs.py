"""Jobs, stored in every state that a life can bring them to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ..core import events as ev
from ..core.attempt import Attempt
from ..core.job import DEFAULT_QUEUE, Job, JobId, JobSpec, Limits, Node
from ..core.state import NodeStatus, Reason
from ..core.transition import settle, transition, with_node
from ..ports.store import Entry, Query, Store
from .clock import FakeClock

SECOND: Final = timedelta(seconds=1)


def a_job(clock: FakeClock, *, nodes: int = 1, **fields: Any) -> Job:
    """Return a new job, its *labels* and the fields that are given as they say."""
    labels: Mapping[str, str] = fields.pop("labels", {})
    fields.setdefault("created_at", clock.now())
    return Job(
        id=clock.new_job_id(fields["created_at"]),
        spec=JobSpec(command=("true",), labels=labels, retention=timedelta(days=1)),
        nodes=tuple(Node(index=index, name=f"node-{index}") for index in range(nodes)),
        capture="captured",
        **fields,
    )


def a_full_job(clock: FakeClock) -> Job:
    """Return a job none of whose fields is at its default, as far as one can be so."""
    at = clock.now()
    spec = JobSpec(
        command=("printf", "%s", "caf\u00e9 \U0001f600 \n"),
        name="all of it",
        labels={"team": "a", "\u00e4": ""},
        env={"A": "1"},
        secret_env={"B": "env:B"},
        clean_env=True,
        cwd="/tmp",  # noqa: S108 - nothing is written there
        stdin="in",
        timeout=timedelta(milliseconds=1),
        idle_timeout=5 * SECOND,
        queue_timeout=6 * SECOND,
        grace=timedelta(),
        retention=timedelta(days=2),
        limits=Limits(output_bytes=None, memory_bytes=1 << 40, cpus=0.5, pids=7),
        on_output_limit="discard",
        leftovers="wait",
        queue="nightly",
        queue_width=2,
        resources={"gpu": 2},
        priority=-3,
        delay=7 * SECOND,
        start_at=at + SECOND,
        retries=9,
        retry_delay=3 * SECOND,
        retry_backoff=1.5,
        retry_jitter=0.25,
        retry_on=("exit:75", "lost"),
        if_lost="restart",
        session="web",
        retry_of=JobId("job_before"),
        on_end=("tell", "somebody"),
        on_end_of=JobId("job_first"),
    )
    node = Node(
        name="here",
        executor="elsewhere",
        status=NodeStatus.FAILED,
        reason=Reason.TIMEOUT,
        attempt=2,
        earlier=(
            Attempt(
                number=1,
                reason="lost",
                exit_code=75,
                signal=15,
                error="nobody knows",
                started_at=at + SECOND / 8,
                completed_at=at + SECOND / 4,
                stopped_at=at + SECOND / 2,
                stop_error="slow",
                may_run=True,
                stdout_bytes=3,
                stderr_bytes=4,
            ),
        ),
        retry_at=at + SECOND,
        boot_id="boot",
        exit_code=-1,
        signal=9,
        error="TimeoutError: Timed out after 1s",
        claimed_at=at + SECOND / 2,
        started_at=at + SECOND,
        completed_at=at + 2 * SECOND,
        stopped_at=at + timedelta(milliseconds=2001),
        stop_error="slow",
        late_exit_code=3,
        containment="cgroup",
        survives="container",
        image_id="sha256:0a",
        image_digest="box@sha256:0b",
        degraded=True,
        stdout_bytes=1 << 40,
        stderr_bytes=2,
        progress_pct=12.5,
        message="half\u00a0way",
    )
    job = replace(
        a_job(clock),
        spec=spec,
        nodes=(node, Node(index=1, name="there")),
        version=4,
        queue="urgent",
        held=True,
        priority=7,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )
    return with_node(job, node)


def claimed(job: Job, clock: FakeClock, *, index: int = 0) -> Job:
    """Return *job* with one of its nodes claimed and started."""
    attempt = job.nodes[index].attempt + 1
    node = transition(job.nodes[index], ev.Claimed(at=clock.now(), attempt=attempt, boot_id="boot"))
    started = ev.Started(at=clock.now(), attempt=attempt, containment="group")
    return with_node(job, transition(node, started))


def cancelled(job: Job, clock: FakeClock) -> Job:
    """Return *job* with all of its nodes cancelled."""
    for node in job.nodes:
        job = with_node(job, transition(node, ev.CancelRequested(at=clock.now())))
    return job


def ended(
    store: Store, clock: FakeClock, job: Job, *, key: str | None = None, error: str | None = None
) -> Job:
    """Store *job*, let its nodes run and fail, or complete where *error* is "", and return it."""
    store.add([Entry(job=job, key=key)])
    after = job
    for node in job.nodes:
        after = claimed(after, clock, index=node.index)
        at, attempt = clock.now(), node.attempt + 1
        event: ev.Event = ev.Completed(at=at, attempt=attempt, stopped_at=at)
        if error != "":
            event = ev.Failed(
                at=at, attempt=attempt, reason=Reason.LOST, error=error, stopped_at=at
            )
        after = with_node(after, transition(after.nodes[node.index], event))
    store.save([(job, after)])
    return replace(after, version=job.version + 1)


def some_lives(store: Store, clock: FakeClock) -> list[Job]:
    """Store jobs in every status, some of them not yet settled, a second apart; oldest first."""
    jobs = []
    for number in range(24):
        clock.advance(SECOND)
        labels = {"team": "ab"[number % 2], "odd": "no" if number % 3 else "yes"}
        job = a_job(clock, labels=labels if number % 4 else {}, nodes=1 + (number % 6 == 5))
        match number % 6:
            case 0:
                store.add([Entry(job=job)])
            case 1:
                jobs.append(ended(store, clock, job))
                continue
            case 2:
                jobs.append(ended(store, clock, job, error=""))
                continue
            case _:
                store.add([Entry(job=job)])
                after = claimed(job, clock)
                if number % 6 == 4:
                    after = cancelled(after, clock)
                    if number > 12:
                        stopped = ev.Stopped(attempt=1, at=clock.now())
                        after = with_node(after, settle(after.nodes[0], stopped))
                if number % 6 == 5:
                    done = ev.Completed(at=clock.now(), attempt=1)
                    after = with_node(after, transition(after.nodes[0], done))
                    after = with_node(
                        after, transition(after.nodes[1], ev.CancelRequested(at=clock.now()))
                    )
                store.save([(job, after)])
                job = replace(after, version=1)
        jobs.append(job)
    return jobs


def fulfils(job: Job, query: Query) -> bool:
    """Whether *job* is one that *query* asks for."""
    ended_before, expired_at = query.ended_before, query.expired_at
    return (
        (not query.statuses or job.status in query.statuses)
        and query.labels.items() <= job.spec.labels.items()
        and (query.since is None or job.created_at >= query.since)
        and (query.queue is None or query.queue == (job.queue or DEFAULT_QUEUE))
        and (query.after is None or query.after in {need.job_id for need in job.spec.after})
        and (not query.unsettled or not job.is_settled)
        and (
            ended_before is None
            or (job.completed_at is not None and job.completed_at < ended_before)
        )
        and (expired_at is None or (job.expires_at is not None and job.expires_at <= expired_at))
    )

"""A job, its nodes, and what a node's news makes of the job."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from outlast.core import events as ev
from outlast.core.job import Job, JobId, JobSpec, Limits, Node, attempt_key
from outlast.core.state import JobStatus, NodeStatus
from outlast.core.transition import transition, with_node

from .lives import NOW, a_job, a_node, later


def test_a_job_is_told_by_its_nodes() -> None:
    """A node's news gives the job its status, reason and times; the other nodes stay."""
    first, second = Node(index=0), Node(index=1)
    ends = a_node(NodeStatus.COMPLETE, index=1, started_at=later(4), completed_at=later(8))
    job = with_node(a_job(first, second), ends)

    expected = replace(
        a_job(first, ends), status=JobStatus.RUNNING, reason=None, started_at=later(4)
    )
    assert expected == job


def test_a_job_begins_with_its_first_node_and_ends_with_its_last() -> None:
    """The job's times are the earliest start, the latest end, the latest stop."""
    early = a_node(
        NodeStatus.COMPLETE,
        index=0,
        started_at=later(1),
        completed_at=later(9),
        stopped_at=later(10),
    )
    late = a_node(
        NodeStatus.CANCELLED,
        index=1,
        started_at=later(2),
        completed_at=later(5),
        stopped_at=later(30),
    )
    job = with_node(a_job(early, Node(index=1)), late)

    assert (JobStatus.PARTIAL, "cancelled") == (job.status, job.reason)
    assert (later(1), later(9), later(30)) == (job.started_at, job.completed_at, job.stopped_at)


def test_a_job_is_not_stopped_before_its_last_node_is() -> None:
    """An ended job whose processes are not all gone has no `stopped_at`, and is not settled."""
    gone = a_node(NodeStatus.FAILED, index=0, stopped_at=later(3))
    job = with_node(a_job(gone, Node(index=1)), a_node(NodeStatus.FAILED, index=1))

    assert (later(2), None) == (job.completed_at, job.stopped_at)
    assert (True, False) == (job.is_terminal, job.is_settled)


def test_a_job_that_never_started_has_no_start() -> None:
    """A job cancelled in the queue begins nowhere and is over at once."""
    job = with_node(a_job(), transition(Node(), ev.CancelRequested(at=later(3))))

    assert (None, later(3), later(3)) == (job.started_at, job.completed_at, job.stopped_at)
    assert (True, True) == (job.is_terminal, job.is_settled)
    assert job.expires_at == later(3) + job.spec.retention
    assert a_job().expires_at is None


def test_a_job_has_the_name_that_its_spec_gives() -> None:
    """Without one it has none."""
    assert "nightly" == a_job(spec=JobSpec(command=("true",), name="nightly")).name
    assert a_job().name is None


def test_a_job_of_one_node_has_that_one_s_exit_code() -> None:
    """Of several none is the job's."""
    assert 3 == a_job(Node(index=0, exit_code=3)).exit_code
    assert a_job(Node(index=0)).exit_code is None
    assert a_job(Node(index=0, exit_code=3), Node(index=1, exit_code=3)).exit_code is None


def test_a_job_is_a_value() -> None:
    """Nobody changes a job, its spec or a node in place: what was read stays what was read."""
    job = a_job()

    for part in (job, job.spec, job.spec.limits, job.nodes[0]):
        name = next(iter(vars(part)))
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, None)


def test_what_is_not_said_is_pinned() -> None:
    """A spec, a node and a job that say nothing have these values; they are public."""
    assert {
        **dict.fromkeys(("shell", "script", "runtime", "name", "cwd", "stdin", "retry_of")),
        **dict.fromkeys(("idle_timeout", "queue_timeout", "queue", "queue_width", "max_parallel")),
        "after": (),
        "hold": False,
        "collect": None,
        "container": None,
        "pull_timeout": timedelta(minutes=10),
        **{key: {} for key in ("labels", "env", "secret_env", "hosts", "resources")},
        **dict.fromkeys(("session", "session_id", "delay", "start_at", "on_end", "on_end_of")),
        "priority": 0,
        "retries": 0,
        "retry_delay": timedelta(seconds=1),
        "retry_backoff": 1.0,
        "retry_jitter": 0.0,
        "retry_on": (),
        "if_lost": "fail",
        "command": (),
        "on": (),
        "dialogue": (),
        "webhooks": (),
        "connection_bound": False,
        "connect_timeout": timedelta(seconds=30),
        "reconnect_timeout": timedelta(hours=1),
        "clean_env": False,
        "timeout": timedelta(hours=24),
        "grace": timedelta(seconds=10),
        "retention": timedelta(days=30),
        "limits": Limits(output_bytes=1 << 30, memory_bytes=None, cpus=None, pids=None),
        "on_output_limit": "stop",
        "leftovers": "stop",
    } == vars(JobSpec())
    node = Node()
    assert {
        "index": 0,
        "name": "local",
        "executor": "local",
        "status": "pending",
        "attempt": 0,
        "earlier": (),
        "degraded": False,
        "stdout_bytes": 0,
        "stderr_bytes": 0,
    } == {name: value for name, value in vars(node).items() if value is not None}
    job = Job(id=JobId("job_1"), spec=JobSpec(), nodes=(node,), created_at=NOW)
    assert {
        "id": "job_1",
        "spec": JobSpec(),
        "nodes": (node,),
        "created_at": NOW,
        "priority": 0,
        "held": False,
        "status": "queued",
        "version": 0,
        "waiting_for": (),
    } == {name: value for name, value in vars(job).items() if value is not None}


@pytest.mark.parametrize("kind", [Limits, JobSpec, Node, Job])
def test_fields_are_given_by_name(kind: type) -> None:
    """No value is taken by its place: a field may be added anywhere."""
    with pytest.raises(TypeError, match="positional"):
        kind("local")


def test_an_attempt_has_its_own_name() -> None:
    """The key of an attempt names its job, its node and which attempt it is."""
    assert "job_1/2/3" == attempt_key(JobId("job_1"), 2, 3)


@pytest.mark.parametrize(
    ("executor", "status", "is_silent"),
    [
        ("container", NodeStatus.RUNNING, False),
        ("container", NodeStatus.COMPLETE, True),
        ("container", NodeStatus.FAILED, True),
        ("container", NodeStatus.CANCELLED, False),
        ("local", NodeStatus.COMPLETE, False),
        ("ssh", NodeStatus.FAILED, False),
    ],
)
def test_only_a_container_takes_all_that_prints_along(
    executor: str, status: NodeStatus, *, is_silent: bool
) -> None:
    """Elsewhere children may print on, as may what was cancelled and is not gone."""
    node = replace(a_node(status), executor=executor, stopped_at=None)

    assert is_silent is node.is_silent
    assert a_job(replace(node, stopped_at=later(9))).is_silent
    assert a_job(replace(node, stop_error="unkillable: 1")).is_silent

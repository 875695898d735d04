"""Jobs as a server tells them, read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlast.core.attempt import Attempt
from outlast.core.hindrance import Hindrance, hindrances, of_turn
from outlast.core.job import Job, JobId, JobSpec, Node
from outlast.core.spec import spec_to_json
from outlast.core.state import JobStatus, NodeStatus
from outlast.engine.public import Address, public_job
from outlast.errors import BadAnswer
from outlast.over_http.jobs import read_job

NOW = datetime(2026, 11, 20, 19, 16, 48, 123000, tzinfo=UTC)
JOB = Job(
    id=JobId("job_1"),
    spec=JobSpec(command=("make",), name="n", labels={"a": "b"}, timeout=timedelta(seconds=7)),
    nodes=(
        Node(
            status=NodeStatus.FAILED,
            reason="timeout",
            attempt=2,
            earlier=(
                Attempt(
                    number=1,
                    reason="exit_nonzero",
                    exit_code=75,
                    started_at=NOW,
                    completed_at=NOW,
                    stopped_at=NOW,
                ),
            ),
            exit_code=-1,
            error="TimeoutError: Timed out after 7s",
            started_at=NOW,
            completed_at=NOW,
            stop_error="it stays",
            containment="cgroup",
            survives="logout",
            degraded=True,
            stdout_bytes=5,
            progress_pct=60.0,
            message="compiling",
        ),
    ),
    status=JobStatus.FAILED,
    reason="timeout",
    created_at=NOW,
    started_at=NOW,
    completed_at=NOW,
    version=7,
)


def told(job: Job, **more: Any) -> dict[str, Any]:
    """Return *job* as it comes from a server, with what is told beside it."""
    public = public_job(job, address=Address(("outlast",)), now=NOW)
    data: dict[str, Any] = json.loads(json.dumps(public | more))
    return data


def as_job(job: Job) -> Job:
    """Return a job of a server's as one of ours, to be compared."""
    own = {name: value for name, value in vars(job).items() if name != "answer"}
    return Job(**own)


def test_a_job_comes_back_as_it_was() -> None:
    """With the spec beside it nothing is lost that a door shows."""
    read = read_job(told(JOB, spec=spec_to_json(JOB.spec), version=7))
    node = replace(JOB.nodes[0], phase="stopping")

    assert replace(JOB, nodes=(node,)) == as_job(read)
    assert told(JOB) == read.answer


def test_a_server_that_tells_no_spec_is_understood() -> None:
    """What the public JSON has of it is there; so are limits and retention."""
    spec = read_job(told(JOB)).spec

    assert ("n", {"a": "b"}, JOB.spec.timeout) == (spec.name, spec.labels, spec.timeout)
    assert JOB.spec.retention == spec.retention


def test_what_an_event_leaves_out_is_as_it_was() -> None:
    """Events have the public JSON alone."""
    before = read_job(told(JOB, spec=spec_to_json(JOB.spec)))

    assert JOB.spec == read_job(told(JOB), before).spec


def test_keys_that_a_newer_server_tells_are_passed_over() -> None:
    """In a job, and in its spec."""
    spec = {**spec_to_json(JOB.spec), "of_tomorrow": 1, "clock_of_tomorrow_ms": 5}
    read = read_job(told(JOB, spec=spec, of_tomorrow={}))

    assert JOB.spec == read.spec
    assert {} == read.answer["of_tomorrow"]


@pytest.mark.parametrize(
    "wrong", [{"status": "paused"}, {"nodes": [{}]}, {"created_at": "today"}, {"nodes": None}]
)
def test_a_job_that_is_not_understood_is_told_as_that(wrong: dict[str, Any]) -> None:
    """A status of another version, say: never guessed."""
    with pytest.raises(BadAnswer, match="that this version does not understand"):
        read_job(told(JOB) | wrong)


def test_what_it_waits_for_comes_back() -> None:
    """With all there is to it; and what only a newer server knows is shown as it says it."""
    job = Job(id=JobId("job_1"), spec=JobSpec(command=("true",)), nodes=(Node(),), created_at=NOW)
    full = {"kind": "queue_full", "width": 1, "running": 2}
    waits = replace(
        job, waiting_for=(of_turn(job, full), of_turn(job, {"kind": "turn", "ahead": 0}))
    )
    data = told(waits)
    data["waiting_for"].append({"kind": "moon", "message": "the moon is full", "phase": 0.5})

    read = read_job(data)

    moon = Hindrance(kind="moon", message="the moon is full", facts={"phase": 0.5})
    assert (*waits.waiting_for, moon) == read.waiting_for == hindrances(read, NOW)

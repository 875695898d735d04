"""What keeps a job from beginning: each kind's sentence, and what else there is to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from outlast.core.hindrance import Kind, from_json, hindrances, of_jobs, of_turn
from outlast.core.job import Job, JobId, JobSpec, Limits, Node, SessionId
from outlast.core.needs import Condition, Need
from outlast.core.state import JobStatus, NodeStatus
from outlast.framework.schemas import JOB

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = JobSpec(
    command=("true",),
    resources={"gpu": 2, "cpus": 7},
    limits=Limits(cpus=1.5, memory_bytes=3 << 30),
    session="build",
    session_id=SessionId("s"),
)
WAITS = Job(id=JobId("job_1"), spec=SPEC, nodes=(Node(),), queue="disk", created_at=NOW)


@pytest.mark.parametrize(
    ("told", "message", "facts"),
    [
        pytest.param(
            {"kind": "queue_paused"}, "its queue is paused", {"queue": "disk"}, id="paused"
        ),
        pytest.param(
            {"kind": "queue_full", "width": 2, "running": 3},
            "its queue is full (3 of 2)",
            {"queue": "disk", "width": 2, "running": 3},
            id="narrower than what runs",
        ),
        pytest.param(
            {"kind": "queue_limits", "names": ["*cpus", "*memory_bytes"]},
            "its queue has no room for 1.5 processors, 3g of memory now",
            {"queue": "disk", "needs": {"cpus": 1.5, "memory_bytes": 3 << 30}},
            id="what a queue has",
        ),
        pytest.param(
            {"kind": "resources", "names": ["gpu", "*memory_bytes"]},
            "this machine has no room for gpu=2, 3g of memory now",
            {"needs": {"gpu": 2, "memory_bytes": 3 << 30}},
            id="what the machine has",
        ),
        pytest.param(
            {"kind": "session"},
            "another one runs in the session build",
            {"session": "build"},
            id="session",
        ),
        pytest.param(
            {"kind": "machine_full", "width": 8, "running": 8},
            "this machine is full (8 of 8)",
            {"width": 8, "running": 8},
            id="machine",
        ),
        pytest.param({"kind": "turn", "ahead": 0}, "its turn comes next", {"ahead": 0}, id="next"),
        pytest.param(
            {"kind": "turn", "ahead": 1}, "its turn, after 1 other", {"ahead": 1}, id="second"
        ),
        pytest.param(
            {"kind": "turn", "ahead": 100, "or_more": True},
            "its turn, after 100 others or more",
            {"ahead": 100, "or_more": True},
            id="far behind",
        ),
    ],
)
def test_what_a_supervisor_tells_is_said(
    told: dict[str, Any], message: str, facts: dict[str, Any]
) -> None:
    """With the amounts that the spec has; it comes back from its JSON, which the schema has."""
    found = of_turn(WAITS, told)

    assert {"kind": told["kind"], "message": message, **facts} == found.to_json()
    assert found == from_json(found.to_json())
    assert found.to_json().keys() <= JOB["properties"]["waiting_for"]["items"]["properties"].keys()


def test_of_many_jobs_some_are_named() -> None:
    """Each with how it has to end; the data has all of them."""
    ends = (Condition.COMPLETE, Condition.FAILED, Condition.ANY, Condition.ANY, Condition.ANY)
    needs = [Need(job_id=JobId(f"job_{n}"), on=on) for n, on in enumerate(ends)]

    found = of_jobs(needs)

    expected = "job_0 has to complete first, job_1 to fail, job_2 to end and 2 more"
    assert (expected, 5) == (found.message, len(found.facts["jobs"]))


@pytest.mark.parametrize(
    ("status", "node"),
    [(JobStatus.RUNNING, NodeStatus.RUNNING), (JobStatus.CANCELLED, NodeStatus.CANCELLED)],
)
def test_what_runs_or_has_ended_waits_for_nothing(status: JobStatus, node: NodeStatus) -> None:
    """Whatever it has waited for: it may have been asked just before."""
    learnt = of_turn(WAITS, {"kind": Kind.TURN, "ahead": 1})
    fields = {**vars(WAITS), "held": True, "waiting_for": (learnt,)}
    assert ["held", "turn"] == [each.kind for each in hindrances(Job(**fields), NOW)]

    over = Job(**{**fields, "status": status, "nodes": (Node(status=node),)})
    assert () == hindrances(over, NOW)

"""The public job: what every door shows."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlast.core.hostspec import HostSpec
from outlast.core.job import Job, JobId, JobSpec, Node, nodes_of
from outlast.core.limits import iso
from outlast.core.state import JobStatus, NodeStatus
from outlast.engine.public import Address, public_job

AT = datetime(2026, 11, 20, 19, 16, 48, 7_000, tzinfo=UTC)
JOB = Job(id=JobId("job_1"), spec=JobSpec(command=("true",)), nodes=(Node(),), created_at=AT)


def public(
    job: Job, *, address: Address | None = None, age: timedelta = timedelta()
) -> dict[str, object]:
    return public_job(job, address=address or Address(("outlast",)), now=AT + age)


@pytest.mark.parametrize(
    ("address", "has_argv"),
    [
        pytest.param(Address(("outlast",)), False, id="by name"),
        pytest.param(Address(("/opt/o/bin/outlast",), ("--home", "/srv/jobs")), False, id="paths"),
        pytest.param(Address(("outlast",), ("--home", "/my jobs")), True, id="a space"),
        pytest.param(Address(("outlast",), ("--home", "/a;b")), True, id="a shell's character"),
        pytest.param(Address(("outlast",), ("--home", "")), True, id="an empty word"),
    ],
)
def test_a_command_is_a_list_as_well_only_where_splitting_would_not_do(
    address: Address, has_argv: bool
) -> None:
    """The line is right for a shell, always; its words are, where there is no list."""
    shown = public(JOB, address=address)
    argv = address.argv("status", JOB.id)
    line = str(shown["status_command"])

    assert argv == shlex.split(line)
    assert has_argv == ("status_argv" in shown)
    assert argv == (shown["status_argv"] if has_argv else line.split())


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(), {"phase": None}),
        (Node(attempt=1), {"phase": "starting"}),
        (Node(attempt=1, started_at=AT, status=NodeStatus.RUNNING), {"phase": None}),
        (
            Node(attempt=1, started_at=AT, completed_at=AT, status=NodeStatus.COMPLETE),
            {"phase": "stopping"},
        ),
        (Node(stop_error="unkillable: 7"), {"stop_error": "unkillable: 7"}),
        (Node(late_exit_code=3), {"late_exit_code": 3}),
        (Node(degraded=True), {"degraded": True}),
    ],
)
def test_a_node_tells_what_is_special_about_it(node: Node, expected: dict[str, object]) -> None:
    """And keeps silent about what is not."""
    shown = public(replace(JOB, nodes=(node,)))["nodes"]

    assert isinstance(shown, list)
    assert expected.items() <= shown[0].items()
    assert {"stop_error", "late_exit_code", "degraded"} & set(shown[0]) == set(expected) - {"phase"}


def test_a_host_s_own_limit_is_its_node_s() -> None:
    """And the job's where it is the only one; the others have what their job says."""
    hosts = {"a": HostSpec(timeout=timedelta(seconds=5))}
    spec = JobSpec(shell=":", on=("a", "b"), hosts=hosts, timeout=timedelta(seconds=60))
    two: dict[str, Any] = public(replace(JOB, spec=spec, nodes=nodes_of(spec)))
    one = public(replace(JOB, spec=spec, nodes=nodes_of(spec)[:1]))

    assert [60_000, 5_000, None] == [
        two["timeout_ms"],
        *(node.get("timeout_ms") for node in two["nodes"]),
    ]
    assert 5_000 == one["timeout_ms"]


def test_progress_is_that_of_all_nodes() -> None:
    """A job's percentage is the mean, with those that have not told any at 0."""
    nodes = (Node(progress_pct=60, message="half"), Node(index=1))
    shown = public(replace(JOB, nodes=nodes))

    assert (30, "half", None) == (shown["progress_pct"], shown["message"], shown["exit_code"])


def test_a_retry_names_what_it_repeats_and_a_result_is_added() -> None:
    """Keys that are there only where there is something to say."""
    job = replace(JOB, spec=replace(JOB.spec, retry_of=JobId("job_0")), status=JobStatus.COMPLETE)
    shown = public_job(job, address=Address(("outlast",)), now=AT, result={"value": None})

    assert ("job_0", {"value": None}) == (shown["retry_of"], shown["result"])
    assert not {"retry_of", "result"} & set(public(JOB))


def test_the_interval_grows_with_age() -> None:
    """A young job is asked for often, an old one is left alone."""
    assert (250, 5000) == (
        public(JOB)["poll_interval_ms"],
        public(JOB, age=timedelta(hours=1))["poll_interval_ms"],
    )


def test_times_have_milliseconds_and_a_zone() -> None:
    """ISO 8601, UTC."""
    assert ("2026-11-20T19:16:48.007Z", None) == (iso(AT), iso(None))

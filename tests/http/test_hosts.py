"""
The many-host service over HTTP and real sshd's: what a cancel does, and what each clock does.

Each case has a name in the service that this one stands in for; the tests are named after them.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from outlast import Client
from outlast.testing.sshd import Farm

from ..world import eventually
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # hosts, for seconds

WAITS = "touch begun; sleep 600"


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A host that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def there(farm: Farm, service: Service) -> Farm:
    """The hosts, known to the service: it was started with their configuration."""
    return farm


def has_begun(there: Farm, host: str) -> bool:
    return (there.home / host / "begun").exists()


def all_run(caller: Caller, job_id: str) -> dict[str, Any]:
    """Return the job once every host of it is known to run."""
    for event in caller.events(f"/jobs/{job_id}/events"):
        job: dict[str, Any] = event["data"]
        if event["event"] == "status" and {"running"} == {each["status"] for each in job["nodes"]}:
            return job
    raise AssertionError("they never ran")


def cancel(caller: Caller, job_id: str, **body: Any) -> dict[str, Any]:
    answer = caller.client.post(f"/jobs/{job_id}/cancel", json=body)
    assert 200 == answer.status_code, answer.text
    told: dict[str, Any] = answer.json()
    assert told.pop("request_id") == answer.headers["x-request-id"]
    return told


def told_cancelled(job_id: str, status: str = "cancelled") -> dict[str, Any]:
    return {
        "job_id": job_id,
        "status": status,
        "cancelled": True,
        "message": "Job cancellation initiated",
    }


# Cancelling ---------------------------------------------------------------------------------


def test_cancel_job_not_found(caller: Caller) -> None:
    """404, as a problem, with the id of the request."""
    answer = caller.client.post("/jobs/job_nobody/cancel")

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_cancel_a_running_job(there: Farm, caller: Caller, client: Client) -> None:
    """
    Cancelled at once on every host, with `completed_at`; stored before it is answered; a second
    cancel changes nothing, and what ran there is ended.
    """
    job_id = caller.submit(on=there.hosts, shell=WAITS)["job_id"]
    all_run(caller, job_id)
    answer = cancel(caller, job_id)
    stored = client.get(job_id)
    job = caller.client.get(f"/jobs/{job_id}").json()

    assert told_cancelled(job_id) == answer
    assert ("cancelled", True) == (stored.status, stored.is_terminal)
    assert ("cancelled", "cancelled", True) == (job["status"], job["reason"], job["terminal"])
    assert job["completed_at"] is not None
    for node in job["nodes"]:
        assert ("cancelled", None) == (node["status"], node["exit_code"])
        assert node["completed_at"] is not None
    again = cancel(caller, job_id, wait_stopped_ms=60_000)
    assert (False, "cancelled") == (again["cancelled"], again["status"])
    gone = caller.client.get(f"/jobs/{job_id}").json()
    assert gone["stopped_at"] is not None
    assert all(node["completed_at"] == old["completed_at"] for node, old in zip(gone["nodes"], job["nodes"], strict=True))  # fmt: skip


def test_cancel_a_queued_job(there: Farm, caller: Caller) -> None:
    """Finalized at once, without having begun anywhere: and no host is begun with after it."""
    first, second = there.hosts
    job_id = caller.submit(on=[first, second], shell=WAITS, max_parallel=1)["job_id"]
    eventually(lambda: has_begun(there, first))
    waits = caller.submit(on=first, shell="touch never", queue="q", queue_width=1)
    cancel(caller, waits["job_id"])
    answer = cancel(caller, job_id)
    cancel(caller, job_id, wait_stopped_ms=60_000)
    job = caller.client.get(f"/jobs/{job_id}").json()

    assert told_cancelled(job_id) == answer
    assert ["cancelled", "cancelled"] == [node["status"] for node in job["nodes"]]
    assert job["nodes"][1]["started_at"] is None
    assert job["nodes"][1]["completed_at"] is not None
    assert not has_begun(there, second)


def test_cancel_after_some_hosts_have_completed(there: Farm, caller: Caller) -> None:
    """What was complete stays that, the rest is cancelled, and the job is `partial`."""
    first, second = there.hosts
    line = f"[ $(basename $HOME) = {first} ] || {{ {WAITS}; }}"
    job_id = caller.submit(on=[first, second], shell=line)["job_id"]
    eventually(lambda: has_begun(there, second))

    def nodes() -> list[str]:
        job = caller.client.get(f"/jobs/{job_id}").json()
        return [node["status"] for node in job["nodes"]]

    eventually(lambda: nodes() == ["complete", "running"])

    assert told_cancelled(job_id, "partial") == cancel(caller, job_id)
    assert ["complete", "cancelled"] == nodes()


def test_cancel_one_host_of_a_job(there: Farm, caller: Caller) -> None:
    """`nodes` names which; the others go on, and so the job does."""
    job_id = caller.submit(on=there.hosts, shell=WAITS)["job_id"]
    all_run(caller, job_id)
    answer = cancel(caller, job_id, nodes=[1], grace_ms=0)
    job = caller.client.get(f"/jobs/{job_id}").json()

    assert told_cancelled(job_id, "running") == answer
    assert ["running", "cancelled"] == [node["status"] for node in job["nodes"]]
    for wrong in ({"nodes": ["x"]}, {"nodes": [7]}, {"grace": 1}, {"grace_ms": -1}):
        refused = caller.client.post(f"/jobs/{job_id}/cancel", json=wrong)
        assert (422, "invalid_request") == (refused.status_code, refused.json()["code"]), wrong


def test_cancel_a_job_that_has_ended(there: Farm, caller: Caller) -> None:
    """Changes nothing: its own status is told, with 200."""
    job_id = caller.submit(on=there.hosts[0], shell="exit 3")["job_id"]
    before = caller.ended(job_id)
    answer = cancel(caller, job_id)

    assert (False, "failed") == (answer["cancelled"], answer["status"])
    assert before["completed_at"] == caller.client.get(f"/jobs/{job_id}").json()["completed_at"]


def test_a_cancel_wakes_whoever_waits(there: Farm, caller: Caller, service: Service) -> None:
    """A stream that was opened before it tells of it and ends."""
    job_id = caller.submit(on=there.hosts[0], shell=WAITS)["job_id"]
    eventually(lambda: has_begun(there, there.hosts[0]))
    events = caller.events(f"/jobs/{job_id}/events")
    next(events)
    Caller(service.client()).client.post(f"/jobs/{job_id}/cancel")
    *_, last = events

    assert ("end", "cancelled") == (last["event"], last["data"]["status"])


# Clocks -------------------------------------------------------------------------------------


def test_connect_and_command_timeouts(there: Farm, black_hole: str, caller: Caller) -> None:
    """
    Each host has its own clocks, and one that passes touches no other host: the message has the
    seconds that were in force.
    """
    slow, quick = there.hosts
    line = f"[ $(basename $HOME) = {quick} ] || sleep 600"
    job_id = caller.submit(
        on=[slow, quick, black_hole],
        shell=line,
        timeout_ms=5000,
        connect_timeout_ms=8000,
        grace_ms=0,
    )["job_id"]
    job = caller.ended(job_id)
    timed_out, complete, never = job["nodes"]

    assert ("partial", "mixed") == (job["status"], job["reason"])
    assert ("failed", "timeout", -1, "TimeoutError: Timed out after 5s") == (
        *(timed_out[key] for key in ("status", "reason", "exit_code", "error")),
    )
    assert ("complete", None, 0) == (*(complete[key] for key in ("status", "reason", "exit_code")),)
    assert ("failed", "connect_timeout", None, "ConnectTimeout: connection timed out after 8s") == (
        *(never[key] for key in ("status", "reason", "exit_code", "error")),
    )
    assert all(node["completed_at"] for node in job["nodes"])


def test_the_settings_clocks_hold_for_whoever_says_nothing(
    farm: Farm, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """600 s and 30 s, or what `JOB_*_TIMEOUT_SEC` say; a request's own come before them."""
    on = farm.hosts[0]
    before = Caller(service.client()).submit(on=on, shell="true")
    service.stop()
    monkeypatch.setenv("JOB_COMMAND_TIMEOUT_SEC", "7")
    monkeypatch.setenv("JOB_CONNECT_TIMEOUT_SEC", "3")
    service.start()
    caller = Caller(service.client())
    after, own = (
        caller.submit(on=on, shell="true", **more) for more in ({}, {"timeout_ms": 500_000})
    )

    assert [600_000, 7000, 500_000] == [job["timeout_ms"] for job in (before, after, own)]
    for job in (before, after, own):
        assert "complete" == caller.ended(job["job_id"])["status"]

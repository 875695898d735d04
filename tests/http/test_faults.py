"""What the death of the service does to those it was answering: nothing is lost, nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from ..world import eventually
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # a service that is killed and started again

CALLERS = 4
ANSWERS = 12


def test_a_service_that_is_killed_mid_submit_keeps_what_it_answered(service: Service) -> None:
    """
    What was answered is there; what was not is found by its key, or begins with it: once, either
    way.
    """
    answered: dict[str, str] = {}
    unanswered: list[str] = []
    is_over = Event()

    def submit_on(number: int) -> None:
        client = service.client()
        for count in range(1000):
            if is_over.is_set():
                return
            key = f"{number}-{count}"
            try:
                answered[key] = post(client, key)
            except httpx.TransportError:
                unanswered.append(key)
                return

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(submit_on, number) for number in range(CALLERS)]
        try:
            eventually(lambda: len(answered) >= ANSWERS)
            service.kill()
        finally:
            is_over.set()
        for each in callers:
            each.result()
    service.start()
    client = service.client()
    again = {key: post(client, key) for key in (*answered, *unanswered)}
    found = client.get("/jobs", params={"limit": 500}).json()["items"]

    assert answered == {key: again[key] for key in answered}
    assert sorted(again) == sorted(job["labels"]["key"] for job in found)
    assert sorted(again.values()) == sorted(job["job_id"] for job in found)


def post(client: httpx.Client, key: str) -> str:
    answer = client.post(
        "/jobs",
        json={"command": ["true"], "labels": {"key": key}},
        headers={"Idempotency-Key": key},
    )
    assert 202 == answer.status_code, answer.text
    return str(answer.json()["job_id"])


def test_who_waits_is_woken_at_once(caller: Caller, service: Service) -> None:
    """A long-poll and a stream of one and the same end: neither waits for a clock of its own."""
    gate = service.folder / "gate"
    job_id = caller.submit(shell=f"until [ -e {gate} ]; do sleep 0.02; done")["job_id"]
    caller.running(job_id)
    with ThreadPoolExecutor(2) as pool:
        waits = [
            pool.submit(lambda: caller.ended(job_id)["status"]),
            pool.submit(lambda: list(caller.events(f"/jobs/{job_id}/events"))[-1]["event"]),
        ]
        gate.touch()
        told = [each.result(timeout=45) for each in waits]  # before any poll of 60 s is over

    assert ["complete", "end"] == told

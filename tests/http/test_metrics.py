"""`/metrics` of a real service, as Prometheus' own parser reads it."""

from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ..world import eventually
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds


ID = re.compile(r"job_[0-9A-Z]{26}|req_|tok_")


def scraped(ask: httpx.Client) -> dict[str, Metric]:
    """Return what is told now, by name of family."""
    answer = ask.get("/metrics")
    assert (200, "text/plain") == (answer.status_code, answer.headers["content-type"].split(";")[0])
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(ask: httpx.Client, sample: str, **labels: str) -> float:
    """Return the sum of the samples of that name that have these labels."""
    return sum(
        each.value
        for family in scraped(ask).values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    )


def test_each_job_is_counted_once(service: Service, caller: Caller) -> None:
    """By how it ended, with its waiting, its start, its run and its stop; an open one while it is open."""
    ask = caller.client
    open_one = caller.submit(command=["sleep", "600"])
    ended = [
        caller.submit(shell=line)["job_id"] for line in ("exit 0", "exit 3", "exit 4", "kill $$")
    ]
    for job_id in ended:
        caller.ended(job_id)
    caller.running(open_one["job_id"])

    eventually(lambda: 4 == value(ask, "outlast_job_stop_seconds_count"))
    eventually(lambda: 1 == value(ask, "outlast_jobs", status="running"))
    assert 5 == value(ask, "outlast_job_queue_seconds_count", executor="local")
    assert 5 == value(ask, "outlast_job_start_seconds_count", executor="local")
    waited, took = (value(ask, f"outlast_job_{name}_seconds_sum") for name in ("queue", "start"))
    assert 0 <= took <= waited, "a start is the end of the waiting"
    assert 2 == value(ask, "outlast_jobs_ended_total", status="failed", reason="exit_nonzero")
    assert 1 == value(ask, "outlast_jobs_ended_total", status="failed", reason="signal")
    assert 1 == value(ask, "outlast_jobs_ended_total", status="complete", reason="")
    assert 4 == value(ask, "outlast_job_run_seconds_count")
    assert 5 == value(ask, "outlast_store_operation_seconds_count", operation="add")
    assert 1 == value(ask, "outlast_supervisor_up")

    service.stop()
    service.start()
    again = service.client()
    eventually(lambda: 1 == value(again, "outlast_jobs", status="running"))
    Caller(again).client.post(f"/jobs/{open_one['job_id']}/cancel")
    eventually(lambda: 1 == value(again, "outlast_job_stop_seconds_count", status="cancelled"))
    assert 0 == value(again, "outlast_jobs")
    assert 1 == value(again, "outlast_jobs_ended_total"), "what ended before it began is not news"
    assert 0 == value(again, "outlast_job_queue_seconds_count")
    assert 0 == value(again, "outlast_job_start_seconds_count")


def test_requests_are_told_by_their_routes(service: Service, caller: Caller) -> None:
    """Templates and never what was asked for; with those that were refused, and open streams."""
    ask = caller.client
    job_id = caller.submit(command=["sleep", "600"])["job_id"]
    for path in (f"/jobs/{job_id}", "/jobs/job_unknown", f"/jobs/{job_id}/output", "/jobs"):
        ask.get(path)
    for number in range(20):
        ask.get(f"/nowhere/{number}")
    ask.request("PROPFIND", "/jobs")
    service.client(token="").get("/jobs")
    with ask.stream("GET", f"/jobs/{job_id}/events"):
        eventually(lambda: 1 == value(ask, "outlast_http_open_streams"))
    eventually(lambda: 0 == value(ask, "outlast_http_open_streams"))

    told = {
        (each.labels["method"], each.labels["route"], each.labels["status"]): each.value
        for each in scraped(ask)["outlast_http_requests"].samples
    }
    expected: dict[tuple[str, str, str], float] = {
        ("POST", "/jobs", "202"): 1,
        ("GET", "/jobs", "200"): 1,
        ("GET", "/jobs/{job_id}", "200"): 1,
        ("GET", "/jobs/{job_id}", "404"): 1,
        ("GET", "/jobs/{job_id}/output", "200"): 1,
        ("GET", "/jobs/{job_id}/events", "200"): 1,
        ("GET", "none", "404"): 20,
        ("GET", "none", "401"): 1,
    }
    assert expected == {key: told.get(key) for key in expected}
    assert {"GET", "POST", "other"} == {method for method, _, _ in told}
    assert len(expected) + 2 == len(told), "and the scrapes and the strange one, and no more"


def test_names_are_as_prometheus_wants_them(caller: Caller) -> None:
    """Base units, `_total` on counters alone, a help for each; no label has an id, or free text."""
    caller.ended(caller.submit(command=["true"], name="a-name", labels={"a": "b"})["job_id"])
    eventually(lambda: value(caller.client, "outlast_job_stop_seconds_count"))
    families = scraped(caller.client)
    ours = {name: family for name, family in families.items() if name.startswith("outlast_")}

    assert "process_resident_memory_bytes" in families
    assert all(family.documentation for family in ours.values())
    assert all(
        name.endswith("_seconds") for name, family in ours.items() if family.type == "histogram"
    )
    samples = [each for family in ours.values() for each in family.samples]
    counters = {each.name for family in ours.values() if family.type == "counter"
                for each in family.samples}  # fmt: skip
    assert all(name.endswith("_total") for name in counters)
    assert not any(each.name.endswith("_created") for each in samples)
    keys = {key for each in samples for key in each.labels}
    assert {"executor", "le", "method", "operation", "reason", "route", "status", "version"} == keys
    assert not any(ID.search(text) for each in samples for text in each.labels.values())


def test_a_scrape_takes_a_token(service: Service) -> None:
    """Of the scope read, as all else."""
    refused = service.client(token="").get("/metrics")

    assert 401 == refused.status_code

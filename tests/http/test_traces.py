"""Requests as spans, handed to a real collector by a real service, and the jobs that they begin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rigs.collector import Collector, Told, collecting
from ..world import end_all, eventually
from .conftest import Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "do-not-tell-me"
UNBOUNDED_S = 25
"""What would not be bounded takes longer: the SDK waits for 30 s, and a request here for 600."""


@pytest.fixture
def collector(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, and an environment that names it."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture
def traced(collector: Collector, home: Path, tmp_path: Path) -> Iterator[Service]:
    """The service, which has been told of the collector."""
    (tmp_path / "service").mkdir()
    service = Service(home, tmp_path / "service")
    service.start()
    yield service
    service.close()
    end_all(home)


def only(collector: Collector, name: str) -> Told:
    """Return the one span of that name, once it has come."""
    (span,) = eventually(lambda: collector.named(name), name)
    return span


def test_a_request_goes_on_with_its_callers_trace_and_its_job_with_that(
    collector: Collector, traced: Service
) -> None:
    """One trace from the caller to the command; of the service and of the supervisor under one name."""
    caller = Caller(traced.client())
    job = caller.submit(shell="echo $TRACEPARENT", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    caller.ended(job["job_id"])

    request, told, run = (only(collector, name) for name in ("POST /jobs", "job", "run"))
    assert ("server", SPAN) == (request.kind, request.parent_id)
    assert (request.span_id, told.span_id) == (told.parent_id, run.parent_id)
    assert {(TRACE, "outlast")} == {(each.trace_id, each.service) for each in (request, told, run)}
    assert {job["job_id"]} == {each.attributes["outlast.job.id"] for each in (request, told, run)}
    said = caller.client.get(f"/jobs/{job['job_id']}/output").text
    assert f"00-{TRACE}-{run.span_id}-01\n" == said


def test_a_request_is_told_by_its_route(collector: Collector, traced: Service) -> None:
    """By the conventions for HTTP; no path as it was asked for, no query, no token."""
    ask = traced.client()
    token = (traced.home / "token").read_text().strip()
    answer = ask.get("/jobs/job_none", params={"token": SECRET})
    ask.get(f"/{SECRET}")
    ask.request("PROPFIND", "/jobs")
    traced.client(token=SECRET).get("/jobs")
    eventually(lambda: 4 == len(collector.spans))
    traced.stop()

    (told,) = collector.named("GET /jobs/{job_id}")
    expected = {
        "http.request.method": "GET",
        "http.route": "/jobs/{job_id}",
        "http.response.status_code": 422,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "outlast.request.id": answer.headers["x-request-id"],
    }
    assert expected == told.attributes
    assert ("", False) == (told.parent_id, told.is_error)
    (strange,) = (
        span for span in collector.spans if "_OTHER" == span.attributes["http.request.method"]
    )
    assert strange.name.startswith("HTTP")
    refused = [span.attributes["http.response.status_code"] for span in collector.named("GET")]
    assert [401, 404] == sorted(refused)
    sent = b"".join(collector.bodies)
    assert not any(each.encode() in sent for each in (SECRET, token))


def test_a_service_without_traces_keeps_its_callers_for_the_job(
    collector: Collector, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor may have been asked for them where the service was not."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    (tmp_path / "service").mkdir()
    service = Service(home, tmp_path / "service")
    service.start()
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    from outlast import Client

    try:
        with Client() as client:
            client.wait(client.submit(["true"]).id)  # which starts the supervisor
        caller = Caller(service.client())
        job = caller.submit(command=["true"], headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
        caller.ended(job["job_id"])

        (told,) = eventually(lambda: collector.named("job", outlast__job__id=job["job_id"]))
        assert (TRACE, SPAN) == (told.trace_id, told.parent_id)
        assert [] == [span for span in collector.spans if span.kind == "server"]
    finally:
        service.close()
        end_all(home)


def test_a_service_waits_for_no_collector(
    collector: Collector, traced: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never answers: requests are answered, and the service leaves, and says what was lost."""
    traced.stop()
    collector.bodies.clear()
    collector.holds.clear()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    traced.start()
    ask = traced.client()
    for _ in range(50):
        assert 200 == ask.get("/jobs").status_code

    began = time.monotonic()
    assert 0 == traced.stop()

    assert time.monotonic() - began < UNBOUNDED_S
    assert "of 50 spans 50 were not delivered" in traced.log.read_text()


def test_without_the_extra_the_service_says_so(
    collector: Collector,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once, on stderr, with what to install; and serves."""
    missing = tmp_path / "missing" / "opentelemetry" / "sdk"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("")  # instead of the real one, and without what is in it
    monkeypatch.setenv("PYTHONPATH", str(missing.parent.parent))
    (tmp_path / "service").mkdir()
    service = Service(home, tmp_path / "service")
    try:
        service.start()
        assert 200 == service.client().get("/healthz").status_code
        assert 1 == service.log.read_text().count("pip install 'outlast[otel]'")
    finally:
        service.close()

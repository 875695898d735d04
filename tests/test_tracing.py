"""Jobs as spans, handed to a real collector by a real supervisor."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.testing.sshd import Farm
from outlast.tracing import MISSING, fault
from outlast.wiring import make_link

from .rigs.collector import Collector, collecting, nobody
from .world import LEAVE, eventually, kill, supervisor_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
UNBOUNDED_S = 25
"""What would not be bounded takes longer: the SDK waits for 30 s, and a request here for 600."""


@pytest.fixture
def collector(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, and an environment that names it."""
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


def leave(client: Client) -> float:
    """Have the supervisor leave; return how long its process took to be gone."""
    pid = supervisor_of(client)
    began = time.monotonic()
    assert make_link(client._settings).leave(LEAVE)
    if pid is not None:
        eventually(lambda: not Path(f"/proc/{pid}").exists())
    return time.monotonic() - began


def done(client: Client, **spec: Any) -> Job:
    """Return a job that has ended."""
    return client.wait(client.submit(**spec).id)


def log_of(home: Path) -> str:
    return (home / "supervisor.log").read_text()


def test_a_job_is_a_span_below_that_of_who_submitted_it(
    collector: Collector, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its submission to its end, its attempt below it; the command goes on with that one."""
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{SPAN}-01")

    job = done(client, shell="echo $TRACEPARENT; exit 3", name="nightly")

    (told,) = eventually(lambda: collector.named("job"))
    (run,) = eventually(lambda: collector.named("run"))
    assert ("consumer", TRACE, SPAN, "outlast") == (
        told.kind, told.trace_id, told.parent_id, told.service,
    )  # fmt: skip
    assert ("internal", TRACE, told.span_id) == (run.kind, run.trace_id, run.parent_id)
    assert f"00-{TRACE}-{run.span_id}-01\n" == client.output(job.id).decode()
    assert told.is_error
    assert run.is_error
    expected = {
        "outlast.job.id": job.id,
        "outlast.job.name": "nightly",
        "outlast.job.executor": "local",
        "outlast.job.nodes": 1,
        "outlast.job.status": "failed",
        "outlast.job.reason": "exit_nonzero",
        "process.exit.code": 3,
        "error.type": "exit_nonzero",
    }
    assert expected == told.attributes
    ended = client.get(job.id)
    times = [
        int(at.timestamp() * 1000) * 1_000_000
        for at in (ended.created_at, ended.started_at, ended.completed_at)
        if at is not None
    ]
    assert times == [told.begin_ns, dict(told.events)["started"], told.end_ns]
    assert told.begin_ns <= run.begin_ns <= dict(run.events)["started"] <= run.end_ns


@pytest.mark.slow
def test_a_span_is_the_same_after_a_supervisor_was_killed(
    collector: Collector, client: Client
) -> None:
    """The next one tells of the attempt that the command was told of, once; a trace of its own."""
    job = client.submit(shell="echo $TRACEPARENT; exec sleep 600")
    eventually(lambda: client.output(job.id).endswith(b"\n"))
    kill(supervisor_of(client))
    assert [] == collector.named("job")

    client.cancel(job.id, wait_stopped="60s")

    (told,) = eventually(lambda: collector.named("job"))
    (run,) = eventually(lambda: collector.named("run"))
    given = client.output(job.id).decode().strip()
    assert f"00-{told.trace_id}-{run.span_id}-01" == given
    assert ("", told.span_id) == (told.parent_id, run.parent_id)
    assert ("cancelled", "cancelled") == (
        told.attributes["outlast.job.status"], run.attributes["outlast.node.reason"],
    )  # fmt: skip
    assert not told.is_error, "somebody asked for it"


@pytest.mark.slow
def test_each_host_has_a_span(collector: Collector, farm: Farm, client: Client) -> None:
    """Below that of the job, and what runs there is told of it."""
    job = client.submit(shell="echo $TRACEPARENT", on=farm.hosts)
    client.wait(job.id)

    eventually(lambda: 2 == len(collector.named("run")))
    (told,) = eventually(lambda: collector.named("job"))
    runs = sorted(collector.named("run"), key=lambda run: run.attributes["outlast.node.index"])
    assert [*farm.hosts] == [run.attributes["outlast.node.name"] for run in runs]
    assert {told.span_id} == {run.parent_id for run in runs}
    heard = [client.output(job.id, node=index).decode().strip() for index in (0, 1)]
    assert [f"00-{told.trace_id}-{run.span_id}-01" for run in runs] == heard


@pytest.mark.slow
def test_who_is_not_sampled_is_not_told_of(
    collector: Collector, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that records nothing has us and the command record nothing either."""
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{SPAN}-00")
    quiet = done(client, shell="echo $TRACEPARENT")
    monkeypatch.delenv("TRACEPARENT")
    loud = done(client, command=["true"])
    eventually(lambda: collector.named("job"))
    leave(client)

    assert [loud.id] == [span.attributes["outlast.job.id"] for span in collector.named("job")]
    said = client.output(quiet.id).decode()
    assert said.startswith(f"00-{TRACE}-")
    assert said.endswith("-00\n")


@pytest.mark.slow
def test_what_the_job_says_of_its_environment_comes_first(
    collector: Collector, client: Client
) -> None:
    """A `TRACEPARENT` of the job's own is the command's."""
    job = done(client, shell="echo $TRACEPARENT", env={"TRACEPARENT": "mine"})

    assert "mine\n" == client.output(job.id).decode()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["away", "silent", "refuses"])
def test_no_job_waits_for_a_collector(
    home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Jobs run, the supervisor leaves in time, and says once how many spans were lost."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    with collecting() as collector, nobody() as away, Client() as client:
        monkeypatch.setenv(ENDPOINT, away if kind == "away" else collector.url)
        if kind == "silent":
            collector.holds.clear()
        collector.answer = 400
        for _ in range(3):
            assert "complete" == done(client, command=["true"]).status
        if kind == "refuses":
            eventually(lambda: "not delivered, and lost: " in log_of(home))

        assert leave(client) < UNBOUNDED_S

        assert 1 == log_of(home).count("of 6 spans 6 were not delivered"), log_of(home)
        assert log_of(home).count("not delivered, and lost: ") <= 1
        assert [] == collector.bodies


@pytest.mark.slow
def test_a_collector_that_is_back_has_what_comes_then(collector: Collector, client: Client) -> None:
    """What was lost meanwhile is said."""
    collector.answer = 400
    done(client, command=["true"])
    home = Path(client._settings.home)
    eventually(lambda: "not delivered, and lost: " in log_of(home))
    collector.answer = 200

    after = done(client, command=["true"])

    eventually(lambda: collector.named("job", outlast__job__id=after.id))
    eventually(lambda: "were lost meanwhile" in log_of(home))


@pytest.mark.slow
def test_without_the_extra_it_is_said_and_jobs_run(
    collector: Collector, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names what to install."""
    missing = tmp_path / "missing" / "opentelemetry" / "sdk"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("")  # instead of the real one, and without what is in it
    monkeypatch.setenv("PYTHONPATH", str(missing.parent.parent))

    job = done(client, command=["true"])

    assert "complete" == job.status
    assert 1 == log_of(Path(client._settings.home)).count(MISSING)
    assert "pip install 'outlast[otel]'" in MISSING


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({ENDPOINT: "http://there"}, None),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://there"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, None),
        ({"OTEL_TRACES_EXPORTER": "none", ENDPOINT: "http://there"}, ""),
        ({"OTEL_SDK_DISABLED": "True", ENDPOINT: "http://there"}, ""),
        ({ENDPOINT: ""}, ""),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER='zipkin': there is otlp"),
        (
            {ENDPOINT: "http://there", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL='grpc': there is http/protobuf",
        ),
    ],
)
def test_the_variables_of_the_standard_decide(
    environ: dict[str, str], expected: str | None
) -> None:
    """None: there are traces. What cannot be had is told, with what there is."""
    told = fault(environ)

    assert expected == (told and told[: len(expected or "")])


def test_where_nobody_asks_nothing_of_it_is_imported() -> None:
    """What is off costs a look at the environment."""
    code = (
        "import sys, outlast.home, outlast.wiring, outlast.tracing\n"
        "assert outlast.tracing.open_tracing(outlast.home.Home('/none')) is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, check=True)

    assert b"[]\n" == done.stdout

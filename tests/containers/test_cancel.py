"""A cancel at every phase of a container's life, held where it is: nothing is left, the truth is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.shim import spool

from ..rigs.engine import IMAGE, Engine
from ..rigs.gate import Gate, before
from ..world import eventually, folder_of
from .conftest import Run, fate, over
from .test_collect import DiesAt, dies_at
from .test_execute import cli
from .test_survival import Starts, starts

__all__ = ["dies_at", "starts"]

pytestmark = pytest.mark.slow  # each has a container made


@pytest.fixture
def gate(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Stands before the engine, for whoever submits here."""
    with before(engine.socket, tmp_path / "gate") as gate:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", gate.address)
        yield gate


CREATE, LOOK, START, REMOVE, FETCH = (
    "POST /containers/create",
    r"GET /containers/[^/]*/json",
    "POST /containers/[^/]*/start",
    "DELETE /containers/",
    "GET /containers/[^/]*/archive",
)

BEFORE_IT_RUNS = {
    "is to be made": (CREATE, False, False),
    "is being made": (CREATE, True, False),
    "is made": (LOOK, True, False),
    "is to be started": (START, False, True),
    "is started": (START, True, True),
}


def cancel(client: Client, job: Job) -> None:
    """Cancel a job, and return once its shim can know it."""
    client.cancel(job.id)
    eventually((Path(folder_of(client._settings.home, job)) / spool.STOP).exists, "the wish")


@pytest.mark.parametrize("phase", BEFORE_IT_RUNS)
def test_a_cancel_while_it(
    phase: str, client: Client, engine: Engine, gate: Gate, submit: Run
) -> None:
    """Before its start it never began; after it, it is killed before it has done anything long."""
    what, answer, began = BEFORE_IT_RUNS[phase]
    gate.hold(what, answer=answer)
    job = submit("exec sleep 1000")
    eventually(gate.is_reached.is_set, phase)
    cancel(client, job)
    gate.let_go()
    job = over(client, job)

    assert [] == engine.containers()
    assert ("cancelled", "cancelled", None) == fate(job)
    assert began is (job.nodes[0].started_at is not None)


def test_a_cancel_while_its_image_is_pulled(client: Client, gate: Gate, submit: Run) -> None:
    """It never began, and the engine's answer is not waited for: it never comes."""
    gate.hold("POST /images/create")
    job = submit("true", container={"pull": "always"})
    eventually(gate.is_reached.is_set, "the pull")
    client.cancel(job.id)
    job = over(client, job)

    assert ("cancelled", "cancelled", None) == fate(job)
    assert None is job.nodes[0].started_at


def test_a_cancel_between_its_end_and_the_record_of_it(
    client: Client, gate: Gate, submit: Run, starts: Starts
) -> None:
    """It is cancelled, as was promised at once; the code is its own, since no kill reached it."""
    line = "echo out; while ! test -e /starts/go; do sleep 0.05; done; exit 37"
    job = submit(line, container=starts.container)
    eventually(lambda: client.output(job.id), "its output")
    gate.hold(LOOK)
    starts.let_go()
    eventually(gate.is_reached.is_set, "its end")
    cancel(client, job)
    gate.let_go()
    job = over(client, job)

    assert ("cancelled", 37) == (job.status, job.nodes[0].late_exit_code)


def test_a_cancel_while_it_is_removed(client: Client, gate: Gate, submit: Run) -> None:
    """What has failed has failed; its container is gone all the same."""
    gate.hold(REMOVE)
    job = submit("exit 37")
    eventually(gate.is_reached.is_set, "its removal")
    eventually(lambda: client.get(job.id).is_terminal, "the news of its end")
    client.cancel(job.id)
    gate.let_go()

    assert ("failed", "exit_nonzero", 37) == fate(over(client, job))


def test_a_cancel_while_its_files_are_fetched(client: Client, gate: Gate, submit: Run) -> None:
    """The engine's answer is not waited for, what is missing is said, and nothing is left."""
    gate.hold(FETCH)
    job = submit("echo out > /out/x", collect="/out")
    eventually(gate.is_reached.is_set, "the fetching")
    client.cancel(job.id)
    job = over(client, job)
    (node,) = client.list_artifacts(job.id)["nodes"]

    assert "cancelled" == job.status
    assert ("incomplete", 0, "it was cancelled") == (node["state"], node["count"], node["error"])


def test_a_container_that_is_somebody_else_s_stays(
    client: Client, engine: Engine, gate: Gate, submit: Run, dies_at: DiesAt
) -> None:
    """It has our name: we fail, and do not remove it, nor does a shim that knows less."""
    token = dies_at("keeper.after_end")
    gate.hold(CREATE)
    job = submit("true")
    eventually(gate.is_reached.is_set, "the making")
    name = f"outlast-{job.id}.0.1"
    body = json.dumps({"Image": IMAGE, "Cmd": ["true"]}).encode()
    engine.ask("POST", f"/containers/create?name={name}", body)
    gate.let_go()
    job = over(client, job)
    left = [each["Names"] for each in engine.containers()]
    engine.ask("DELETE", f"/containers/{name}?force=1")

    assert not token.exists()
    assert ("failed", "engine_error", None) == fate(job)
    assert [[f"/{name}"]] == left


def test_who_follows_a_container_waits_for_no_removal(
    client: Client, engine: Engine, gate: Gate
) -> None:
    """Its output is all there: `run` leaves at its end, and its container is removed behind it."""
    gate.hold(REMOVE)
    done = cli("run", "--container", IMAGE, "--wait", "100s", "--", "sh", "-c", "echo out; exit 7")
    (job,) = client.list().jobs
    is_left = not job.is_settled and bool(engine.containers())
    gate.let_go()

    assert ("failed", None) == (job.status, over(client, job).nodes[0].stop_error)
    assert (4, "out\n", True) == (done.returncode, done.stdout, is_left)

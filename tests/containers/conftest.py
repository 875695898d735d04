"""Engines for all tests of a run, and a way to run things in its containers."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from outlast import Client
from outlast.core.job import Job

from ..rigs.docker import Docker
from ..rigs.engine import IMAGE, Engine
from ..rigs.podman import Podman

PATIENCE_S = 120.0

Run = Callable[..., Job]


ENGINES: Final[dict[str, type[Engine]]] = {"docker": Docker, "podman": Podman}


@pytest.fixture(scope="session")
def engines() -> Iterator[dict[str, Engine]]:
    """The engines of this run, each started once: it takes a second, and a container a third."""
    started: dict[str, Engine] = {}
    try:
        yield started
    finally:
        for each in started.values():
            each.stop()


@pytest.fixture(params=ENGINES)
def engine(
    request: pytest.FixtureRequest,
    engines: dict[str, Engine],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Engine]:
    """An engine, meant by whoever submits here. After each test nothing of it is left."""
    engine = engines.get(request.param) or _started(request.param, engines)
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", engine.address)
    yield engine
    left = engine.containers()
    for container in left:  # by a test that failed: the next one begins with none
        engine.ask("DELETE", f"/containers/{container['Id']}?force=true&v=true")
    assert [] == left
    assert [] == engine.volumes()


def _started(name: str, engines: dict[str, Engine]) -> Engine:
    kind = ENGINES[name]
    lacks = kind.missing()
    if lacks is not None and not os.environ.get("CI"):
        pytest.skip(lacks)  # CI has it: `.ci/run`
    # Not below pytest's own folders: should a run be killed, its mounts would spoil the next one.
    engines[name] = engine = kind(Path(tempfile.mkdtemp(prefix="outlast-engine-")))
    engine.start()
    return engine


@pytest.fixture
def submit(client: Client, engine: Engine) -> Run:
    """Submits a line of shell for a container."""

    def submit(shell: str | None = None, **spec: Any) -> Job:
        container = {"image": IMAGE, **spec.pop("container", {})}
        return client.submit(shell=shell, container=container, **spec)

    return submit


@pytest.fixture
def run(client: Client, submit: Run) -> Run:
    """Runs a line of shell in a container until all of it is over."""

    def run(shell: str | None = None, **spec: Any) -> Job:
        return over(client, submit(shell, **spec))

    return run


def over(client: Client, job: Job) -> Job:
    """Return a job once it has ended and nothing is left of it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (job := client.get(job.id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.02)
    # Shown by pytest where a test finds another fate: what the engine said of it.
    logging.getLogger("tests").warning("%s", client.describe(job)["nodes"])
    return job


def fate(job: Job) -> tuple[str, str | None, int | None]:
    """Return how a job's container ended."""
    node = job.nodes[0]
    return str(node.status), node.reason, node.exit_code

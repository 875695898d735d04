"""An engine for all tests of a run, and a way to run things in its containers."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job

from ..rigs.engine import IMAGE, Engine, missing

PATIENCE_S = 120.0

Run = Callable[..., Job]


@pytest.fixture(scope="session")
def one_engine() -> Iterator[Engine]:
    """The engine of this run, started once: it takes a second, and a container a third of one."""
    lacks = missing()
    if lacks is not None and not os.environ.get("CI"):
        pytest.skip(lacks)  # CI has it: `.ci/run`
    # Not below pytest's own folders: should a run be killed, its mounts would spoil the next one.
    engine = Engine(Path(tempfile.mkdtemp(prefix="outlast-engine-")))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def engine(one_engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The engine, meant by whoever submits here. After each test it has no container left."""
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", one_engine.address)
    yield one_engine
    assert [] == one_engine.containers()


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
    return job


def fate(job: Job) -> tuple[str, str | None, int | None]:
    """Return how a job's container ended."""
    node = job.nodes[0]
    return str(node.status), node.reason, node.exit_code

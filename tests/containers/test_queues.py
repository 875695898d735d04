"""Containers in queues: what they take of this machine is added up over all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..rigs.engine import IMAGE, Engine
from .conftest import PATIENCE_S

pytestmark = pytest.mark.slow  # each has a container made


def answer(*words: str) -> dict[str, Any]:
    """What the command line answers to a caller without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "outlast", *words],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("engine", ["docker"], indirect=True)  # it is the same in any
def test_the_machine_s_processors_are_given_in_turn(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container of another queue waits for them; one that declares none, and has memory, does not."""
    monkeypatch.setenv("OUTLAST_MAX_CPUS", "1")
    monkeypatch.setenv("OUTLAST_MAX_MEMORY", "2g")
    tmp_path.chmod(0o755)  # the container is not run as root
    there = ("--container", IMAGE, "--mount", f"{tmp_path}:/here:ro")
    until = "while [ ! -e /here/go ]; do sleep 0.05; done"
    first, second = (
        answer("submit", "--queue", queue, "--cpus", cpus, *there, "--shell", until)["data"]
        for queue, cpus in (("one", "0.7"), ("two", "0.5"))
    )
    third = answer("submit", "--queue", "three", *there, "--", "true")
    third = answer("job", "wait", "--timeout", f"{PATIENCE_S}s", third["data"]["job_id"])
    meanwhile = answer("job", "status", second["job_id"])
    more = ("--cpus", "1.5", "--memory", "3g")
    refused = answer("submit", *more, *there, "--", "true")
    (tmp_path / "go").touch()
    ids = (first["job_id"], second["job_id"])
    answer("job", "wait", "--timeout", f"{PATIENCE_S}s", *ids)
    first, second = (answer("job", "status", job_id)["data"] for job_id in ids)

    assert ("complete", "queued") == (third["data"]["status"], meanwhile["data"]["status"])
    less = "ask for less, or set OUTLAST_MAX"
    assert [
        f"--cpus is 1.5, and this machine has 1: {less}_CPUS, max_cpus in config.toml, to 1.5",
        (
            f"--memory is 3g, and this machine has 2g: {less}_MEMORY, max_memory in"
            " config.toml, to 3g"
        ),
    ] == refused["error"]["faults"]
    assert ["complete", "complete"] == [first["status"], second["status"]]
    assert first["completed_at"] <= second["started_at"]

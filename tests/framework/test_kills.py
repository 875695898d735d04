"""A process of ours is killed at each step of a tool's job; what came of it is known all the same."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast.shim.failpoint import FAILPOINTS, VARIABLE

from ..world import eventually
from .conftest import Program, ended

TOOL = """
import os, sys
import click
from outlast.framework import AsyncJob, attach

def work(folder, raises):
    with open(f"{folder}/starts", "a") as file:
        file.write("started\\n")
    if raises:
        raise ValueError("as told")
    return {"pid": os.getpid() > 0}

@click.group()
def app(): pass

@app.command()
@click.argument("folder")
@click.option("--raises", is_flag=True)
def go(folder, raises) -> AsyncJob:
    return AsyncJob(work, folder, raises)

attach(app)
if __name__ == "__main__":
    app()
"""

STEPS = [
    name
    for name in FAILPOINTS
    if "cancel" not in name and name.split(".")[0] not in ("bound", "ssh")
]
ENDS = [name for name in STEPS if name.endswith(("end", "emptied"))]


def killed_at(name: str, tool: Program, tmp_path: Path, *options: str) -> str:
    """Start a job of which somebody is killed at *name*; return its id, asked for anew."""
    token = tmp_path / "token"
    token.touch()
    tool.env[VARIABLE] = f"{name}:{token}"
    call = ("go", str(tmp_path), "--key", "k", *options)
    first = tool(*call)
    eventually(lambda: not token.exists(), f"the death at {name}")
    del tool.env[VARIABLE]
    if name.startswith("cli."):
        assert -signal.SIGKILL == first.code
        first = tool(*call)  # as whoever got no answer would
    return str(first.data["job_id"])


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_a_function_runs_once_and_its_value_is_known(
    name: str, script: Callable[..., Program], tmp_path: Path
) -> None:
    """Whoever is killed on the way, and whoever asks."""
    tool = script(TOOL)
    job = ended(tool, killed_at(name, tool, tmp_path))

    assert "started\n" == (tmp_path / "starts").read_text()
    assert ("complete", {"pid": True}) == (job["status"], job["result"]["value"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_what_it_raised_is_known(name: str, script: Callable[..., Program], tmp_path: Path) -> None:
    """It was on disk before the process ended."""
    tool = script(TOOL)
    job = ended(tool, killed_at(name, tool, tmp_path, "--raises"))

    assert ("exception", "ValueError: as told", 1) == (
        job["reason"],
        job["error"],
        job["exit_code"],
    )


@pytest.mark.slow
def test_everything_of_ours_is_killed(
    script: Callable[..., Program], home: Path, tmp_path: Path
) -> None:
    """Supervisor, launcher and shim at once, while the function runs: it ends as it would have."""
    from outlast.testing import leaks

    from ..world import kill, words_of

    tool = script(
        TOOL.replace('    return {"pid"', "    import time; time.sleep(3)\n    return {'pid'")
    )
    job_id = tool("go", str(tmp_path)).data["job_id"]
    eventually((tmp_path / "starts").exists, "its start")
    ours = [
        pid
        for pid in leaks.processes(home)
        if not any(word.endswith("runner.py") for word in words_of(pid))
    ]
    kill(*ours)
    job = ended(tool, job_id)

    assert len(ours) >= 3
    assert "started\n" == (tmp_path / "starts").read_text()
    assert job["status"] == "complete" or (job["reason"], job["exit_code"]) == ("lost", None)
    outlast = Program(sys.executable, "-m", "outlast", cwd=tmp_path)
    assert job["status"] == outlast("job", "status", job_id).data["status"]

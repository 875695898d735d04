"""Commands in containers, through the library, with a real engine: each end told as it was."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import InvalidRequest

from ..rigs.engine import IMAGE, Engine
from ..world import eventually
from .conftest import Run, fate, over

pytestmark = pytest.mark.slow  # each has a container made


def printed(client: Client, job: Job) -> tuple[str, str]:
    out, err = (client.output(job.id, stream=stream) for stream in ("stdout", "stderr"))
    return out.decode(), err.decode()


def test_a_quick_script_completes(client: Client, run: Run) -> None:
    """Its output comes apart, its node is named after the image, and nothing is left of it."""
    job = run(script="#!/bin/sh\necho out; echo err >&2\n")

    assert ("complete", None, 0) == fate(job)
    assert ("out\n", "err\n") == printed(client, job)
    assert [IMAGE] == [node.name for node in job.nodes]


def test_a_long_one_is_killed_at_its_limit(client: Client, run: Run) -> None:
    """However it forks and ignores signals; what it printed until then is kept, and why it ended."""
    line = "trap '' TERM HUP INT; (trap '' TERM; sleep 1000) & echo begun; echo no end >&2; wait"
    job = run(line, timeout="1500ms")

    assert ("failed", "timeout", -1) == fate(job)
    assert "Execution timeout (1.5s)" == job.nodes[0].error
    assert ("begun\n", "no end\nExecution timeout (1.5s)\n") == printed(client, job)
    assert job.started_at is not None
    assert job.completed_at is not None
    assert 1.5 <= (job.completed_at - job.started_at).total_seconds()


def test_the_limit_is_300_s_unless_another_is_asked_for(client: Client, engine: Engine) -> None:
    """Up to thirty days and more; it counts from the container's start."""
    usual = client.submit(shell="true", container=IMAGE)
    month = client.submit(shell="true", container=IMAGE, timeout="30d")
    over(client, usual)
    over(client, month)

    assert [300, 30 * 86400] == [job.spec.timeout.total_seconds() for job in (usual, month)]
    assert 0 == usual.spec.grace.total_seconds()


@pytest.mark.parametrize(
    ("line", "code"), [("exit 37", 37), ("exit 255", 255), ("kill -9 $$", 137), ("exit 137", 137)]
)
def test_any_other_end_is_no_timeout(run: Run, line: str, code: int) -> None:
    """The command's own verdict is told as it was; a plain 137 is no want of memory."""
    assert ("failed", "exit_nonzero", code) == fate(run(line))


def test_want_of_memory_is_told_as_that(run: Run) -> None:
    """The kernel's killing is neither a timeout nor the command's own verdict."""
    told = ("failed", "oom_killed", 137)
    for _ in range(3):
        job = run("exec tail -c 200m /dev/zero", limits={"memory_bytes": "16m"}, timeout="60s")
        if fate(job) == told:
            break
        # On a busy machine an engine that has cgroup v1 may miss what the kernel did, once.
        assert ("failed", "exit_nonzero", 137) == fate(job)

    assert told == fate(job)


def test_no_such_image_and_nowhere_to_get_it(run: Run) -> None:
    """The engine's own words are told."""
    job = run("true", container={"image": "nobody.invalid/none:1", "pull": "never"})

    assert ("failed", "image_unavailable", None) == fate(job)
    assert "nobody.invalid/none:1" in str(job.nodes[0].error)
    assert job.nodes[0].started_at is None


def test_a_pull_that_fails_is_told_with_the_engine_s_words(run: Run) -> None:
    """A registry that is not there, for one."""
    job = run("true", container={"image": "127.0.0.1:9/none:1"})

    assert ("failed", "image_unavailable", None) == fate(job)
    assert "127.0.0.1:9" in str(job.nodes[0].error)


def test_no_such_program(run: Run) -> None:
    """It never ran, and the node says what was not there."""
    job = run(None, command=["/bin/nothing"])

    assert ("failed", "spawn_failed", None) == fate(job)
    assert "/bin/nothing" in str(job.nodes[0].error)


def test_no_engine(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, that is told before anything is stored, with what was looked for."""
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", f"unix://{tmp_path}/none")
    with pytest.raises(InvalidRequest, match="Podman") as caught:
        client.submit(shell="true", container={"image": IMAGE, "mounts": ["/none:/data"]})

    assert f"{tmp_path}/none" in caught.value.faults[0]
    assert "/none is not there" in caught.value.faults[1]
    assert () == client.list().jobs


def test_an_engine_that_is_down(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has left its socket: a job waits for it a while, and nothing weaker is used instead."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", f"unix://{path}")
    job = over(client, client.submit(shell="true", container=IMAGE))

    assert ("failed", "engine_unavailable", None) == fate(job)
    assert path in str(job.nodes[0].error)


def test_a_cancel_ends_it_at_once(client: Client, engine: Engine, submit: Run) -> None:
    """It runs, it is cancelled, its container is gone."""
    job = submit("echo begun; sleep 1000")
    eventually(lambda: client.output(job.id) == b"begun\n", "its output")
    client.cancel(job.id)

    assert ("cancelled", "cancelled", None) == fate(over(client, job))


def test_a_container_removed_behind_our_back_is_lost(
    client: Client, engine: Engine, submit: Run
) -> None:
    """Nobody saw how it ended: no code is made up."""
    job = submit("echo begun; sleep 1000")
    eventually(lambda: client.output(job.id) == b"begun\n", "its output")
    (container,) = engine.containers()
    engine.ask("DELETE", f"/containers/{container['Id']}?force=1")

    assert ("failed", "lost", None) == fate(over(client, job))


def test_containers_are_named_and_labelled_after_their_attempt(
    client: Client, engine: Engine, submit: Run, home: Path
) -> None:
    """Whoever finds one knows whose it is."""
    job = submit("sleep 1000")
    (container,) = eventually(engine.containers)
    client.cancel(job.id)
    over(client, job)

    assert [f"/outlast-{job.id}.0.1"] == container["Names"]
    assert {
        "outlast.home": str(home),
        "outlast.job": job.id,
        "outlast.attempt": f"{job.id}/0/1",
    } == container["Labels"]


def test_output_beyond_its_limit_ends_it(client: Client, run: Run) -> None:
    """A flood is stopped near the limit."""
    job = run("yes", limits={"output_bytes": "1m"}, timeout="60s")

    assert ("failed", "output_limit", None) == fate(job)


def test_what_it_may_read_and_write(client: Client, run: Run, tmp_path: Path) -> None:
    """Files in /in, a folder to read, and another to write: asked for one by one."""
    (tmp_path / "data").write_text("data\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results").chmod(0o777)
    job = run(
        "cat /in/note /data; cat /in/note > /results/copy; echo no > /data",
        container={
            "files": {"note": "note\n"},
            "mounts": [f"{tmp_path}/data:/data", f"{tmp_path}/results:/results:rw"],
        },
    )

    assert "note\ndata\n" == printed(client, job)[0]
    assert "note\n" == (tmp_path / "results" / "copy").read_text()
    assert ("failed", "exit_nonzero", 1) == fate(job)


def test_faults_are_told_before_anything_happens(client: Client, tmp_path: Path) -> None:
    """All of them at once."""
    sock = tmp_path / "nothing"
    with pytest.raises(InvalidRequest) as caught:
        client.submit(
            shell="true",
            on=["host"],
            clean_env=True,
            container={
                "image": "No Image",
                "mounts": [f"{sock}:/x", "x", f"{sock}:/in"],
                "cap_add": ["not one"],
                "secret": 1,
            },
        )

    told = "\n".join(caught.value.faults)
    for word in (
        *("No Image", "'x' is no mount", "/in", "NOT ONE", "secret"),
        *("leave one of the two out", "clean_env"),
    ):
        assert word.lower() in told.lower()

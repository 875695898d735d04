"""A job says what it outlives, and that is so where its own shim lives."""

from __future__ import annotations

import os
from pathlib import Path

from outlast import Client
from outlast.shim import survival

from ..world import began, eventually


def test_a_job_outlives_what_its_shim_does(client: Client, home: Path, tmp_path: Path) -> None:
    """It is told with the start, is the shim's own, and stays when the job is over."""
    job = client.submit(shell="until [ -e go ]; do sleep 0.02; done", cwd=str(tmp_path))
    shim = began(home, job)["shim_pid"]
    expected = survival.told_by(
        Path(f"/proc/{shim}/cgroup").read_text(),
        is_container=any(map(os.path.exists, survival.CONTAINER_MARKS)),
    )
    running = eventually(lambda: client.get(job.id).nodes[0].survives)
    (tmp_path / "go").touch()
    ended = client.wait(job.id)

    assert [expected] * 2 == [running, ended.nodes[0].survives]
    assert expected == client.describe(ended)["nodes"][0]["survives"]

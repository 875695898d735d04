"""What the end of a job in a container begins: on this machine, and once, whoever dies meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlast import Client

from ..rigs.engine import Engine
from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of
from .conftest import Run, fate, over

pytestmark = pytest.mark.slow  # each has a container made


def test_the_end_of_a_container_begins_it_here(
    submit: Run, client: Client, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Told how, where the caller was and with their environment, of which the container had nothing;
    and no supervisor saw the end.
    """
    monkeypatch.setenv("INHERITED", "from me")
    monkeypatch.chdir(tmp_path)
    outcome = "$OUTLAST_ENDED_STATUS $OUTLAST_ENDED_REASON $OUTLAST_ENDED_EXIT_CODE"
    gate = tmp_path / "gate"
    gate.mkdir()
    job = submit(
        "echo out $GIVEN $INHERITED; until [ -e /gate/open ]; do sleep 0.1; done; exit 37",
        container={"mounts": [f"{gate}:/gate"]},
        env={"GIVEN": "to both"},
        on_end=f'echo "{outcome}, $GIVEN, $INHERITED" >> told; pwd',
    )
    eventually(lambda: client.output(job.id), "its output")
    kill(supervisor_of(client))
    (gate / "open").touch()
    eventually(lambda: "running" not in [it["State"] for it in engine.containers()], "its end")
    with fresh_client() as other:
        job = over(other, job)
        last = other.wait(other.describe(job)["on_end_job"], timeout=PATIENCE_S)

        assert ("failed", "exit_nonzero", 37) == fate(job)
        assert b"out to both\n" == other.output(job.id)
        assert ("complete", "local") == (last.status, last.nodes[0].executor)
        assert f"{tmp_path}\n" == other.output(last.id).decode()
        assert 2 == len(other.list().jobs)
    assert "failed exit_nonzero 37, to both, from me\n" == (tmp_path / "told").read_text()

"""A second try in a container is a container of its own, and nothing is left of either."""

from __future__ import annotations

import pytest

from outlast import Client

from ..rigs.engine import Engine
from .conftest import Run, fate

pytestmark = pytest.mark.slow  # each has a container made


def test_a_second_try_is_another_container(client: Client, engine: Engine, run: Run) -> None:
    """It is tried as often as was said, each attempt with an /out of its own, and none stays."""
    job = run(
        "ls /out; echo $OUTLAST_ATTEMPT > /out/it; exit 75",
        collect={"globs": ["**"], "on": "end"},
        retries=2,
        retry_delay="100ms",
        retry_on=["exit:75"],
    )

    node = job.nodes[0]
    assert ("failed", "exit_nonzero", 75) == fate(job)
    assert 3 == node.attempt
    assert [("exit_nonzero", 75)] * 2 == [(each.reason, each.exit_code) for each in node.earlier]
    assert [b""] * 3 == [client.output(job.id, attempt=number) for number in (1, 2, 3)]
    assert ["it"] == [item["path"] for item in client.list_artifacts(job.id)["items"]]
    assert f"{job.id}/0/3\n".encode() == b"".join(client.read_artifact(job.id, "it"))
    assert [] == engine.containers()

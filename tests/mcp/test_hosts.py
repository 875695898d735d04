"""The general tools, for jobs of many hosts and for long waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outlast.testing.sshd import Farm

from .conftest import Host, go

pytestmark = pytest.mark.slow


@pytest.fixture
def host(farm: Farm, host: Host) -> Iterator[Host]:
    """A host for agents that ends before those that it connects to."""
    del farm
    return host


def test_each_node_of_a_job_is_told_of(host: Host, farm: Farm) -> None:
    """With its index, by which its output is read and it alone is cancelled."""
    one, two = farm.hosts

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent(
                "job_run", command=f"echo $SSH_CONNECTION-{one}; exit 3", on=[one, two]
            )
            while not told["terminal"]:  # one call's patience is not a loaded machine's
                told = (await agent("job_wait", job_ids=[told["job_id"]]))["jobs"][0]
            assert ("failed", "exit_nonzero") == (told["status"], told["reason"])
            assert [(0, one, 3), (1, two, 3)] == [
                (node["index"], node["node"], node["exit_code"]) for node in told["nodes"]
            ]
            assert [one, two] == [line.split(":")[0] for line in told["stdout"].splitlines()]
            piece = await agent("job_output", job_id=told["job_id"], node=1)
            assert piece["text"].rstrip().endswith(f"-{one}")

            both = await agent("job_run", command="sleep 600", on=[one, two], wait_seconds=0)
            await agent("job_cancel", job_id=both["job_id"], nodes=[1])
            told = await agent("job_get", job_id=both["job_id"])
            assert (False, "cancelled") == (told["terminal"], told["nodes"][1]["status"])
            assert "cancelled" == (await agent("job_cancel", job_id=both["job_id"]))["status"]
            wrong = await agent.refused(
                "job_cancel", job_id=both["job_id"], nodes=["x"], grace_ms=-1
            )
            assert 2 == len(wrong["error"]["faults"])

    go(story)


def test_who_waits_hears_so_every_few_seconds(host: Host) -> None:
    """Hosts give up on what is silent: there is a line at the beginning, and one before ten seconds."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("job_run", command="sleep 600", wait_seconds=11)
            assert not told["terminal"]
            assert 2 == len(host.heard)
            assert {told["job_id"]} == {line.split()[0] for line in host.heard}
            assert "waited" in host.heard[1]
            await agent("job_cancel", job_id=told["job_id"])

    go(story)

"""What agents do with queues, over the real server's stdin and stdout."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import Agent, Host, go

pytestmark = pytest.mark.slow  # a server for each, and the same under any Python


async def waiting(agent: Agent, command: str, **spec: Any) -> str:
    """Return the id of a job that waits."""
    told = await agent("job_run", command=command, wait_seconds=0, **spec)
    assert "queued" == told["status"]
    return str(told["job_id"])


def test_a_queue_is_made_paused_and_opened(host: Host) -> None:
    """Jobs that wait in it are moved, held and released; the ends of all are told in their order."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("queue_set", name="disk", width=1, state="paused")
            disk = {"queue": "disk", "state": "paused", "width": 1, "running": 0, "waiting": 0}
            assert disk == told
            first = await waiting(agent, "true", queue="disk")
            second = await waiting(agent, "true", queue="disk")
            default, told = (await agent("queue_list"))["queues"]
            assert ("default", "open", 0) == tuple(
                default[key] for key in ("queue", "state", "waiting")
            )
            assert disk | {"waiting": 2} == told

            told = await agent("job_move", job_id=second, queue="tape", priority=5, held=True)
            place = {"queue": "tape", "priority": 5, "held": True}
            assert {"job_id": second, "status": "queued", **place} == told
            await agent("job_move", job_id=second, held=False)
            (job,) = (await agent("job_wait", job_ids=[second], wait_seconds=50))["jobs"]
            assert ("complete", "tape") == (job["status"], job["queue"])
            told = (await agent.refused("job_move", job_id=second, queue="disk"))["error"]
            assert "conflict" == told["code"]

            told = await agent("queue_set", name="disk", width=None, state="open")
            assert ("open", False) == (told["state"], "width" in told)
            await agent("job_wait", job_ids=[first], wait_seconds=50)
            told = await agent("job_completions")
            assert [second, first] == [each["job_id"] for each in told["completions"]]
            since = told["next_cursor"]
            told = await agent("job_completions", since=since, wait_seconds=0)
            assert ([], since) == (told["completions"], told["next_cursor"])

    go(story)


def test_the_end_of_a_job_is_waited_for(host: Host) -> None:
    """Whoever asks for ends, and there is none yet, is told of the first that comes."""
    gate = host.folder / "gate"

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent(
                "job_run", command=f"until [ -e {gate} ]; do sleep 0.05; done", wait_seconds=0
            )
            asked = asyncio.create_task(agent("job_completions", wait_seconds=50))
            await agent("job_get", job_id=told["job_id"])
            assert not asked.done()
            gate.touch()
            (end,) = (await asked)["completions"]
            assert (told["job_id"], "complete") == (end["job_id"], end["status"])

    go(story)


def test_a_change_that_is_refused_changes_nothing(host: Host) -> None:
    """All that is wrong is told at once; a job that may not go elsewhere is not held either."""

    async def story() -> None:
        async with host.agent() as agent:
            told = (await agent.refused("queue_set", name="a b", width=0, state="shut"))["error"]
            assert ["a b", "state", "width"] == sorted(
                word for word in ("a b", "state", "width") if any(word in f for f in told["faults"])
            )
            told = (await agent.refused("queue_set", name="default", width=1, state="draining"))[
                "error"
            ]
            assert 'queue_set(name="default", state="paused")' in told["suggestion"]
            assert "width" not in (await agent("queue_list"))["queues"][0]

            await agent("queue_set", name="disk", state="paused")
            await agent("queue_set", name="tape", state="draining")
            job_id = await waiting(agent, "true", queue="disk")
            told = (await agent.refused("job_move", job_id=job_id, queue="tape", held=True))[
                "error"
            ]
            assert "conflict" == told["code"]
            told = await agent("job_get", job_id=job_id)
            assert ("disk", False) == (told["queue"], "held" in told)
            told = (await agent.refused("job_move", job_id=job_id))["error"]
            assert "nothing to change" in told["message"]
            told = (await agent.refused("job_move", job_id=job_id, queue="", priority=99, zz=1))[
                "error"
            ]
            assert 3 == len(told["faults"])

    go(story)

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
            why = [{"kind": "queue_paused", "message": "its queue is paused", "queue": "disk"}]
            for told in (await agent("job_get", job_id=first), *(await agent("job_list"))["jobs"]):
                assert ("queued", why) == (told["status"], told["waiting_for"])
            default, told = (await agent("queue_list"))["queues"]
            assert ("default", "open", 0) == tuple(
                default[key] for key in ("queue", "state", "waiting")
            )
            assert disk | {"waiting": 2} == told

            told = await agent("job_move", job_id=second, queue="tape", priority=5, held=True)
            place = {"queue": "tape", "priority": 5, "held": True}
            assert told.pop("warning").startswith("nobody has created a queue 'tape'")
            assert {"job_id": second, "status": "queued", **place} == told
            await agent("job_move", job_id=second, held=False)
            (job,) = (await agent("job_wait", job_ids=[second], wait_seconds=50))["jobs"]
            assert ("complete", "tape") == (job["status"], job["queue"])
            told = (await agent.refused("job_move", job_id=second, queue="disk"))["error"]
            assert "conflict" == told["code"]

            told = await agent("queue_set", name="disk", width=None, state="open")
            assert ("open", False) == (told["state"], "width" in told)
            await agent("job_wait", job_ids=[first], wait_seconds=50)
            told = await agent("job_completions", limit=1)
            assert [second] == [each["job_id"] for each in told["completions"]]
            told = await agent("job_completions", since=told["next_cursor"])
            assert [first] == [each["job_id"] for each in told["completions"]]
            since = told["next_cursor"]
            told = await agent("job_completions", since=since, wait_seconds=0)
            assert ([], since) == (told["completions"], told["next_cursor"])

    go(story)


def test_a_queue_has_limits_and_is_deleted_once_it_is_empty(host: Host) -> None:
    """Its limits are set and lifted; what is refused says which call would be right."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("queue_set", name="big", max_cpus=1, max_memory="1G")
            assert (1, 1 << 30) == (told["max_cpus"], told["max_memory_bytes"])
            told = await agent("queue_set", name="big", max_cpus=None)
            assert {"max_memory_bytes"} == {"max_cpus", "max_memory_bytes"} & told.keys()

            held = await waiting(agent, "echo out", queue="big", hold=True)
            told = await agent("job_get", job_id=held)
            assert f'Held until job_move(job_id="{held}", held=false)' == told["message"]
            told = (await agent.refused("queue_delete", name="big"))["error"]
            assert "not_terminal" == told["code"]
            assert 'queue_set(name="big", state="draining")' in told["suggestion"]
            assert 'job_move(job_id="ID", queue="OTHER")' in told["suggestion"]
            await agent("queue_set", name="big", state="draining")
            told = (await agent.refused("job_run", command="true", queue="big"))["error"]
            assert 'queue_set(name="big", state="open")' in told["message"]
            await agent("job_move", job_id=held, held=False)
            (job,) = (await agent("job_wait", job_ids=[held], wait_seconds=50))["jobs"]
            assert "out\n" == job["stdout"]
            assert {"deleted": "big"} == await agent("queue_delete", name="big")
            told = (await agent.refused("queue_delete", name="big"))["error"]
            assert ("not_found", True) == (
                told["code"],
                'queue_set(name="big")' in told["suggestion"],
            )
            told = (await agent.refused("queue_delete", name="default"))["error"]
            assert 'queue_set(name="default", width=null)' in told["suggestion"]

    go(story)


def test_a_slip_in_a_queues_name_is_told(host: Host) -> None:
    """With the calls that mend it; a queue that was made, or is given its width, is none."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("queue_set", name="disk", width=1)
            told = await agent("job_run", command="true", queue="dsik", hold=True, wait_seconds=0)
            for call in (
                f'job_move(job_id="{told["job_id"]}", queue="disk")',
                'queue_set(name="dsik", width=N)',
                "queue_width=N",
            ):
                assert call in told["warning"], told
            for spec in ({"queue": "disk"}, {"queue": "tape", "queue_width": 1}, {}):
                assert "warning" not in await agent("job_run", command="true", **spec)
            asked = {"command": "true", "queue": "tape", "queue_width": 1, "hold": True}
            told = await agent("job_run", **asked, wait_seconds=0)
            moved = await agent("job_move", job_id=told["job_id"], queue="dsik")
            assert f'job_move(job_id="{told["job_id"]}", queue="disk")' in moved["warning"]
            assert "warning" not in await agent("job_move", job_id=told["job_id"], queue="disk")

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

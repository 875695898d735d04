"""Tasks: jobs, for clients that know the extension; over the real server's stdin and stdout."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from mcp import MCPError, types
from mcp.client import ClaimContext, ClientExtension, ResultClaim

from outlast import Client
from outlast.doors.mcp.tasks import TASKS
from outlast.testing import leaks

from ..world import eventually, words_of
from .conftest import Agent, Host, go


class Params(types.RequestParams):
    task_id: str


class Created(types.Result):
    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int


class Get(types.Request[Params, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: Params
    name_param = "taskId"


class Cancel(types.Request[Params, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    params: Params
    name_param = "taskId"


class Update(types.Request[Params, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: Params
    name_param = "taskId"


class Told(types.Result):
    task_id: str
    status: str
    status_message: str
    ttl_ms: int | None
    poll_interval_ms: int
    result: dict[str, Any] | None = None


class Knows(ClientExtension):
    """A client that knows tasks, and asks until they have ended."""

    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._until_it_ended)]

    async def _until_it_ended(self, task: Created, context: ClaimContext) -> types.CallToolResult:
        while True:
            told = await context.session.send_request(
                Get(params=Params(task_id=task.task_id)), Told
            )
            if told.status == "completed":
                return types.CallToolResult.model_validate(told.result)
            await anyio.sleep(told.poll_interval_ms / 1000)


async def begun(agent: Agent, command: str) -> Created:
    """Return the task of a command."""
    task = await agent.client.session.call_tool("job_run", {"command": command}, allow_claimed=True)
    assert isinstance(task, Created)
    return task


async def told(agent: Agent, task_id: str) -> Told:
    return await agent.client.session.send_request(Get(params=Params(task_id=task_id)), Told)


async def ended(agent: Agent, task_id: str) -> Told:
    (await agent("job_wait", job_ids=[task_id], wait_seconds=50))
    return await told(agent, task_id)


async def cancel(agent: Agent, task_id: str) -> None:
    asked = Cancel(params=Params(task_id=task_id))
    answer = await agent.client.session.send_request(asked, types.EmptyResult)
    assert "complete" == answer.result_type


def test_a_job_is_a_task_for_who_knows_tasks(host: Host) -> None:
    """Its id is the job's; once it has ended it has the answer of the tool, and is kept."""

    async def story() -> None:
        async with host.agent("auto", extensions=(Knows(),)) as agent:
            assert TASKS in (agent.client.server_capabilities.extensions or {})
            ran = await agent("job_run", command="echo out")
            assert ("complete", "out\n") == (ran["status"], ran["stdout"])

            task = await begun(agent, "exit 3")
            assert "working" == task.status
            over = await ended(agent, task.task_id)
            assert over.result is not None
            assert ("completed", True) == (over.status, over.result["isError"])
            assert 3 == over.result["structuredContent"]["exit_code"]
            assert over.ttl_ms is not None
            assert over.ttl_ms > 0
            assert task.task_id == (await agent("job_get", job_id=task.task_id))["job_id"]

    go(story)


def test_a_task_is_cancelled_once_and_acknowledged_always(host: Host) -> None:
    """Also when it is over: then nothing changes."""

    async def story() -> None:
        async with host.agent(extensions=(Knows(),)) as agent:
            task = await begun(agent, "sleep 600")
            await cancel(agent, task.task_id)
            assert "cancelled" == (await told(agent, task.task_id)).status
            await cancel(agent, task.task_id)
            done = await begun(agent, "true")
            await ended(agent, done.task_id)
            await cancel(agent, done.task_id)
            assert "completed" == (await told(agent, done.task_id)).status

    go(story)


def test_what_makes_no_job_makes_no_task(host: Host) -> None:
    """Arguments are checked before there is one; a task that is not there is refused by its code."""

    async def story() -> None:
        async with host.agent(extensions=(Knows(),)) as agent:
            refused = (await agent.refused("job_run", command="", timeout_ms="x"))["error"]
            assert 2 == len(refused["faults"])
            assert [] == (await agent("job_list"))["jobs"]
            nobody = Params(task_id="job_01K90000000000000000000000")
            for asked in (Get(params=nobody), Update(params=nobody), Cancel(params=nobody)):
                with pytest.raises(MCPError) as caught:
                    await agent.client.session.send_request(asked, types.EmptyResult)
                assert types.INVALID_PARAMS == caught.value.error.code

    go(story)


def test_who_does_not_know_tasks_sees_none(host: Host) -> None:
    """The tool answers by itself; to ask about a task is refused by its code."""

    async def story() -> None:
        async with host.agent() as agent:
            ran = await agent("job_run", command="true")
            with pytest.raises(MCPError) as caught:
                await told(agent, ran["job_id"])
            assert types.MISSING_REQUIRED_CLIENT_CAPABILITY == caught.value.error.code
        async with host.agent("legacy") as agent:
            with pytest.raises(MCPError) as caught:
                await told(agent, ran["job_id"])
            assert types.METHOD_NOT_FOUND == caught.value.error.code

    go(story)


def server_of(home: Path) -> int:
    """Return the pid of the server of agents over *home*."""
    (pid,) = (pid for pid in leaks.processes(home) if words_of(pid)[-1:] == ["mcp"])
    return pid


def test_a_task_survives_the_server(host: Host, home: Path, tmp_path: Path) -> None:
    """Killed at once while the job runs: the next server tells of the task, and of its end."""
    gate, ids = tmp_path / "gate", []

    async def story() -> None:
        with suppress(Exception):  # whatever the client makes of a server that is gone
            async with host.agent(extensions=(Knows(),)) as agent:
                task = await begun(agent, f"until [ -e {gate} ]; do sleep 0.05; done; echo over")
                ids.append(task.task_id)
                os.kill(server_of(home), signal.SIGKILL)
        async with host.agent(extensions=(Knows(),)) as agent:
            assert "working" == (await told(agent, ids[0])).status
            gate.touch()
            over = await ended(agent, ids[0])
            assert over.result is not None
            assert "over\n" == over.result["structuredContent"]["stdout"]

    go(story)


def test_a_call_that_is_cut_ends_no_job(host: Host, home: Path) -> None:
    """The client gives up while it waits: it knows the id by then, and the job goes on to its end."""
    gate = host.folder / "gate"

    async def story() -> None:
        async with host.agent() as agent:
            with anyio.move_on_after(60) as cut:

                async def hear(_: float, __: float | None, line: str | None) -> None:
                    host.heard.append(line or "")
                    cut.cancel()

                await agent.client.call_tool(
                    "job_run",
                    {"command": "until [ -e gate ]; do sleep 0.05; done"},
                    progress_callback=hear,
                )
            job_id = host.heard[0].split()[0]
            assert not (await agent("job_get", job_id=job_id))["terminal"]
            gate.touch()
            (job,) = (await agent("job_wait", job_ids=[job_id]))["jobs"]
            assert "complete" == job["status"]

    go(story)


def test_a_client_that_is_gone_ends_no_job(host: Host, home: Path) -> None:
    """Its server ends with it, in the middle of a call; the job goes on."""
    gate = host.folder / "gate"

    async def story() -> None:
        async with host.agent() as agent, anyio.create_task_group() as calls:
            calls.start_soon(
                lambda: agent.result("job_run", command="until [ -e gate ]; do sleep 0.05; done")
            )
            await host.has_heard.wait()
            calls.cancel_scope.cancel()

    go(story)
    gate.touch()
    with Client(home=home) as client:
        job = client.wait(host.heard[0].split()[0], timeout="60s")
        assert "complete" == job.status
    eventually(lambda: all(words_of(pid)[-1:] != ["mcp"] for pid in leaks.processes(home)))

"""An agent's day with hosts: over both transports, in both eras of the protocol."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from outlast.testing.sshd import Farm

from .conftest import ERAS, Host, go
from .test_over_http import Served, serving
from .test_ssh import over, printed, server_of, until

pytestmark = pytest.mark.slow

HOST_CUTS_MS = 60_000
"""After which the strictest hosts give a call up."""


class Local(Host):
    """Its server is a process of its own."""

    def kill_server(self) -> None:
        os.kill(server_of(), signal.SIGKILL)

    def begin_again(self) -> None:
        """Whoever connects begins another."""


class Remote(Served):
    """Its server is everybody's."""

    def kill_server(self) -> None:
        self.service.kill()

    def begin_again(self) -> None:
        self.service.start()


@pytest.fixture(params=["stdio", "http"])
def day(
    request: pytest.FixtureRequest, farm: Farm, home: Path, tmp_path: Path
) -> Iterator[Local | Remote]:
    """A host for agents that ends before those that it connects to."""
    del farm
    if request.param == "http":
        with serving(home, tmp_path / "service") as served:
            yield Remote(served.service)
    else:
        local: Host = request.getfixturevalue("host")
        yield Local(local.home, local.folder)


@pytest.mark.parametrize("era", ERAS)
def test_an_agent_s_day(day: Local | Remote, farm: Farm, era: str) -> None:
    """
    A build that outlives the call and the server; its output in pieces; a queue, and its cancel; a
    wrong id; five sessions at once.
    """
    one, two = farm.hosts
    line = "seq 1 3000; printf 'caf\\303\\251'; until [ -e ~/go ]; do sleep 0.05; done; exit 5"

    async def build() -> None:
        async with day.agent(era) as agent:
            await agent("ssh_connect", name="web", host=one)
            await agent.refused("ssh_exec", sessionName="web", command=line, asyncTimeout=0)
            waits = asyncio.create_task(
                agent("ssh_exec", sessionName="web", command="echo never", asyncTimeout=600_000)
            )
            await printed(agent, "caf", sessionName="web")
            await until(agent, lambda told: "queued" in told, sessionName="web")
            day.kill_server()
            with pytest.raises((MCPError, httpx2.HTTPError)):
                await waits

    async def story() -> None:
        await build()
        day.begin_again()
        async with day.agent(era) as agent:
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert "async_mode" == session["state"]
            task, (queued,) = session["running"], session["queued"]
            wrong = await agent.refused("ssh_get_command_status", taskId=f"{task[:-1]}!")
            assert "not_found" == wrong["error"]

            told = await agent("ssh_get_command_status", taskId=task)
            assert ("running", [queued]) == (
                told["state"],
                (await agent("ssh_get_command_status", sessionName="web"))["queued"],
            )
            assert told["stdout"].endswith("3000\ncaf\u00e9")
            assert told["stdoutOffset"] > 0
            whole, offset = "", 0
            while offset < 13_000:
                read = await agent("ssh_get_command_status", taskId=task, offset=offset, limit=4999)
                whole, offset = whole + read["stdout"], read["nextOffset"]
                if not read["stdout"]:
                    break
            assert "".join(f"{number}\n" for number in range(1, 3001)) + "caf\u00e9" == whole

            more = agent.refused("ssh_exec", sessionName="web", command="echo 3", asyncTimeout=0)
            third = (await more)["backgroundTaskId"]
            told = await agent("ssh_cancel_command", sessionName="web")
            assert (True, task) == (told["success"], told["cancelled"])
            assert [
                {"taskId": queued, "command": "echo never"},
                {"taskId": third, "command": "echo 3"},
            ] == told["queueCleared"]
            told = await agent("ssh_get_command_status", taskId=task)
            assert ("cancelled", True) == (told["state"], "3000" in told["stdout"])
            told = await agent("ssh_cancel_command", sessionName="web")
            assert ([], "Nothing was running or waiting") == (told["queueCleared"], told["message"])

            await asyncio.gather(
                *(agent("ssh_connect", name=f"s{n}", host=(one, two)[n % 2]) for n in range(5))
            )
            lines = [f"export N={n}; sleep 0.2; echo $N" for n in range(5)]
            ends = await asyncio.gather(
                *(agent("ssh_exec", sessionName=f"s{n}", command=lines[n]) for n in range(5))
            )
            assert [f"{n}\n" for n in range(5)] == [told["stdout"] for told in ends]
            names = [each["sessionName"] for each in (await agent("ssh_list_sessions"))["sessions"]]
            assert ["web", *(f"s{n}" for n in range(5))] == [names[0], *sorted(names[1:])]

    go(story)


def test_a_call_that_says_nothing_ends_before_its_host_cuts_it(
    day: Local | Remote, farm: Farm
) -> None:
    """After 50 s, with the error that is promised; until then it is told that it goes on."""

    async def story() -> None:
        async with day.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with asyncio.timeout(HOST_CUTS_MS / 1000):
                told = await agent.refused("ssh_exec", sessionName="web", command="sleep 1000")
            assert loop.time() - began >= 50
            assert ("async_timeout_exceeded", 50_000) == (told["error"], told["asyncTimeout"])
            assert (
                "Command 'sleep 1000' exceeded 50s asyncTimeout, continuing in background"
                == told["message"]
            )
            heard = [line for line in day.heard if line.startswith(told["backgroundTaskId"])]
            assert len(heard) > 5  # one in ten seconds, and the first at once
            told = await agent("ssh_cancel_command", sessionName="web")
            assert told["success"]
            await over(agent, taskId=told["cancelled"])

    go(story)

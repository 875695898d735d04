"""Sessions for agents at `/mcp`: whose tokens and policies hold as for everything else there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast.testing.sshd import Farm, user

from .conftest import go
from .test_over_http import Served, serving
from .test_ssh import over, printed

pytestmark = pytest.mark.slow


@pytest.fixture
def served(farm: Farm, home: Path, tmp_path: Path) -> Iterator[Served]:
    """The service over a fresh home, that ends before its hosts."""
    del farm
    with serving(home, tmp_path / "service") as served:
        yield served


def test_a_command_outlives_the_server_over_http(served: Served, farm: Farm) -> None:
    """Connected, cut at a short time, the server killed, asked after, cancelled, ended."""
    line = "echo up; until [ -e ~/go ]; do sleep 0.05; done; exit 9"
    tasks: list[str] = []

    async def begin() -> None:
        async with served.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            told = await agent.refused(
                "ssh_exec", sessionName="web", command=line, asyncTimeout=3000
            )
            assert ("async_timeout_exceeded", 3000) == (told["error"], told["asyncTimeout"])
            tasks.append(told["backgroundTaskId"])
            assert served.heard[-1].startswith(tasks[0])

    async def go_on() -> None:
        async with served.agent() as agent:
            await printed(agent, "up", sessionName="web")
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert ("async_mode", tasks[0]) == (session["state"], session["running"])
            waits = await agent.refused(
                "ssh_exec", sessionName="web", command="echo 2", asyncTimeout=0
            )
            told = await agent("ssh_cancel_command", taskId=waits["backgroundTaskId"])
            assert waits["backgroundTaskId"] == told["cancelled"]
            (farm.home / farm.hosts[0] / "go").touch()
            assert 9 == (await over(agent, taskId=tasks[0]))["exitCode"]
            told = await agent("ssh_disconnect", sessionName="web")
            assert 0 == (await over(agent, taskId=told["cleanupTaskId"]))["exitCode"]

    go(begin)
    served.service.kill()
    served.service.start()
    go(go_on)
    events = [line["event"] for line in served.audited()]
    assert ["job.submit", "job.submit", "job.cancel"] == events


def test_what_a_token_may_not_ask_for_is_refused(served: Served, farm: Farm) -> None:
    """
    Another host, another session, another way there, a key or a password: those are for others to
    say. Who may only read is told how things stand, and changes nothing.
    """
    one, two = farm.hosts
    (served.home / "policy.toml").write_text(
        f'[ci]\nexecutors = ["ssh"]\nhosts = ["{one}"]\nsessions = ["web"]\n'
    )
    ci = served.token("ci", "--policy", "ci")
    reader = served.token("reader", "--scope", "read")
    served.service.stop()
    served.service.start()

    async def story() -> None:
        async with served.agent(token=ci) as agent:
            for asked in (
                {"host": two},
                {"host": one, "name": "db"},
                {"host": one, "username": user()},
                {"host": one, "keyFilePath": str(farm.folder / "user")},
                {"host": one, "password": "hunter2"},
                {"host": one, "secret": "env:HOME"},
            ):
                told = await agent.refused("ssh_connect", **{"name": "web", **asked})
                assert ("forbidden", False) == (told["error"], "hunter2" in str(told))
            await agent("ssh_connect", name="web", host=one)
            told = await agent("ssh_exec", sessionName="web", command="echo a")
            assert "a\n" == told["stdout"]
        async with served.agent(token=reader) as agent:
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert "web" == session["sessionName"]
            status = await agent("ssh_get_command_status", sessionName="web")
            assert "complete" == status["state"]
            result = await agent.result("ssh_exec", sessionName="web", command="id")
            assert "forbidden" in str(agent.told(result))
        async with served.agent() as agent:
            await agent("ssh_connect", name="db", host=two, keyFilePath=str(farm.folder / "user"))
        async with served.agent(token=ci) as agent:
            told = await agent.refused("ssh_exec", sessionName="db", command="id")
            assert "forbidden" == told["error"]

    go(story)

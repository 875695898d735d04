"""Sessions on hosts for agents: the real server, the protocol's own client, real sshd's."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.testing.sshd import Farm, children

from ..ssh.conftest import black_hole  # noqa: F401 - a fixture, by its name
from ..ssh.test_logins import PASSWORD, asking, holders  # noqa: F401 - a fixture among them
from ..world import PATIENCE_S, supervisor_of
from .conftest import ERAS, Agent, Host, go

pytestmark = pytest.mark.slow

DONE = ("complete", "failed", "cancelled")


@pytest.fixture
def host(farm: Farm, host: Host) -> Iterator[Host]:
    """A host for agents that ends before those that it connects to."""
    del farm
    return host


def server_of() -> int:
    """Return the pid of the server that this process has started."""
    (pid,) = (
        pid
        for pid in children(os.getpid())
        if b"mcp" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    )
    return pid


def shown_by(*pids: int | None) -> bool:
    """Whether the password stands in an argument or a variable of these processes."""
    files = [f"/proc/{pid}/{name}" for pid in pids for name in ("cmdline", "environ")]
    return any(PASSWORD.encode() in Path(file).read_bytes() for file in files)


async def until(agent: Agent, is_so: Callable[[Any], bool], **of: str) -> dict[str, Any]:
    """Return how a command stands once it stands so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told = await agent("ssh_get_command_status", **of)
            if is_so(told):
                return told
            await asyncio.sleep(0.05)


async def over(agent: Agent, **of: str) -> dict[str, Any]:
    """Return how a command stands once it has ended."""
    return await until(agent, lambda told: told["state"] in DONE, **of)


async def printed(agent: Agent, what: str, **of: str) -> dict[str, Any]:
    """Return how a command stands once it has printed *what*."""
    return await until(agent, lambda told: what in told["stdout"], **of)


# Connecting -----------------------------------------------------------------------------------


def test_a_session_is_open_once_its_host_has_let_us_in(host: Host, farm: Farm) -> None:
    """
    Who is not let in is told why and what helps, and no session is there; a name is taken, but for
    whoever means the same host.
    """
    one, two = farm.hosts

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("ssh_connect", name="web", host=one)
            expected = {"success": True, "sessionName": "web", "host": one, "state": "idle"}
            assert expected == {key: told[key] for key in expected}
            assert (False, True) == (
                told["reconnected"],
                (await agent("ssh_connect", name="web", host=one))["reconnected"],
            )
            taken = await agent.refused("ssh_connect", name="web", host=two)
            assert ("name_taken", one) == (taken["error"], taken["host"])

            wrong = await agent.refused(
                "ssh_connect", name="db", host=two, keyFilePath=str(farm.folder / "other")
            )
            assert (False, "auth_failed") == (wrong["success"], wrong["error"])
            farm.stop(two)
            gone = await agent.refused("ssh_connect", name="db", host=two)
            assert "connect_failed" == gone["error"]
            farm.start(two)
            farm.trust(None)
            unknown = await agent.refused("ssh_connect", name="db", host=two)
            assert "host_key_rejected" == unknown["error"]
            assert f"outlast hosts trust {two}" in unknown["message"]

            names = [each["sessionName"] for each in (await agent("ssh_list_sessions"))["sessions"]]
            assert ["web"] == names

    go(story)


def test_a_host_that_is_silent_is_given_up(
    host: Host,
    black_hole: str,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the time to connect that is in force; while it lasts, there is progress."""
    monkeypatch.setenv("JOB_CONNECT_TIMEOUT_SEC", "1")

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent.refused("ssh_connect", name="web", host=black_hole)
            assert "connect_timeout" == told["error"]
            assert "ConnectTimeout: connection timed out after 1s" == told["message"]
            assert host.heard[0].startswith(told["taskId"])

    go(story)


def test_all_that_is_wrong_is_told_at_once(host: Host, farm: Farm) -> None:
    """And nothing has happened; a password that is among it is not shown."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent.refused(
                "ssh_connect",
                name="a b",
                host=f"ops@{farm.hosts[0]}",
                username="root",
                port=0,
                password="hunter2",
                secret="env:PW",
                more=1,
            )
            for each in ("port is", "password goes with neither", "user ops", "'more'"):
                assert each in told["message"]
            assert ("invalid_request", False) == (told["error"], "hunter2" in str(told))
            told = await agent.refused("ssh_connect", name="a b", host="web", secret="PW")
            assert "'a b' is no name for a session" in told["message"]
            assert "is not a reference" in told["message"]
            assert [] == (await agent("ssh_list_sessions"))["sessions"]
            told = await agent.refused("ssh_exec", sessionName="web", command="true")
            assert "session_not_found" == told["error"]

    go(story)


# Running --------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
def test_a_command_ends_in_time_or_goes_on(host: Host, farm: Farm, era: str) -> None:
    """
    In time, with all that there is to tell of it; else the error that is promised, word for word,
    and then the truth as often as somebody asks.
    """
    line = "pwd; echo $A; echo up; until [ -e ~/go ]; do sleep 0.05; done; exit 7"

    async def story() -> None:
        async with host.agent(era) as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            none = await agent("ssh_get_command_status", sessionName="web")
            assert "no_task" == none["state"]
            told = await agent("ssh_exec", sessionName="web", command="cd /usr; export A=1; echo a")
            assert (True, 0, "a\n", "") == (
                *(told["success"], told["exitCode"], told["stdout"], told["stderr"]),
            )
            told = await agent("ssh_exec", sessionName="web", command="echo b >&2; exit 3")
            assert (False, 3, "b\n") == (told["success"], told["exitCode"], told["stderr"])

            told = await agent.refused(
                "ssh_exec", sessionName="web", command=line, asyncTimeout=1500
            )
            task = told["backgroundTaskId"]
            how = {"statusCommand": "ssh_get_command_status", "sessionName": "web"}
            instructions = told["polling"].pop("instructions")
            assert {
                "success": False,
                "error": "async_timeout_exceeded",
                "message": f"Command '{line}' exceeded 1.5s asyncTimeout, continuing in background",
                "sessionName": "web",
                "asyncTimeout": 1500,
                "backgroundExecution": True,
                "backgroundTaskId": task,
                "pollingInstructions": how,
                "polling": how,
            } == told
            assert "ssh_get_command_status" in instructions
            assert host.heard[-1].startswith(task)

            told = await printed(agent, "up", sessionName="web")
            assert ("running", "/usr\n1\nup\n", task) == (
                *(told["state"], told["stdout"], told["taskId"]),
            )
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert ("async_mode", task) == (session["state"], session["running"])
            assert told["asyncSince"] == session["asyncSince"]
            (farm.home / farm.hosts[0] / "go").touch()
            told = await over(agent, taskId=task)
            assert ("failed", 7, "/usr\n1\nup\n") == (
                *(told["state"], told["exitCode"], told["stdout"]),
            )
            assert told == await agent("ssh_get_command_status", sessionName="web")
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert ("idle", task) == (session["state"], session["lastTaskId"])

    go(story)


def test_a_dead_command_is_told_with_what_it_printed(host: Host, farm: Farm) -> None:
    """At its limit, or by a signal: an error, and what to do next; the session is as it was."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            told = await agent.refused(
                "ssh_exec", sessionName="web", command="echo up; cd /; sleep 1000", timeout=1000
            )
            assert (False, "timeout", -1, "up\n") == (
                *(told["success"], told["error"], told["exitCode"], told["stdout"]),
            )
            assert "Killed at its timeout of 1s" == told["message"]
            assert "longer timeout" in told["next"]
            told = await agent.refused(
                "ssh_exec", sessionName="web", command="echo b; kill -SEGV $$"
            )
            assert ("signal", 11, "b\n") == (told["error"], told["signal"], told["stdout"])
            told = await agent("ssh_exec", sessionName="web", command="pwd")
            assert f"{farm.home / farm.hosts[0]}\n" == told["stdout"]

    go(story)


def test_an_end_and_a_time_out_at_one_instant_are_one_answer(host: Host, farm: Farm) -> None:
    """
    Whoever is first: it is either the end or the error, and whoever asks later is told the same.
    """

    async def story() -> None:
        async with host.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            first = await agent("ssh_exec", sessionName="web", command="sleep 0.2")
            took = first["durationMs"] + 50
            for turn in range(10):
                result = await agent.result(
                    "ssh_exec",
                    sessionName="web",
                    command=f"sleep 0.2; echo {turn}",
                    asyncTimeout=took + 10 * turn,
                )
                told = agent.told(result)
                task = told.get("backgroundTaskId") or told["taskId"]
                later = await over(agent, taskId=task)
                assert (0, f"{turn}\n") == (later["exitCode"], later["stdout"])
                if result.is_error:
                    assert "async_timeout_exceeded" == told["error"]
                    assert "asyncSince" in later
                else:
                    assert (True, f"{turn}\n") == (told["success"], told["stdout"])
                    assert "asyncSince" not in later

    go(story)


# In order -------------------------------------------------------------------------------------


def test_what_waits_runs_in_order(host: Host, farm: Farm) -> None:
    """One at a time, each where the one before it left; one that is cancelled by its id is left out."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            first = "until [ -e ~/go ]; do sleep 0.05; done; cd /usr"
            lines = [first, "pwd; cd bin", "cd /", "pwd"]
            tasks = []
            for line in lines:
                told = await agent.refused(
                    "ssh_exec", sessionName="web", command=line, asyncTimeout=0
                )
                tasks.append(told["backgroundTaskId"])
            told = await agent("ssh_cancel_command", taskId=tasks[2])
            assert (tasks[2], "web") == (told["cancelled"], told["sessionName"])
            (farm.home / farm.hosts[0] / "go").touch()
            told = await over(agent, taskId=tasks[3])
            assert "/usr/bin\n" == told["stdout"]
            again = await agent.refused("ssh_cancel_command", taskId=tasks[0])
            assert "not_running" == again["error"]

    go(story)


def test_a_session_in_use_is_ended_only_if_asked(host: Host, farm: Farm) -> None:
    """Its command goes on, else; what the host kept of it is gone in the end, and its name free."""
    one, two = farm.hosts

    async def story() -> None:
        async with host.agent() as agent:
            await agent("ssh_connect", name="web", host=one)
            await agent("ssh_exec", sessionName="web", command="export A=1")
            told = await agent.refused(
                "ssh_exec", sessionName="web", command="echo up; sleep 1000", asyncTimeout=0
            )
            task = told["backgroundTaskId"]
            await printed(agent, "up", taskId=task)
            told = await agent.refused("ssh_disconnect", sessionName="web")
            assert ("session_in_use", task) == (told["error"], told["running"])
            assert "running" == (await agent("ssh_get_command_status", taskId=task))["state"]

            told = await agent("ssh_disconnect", sessionName="web", cancel=True)
            assert "closed" == told["state"]
            assert "cancelled" == (await agent("ssh_get_command_status", taskId=task))["state"]
            assert 0 == (await over(agent, taskId=told["cleanupTaskId"]))["exitCode"]
            assert [] == list((farm.home / one / ".outlast" / "sessions").iterdir())
            assert two == (await agent("ssh_connect", name="web", host=two))["host"]

    go(story)


def test_what_an_agent_starts_a_person_sees(host: Host, farm: Farm, client: Client) -> None:
    """By the library, as by every other door: the session, its state, the job."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("ssh_connect", name="web", host=farm.hosts[0])
            told = await agent.refused(
                "ssh_exec", sessionName="web", command="sleep 1000", asyncTimeout=10
            )
            task = told["backgroundTaskId"]
            session = await asyncio.to_thread(client.session, "web")
            assert ("async_mode", True) == (session.state, session.async_since is not None)
            jobs = (await asyncio.to_thread(client.list)).jobs
            assert [(task, "web"), ("connect web", None)] == [
                (jobs[0].id, jobs[0].spec.session),
                (jobs[1].name, jobs[1].spec.session),
            ]

    go(story)


# Passwords ------------------------------------------------------------------------------------


def test_a_password_is_in_memory_alone(
    host: Host,
    asking: Farm,  # noqa: F811 - the fixture
    home: Path,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Nothing on disk has it, no argument, variable or answer. Once the server that it was given to
    is gone, the session has to be connected again, and says so; what runs goes on, even where the
    supervisor is killed and the host hangs up: its end is known once the password is given again.
    """
    monkeypatch.delenv("PW")
    one = asking.hosts[0]
    way = {"name": "web", "host": one, "username": "ops"}
    line = "echo up; until [ -e ~/go ]; do sleep 0.05; done; exit 37"

    async def begin() -> str:
        async with host.agent() as agent:
            told = await agent.refused("ssh_connect", **way, password="wrong")
            assert ("auth_failed", False) == (told["error"], "wrong" in str(told))
            told = await agent("ssh_connect", **way, password=PASSWORD)
            assert PASSWORD not in str(told)
            told = await agent.refused("ssh_exec", sessionName="web", command=line, asyncTimeout=0)
            task = str(told["backgroundTaskId"])
            await printed(agent, "up", taskId=task)
            waits = await agent.refused(
                "ssh_exec", sessionName="web", command="echo next", asyncTimeout=0
            )
            assert set() == holders(home, PASSWORD)
            assert not shown_by(server_of(), supervisor_of(client))
            waiting.append(str(waits["backgroundTaskId"]))
            return task

    async def go_on(task: str) -> None:
        async with host.agent() as agent:
            (session,) = (await agent("ssh_list_sessions"))["sessions"]
            assert (True, task) == (session["mustConnect"], session["running"])
            told = await agent.refused("ssh_exec", sessionName="web", command="true")
            assert ("must_connect", True) == (told["error"], "ssh_connect" in told["next"])

            asking.stop(one)
            pid = supervisor_of(client)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            (asking.home / one / "go").touch()
            with monkeypatch.context() as its_own:
                its_own.setenv("PW", PASSWORD)
                asking.start(one)
            told = await agent("ssh_get_command_status", taskId=task)
            assert "running" == told["state"]
            told = await agent.refused("ssh_connect", **way, password="wrong")
            assert "auth_failed" == told["error"]
            assert (await agent("ssh_list_sessions"))["sessions"][0]["mustConnect"]
            told = await agent("ssh_connect", **way, password=PASSWORD)
            assert told["reconnected"]
            told = await over(agent, taskId=task)
            assert ("failed", 37) == (told["state"], told["exitCode"])
            told = await over(agent, taskId=waiting[0])
            assert ("complete", "next\n") == (told["state"], told["stdout"])
            assert "mustConnect" not in (await agent("ssh_list_sessions"))["sessions"][0]
            told = await agent("ssh_exec", sessionName="web", command="echo again")
            assert "again\n" == told["stdout"]
            assert set() == holders(home, PASSWORD)

    waiting: list[str] = []

    async def story() -> None:
        await go_on(await begin())

    go(story)
    assert not re.search("hunter|battery", (home / "supervisor.log").read_text())

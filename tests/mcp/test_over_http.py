"""`/mcp` on the real `outlast serve`: the same tools for whoever shows a token."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError, types
from mcp.client import ClientExtension
from mcp.client.streamable_http import streamable_http_client

from outlast.doors.mcp.tasks import TASKS

from ..http.conftest import Service
from ..world import PATIENCE_S, end_all
from .conftest import ERAS, PROGRAM, Agent, Host, go
from .test_tasks import Knows, begun, cancel, ended

pytestmark = pytest.mark.slow  # two servers for each, and a client that takes its time to import

POLICY = """
[ci]
executors = ["local"]
commands = ["echo"]
"""


class Served(Host):
    """A host whose server is another machine's, as far as it knows."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.home, service.folder)
        self.service = service

    def token(self, name: str, *more: str) -> str:
        """Return a new token."""
        made = [PROGRAM, "token", "create", name, *more, "--text"]
        done = subprocess.run(made, capture_output=True, check=True, timeout=PATIENCE_S)
        return done.stdout.decode().strip()

    @asynccontextmanager
    async def agent(
        self,
        era: str = ERAS[0],
        *,
        extensions: tuple[ClientExtension, ...] = (),
        token: str | None = None,
    ) -> AsyncIterator[Agent]:
        token = token or (self.home / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=2 * PATIENCE_S) as http,
            Client(
                streamable_http_client(f"{self.service.url}/mcp", http_client=http),
                mode=era,
                extensions=extensions,
            ) as client,
        ):
            yield Agent(client, self)

    def audited(self) -> list[dict[str, Any]]:
        """Return the lines of the audit log that are about calls of agents."""
        lines = map(json.loads, (self.home / "audit.log").read_text().splitlines())
        return [line for line in lines if line["event"].startswith("job.") or "tool" in line]


@contextmanager
def serving(home: Path, folder: Path) -> Iterator[Served]:
    """Have the service over a fresh home."""
    folder.mkdir()
    service = Service(home, folder)
    service.start()
    yield Served(service)
    service.close()
    end_all(home)


@pytest.fixture
def served(home: Path, tmp_path: Path) -> Iterator[Served]:
    """The service over a fresh home."""
    with serving(home, tmp_path / "service") as served:
        yield served


@pytest.mark.parametrize("era", ERAS)
def test_the_jobs_of_agents_are_those_of_everybody(served: Served, era: str) -> None:
    """In both eras: progress with the id, the answer, the same job at its own address."""

    async def story() -> None:
        async with served.agent(era) as agent:
            told = await agent("job_run", command="echo out; sleep 0.2")
            assert ("complete", "out\n") == (told["status"], told["stdout"])
            assert served.heard[0].startswith(told["job_id"])
            answer = served.service.client().get(f"/jobs/{told['job_id']}")
            assert (200, "complete") == (answer.status_code, answer.json()["status"])

    go(story)
    (line,) = served.audited()
    assert ("job.submit", "local", ["shell"]) == (
        line["event"],
        line["principal"],
        line["programs"],
    )


def test_a_token_that_reads_changes_nothing(served: Served) -> None:
    """What reads is answered; what starts or ends a job is refused, and that is written down."""
    reader = served.token("reader", "--scope", "read")

    async def story() -> None:
        async with served.agent(extensions=(Knows(),)) as owner:
            task = await begun(owner, "sleep 600")
            async with served.agent(token=reader) as agent:
                (job,) = (await agent("job_list"))["jobs"]
                assert task.task_id == job["job_id"]
                for tool, arguments in (
                    ("job_run", {"command": "id"}),
                    ("job_cancel", {"job_id": task.task_id}),
                    ("job_move", {"job_id": task.task_id, "held": True}),
                    ("queue_set", {"name": "disk"}),
                    ("queue_delete", {"name": "disk"}),
                    ("schedule_add", {"name": "tick", "every": "1h", "job": {"command": "id"}}),
                    ("schedule_set", {"name": "tick", "action": "run"}),
                ):
                    told = (await agent.refused(tool, **arguments))["error"]
                    assert "forbidden" == told["code"]
                assert [] == (await agent("schedule_list"))["schedules"]
                (queue,) = (await agent("queue_list"))["queues"]
                assert "default" == queue["queue"]
                assert [] == (await agent("job_completions", wait_seconds=0))["completions"]
            async with served.agent(token=reader, extensions=(Knows(),)) as agent:
                with pytest.raises(MCPError) as caught:
                    await cancel(agent, task.task_id)
                assert types.INVALID_REQUEST == caught.value.error.code
            assert not (await owner("job_get", job_id=task.task_id))["terminal"]
            await cancel(owner, task.task_id)

    go(story)
    refused = [line for line in served.audited() if line["principal"] == "reader"]
    changing = ["job_run", "job_cancel", "job_move", "queue_set", "queue_delete"]
    changing += ["schedule_add", "schedule_set"]
    assert changing == [line["tool"] for line in refused]
    assert {"forbidden"} == {line["refused"] for line in refused}


def test_a_policy_holds_for_agents(served: Served) -> None:
    """What it names runs, and nothing else; as a task neither."""
    (served.home / "policy.toml").write_text(POLICY)
    ci = served.token("ci", "--policy", "ci")
    served.service.stop()
    served.service.start()

    async def story() -> None:
        async with served.agent(token=ci) as agent:
            assert "complete" == (await agent("job_run", command=["echo", "x"]))["status"]
            assert "forbidden" == (await agent.refused("job_run", command="id"))["error"]["code"]
        async with served.agent(token=ci, extensions=(Knows(),)) as agent:
            assert "forbidden" == (await agent.refused("job_run", command="id"))["error"]["code"]
            assert 1 == len((await agent("job_list"))["jobs"])

    go(story)
    assert [None, "forbidden", "forbidden"] == [line.get("refused") for line in served.audited()]


def test_jobs_are_moved_within_a_policy_and_queues_changed_by_administrators(
    served: Served,
) -> None:
    """What may not be asked for at first may not be asked for later; each change is written down."""
    (served.home / "policy.toml").write_text(POLICY)
    ci = served.token("ci", "--policy", "ci")
    served.service.stop()
    served.service.start()

    async def story() -> None:
        async with served.agent(token=ci) as agent, served.agent() as owner:
            job = await agent("job_run", command=["echo", "x"], hold=True, wait_seconds=0)
            assert (True, "queued") == (job["held"], job["status"])
            job_id = job["job_id"]
            for tool, arguments in (
                ("job_move", {"job_id": job_id, "priority": 5, "held": False}),
                ("job_move", {"job_id": job_id, "queue": "disk"}),
                ("queue_set", {"name": "disk", "width": 2}),
            ):
                told = (await agent.refused(tool, **arguments))["error"]
                assert "forbidden" == told["code"]
            assert (await agent("job_get", job_id=job_id))["held"]
            await agent("job_move", job_id=job_id, priority=-5, held=False)
            theirs = await owner("job_run", command="id", hold=True, wait_seconds=0)
            told = await agent.refused("job_move", job_id=theirs["job_id"], held=False)
            assert "forbidden" == told["error"]["code"]
            (job,) = (await agent("job_wait", job_ids=[job_id], wait_seconds=50))["jobs"]
            assert ("complete", -5) == (job["status"], job["priority"])
            assert "open" == (await owner("queue_set", name="disk", width=2))["state"]

    go(story)
    lines = map(json.loads, (served.home / "audit.log").read_text().splitlines())
    changed = [line for line in lines if line["event"] in ("job.move", "queue.set")]
    refused, done = ("ci", "forbidden"), ("ci", None)
    assert [refused, refused, done, refused, ("local", None)] == [
        (line["principal"], line.get("refused")) for line in changed
    ]


def test_schedules_are_added_and_changed_within_a_policy(served: Served) -> None:
    """Nobody schedules what they may not run, nor pauses, runs, removes or replaces a schedule of it."""
    (served.home / "policy.toml").write_text(POLICY)
    ci = served.token("ci", "--policy", "ci")
    served.service.stop()
    served.service.start()
    echo = {"command": ["echo", "x"]}

    async def story() -> None:
        async with served.agent(token=ci) as agent, served.agent() as owner:

            async def forbidden(tool: str, **arguments: Any) -> None:
                assert "forbidden" == (await agent.refused(tool, **arguments))["error"]["code"]

            await owner("schedule_add", name="theirs", every="1h", job={"command": "id"})
            await forbidden("schedule_add", name="ours", every="1h", job={"command": "id"})
            for action in ("pause", "resume", "run", "remove"):
                await forbidden("schedule_set", name="theirs", action=action)
            await forbidden("schedule_add", name="theirs", every="1h", job=echo, replace=True)

            added = await agent("schedule_add", name="ours", every="1h", job=echo)
            assert "active" == added["state"]
            ran = await agent("schedule_set", name="ours", action="run")
            (job,) = (await agent("job_wait", job_ids=[ran["job_id"]], wait_seconds=50))["jobs"]
            assert ("complete", "x\n") == (job["status"], job["stdout"])
            ours, theirs = (await owner("schedule_list"))["schedules"]
            assert ("ours", "theirs", "active") == (ours["name"], theirs["name"], theirs["state"])
            (ours,) = (await owner("schedule_list", name="ours"))["schedules"]
            assert "ci" == ours["principal"]
            await agent("schedule_set", name="ours", action="remove")

    go(story)
    lines = map(json.loads, (served.home / "audit.log").read_text().splitlines())
    assert [("schedule.add", None), ("schedule.run", None), ("schedule.remove", None)] == [
        (line["event"], line.get("refused"))
        for line in lines
        if line.get("schedule") == "ours" and "refused" not in line
    ]


def test_strangers_are_refused_before_anything_is_read(served: Served) -> None:
    """No token, another site's page, a name that leads here: as at every other address."""
    client = served.service.client(token="")
    owner = served.service.client()
    answers = [
        client.post("/mcp", json={}),
        owner.post("/mcp", json={}, headers={"Origin": "http://evil.example"}),
        owner.post("/mcp", json={}, headers={"Host": "evil.example"}),
    ]
    assert [401, 403, 421] == [each.status_code for each in answers]


def test_the_header_names_the_task_that_is_meant(served: Served) -> None:
    """Whoever routes by it must not be told another one: -32020."""
    version = "2026-07-28"
    prefix = "io.modelcontextprotocol"
    answer = served.service.client().post(
        "/mcp",
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tasks/get",
            "params": {
                "taskId": "job_01K90000000000000000000000",
                "_meta": {
                    f"{prefix}/protocolVersion": version,
                    f"{prefix}/clientCapabilities": {"extensions": {TASKS: {}}},
                },
            },
        },
        headers={
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": version,
            "Mcp-Method": "tasks/get",
            "Mcp-Name": "job_01K90000000000000000000001",
        },
    )
    assert (400, types.HEADER_MISMATCH) == (answer.status_code, answer.json()["error"]["code"])


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_hangs_up_ends_no_job(served: Served, era: str) -> None:
    """In the middle of a call: the wait ends on the server, and the job goes on."""
    gate = served.folder / "gate"

    async def story() -> None:
        async with anyio.create_task_group() as calls:

            async def call() -> None:
                async with served.agent(era) as agent:
                    await agent("job_run", command=f"until [ -e {gate} ]; do sleep 0.05; done")

            calls.start_soon(call)
            await served.has_heard.wait()
            calls.cancel_scope.cancel()
        async with served.agent(era) as agent:
            job_id = served.heard[0].split()[0]
            assert not (await agent("job_get", job_id=job_id))["terminal"]
            gate.touch()
            (job,) = (await agent("job_wait", job_ids=[job_id]))["jobs"]
            assert "complete" == job["status"]

    go(story)


def test_a_server_that_leaves_answers_who_waits(served: Served) -> None:
    """As things stand; and the next one knows the job, as a task too."""
    gate = served.folder / "gate"

    async def story() -> None:
        told: dict[str, Any] = {}
        async with served.agent() as agent, anyio.create_task_group() as calls:
            await agent.client.list_tools()  # it looks up the schema of an answer it has got

            async def call() -> None:
                told.update(
                    await agent("job_run", command=f"until [ -e {gate} ]; do sleep 0.05; done")
                )

            calls.start_soon(call)
            await served.has_heard.wait()
            assert 0 == await anyio.to_thread.run_sync(served.service.stop)
        assert told["next"].startswith("job_wait")
        await anyio.to_thread.run_sync(served.service.start)
        gate.touch()
        async with served.agent(extensions=(Knows(),)) as agent:
            assert "completed" == (await ended(agent, told["job_id"])).status

    go(story)


def test_a_server_without_the_extra_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """501 with what to install; all else is served. So says `outlast mcp`."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['mcp'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service = Service(home, tmp_path)
    try:
        service.start()
        answer = service.client().post("/mcp", json={})
        assert (501, "not_installed") == (answer.status_code, answer.json()["code"])
        assert "outlast[mcp]" in answer.json()["suggestion"]
        assert 200 == service.client().get("/jobs").status_code
        done = subprocess.run([PROGRAM, "mcp"], capture_output=True, check=False)
        assert (1, b"") == (done.returncode, done.stdout)
        assert b"outlast[mcp]" in done.stderr
    finally:
        service.close()

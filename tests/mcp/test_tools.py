"""What the general tools answer: each call over the real server's stdin and stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.doors.mcp.tools import TOOLS
from outlast.engine.verbs import QUEUE_VERBS, VERBS

from ..world import eventually
from .conftest import ERAS, Agent, Host, go

TOKENS_PER_BYTE = 1 / 3.5
"""Of JSON in English; what models count is less."""


def tokens(told: Any) -> float:
    return len(json.dumps(told, separators=(",", ":"))) * TOKENS_PER_BYTE


async def begun(agent: Agent, command: str) -> str:
    """Return the id of a job that is on its way."""
    return str((await agent("job_run", command=command, wait_seconds=0))["job_id"])


def test_tools_cost_little_and_come_in_one_order(host: Host) -> None:
    """All of them within 4,000 tokens; the same list each time, in both eras."""

    async def story() -> None:
        lists = []
        for era in ERAS:
            async with host.agent(era) as agent:
                tools = (await agent.client.list_tools()).tools
                lists.append([each.model_dump(mode="json", exclude_none=True) for each in tools])
        assert lists[0] == lists[1]
        assert tokens(lists[0]) < 4000
        names = [each["name"] for each in lists[0]]
        general = [
            *("job_run", "job_wait", "job_get", "job_output", "job_cancel", "job_list"),
            *("job_completions", "job_move", "queue_list", "queue_set", "queue_delete"),
            *("schedule_list", "schedule_add", "schedule_set"),
        ]
        assert general == names[: len(general)]
        reading = {each["name"] for each in lists[0] if _hint(each, "read_only")}
        assert reading & set(general) == {
            *("job_wait", "job_get", "job_output", "job_list", "job_completions"),
            *("queue_list", "schedule_list"),
        }
        mild = {each["name"] for each in lists[0] if not _hint(each, "destructive", True)}
        assert {"job_move", "queue_set", "ssh_connect"} == mild

    go(story)


def _hint(tool: dict[str, Any], name: str, default: bool = False) -> bool:
    """Return what a host is told of a tool: where it is not told, what the protocol says."""
    return bool(tool.get("annotations", {}).get(f"{name}_hint", default))


def test_the_answer_for_true_is_short(host: Host) -> None:
    """The text and the structured content, which are the same, within 250 tokens together."""

    async def story() -> None:
        async with host.agent() as agent:
            result = await agent.result("job_run", command=["true"])
            assert json.loads(result.content[0].text) == result.structured_content
            assert tokens(result.model_dump(mode="json", exclude_none=True)) < 250

    go(story)


def test_still_running_is_an_answer_and_no_error(host: Host, tmp_path: Path) -> None:
    """What was printed so far is in it, and its next call waits on, to the end."""
    gate = tmp_path / "gate"

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent(
                "job_run", command=f"echo begun; until [ -e {gate} ]; do sleep 0.05; done",
                wait_seconds=0.3,
            )  # fmt: skip
            assert not told["terminal"]
            assert f'job_wait(job_ids=["{told["job_id"]}"])' == told["next"]
            gate.touch()
            ended = await agent("job_wait", job_ids=[told["job_id"]])
            (job,) = ended["jobs"]
            assert (0, "complete", "begun\n") == (ended["pending"], job["status"], job["stdout"])
            assert "next" not in ended

    go(story)


def test_everything_wrong_with_a_call_is_told_at_once(host: Host) -> None:
    """The tool's own arguments and the job's spec; nothing was stored."""

    async def story() -> None:
        async with host.agent() as agent:
            told = (
                await agent.refused(
                    "job_run", command="", wait_seconds=99, idempotency_key="", cwd="/nowhere", zz=1
                )
            )["error"]
            assert ("invalid_request", False) == (told["code"], told["retryable"])
            for word in ("wait_seconds", "idempotency_key", "nothing to run", "/nowhere", "'zz'"):
                assert any(word in fault for fault in told["faults"]), told
            told = (await agent.refused("job_wait", job_ids=3, wait_seconds="x", zz=1))["error"]
            for word in ("job_ids", "wait_seconds", "'zz'"):
                assert any(word in fault for fault in told["faults"]), told
            assert [] == (await agent("job_list"))["jobs"]

    go(story)


def test_a_job_that_is_not_there_is_an_error_with_a_way_on(host: Host) -> None:
    """`not_found`, and the tool that lists those that are."""
    nobody = "job_01K90000000000000000000000"

    async def story() -> None:
        async with host.agent() as agent:
            for tool in ("job_get", "job_wait", "job_output", "job_cancel"):
                wanted: dict[str, Any] = {"job_id": nobody}
                if tool == "job_wait":
                    wanted = {"job_ids": [nobody]}
                told = (await agent.refused(tool, **wanted))["error"]
                assert ("not_found", "List them: job_list") == (told["code"], told["suggestion"])

    go(story)


def test_a_key_stands_for_one_job(host: Host) -> None:
    """The same call is answered with the same job; another command with that key is a conflict."""

    async def story() -> None:
        async with host.agent() as agent:
            first = await agent("job_run", command="echo once", idempotency_key="build-7")
            second = await agent("job_run", command="echo once", idempotency_key="build-7")
            assert first["job_id"] == second["job_id"]
            told = await agent.refused("job_run", command="echo", idempotency_key="build-7")
            assert "conflict" == told["error"]["code"]

    go(story)


def test_several_jobs_are_waited_for_at_once(host: Host) -> None:
    """Until all have ended, or any; the next call names those that have not."""

    async def story() -> None:
        async with host.agent() as agent:
            quick, slow = await begun(agent, "true"), await begun(agent, "sleep 600")
            told = await agent("job_wait", job_ids=[slow, quick], any=True, wait_seconds=50)
            assert [slow, quick] == [each["job_id"] for each in told["jobs"]]
            assert ["running", "complete"] == [
                each["status"] if each["terminal"] else "running" for each in told["jobs"]
            ]
            assert f'job_wait(job_ids=["{slow}"])' == told["next"]
            told = await agent("job_cancel", job_id=slow, grace_ms=0)
            assert ("cancelled", True) == (told["status"], told["cancelled"])
            told = await agent("job_cancel", job_id=slow)
            assert ("cancelled", False) == (told["status"], told["cancelled"])
            told = await agent("job_wait", job_ids=[slow, quick])
            assert 0 == told["pending"]

    go(story)


def test_output_is_read_in_pieces_that_make_it_whole(host: Host) -> None:
    """From offset to offset, no character in two; its tail; and the lines that have a text."""
    printed = "".join(f"line {number} é\n" for number in range(1, 400))

    async def story() -> None:
        async with host.agent() as agent:
            path = host.folder / "printed"
            path.write_text(printed)
            ran = await agent("job_run", command=["cat", str(path)])
            job_id = ran["job_id"]
            assert printed.endswith(ran["stdout"])
            assert len(printed.encode()) - len(ran["stdout"].encode()) == ran["stdout_offset"]
            read, offset, calls = "", 0, 0
            while True:
                told = await agent("job_output", job_id=job_id, offset=offset, limit=701)
                read, offset, calls = read + told["text"], told["next_offset"], calls + 1
                if told["complete"]:
                    break
            assert (printed, True) == (read, calls > 5)
            told = await agent("job_output", job_id=job_id, tail=12)
            assert (printed.encode()[-12:].decode("utf-8", "ignore"), True) == (
                told["text"],
                told["complete"],
            )
            told = await agent("job_output", job_id=job_id, grep="LINE 39", limit=40)
            assert (
                told["text"].splitlines()[0] == f"{printed.encode().index(b'line 39 ')}:line 39 é"
            )
            assert not told["complete"]
            rest = await agent(
                "job_output", job_id=job_id, grep="LINE 39", offset=told["next_offset"]
            )
            found = (told["text"] + rest["text"]).splitlines()
            assert [39, *range(390, 400)] == [int(each.split()[1]) for each in found]
            for wrong in (
                {"node": 7},
                {"stream": "stdin"},
                {"offset": 1, "tail": 1},
                {"grep": ""},
                {"limit": 0},
            ):
                assert (
                    "invalid_request"
                    == (await agent.refused("job_output", job_id=job_id, **wrong))["error"]["code"]
                )

    go(story)


def test_every_tool_is_documented() -> None:
    """The reference has a row for each, with each of its arguments."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "mcp.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for tool in TOOLS:
        for name in tool.takes:
            assert f"`{name}`" in rows[tool.name], (tool.name, name)


def test_tools_are_named_as_verbs_are_everywhere() -> None:
    """What an agent has for jobs, queues and schedules has the name of the verb; `run` is the command's."""
    of_jobs = {*VERBS, "run"} - {"read_output"} | {"output"}
    wanted = {f"job_{verb}" for verb in of_jobs} | {f"queue_{verb}" for verb in QUEUE_VERBS}
    wanted |= {f"schedule_{verb}" for verb in ("add", "list", "set")}  # the last as `queue_set`
    assert set() == {tool.name for tool in TOOLS if not tool.name.startswith("ssh_")} - wanted


def test_jobs_of_other_doors_are_listed(host: Host, home: Path) -> None:
    """Newest first, by status and label, in pages: what a person starts an agent sees."""
    with Client(home=home) as client:
        ours = client.submit(["true"], labels={"by": "hand"})
        client.wait(ours.id, timeout="60s")
        client.submit(["true"])

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("job_list", status=["complete"], labels={"by": "hand"})
            assert [ours.id] == [each["job_id"] for each in told["jobs"]]
            first = await agent("job_list", limit=1)
            (last,) = (await agent("job_list", limit=1, cursor=first["next_cursor"]))["jobs"]
            assert ours.id == last["job_id"]
            told = (await agent.refused("job_list", status=["done"], limit=0))["error"]
            assert 2 == len(told["faults"])

    go(story)


def test_agents_take_turns_in_a_queue(host: Host) -> None:
    """No more at once than it is wide, the more urgent first; those of a queue are found by its name."""
    gate, begins, order = (host.folder / name for name in ("gate", "begins", "order"))

    async def story() -> None:
        async with host.agent() as agent:

            async def into_disk(command: str, **spec: Any) -> str:
                told = await agent(
                    "job_run", command=command, queue="disk", queue_width=1, wait_seconds=0, **spec
                )
                return str(told["job_id"])

            first = await into_disk(f"touch {begins}; until [ -e {gate} ]; do sleep 0.05; done")
            eventually(begins.exists, "its turn")
            later = await into_disk(f"echo later >>{order}")
            urgent = await into_disk(f"echo urgent >>{order}", priority=5)
            elsewhere = await begun(agent, "true")
            told = (await agent("job_list", queue="disk"))["jobs"]
            assert [urgent, later, first] == [each["job_id"] for each in told]
            assert ("disk", 5, "queued") == tuple(
                told[0][key] for key in ("queue", "priority", "status")
            )
            told = (await agent("job_list", queue="default"))["jobs"]
            assert [elsewhere] == [each["job_id"] for each in told]
            gate.touch()
            ended = await agent("job_wait", job_ids=[first, later, urgent], wait_seconds=50)
            assert 0 == ended["pending"]
            assert "urgent\nlater\n" == order.read_text()
            told = await agent.refused("job_run", command="true", priority=21)
            assert "priority" in told["error"]["message"]

    go(story)


def test_a_job_waits_for_another_ones_end(host: Host) -> None:
    """By its id; one that had to complete and failed takes the waiter with it, which says so."""

    async def story() -> None:
        async with host.agent() as agent:
            first = await begun(agent, "echo first; exit 3")
            told = await agent("job_run", command="echo second", after=[f"failed:{first}"])
            assert "second\n" == told["stdout"]
            told = await agent("job_run", command="true", after=[first])
            assert ("failed", "dependency_failed") == (told["status"], told["reason"])
            assert first in told["error"]
            told = await agent.refused("job_run", command="true", after=["on:it"], retries=101)
            assert ["after", "retries"] == sorted(
                fault.partition(":")[0].split()[0] for fault in told["error"]["faults"]
            )

    go(story)


def test_what_fails_is_tried_again(host: Host) -> None:
    """As often as the call says; the answer is that of the last attempt, and says which it was."""
    mark = host.folder / "tried"

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent(
                "job_run", command=f"[ -e {mark} ] && echo now || {{ touch {mark}; exit 75; }}",
                retries=2, retry_delay_ms=1, wait_seconds=50,
            )  # fmt: skip
            assert ("complete", "now\n", 2) == tuple(
                told[key] for key in ("status", "stdout", "attempt")
            )

    go(story)


def test_commands_start_where_the_host_has_started_the_server(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its project; of the environment of both they get nothing but what they need to find their way."""
    monkeypatch.setenv("KEY_OF_THE_HOST", "hunter2")

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent("job_run", command="pwd; echo ${KEY_OF_THE_HOST-none} ${PATH:+path}")
            assert f"{host.folder}\nnone path\n" == told["stdout"]

    go(story)

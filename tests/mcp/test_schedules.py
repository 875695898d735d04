"""What agents do with schedules, over the real server's stdin and stdout."""

from __future__ import annotations

import pytest

from .conftest import ERAS, Host, go

pytestmark = pytest.mark.slow  # a server for each, and the same under any Python

YEARLY = {"cron": "0 8 1 1 *", "tz": "Europe/Berlin"}


@pytest.mark.parametrize("era", ERAS)
def test_a_schedule_is_added_paused_run_and_removed(host: Host, era: str) -> None:
    """In both eras: its job begins where the host has started the server, and is found by its label."""

    async def story() -> None:
        async with host.agent(era) as agent:
            asked = {"name": "report", "job": {"command": "pwd"}, **YEARLY}
            added = await agent("schedule_add", **asked)
            assert ("report", "active") == (added["name"], added["state"])
            assert added == await agent("schedule_add", **asked)
            assert [added] == (await agent("schedule_list"))["schedules"]
            (shown,) = (await agent("schedule_list", name="report"))["schedules"]
            assert added["next_at"] == shown["next_times"][0]
            assert (5, "pwd") == (len(shown["next_times"]), shown["job"]["shell"])

            paused = await agent("schedule_set", name="report", action="pause")
            assert ("paused", False) == (paused["state"], "next_at" in paused)
            ran = await agent("schedule_set", name="report", action="run")
            assert f'job_wait(job_ids=["{ran["job_id"]}"])' == ran["next"]
            (job,) = (await agent("job_wait", job_ids=[ran["job_id"]], wait_seconds=50))["jobs"]
            assert ("complete", f"{host.folder}\n") == (job["status"], job["stdout"])
            found = (await agent("job_list", labels={"schedule": "report"}))["jobs"]
            assert [ran["job_id"]] == [each["job_id"] for each in found]
            resumed = await agent("schedule_set", name="report", action="resume")
            assert ("active", True) == (resumed["state"], "next_at" in resumed)

            removed = await agent("schedule_set", name="report", action="remove")
            assert {"name": "report", "removed": True} == removed
            assert [] == (await agent("schedule_list"))["schedules"]

    go(story)


def test_a_schedule_goes_on_without_its_agent(host: Host) -> None:
    """Whoever comes later learns of the ends of its jobs."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("schedule_add", name="tick", every="1s", job={"command": ["echo", "x"]})
        async with host.agent() as agent:
            told = await agent("job_completions", wait_seconds=50, limit=1)
            (end,) = told["completions"]
            job = await agent("job_get", job_id=end["job_id"])
            assert ("complete", "x\n") == (job["status"], job["stdout"])
            await agent("schedule_set", name="tick", action="remove")

    go(story)


def test_a_queue_that_nobody_created_is_told_of(host: Host) -> None:
    """In the tool's words: each of the schedule's jobs would go there."""

    async def story() -> None:
        async with host.agent() as agent:
            await agent("queue_set", name="disk")
            slip = {"name": "s", "every": "1h", "job": {"command": ["true"], "queue": "dsik"}}
            told = (await agent("schedule_add", **slip))["warning"]
            assert told.startswith("nobody has created a queue 'dsik'")
            assert 'schedule_add(name="s", replace=true, ...) with queue "disk" in job;' in told
            slip["job"]["queue"] = "disk"
            assert "warning" not in await agent("schedule_add", replace=True, **slip)

    go(story)


def test_what_is_wrong_with_a_schedule_is_told_in_an_agents_words(host: Host) -> None:
    """All of it at once, and with the tool that would be right; nothing was stored."""

    async def story() -> None:
        async with host.agent() as agent:
            told = await agent.refused(
                "schedule_add",
                name="a b",
                every="1s",
                missed="x",
                zz=1,
                job={"command": "", "y": 1},
            )
            for word in ("a b", "missed", "'zz'", "nothing to run", "'y'"):
                assert any(word in fault for fault in told["error"]["faults"]), (word, told)
            told = await agent.refused("schedule_add", zz=1, job=[])
            for word in ("name is missing", "either cron or every", "job is", "'zz'"):
                assert any(word in fault for fault in told["error"]["faults"]), (word, told)
            told = await agent.refused("schedule_set", name="tick")
            assert "action is missing: one of pause, resume" in told["error"]["message"]
            for tool, more in (("schedule_set", {"action": "run"}), ("schedule_list", {})):
                told = (await agent.refused(tool, name="tick", **more))["error"]
                assert ("not_found", "List them: schedule_list") == (
                    told["code"],
                    told["suggestion"],
                )
            assert [] == (await agent("schedule_list"))["schedules"]

            await agent("schedule_add", name="tick", every="1h", job={"command": "sleep 600"})
            another = {"name": "tick", "every": "1h", "job": {"command": "true"}}
            told = (await agent.refused("schedule_add", **another))["error"]
            assert "conflict" == told["code"]
            for words in ("(replace=true)", 'schedule_set(name="tick", action="remove")'):
                assert words in told["suggestion"]
            runs = (await agent("schedule_set", name="tick", action="run"))["job_id"]
            told = (await agent.refused("schedule_set", name="tick", action="run"))["error"]
            assert runs == told["job_id"]
            assert f'job_cancel(job_id="{runs}")' in told["suggestion"]
            await agent("job_cancel", job_id=runs, grace_ms=0)
            await agent("schedule_add", replace=True, **another)
            (shown,) = (await agent("schedule_list", name="tick"))["schedules"]
            assert "true" == shown["job"]["shell"]

    go(story)

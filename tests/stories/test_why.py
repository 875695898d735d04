"""Why a job waits is told as data by every door, while it waits and no longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from outlast import Client
from outlast.core.job import Job

from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of
from .conftest import Command, over

NEXT = {"kind": "turn", "message": "its turn comes next", "ahead": 0}


def folder(at: Path, name: str) -> Path:
    (at / name).mkdir()
    return at / name


def why(client: Client, job: Job) -> Any:
    """Return what it waits for; None where it waits for nothing that is known."""
    return client.describe(client.get(job.id)).get("waiting_for")


def test_what_keeps_a_job_is_told_as_long_as_it_does(home: Path, tmp_path: Path) -> None:
    """Each thing with what there is to it, alone or in a list, under one supervisor or the next."""
    home.mkdir()
    (home / "config.toml").write_text("max_running = 16\n[resources]\ngpu = 2\n")
    with fresh_client() as client:
        client.queues.create("disk", width=1)
        client.queues.create("tape")
        client.queues.pause("tape")
        first = Command(client, home, folder(tmp_path, "first"), queue="disk")
        second = Command(client, home, folder(tmp_path, "second"), resources={"gpu": 1})
        later = client.submit(["true"], queue="disk")
        last = client.submit(["true"], queue="disk")
        short = client.submit(["true"], queue="gpus", resources={"gpu": 2})
        needs = client.submit(["true"], after=[first.job.id, f"any:{later.id}"])
        held = client.submit(["true"], queue="tape", hold=True)
        timed = client.submit(["true"], delay="1d")
        again = client.submit(["false"], retries=1, retry_delay="1d")
        eventually(lambda: client.get(again.id).nodes[0].retry_at, "its first try")
        at = client.describe(client.get(again.id))["nodes"][0]["next_attempt_at"]
        starts = client.describe(timed)["start_at"]

        full = {
            "kind": "queue_full",
            "message": "its queue is full (1 of 1)",
            "queue": "disk",
            "width": 1,
            "running": 1,
        }
        resources = {
            "kind": "resources",
            "message": "this machine has no room for gpu=2 now",
            "needs": {"gpu": 2},
        }
        jobs = {
            "kind": "jobs",
            "message": f"{first.job.id} has to complete first, {later.id} to end",
            "jobs": [
                {"job_id": first.job.id, "on": "complete"},
                {"job_id": later.id, "on": "any"},
            ],
        }
        paused = {"kind": "queue_paused", "message": "its queue is paused", "queue": "tape"}
        expected = {
            later.id: [full, NEXT],
            last.id: [full, {"kind": "turn", "message": "its turn, after 1 other", "ahead": 1}],
            short.id: [resources, NEXT],
            needs.id: [jobs],
            held.id: [{"kind": "held", "message": "held, until it is released"}, paused],
            timed.id: [
                {"kind": "time", "message": f"it begins at {starts} at the earliest", "at": starts}
            ],
            again.id: [{"kind": "retry", "message": f"it is tried again at {at}", "at": at}],
            first.job.id: None,
            second.job.id: None,
        }

        def listed() -> dict[str, Any]:
            return {job.id: client.describe(job).get("waiting_for") for job in client.list()}

        eventually(lambda: expected == listed(), "why each waits")
        alone = {job.id: why(client, job) for job in client.list()}
        assert expected == alone
        kill(supervisor_of(client))
        eventually(lambda: expected == listed(), "the same from the next supervisor")

        second.let_go()
        assert "complete" == client.wait(short.id, timeout=PATIENCE_S).status
        assert None is why(client, short)
        released = client.describe(client.release(held.id))["waiting_for"]
        assert [paused] == released
        for job in (held, timed, again):
            client.cancel(job.id)
            assert None is why(client, job)
        first.let_go()
        for job in client.list():
            assert None is why(client, over(client, job))

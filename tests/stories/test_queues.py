"""Queues are what somebody last said of them, whatever supervisor is killed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import Conflict

from ..world import PATIENCE_S, eventually, fresh_client, kill, supervisor_of
from .conftest import Command


def others_run(client: Client) -> None:
    """Have something else run to its end: who had his turn by now has begun."""
    client.wait(client.submit(["true"]).id, timeout=PATIENCE_S)


def kill_supervisor(client: Client) -> None:
    kill(supervisor_of(client))


def status(client: Client, *jobs: Job) -> list[str]:
    return [str(client.get(job.id).status) for job in jobs]


def test_what_is_paused_stays_so_until_it_is_resumed(
    client: Client, start: Callable[..., Command]
) -> None:
    """Over two deaths: what runs goes on, nothing begins, and then all begins in its order."""
    client.queues.create("disk", width=1)
    command = start(queue="disk")
    later = [client.submit(["true"], queue="disk") for _ in range(3)]
    paused = client.queues.pause("disk")
    assert ("paused", 1, 3) == (paused.queue.state, paused.running, paused.waiting)

    kill_supervisor(client)
    command.let_go()
    assert "failed" == command.after().status
    others_run(client)
    assert ["queued"] * 3 == status(client, *later)

    kill_supervisor(client)
    with fresh_client() as other:
        other.queues.resume("disk")
        ended = other.wait_all([job.id for job in later], timeout=PATIENCE_S)
    started = [job.started_at for job in ended]
    assert sorted(started, key=str) == started


def test_a_queue_made_wider_begins_more(
    client: Client, tmp_path: Path, start: Callable[..., Command]
) -> None:
    """At once, beside what runs; made narrower, it stops nothing. Its width comes before a job's."""
    client.queues.create("disk", width=1)
    first = start(queue="disk", queue_width=5)
    second = client.submit(["sleep", "600"], queue="disk", queue_width=5)
    others_run(client)
    assert "queued" == client.get(second.id).status

    client.queues.set("disk", width=2)
    eventually(lambda: client.get(second.id).status == "running", "the second's start")
    kill_supervisor(client)
    client.queues.set("disk", width=1)
    third = client.submit(["true"], queue="disk")
    others_run(client)

    assert ["running", "running", "queued"] == status(client, first.job, second, third)
    (disk,) = [each for each in client.queues.list() if each.queue.name == "disk"]
    assert (2, 1) == (disk.running, disk.waiting)
    first.let_go()
    client.cancel(second.id, grace=0)
    client.wait(third.id, timeout=PATIENCE_S)


def test_a_moved_job_stands_where_it_was_moved_to(client: Client) -> None:
    """Also after a death: before whom it is now, and in the queue in which it is now."""
    for name in ("disk", "tape", "full"):
        client.queues.create(name, width=1)
        client.queues.pause(name)
    client.queues.drain("full")
    first, second, third = (client.submit(["true"], queue="disk") for _ in range(3))
    client.move(third.id, priority=1)
    client.move(first.id, queue="tape")
    with pytest.raises(Conflict, match="drained"):
        client.move(second.id, queue="full")

    kill_supervisor(client)
    client.queues.resume("disk")
    second, third = client.wait_all([second.id, third.id], timeout=PATIENCE_S)

    assert str(third.started_at) <= str(second.started_at)
    assert ["queued"] == status(client, first)
    assert ("tape", 0) == (client.get(first.id).queue, client.get(first.id).priority)
    with pytest.raises(Conflict, match="begun"):
        client.move(second.id, queue="tape")
    client.queues.resume("tape")
    assert "complete" == client.wait(first.id, timeout=PATIENCE_S).status

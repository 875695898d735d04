"""Queues over HTTP: who may change them, and that they are the same as here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.errors import Conflict, InvalidRequest, NotFound, NotTerminal

from .conftest import PROGRAM, Service

POLICY = """
[ci]
executors = ["local"]
queues = ["ours"]
"""


def test_a_server_s_queues_are_queues(service: Service, client: Client) -> None:
    """Whoever asks over HTTP is told and does what whoever asks here is told and does."""
    token = (service.home / "token").read_text().strip()
    with Client(service.url, token=token) as there:
        made = there.queues.create("disk", width=1, max_memory="1g")
        assert (made, 1 << 30) == (client.queues.list()[1], made.queue.max_memory_bytes)
        assert None is there.queues.set("disk", max_memory=None).queue.max_memory_bytes
        assert "paused" == there.queues.pause("disk").queue.state
        job = there.submit(["true"], queue="disk")
        assert (client.queues.list(), 1) == (there.queues.list(), there.queues.list()[1].waiting)
        assert [job.id] == [each.id for each in there.list(queue="disk").jobs]
        with pytest.raises(NotTerminal):
            there.queues.delete("disk")
        assert ("disk", 7) == _place(there.move(job.id, priority=7))
        assert (None, 7) == _place(there.move(job.id, queue="default"))
        assert "complete" == there.wait(job.id, timeout="60s").status
        there.queues.drain("disk")
        with pytest.raises(Conflict):
            there.submit(["true"], queue="disk")
        assert "open" == there.queues.resume("disk").queue.state
        there.queues.delete("disk")
        for wrong, error in (("disk", NotFound), ("a/b", NotFound), ("default", InvalidRequest)):
            with pytest.raises(error):
                there.queues.delete(wrong)
        with pytest.raises(InvalidRequest, match="width"):
            there.queues.create("q", width=0)


def test_a_server_s_resources_are_its_machine_s(service: Service) -> None:
    """Whoever asks over HTTP is refused more than its settings say; what there is, they are given."""
    service.stop()
    (service.home / "config.toml").write_text("[resources]\ngpu = 2\n")
    service.start()
    token = (service.home / "token").read_text().strip()
    with Client(service.url, token=token) as there:
        job = there.submit(["true"], resources={"gpu": 2})
        with pytest.raises(InvalidRequest, match="needs 3 of gpu, and this machine has 2"):
            there.submit(["true"], resources={"gpu": 3})
        assert "complete" == there.wait(job.id, timeout="60s").status
        assert {"gpu": 2} == there.get(job.id).spec.resources
        assert [job.id] == [each.id for each in there.list().jobs]


def _place(job: Job) -> tuple[str | None, int]:
    return job.queue, job.priority


def test_who_waits_for_a_job_is_found(service: Service, client: Client) -> None:
    """By its id, in the order of their submission; whoever asks, here or over HTTP."""
    first = client.submit(["sleep", "600"])
    waiters = [client.submit(["true"], after=[first.id]).id for _ in range(2)]
    token = (service.home / "token").read_text().strip()
    with Client(service.url, token=token) as there:
        for asker in (client, there):
            found = asker.list(after=first.id, oldest_first=True)
            assert waiters == [each.id for each in found.jobs]


def test_only_administrators_change_queues(service: Service, home: Path) -> None:
    """Whoever may read sees them; a move goes where a submission might have gone, and no further."""
    (home / "policy.toml").write_text(POLICY)
    create = [PROGRAM, "token", "create", "ci", "--policy", "ci", "--text"]
    token = subprocess.run(create, capture_output=True, check=True).stdout.decode().strip()
    service.stop()
    service.start()
    admin, ci = service.client(), service.client(token=token)
    for name in ("ours", "theirs"):
        assert 201 == admin.post("/queues", json={"name": name, "width": 1}).status_code
    assert 422 == admin.post("/queues", json={"name": "ours"}).status_code
    assert 422 == admin.post("/queues/ours/pause", json={"why": "not"}).status_code
    assert 200 == admin.post("/queues/ours/pause").status_code

    assert 200 == ci.get("/queues").status_code
    assert 403 == ci.post("/queues", json={"name": "mine"}).status_code
    for verb, body in (("set", {"width": 9}), ("pause", {}), ("resume", {}), ("drain", {})):
        assert 403 == ci.post(f"/queues/ours/{verb}", json=body).status_code
    assert 403 == ci.delete("/queues/ours").status_code

    for place, may in (({"queue": "theirs"}, 403), ({}, 200)):
        spec = {"command": ["true"], "hold": True, **place}
        held = admin.post("/jobs", json=spec).json()["job_id"]
        assert may == ci.post(f"/jobs/{held}/release").status_code

    job = ci.post("/jobs", json={"command": ["true"], "queue": "ours"}).json()
    move = f"/jobs/{job['job_id']}/move"
    for body in ({"queue": "theirs"}, {"priority": 1}):
        assert 403 == ci.post(move, json=body).status_code
    for body in ({}, {"priority": 99}, {"queue": 3}, {"to": "ours"}):
        assert 422 == admin.post(move, json=body).status_code
    assert -5 == ci.post(move, json={"priority": -5}).json()["priority"]
    assert "queue" not in ci.post(move, json={"queue": "default"}).json()
    ended = ci.get(f"/jobs/{job['job_id']}", headers={"Prefer": "wait=60"}).json()
    assert "complete" == ended["status"]
    assert 422 == admin.post(move, json={"queue": "theirs"}).status_code
    assert 404 == ci.post("/jobs/job_none/move", json={"priority": 0}).status_code

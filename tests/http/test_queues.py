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
        for change, names in (
            (there.queues.resume_all, ["default", "disk"]),
            (there.queues.drain_all, ["disk"]),
            (there.queues.pause_all, ["default", "disk"]),
        ):
            assert names == [each.queue.name for each in change()]
        assert {"paused"} == {each.queue.state for each in client.queues.list()}
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


def test_why_a_job_waits_is_told(service: Service, client: Client) -> None:
    """The same here and over HTTP, alone and in a list; where the reason changes, the answer does."""
    ask = service.client()
    client.queues.create("disk")
    client.queues.pause("disk")
    job = client.submit(["true"], queue="disk")
    path = f"/jobs/{job.id}"
    answer = ask.get(path)
    paused = {"kind": "queue_paused", "message": "its queue is paused", "queue": "disk"}
    assert [paused] == answer.json()["waiting_for"]
    known = {"If-None-Match": answer.headers["ETag"]}
    assert 304 == ask.get(path, headers=known).status_code
    token = (service.home / "token").read_text().strip()
    with Client(service.url, token=token) as there:
        for asker in (client, there):
            found = (asker.get(job.id), *asker.list())
            assert [[paused]] * 2 == [asker.describe(each)["waiting_for"] for each in found]

    told = ask.post(f"{path}/hold").json()["waiting_for"]
    assert [{"kind": "held", "message": "held, until it is released"}, paused] == told
    client.queues.resume("disk")
    assert told[:1] == ask.get(path, headers=known).json()["waiting_for"]
    assert 200 == ask.post(f"{path}/release").status_code
    ended = ask.get(path, headers={"Prefer": "wait=60"}).json()
    assert ("complete", False) == (ended["status"], "waiting_for" in ended)


def test_who_waits_for_a_job_is_found(service: Service, client: Client) -> None:
    """By its id, in the order of their submission; whoever asks, here or over HTTP."""
    first = client.submit(["sleep", "600"])
    waiters = [client.submit(["true"], after=[first.id]).id for _ in range(2)]
    token = (service.home / "token").read_text().strip()
    with Client(service.url, token=token) as there:
        for asker in (client, there):
            found = asker.list(after=first.id, oldest_first=True)
            assert waiters == [each.id for each in found.jobs]
    ask = service.client()
    shown = ask.get(f"/jobs/{waiters[0]}").json()["after"]
    again = ask.post("/jobs", json={"command": ["true"], "after": shown})
    assert shown == again.json().get("after"), "what is shown is taken"


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
        if verb != "set":
            assert 403 == ci.post(f"/queues:{verb}").status_code
    assert 403 == ci.delete("/queues/ours").status_code

    for queue, to, may in (
        *(("theirs", None, 403), ("default", None, 200)),
        *(("default", "theirs", 403), ("theirs", "default", 200)),
    ):
        spec = {"command": ["true"], "hold": True, "queue": queue}
        held = admin.post("/jobs", json=spec).json()["job_id"]
        if to is not None:
            moved = admin.post(f"/jobs/{held}/move", json={"queue": to})
            assert (200, False) == (moved.status_code, "X-Warning" in moved.headers)
            slip = admin.post(f"/jobs/{held}/move", json={"queue": "thiers"})
            assert "was theirs meant?" in slip.headers["X-Warning"]
            assert 200 == admin.post(f"/jobs/{held}/move", json={"queue": to}).status_code
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

"""Schedules over HTTP: as the policy has it, when they are added and at each run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.errors import Conflict, InvalidRequest, NotFound

from ..world import eventually
from .conftest import PROGRAM, Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds

POLICY = """
[ci]
executors = ["local"]
commands = ["true"]

[none]
executors = []
"""
TRUE: dict[str, Any] = {"command": ["true"]}


@pytest.fixture
def home(home: Path) -> Path:
    """A home with a policy, before its server starts."""
    home.mkdir(0o700)
    (home / "policy.toml").write_text(POLICY)
    return home


def outlast(*words: str) -> Any:
    """Call the command line, and return what it answers."""
    done = subprocess.run(
        [PROGRAM, *words, "--json"], env=os.environ, capture_output=True, check=True
    )
    return json.loads(done.stdout)["data"]


def token(name: str, *options: str) -> str:
    """Make a token, and return it."""
    return str(outlast("token", "create", name, *options)["token"])


def test_a_schedule_may_what_its_token_may(service: Service, caller: Caller) -> None:
    """Neither more when it is added, nor when it runs: of a token that was revoked, nothing does."""
    ci = service.client(token=token("ci", "--policy", "ci"))
    none = service.client(token=token("none", "--policy", "none"))
    reader = service.client(token=token("reader", "--scope", "read"))
    refused = ci.put("/schedules/tick", json={"every": 1, "job": {"command": ["id"]}})
    added = ci.put("/schedules/tick", json={"every": 1, "job": TRUE})
    assert (403, 200) == (refused.status_code, added.status_code), added.text

    def told() -> dict[str, Any]:
        schedule: dict[str, Any] = reader.get("/schedules/tick").json()
        return schedule

    ran = caller.ended(eventually(lambda: told()["last_job_id"], "its first run"))
    verbs = ("pause", "resume", "run")
    others = {
        asker.post(f"/schedules/tick/{verb}").status_code
        for asker in (none, reader)
        for verb in verbs
    }
    others |= {asker.delete("/schedules/tick").status_code for asker in (none, reader)}
    theirs = {"every": "1h", "job": {"command": ["id"]}}
    assert 200 == caller.client.put("/schedules/theirs", json=theirs).status_code
    in_place = {"every": 1, "job": TRUE, "replace": True}  # which would be its end
    others.add(ci.put("/schedules/theirs", json=in_place).status_code)
    assert 200 == ci.put("/schedules/tick", json=in_place).status_code
    outlast("token", "revoke", "ci")
    why = eventually(lambda: told()["error"], "that it may not run")
    removed = caller.client.delete("/schedules/tick")

    assert ({"schedule": "tick"}, "complete", {403}) == (ran["labels"], ran["status"], others)
    assert "the token ci, by which it was added, is good no more" == why
    assert ("ci", why) == (removed.json()["principal"], removed.json()["error"])
    lines = map(json.loads, (service.home / "audit.log").read_text().splitlines())
    (first, *_) = (line for line in lines if line["event"] == "schedule.add" and "programs" in line)
    assert ("tick", "ci", ["true"]) == (first["schedule"], first["principal"], first["programs"])


def test_the_library_asks_a_server_alike(service: Service, caller: Caller) -> None:
    """Each verb, with what is refused; and whoever runs one by hand is told its job."""
    own = (service.home / "token").read_text().strip()
    with Client(service.url, token=own) as client:
        schedules = client.schedules
        added = schedules.add("nightly", ["cat"], cron="0 3 * * *", tz="Europe/Berlin", stdin_data=b"in")  # fmt: skip
        shown = schedules.show("nightly")
        job = client.wait(schedules.run("nightly").id, timeout=60)
        paused, resumed = schedules.pause("nightly"), schedules.resume("nightly")
        with pytest.raises(Conflict):
            schedules.add("nightly", ["true"], every="1h")
        with pytest.raises(InvalidRequest) as wrong:
            schedules.add("a b", ["true"], every="1h", cron="@daily")
        replaced = schedules.add("nightly", ["true"], every="1h", replace=True)
        listed = schedules.list()
        removed = schedules.remove("nightly")
        for ask in (schedules.show, schedules.remove, schedules.run):
            with pytest.raises(NotFound):
                ask("nightly")
        printed = client.output(job.id)

    assert (added.id, 5, b"in") == (shown["schedule_id"], len(shown["next_times"]), printed)
    assert ("complete", {"schedule": "nightly"}) == (job.status, job.spec.labels)
    assert ("paused", "active", added.next_at) == (paused.state, resumed.state, resumed.next_at)
    assert ((replaced,), replaced) == (listed, removed)
    assert "a b" in wrong.value.message
    again = caller.client.put("/schedules/x", json={"every": 0.1, "job": [], "more": 1})
    assert (422, 3) == (again.status_code, len(again.json()["faults"])), again.text


def test_a_token_has_so_many_schedules(service: Service, caller: Caller, home: Path) -> None:
    """One more is refused, with what helps; to replace one is not one more; an administrator is free."""
    service.stop()
    (home / "config.toml").write_text("max_schedules = 1\n")
    service.start()
    ci, admin = service.client(token=token("ci", "--policy", "ci")), service.client()
    daily = {"every": 86400, "job": TRUE}
    assert 200 == ci.put("/schedules/one", json=daily).status_code
    refused = ci.put("/schedules/two", json=daily)
    assert (403, "forbidden") == (refused.status_code, refused.json()["code"])
    assert "the token ci has as many schedules as it may: 1" == refused.json()["detail"]
    assert "OUTLAST_MAX_SCHEDULES" in refused.text
    assert (
        200 == ci.put("/schedules/one", json={**daily, "every": 3600, "replace": True}).status_code
    )
    for name in ("two", "three"):
        assert 200 == admin.put(f"/schedules/{name}", json=daily).status_code
    assert 200 == ci.delete("/schedules/one").status_code
    assert 200 == ci.put("/schedules/four", json=daily).status_code

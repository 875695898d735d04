"""Webhooks of whoever asks over a network: as the policy has it, with the server's own keys."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outlast import Client
from outlast.errors import InvalidRequest

from ..rigs.receiver import KEY, Receiver
from ..world import eventually, kill, supervisor_of
from .conftest import PROGRAM, Caller, Service

pytestmark = pytest.mark.slow  # real processes, for seconds

POLICY = """
[ci]
executors = ["local"]
webhooks = ["127.0.0.1", "*.hooks.example"]
secrets = ["HOOK"]

[none]
executors = ["local"]
"""
SETTINGS = """
[secrets]
HOOK = "file:{key}"
OTHER = "file:{key}"

[webhooks]
allow = ["127.0.0.0/8"]
retries = ["1h"]
"""


@pytest.fixture
def hooked(home: Path, tmp_path: Path) -> Path:
    """A home with a policy and two keys, before its server starts."""
    (tmp_path / "hook.key").write_text(KEY)
    home.mkdir(0o700)
    (home / "policy.toml").write_text(POLICY)
    (home / "config.toml").write_text(SETTINGS.format(key=tmp_path / "hook.key"))
    return home


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that takes all but the first."""
    with Receiver(lambda number: 204 if number else 500) as receiver:
        yield receiver


def token(home: Path, name: str, *options: str) -> str:
    """Make a token, and return it."""
    words = [PROGRAM, "token", "create", name, *options, "--json"]
    done = subprocess.run(words, env=os.environ, capture_output=True, check=True)
    made: str = json.loads(done.stdout)["data"]["token"]
    return made


def hook(url: str, secret: str = "secret:HOOK", **more: Any) -> dict[str, Any]:
    return {"url": url, "secret": secret, **more}


def log_of(ask: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return the one delivery of a job, once it was tried."""
    params = {"job_id": job_id}
    (found,) = eventually(
        lambda: [
            each for each in ask.get("/deliveries", params=params).json()["items"] if each["tries"]
        ],
        "a try",
    )
    told: dict[str, Any] = found
    return told


def test_what_a_token_asks_for_is_told_and_logged(
    hooked: Path, service: Service, receiver: Receiver
) -> None:
    """Signed with a key of the server's; tried again when somebody asks; the query is nobody's."""
    ci = service.client(token=token(hooked, "ci", "--policy", "ci", "--secret", "HOOK"))
    job = Caller(ci).submit(command=["true"], webhooks=[hook(receiver.url("/hook?code=hidden"))])
    first = log_of(ci, job["job_id"])
    full = ci.get(f"/jobs/{job['job_id']}", headers={"Prefer": "view=full"})
    again = ci.post(f"/jobs/{job['job_id']}/redeliver")
    receiver.wait_for(2)
    (over,) = eventually(
        lambda: ci.get("/deliveries", params={"state": "delivered"}).json()["items"], "its end"
    )

    assert [{"url": receiver.url("/hook"), "events": over_all()}] == job["webhooks"]
    assert ("due", 1, 500) == (first["state"], first["attempts"], first["tries"][0]["status"])
    assert [first["webhook_id"]] == [each["webhook_id"] for each in again.json()["items"]]
    assert (first["webhook_id"], 2) == (over["webhook_id"], over["attempts"])
    assert {"/hook?code=hidden"} == {got.path for got in receiver.got}
    assert "hidden" not in full.text + again.text + json.dumps([job, first, over])


def over_all() -> list[str]:
    return ["job.complete", "job.partial", "job.failed", "job.cancelled"]


REFUSED = {
    "a host that is not named": (hook("https://ci.example/"), 403, "webhook to 'ci.example'"),
    "a name above those": (hook("https://hooks.example/"), 403, "'hooks.example'"),
    "another key": (hook("https://a.hooks.example/", "secret:OTHER"), 403, "secret:OTHER"),
    "a file": (hook("https://a.hooks.example/", "file:/etc/passwd"), 403, "reference file:"),
    "a variable": (hook("https://a.hooks.example/", "env:HOME"), 403, "reference env:"),
}


def test_what_a_policy_does_not_name_is_refused(hooked: Path, service: Service) -> None:
    """Before any key is looked up, and before anything is stored."""
    ci = service.client(token=token(hooked, "ci", "--policy", "ci", "--secret", "HOOK"))
    nobody = service.client(token=token(hooked, "nobody", "--policy", "none", "--secret", "HOOK"))
    told = {}
    for case, (webhook, _, _) in REFUSED.items():
        answer = ci.post("/jobs", json={"command": ["true"], "webhooks": [webhook]})
        told[case] = answer.status_code, answer.json()["detail"]
    none = nobody.post("/jobs", json={"command": ["true"], "webhooks": [hook("https://x.example")]})

    for case, (_, status, says) in REFUSED.items():
        assert (status, True) == (told[case][0], says in told[case][1]), told[case]
    assert (403, True) == (none.status_code, "none is" in none.json()["detail"])
    assert [] == ci.get("/jobs").json()["items"]


def test_a_token_without_a_policy_tells_public_addresses_and_what_is_allowed(
    hooked: Path, service: Service
) -> None:
    """What is somebody's own stays so, for whoever asks: that is the settings' to say."""
    admin = service.client()
    free = service.client(token=token(hooked, "free", "--secret", "HOOK"))
    asked = [
        ask.post("/jobs", json={"command": ["true"], "webhooks": [hook("https://10.0.0.1/")]})
        for ask in (free, admin)
    ]

    assert [422, 422] == [each.status_code for each in asked]
    assert all("no public one" in each.json()["detail"] for each in asked)


def test_a_token_that_only_reads_has_nothing_sent(
    hooked: Path, service: Service, receiver: Receiver
) -> None:
    """It sees the log."""
    job = Caller(service.client()).submit(command=["true"], webhooks=[hook(receiver.url())])
    reader = service.client(token=token(hooked, "reader", "--scope", "read"))

    assert 1 == log_of(reader, job["job_id"])["attempts"]
    assert 403 == reader.post(f"/jobs/{job['job_id']}/redeliver").status_code
    assert 404 == reader.get("/deliveries", params={"job_id": "job_none"}).status_code
    assert 422 == reader.get("/deliveries", params={"state": "gone"}).status_code


def test_the_library_and_the_command_line_ask_a_server_alike(
    hooked: Path, service: Service, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key by the server's name for it, and none of this side's."""
    own = (hooked / "token").read_text().strip()
    monkeypatch.setenv("OUTLAST_TOKEN", own)
    with Client(service.url, token=own) as client:
        with pytest.raises(InvalidRequest, match="name one of its own secrets"):
            client.submit(["true"], webhooks=[hook(receiver.url(), "env:HOME")])
        job = client.submit(["true"], webhooks=[hook(receiver.url(), events=["job.complete"])])
        log_of(service.client(), job.id)
        found = client.deliveries(job.id, state=["due", "failed"])
        again = client.redeliver(job.id)
        receiver.wait_for(2)
        shown = eventually(
            lambda: listed(service.url, "--state", "delivered", job.id), "its end in the list"
        )

    assert [(1, "due")] == [(each.attempts, each.state) for each in found]
    assert [each.id for each in found] == [each.id for each in again]
    assert [found[0].id] == [each["webhook_id"] for each in shown]


def listed(url: str, *words: str) -> list[dict[str, Any]]:
    """Return what `outlast webhook list` says of a server."""
    argv = [PROGRAM, "webhook", "list", "--server", url, *words, "--json"]
    done = subprocess.run(argv, capture_output=True, check=True)
    items: list[dict[str, Any]] = json.loads(done.stdout)["data"]["items"]
    return items


def test_a_server_has_what_is_due_sent_after_a_death(
    hooked: Path, service: Service, receiver: Receiver
) -> None:
    """Nobody asks for anything: the server sees that there is no supervisor, and that one is needed."""
    ask = service.client()
    job = Caller(ask).submit(command=["true"], webhooks=[hook(receiver.url())])
    log_of(ask, job["job_id"])
    with Client(home=hooked) as client:
        first = supervisor_of(client)
        kill(first)
        second = eventually(lambda: supervisor_of(client), "another supervisor")

    assert second not in (None, first)

"""What a token may ask a real service for, from the command that makes it to the job that runs."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ..world import PATIENCE_S, eventually
from .conftest import PROGRAM, Caller, Service, refused

pytestmark = pytest.mark.slow  # real processes, for seconds

POLICY = """
[ci]
executors = ["local"]
commands = ["/bin/sh -c"]
env = ["KEY", "STAGE"]

[ci.most]
timeout = "1m"
"""


def outlast(*arguments: str) -> str:
    """Call the command line, and return what it prints for people."""
    done = subprocess.run([PROGRAM, *arguments, "--text"], capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def ci(service: Service, home: Path) -> httpx.Client:
    """Somebody with a token that is under a policy and may use one secret, on a service anew."""
    (home / "policy.toml").write_text(POLICY)
    (home / "key").write_text("hunter2\n")
    (home / "config.toml").write_text(
        f'[secrets]\nKEY = "file:{home}/key"\nOTHER = "file:{home}/key"\n'
    )
    token = outlast("token", "create", "ci", "--policy", "ci", "--secret", "KEY")
    service.stop()
    service.start()
    return service.client(token=token)


def test_a_token_runs_what_its_policy_names(ci: httpx.Client, caller: Caller, home: Path) -> None:
    """With the secret that it was given, which no answer and no log has; and nothing else."""
    prints = {"command": ["/bin/sh", "-c", "test ${#KEY} = 7"], "timeout_ms": 60_000}
    allowed = Caller(ci).submit(**prints, secret_env={"KEY": "secret:KEY"})
    ended = Caller(ci).ended(allowed["job_id"])
    refusals = [
        ci.post("/jobs", json={**prints, **more})
        for more in (
            {"command": ["id"]},
            {"command": None, "shell": "id"},
            {"timeout_ms": 60_001},
            {"env": {"LD_PRELOAD": "x"}},
            {"secret_env": {"KEY": "secret:OTHER"}},
            {"secret_env": {"KEY": f"file:{home}/token"}},
            {"secret_env": {"KEY": "file:/nowhere"}},
            {"stdin": "/etc/passwd"},
        )
    ]

    assert ("complete", 0) == (ended["status"], ended["exit_code"])
    assert [(403, "forbidden")] * 8 == [
        (each.status_code, each.json()["code"]) for each in refusals
    ]
    assert [allowed["job_id"]] == [job["job_id"] for job in ci.get("/jobs").json()["items"]]
    lines = [json.loads(line) for line in (home / "audit.log").read_text().splitlines()]
    began = [line for line in lines if line.get("job_id") == allowed["job_id"]]
    assert [("job.submit", "ci", ["/bin/sh"])] == [
        (line["event"], line["principal"], line["programs"]) for line in began
    ]
    kept = b"".join(
        each.read_bytes() for each in home.rglob("*") if each.is_file() and each.name != "key"
    )
    assert b"hunter2" not in kept


def test_what_an_end_begins_is_asked_of_the_policy_too(
    service: Service, caller: Caller, home: Path
) -> None:
    """It runs on the server, in the same name, where the policy allows it; and the audit log names it."""
    (home / "policy.toml").write_text(
        '[caged]\nexecutors = ["container"]\nimages = ["*"]\n'
        '[echoes]\nexecutors = ["local"]\ncommands = ["true", "echo it"]\n'
    )
    service.stop()
    service.start()
    echoes, caged = (
        Caller(service.client(token=outlast("token", "create", name, "--policy", name)))
        for name in ("echoes", "caged")
    )
    refusals = [
        *(echoes.client.post("/jobs", json={"command": ["true"], "on_end": each})
          for each in ("echo it", ["id"], ["echo"])),
        caged.client.post(
            "/jobs", json={"container": {"image": "none"}, "shell": "true", "on_end": ["true"]}
        ),
    ]  # fmt: skip
    said = ["echo", "it", "has", "ended"]
    job = echoes.ended(echoes.submit(command=["true"], on_end=said)["job_id"])
    last = echoes.ended(job["on_end_job"])

    assert [(403, True)] * 4 == [
        (each.status_code, "on_end: " in each.json()["detail"]) for each in refusals
    ]
    assert "it has ended\n" == last["result"]["stdout"]
    assert [last["job_id"], job["job_id"]] == [
        each["job_id"] for each in echoes.client.get("/jobs").json()["items"]
    ]
    lines = [json.loads(line) for line in (home / "audit.log").read_text().splitlines()]
    assert [(403, None, None), (202, ["true"], ["echo"])] == [
        (line["status"], line.get("programs"), line.get("on_end"))
        for line in lines
        if line.get("job_id") == job["job_id"] or line.get("principal") == "caged"
    ]


def test_a_job_of_somebody_else_is_no_way_round(ci: httpx.Client, caller: Caller) -> None:
    """To repeat it takes what to submit it would; what one may submit, one may repeat."""
    theirs = caller.submit(command=["true"])
    within = caller.submit(command=["/bin/sh", "-c", "exit 0"], timeout="1m")
    for job in (theirs, within):
        caller.ended(job["job_id"])

    assert 403 == ci.post(f"/jobs/{theirs['job_id']}/retry").status_code
    again = ci.post(f"/jobs/{within['job_id']}/retry")
    assert 202 == again.status_code
    caller.ended(again.json()["job_id"])


def test_a_token_that_is_revoked_elsewhere_ends_its_stream(
    ci: httpx.Client, caller: Caller
) -> None:
    """By another process, in the middle of it; the job goes on."""
    job = Caller(ci).submit(command=["/bin/sh", "-c", "sleep 600"], timeout="1m")
    caller.running(job["job_id"])
    with ci.stream("GET", f"/jobs/{job['job_id']}/events") as stream:
        lines = stream.iter_lines()
        assert "" != next(lines)
        outlast("token", "revoke", "ci")
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)

    assert 401 == ci.get("/jobs").status_code
    assert "running" == caller.client.get(f"/jobs/{job['job_id']}").json()["status"]


def test_a_faulty_policy_starts_no_service(home: Path) -> None:
    """All its faults are told, and nobody listens."""
    home.mkdir(mode=0o700)
    (home / "policy.toml").write_text("[a]\n[b]\nexecutors = ['x']\n")
    code, error = refused("--port", "0")

    assert (2, 2) == (code, len(error["faults"]))


def test_an_address_for_others_takes_a_token_for_others(home: Path) -> None:
    """The home's own is not for them."""
    code, error = refused("--port", "0", "--host", "0.0.0.0")

    assert (2, "invalid_request") == (code, error["code"])
    assert "outlast token create" in error["suggestion"]


def test_a_proxy_is_believed_when_it_is_named(service: Service, home: Path) -> None:
    """Of who asks, and that it was by TLS; somebody who is not is not."""
    forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    origin = {"Origin": service.url.replace("http:", "https:")}

    assert 403 == service.client().get("/jobs", headers=forwarded | origin).status_code
    service.stop()
    service.start("--port", "0", "--forwarded-allow", "127.0.0.1")
    origin = {"Origin": service.url.replace("http:", "https:")}
    assert 200 == service.client().get("/jobs", headers=forwarded | origin).status_code
    assert 401 == service.client(token="").get("/jobs", headers=forwarded).status_code
    last = eventually(lambda: (home / "audit.log").read_text().splitlines())[-1]
    assert "192.0.2.7" == json.loads(last)["address"]


def test_a_person_is_given_a_link(home: Path) -> None:
    """On a terminal: it opens the page once; a further name is one by which it may be asked for."""
    with subprocess.Popen(
        [PROGRAM, "serve", "--port", "0", "--allow-host", "jobs.example", "--text"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[2].rstrip(";")
            link = process.stdout.readline().split()[-1]
            code = link.removeprefix(f"{url}/#once=")
            with httpx.Client(base_url=url, timeout=PATIENCE_S) as browser:
                names = ("jobs.example", "evil.example")
                lives = [browser.get("/healthz", headers={"Host": name}) for name in names]
                first, second = (browser.post("/login", json={"once": code}) for _ in range(2))
                listed = browser.get("/jobs")
        finally:
            process.terminate()

    assert [200, 421] == [each.status_code for each in lives]
    assert ["admin", "read", "run"] == first.json()["scopes"]
    assert (401, 200) == (second.status_code, listed.status_code)


def test_a_token_that_expires_is_told_on_the_command_line(service: Service, home: Path) -> None:
    """While somebody follows a job with it, too; the job goes on."""
    token = outlast("token", "create", "short", "--expires", "1d")
    environ = os.environ | {"OUTLAST_SERVER": service.url, "OUTLAST_TOKEN": token}
    job = Caller(service.client(token=token)).submit(command=["sleep", "600"])
    argv = [PROGRAM, "job", "logs", "--follow", job["job_id"]]
    follower = subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        metrics = service.client()
        eventually(
            lambda: re.search(r"outlast_http_open_streams [1-9]", metrics.get("/metrics").text)
        )
        with closing(sqlite3.connect(home / "outlast.db")) as database, database:
            database.execute("UPDATE tokens SET expires_ms = created_ms WHERE name = 'short'")
        _, told = follower.communicate(timeout=PATIENCE_S)
    finally:
        follower.kill()
        follower.communicate()
    after = subprocess.run(
        [PROGRAM, "job", "list", "--json"], env=environ, capture_output=True, check=False
    )

    assert (1, True) == (follower.returncode, b"token" in told), told
    assert (1, "unauthorized") == (after.returncode, json.loads(after.stdout)["error"]["code"])
    assert "outlast token create" in json.loads(after.stdout)["error"]["suggestion"]
    assert "running" == service.client().get(f"/jobs/{job['job_id']}").json()["status"]


def test_who_may_run_anything_from_elsewhere_is_warned_of(service: Service, home: Path) -> None:
    """By name, when the service starts; not where a policy bounds it, nor where nobody else asks."""
    outlast("token", "create", "anything")
    service.stop()
    service.start()
    assert [] == service.warnings
    service.stop()
    proxied = ("--port", "0", "--url", "https://jobs.example.com")
    service.start(*proxied)
    (warning,) = service.warnings
    assert "without a policy, anything can run anything as this user" in warning
    service.stop()
    (home / "policy.toml").write_text('[default]\nexecutors = ["local"]\n')
    service.start(*proxied)

    assert [] == service.warnings


def test_a_policy_holds_without_a_restart(ci: httpx.Client, home: Path) -> None:
    """What it does not allow any more is refused, to a token that was used before."""
    asked = {"command": ["/bin/sh", "-c", "true"], "timeout_ms": 60_000}
    assert 202 == ci.post("/jobs", json=asked).status_code

    (home / "policy.toml").write_text(POLICY.replace("/bin/sh -c", "make"))

    eventually(lambda: 403 == ci.post("/jobs", json=asked).status_code)

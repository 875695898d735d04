"""Jobs in containers over HTTP, on a real engine: their whole life, and what a policy lets through."""

from __future__ import annotations

import base64
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..containers.conftest import engine, engines
from ..rigs.engine import IMAGE, Engine
from .conftest import PROGRAM, Caller, Service

__all__ = ["engine", "engines"]

pytestmark = [
    pytest.mark.slow,  # an engine, and a container for each
    pytest.mark.parametrize("engine", ["docker"], indirect=True),  # to a door all are the same
]

BLOB = random.Random(6).randbytes(300_000)


@pytest.fixture
def there(engine: Engine, service: Service) -> Caller:
    """Somebody with the token of the home, of a service that knows the engine."""
    return Caller(service.client())


def events(caller: Caller, job_id: str) -> tuple[str, dict[str, Any]]:
    """Follow a job to its end; returns what it printed, and its last state."""
    printed = ""
    for event in caller.events(f"/jobs/{job_id}/events"):
        if event["event"] == "output":
            printed += event["data"]["text"]
        elif event["event"] == "end":
            return printed, event["data"]
    raise AssertionError("it never ended")


def test_a_container_lives_its_life_over_http(there: Caller) -> None:
    """Asked for with much of what a spec has, followed, read by ranges; each byte of /out is had."""
    job = there.submit(
        shell='cat > $OUTLAST_OUT/blob; mkdir $OUTLAST_OUT/a; printf "%s" "$WORD" > $OUTLAST_OUT/a/word;'
        " cat /in/told; pwd; echo 0123456789; touch $OUTLAST_OUT/left; echo oops >&2",
        container={"image": IMAGE, "files": {"told": "by a file\n"}, "tmpfs": ["/tmp:8m"]},
        env={"WORD": "schön"},
        cwd="/tmp",
        stdin_base64=base64.b64encode(BLOB).decode(),
        collect={"globs": ["blob", "a/**"], "on": "complete"},
        limits={"memory_bytes": 64 << 20, "pids": 50},
        labels={"for": "the test"},
        name="whole",
        timeout="2m",
    )
    job_id = job["job_id"]
    printed, ended = events(there, job_id)
    path = f"/jobs/{job_id}"
    part = there.client.get(f"{path}/output", headers={"Range": "bytes=-6"})
    items = there.client.get(f"{path}/artifacts").json()["items"]
    one = there.client.get(f"{path}/nodes/0/artifacts/blob", params={"offset": 1000, "limit": 2000})
    whole, of_node = (
        there.unpacked(f"{path}/{each}/download") for each in ("artifacts", "nodes/0")
    )

    assert {"by a file", "/tmp", "0123456789", "oops"} == set(printed.split("\n")) - {""}
    assert ("complete", 0, "whole", {"for": "the test"}) == tuple(
        ended[each] for each in ("status", "exit_code", "name", "labels")
    )
    assert [IMAGE] == [each["node"] for each in ended["nodes"]]
    assert (206, b"56789\n") == (part.status_code, part.content)
    assert [("a/word", 6), ("blob", len(BLOB))] == sorted(
        (each["path"], each["size"]) for each in items
    )
    assert BLOB[1000:3000] == one.content
    expected = {"a/word": "schön".encode(), "blob": BLOB}
    for manifest, files in (whole, of_node):
        assert expected == {each["path"]: files[each["zip_path"]] for each in manifest["items"]}
        assert 2 == len(files)


def test_a_container_ends_by_its_clock_and_by_a_cancel(there: Caller, engine: Engine) -> None:
    """And is gone from the engine, either way, by when it is said to have stopped."""
    box = {"image": IMAGE}
    late = there.submit(shell="echo begun; sleep 600", container=box, timeout="2s")
    _, timed_out = events(there, late["job_id"])
    held = there.submit(command=["sleep", "600"], container=box)
    there.running(held["job_id"])
    answer = there.client.post(f"/jobs/{held['job_id']}/cancel", json={"wait_stopped_ms": 60_000})
    cancelled = there.client.get(f"/jobs/{held['job_id']}").json()

    assert ("timeout", "Execution timeout (2s)") == (
        timed_out["nodes"][0]["reason"],
        timed_out["nodes"][0]["error"],
    )
    assert "Execution timeout (2s)\n" == (
        there.client.get(f"/jobs/{late['job_id']}/output?stream=stderr").text
    )
    assert (200, True, "cancelled") == (
        answer.status_code,
        answer.json()["cancelled"],
        answer.json()["status"],
    )
    assert cancelled["stopped_at"] is not None
    assert [] == engine.containers()


def test_a_policy_says_which_images(engine: Engine, service: Service, home: Path) -> None:
    """One that it does not name is refused before anything has happened, as is what widens a cage."""
    (home / "policy.toml").write_text(f'[ci]\nexecutors = ["container"]\nimages = ["{IMAGE}"]\n')
    make = [PROGRAM, "token", "create", "ci", "--policy", "ci", "--text"]
    token = subprocess.run(make, capture_output=True, check=True, text=True).stdout.strip()
    service.stop()
    service.start()
    ci = Caller(service.client(token=token))
    allowed = ci.submit(shell="echo within", container={"image": IMAGE})
    refused = [
        ci.client.post("/jobs", json={"command": ["true"], **spec})
        for spec in (
            {"container": {"image": "box:2"}},
            {"container": {"image": f"elsewhere.example/{IMAGE}"}},
            {"container": {"image": IMAGE, "network": "host"}},
            {"container": {"image": IMAGE, "mounts": ["/etc:/etc"]}},
            {"container": {"image": IMAGE, "user": "0:0"}},
            {"container": {"image": IMAGE}, "env": {"DOCKER_HOST": "unix:///tmp/x"}},
            {},
        )
    ]

    assert "within\n" == ci.ended(allowed["job_id"])["result"]["stdout"]
    assert [(403, "forbidden")] * 7 == [(each.status_code, each.json()["code"]) for each in refused]
    assert [allowed["job_id"]] == [
        each["job_id"] for each in ci.client.get("/jobs").json()["items"]
    ]

"""`containers prune`, and what it leaves alone: nothing goes of which it is not known that nobody needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.doors.cli.schemas import SCHEMAS

from ..cli.test_manifest import fits
from ..rigs.engine import IMAGE, Engine
from ..world import POWERLESS, eventually
from .conftest import Run, over
from .test_execute import cli
from .test_liar import lying, said

pytestmark = pytest.mark.slow  # each has a container made

GONE = "outlast-gone"


def prune(*words: str, code: int = 0, **how: Any) -> list[tuple[str, str, bool]]:
    """Return of each that there is its kind, its state, and whether it was removed."""
    done = cli("containers", "prune", "--yes", *words, **how)
    assert code == done.returncode, done.stdout
    data = json.loads(done.stdout)["data"]
    assert fits(data, SCHEMAS["containers"], SCHEMAS) is None
    return [(each["kind"], each["state"], each["removed"]) for each in data["containers"]]


def make(engine: Engine, home: Path | None, *command: str, volume: str = f"{GONE}.out") -> None:
    """Have a container, of a job of *home* or of nobody's, and a volume of such a job's in it."""
    labels = {"outlast.home": str(home), "outlast.job": "job_a", "outlast.attempt": "job_a/0/1"}
    labels |= {} if home else {"outlast.home": "/gone", "outlast.attempt": "job_b/0/1"}
    told = json.dumps({"Name": volume, "Labels": labels}).encode()
    engine.ask("POST", "/volumes/create", told)
    body: dict[str, Any] = {"Image": IMAGE, "Cmd": command, "Labels": labels if home else {}}
    mount = {"Type": "volume", "Source": volume, "Target": "/out"}
    body["HostConfig"] = {"Mounts": [mount], "NetworkMode": "none"}
    name = volume.removesuffix(".out")
    engine.ask("POST", f"/containers/create?name={name}", json.dumps(body).encode())
    engine.ask("POST", f"/containers/{name}/start")
    if command == ("true",):
        engine.ask("POST", f"/containers/{name}/wait")


def test_another_user_s_job_is_not_removed(
    engine: Engine, client: Client, submit: Run, home: Path, tmp_path: Path
) -> None:
    """Its home may not be looked into: that says nothing of its job."""
    job = submit("echo out; exec sleep 1000")
    eventually(lambda: client.output(job.id), "its output")
    found = []
    for closed in (home, tmp_path):
        closed.chmod(0)
        try:
            found += prune("--all", "--home", "/none", before=POWERLESS)
        finally:
            closed.chmod(0o700)
    (there,) = engine.containers()
    client.cancel(job.id)
    over(client, job)

    assert [("container", "unknown", False)] * 2 == found
    assert f"/outlast-{job.id}.0.1" in there["Names"]


def test_what_runs_for_a_home_that_is_not_to_be_found_is_removed_with_all(
    engine: Engine, tmp_path: Path
) -> None:
    """It may be in another container, or not mounted: by itself that is no proof of anything."""
    make(engine, tmp_path / "gone", "sleep", "1000")

    kept = [("container", "foreign", False), ("volume", "foreign", False)]
    assert kept == prune()
    assert [(kind, state, True) for kind, state, _ in kept] == prune("--all")
    assert [] == engine.containers()


def test_what_a_disk_is_mounted_on_is_no_lost_home(engine: Engine, tmp_path: Path) -> None:
    """Whoever finds an empty folder there has not found that nobody needs it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    make(engine, disk, "true")
    found = prune("--all")
    disk.rmdir()

    assert [("container", "unknown", False), ("volume", "unknown", False)] == found
    assert [("container", "left", True), ("volume", "left", True)] == prune()


def test_a_removal_that_is_refused_keeps_nothing_else(engine: Engine, tmp_path: Path) -> None:
    """It is told, and the rest goes."""
    make(engine, tmp_path / "gone", "true")
    make(engine, None, "true", volume="outlast-a.out")
    found = prune(code=1)
    engine.ask("DELETE", "/containers/outlast-a?force=1")
    found += prune()

    others = [("container", "left", True), ("volume", "left", False), ("volume", "left", True)]
    assert [*others, ("volume", "left", True)] == found


def test_a_container_without_a_name_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an engine tells of one that is half removed; it goes by its id."""
    asked = []

    def answer(method: str, target: str) -> bytes:
        asked.append((method, target))
        if method == "DELETE":
            return said({})
        labels = {"outlast.home": str(tmp_path / "gone")}
        dead = {"Id": "a" * 64, "Names": None, "Labels": labels, "State": "dead"}
        return said([dead] if "containers" in target else {"Volumes": None})

    with lying(tmp_path / "s", answer) as address:
        monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", address)

        assert [("container", "left", True)] == prune()
    assert ("DELETE", "/containers/" + "a" * 64) in asked

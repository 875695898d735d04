"""Images that are pulled from a registry: which one it was, and what happens meanwhile."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.doors.cli.schemas import SCHEMAS
from outlast.framework.text import describe

from ..cli.test_manifest import fits
from ..rigs.engine import IMAGE, Engine, box, layer
from ..rigs.registry import Registry, serving
from ..world import eventually, fresh_client, kill, supervisor_of
from .conftest import Run, fate, over
from .test_survival import keepers_of, mended

__all__ = ["mended"]

pytestmark = pytest.mark.slow  # each has a container made


LOGIN = "user:a pass:word"


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    """A registry with an image in it, `box:1`; the engine forgets afterwards what it pulled."""
    with serving() as registry:
        # The second layer is in no other image: the engine has to have it sent, each time.
        registry.add(IMAGE, box(), layer("noise", os.urandom(4 << 20)))
        yield registry
    forget(engine, registry)


def forget(engine: Engine, registry: Registry) -> None:
    """Have the engine remove what came from a registry."""
    for image in engine.ask("GET", "/images/json"):
        names = [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]
        if any(name.startswith(registry.address) for name in names):
            engine.ask("DELETE", f"/images/{image['Id']}?force=1")


def test_the_image_stands_in_the_job(
    client: Client, engine: Engine, registry: Registry, run: Run
) -> None:
    """Its id, and what it is at its registry: by that the same image is had again."""
    image = f"{registry.address}/{IMAGE}"
    job = run("true", container={"image": image})
    told = client.describe(job)["nodes"][0]
    digest = f"{registry.address}/box@{registry.digest}"
    again = run("true", container={"image": digest, "pull": "never"})

    assert ("complete", None, 0) == fate(job)
    assert digest == told["image"]["digest"]
    assert engine.ask("GET", f"/images/{image}/json")["Id"] == told["image"]["id"]
    assert told["image"] == client.describe(again)["nodes"][0]["image"]
    assert fits(client.describe(job), SCHEMAS["job"], SCHEMAS) is None


def test_an_image_that_no_registry_has(client: Client, engine: Engine, run: Run) -> None:
    """It has an id, and no digest but what the engine says."""
    told = client.describe(run("true"))["nodes"][0]
    image = engine.ask("GET", f"/images/{IMAGE}/json")
    digest = image["RepoDigests"][0] if engine.has_digests_of_its_own else None

    assert {"id": image["Id"], "digest": digest} == told["image"]


@pytest.fixture
def slow(registry: Registry) -> Registry:
    """That registry, which holds back half of the layer until it is told to go on."""
    registry.may_go_on.clear()
    return registry


def pulling(
    client: Client, slow: Registry, submit: Run, shell: str = "exit 37", **spec: Any
) -> Job:
    """Return a job whose image is being pulled, of which half has come."""
    job = submit(shell, container={"image": f"{slow.address}/{IMAGE}"}, **spec)
    eventually(slow.half_sent.is_set, "half of the layer")
    return job


def test_a_pull_is_told_while_it_lasts(client: Client, slow: Registry, submit: Run) -> None:
    """How many of the layers have come, and how much: in the job, and in what people are shown."""
    job = pulling(client, slow, submit, "true")
    told = eventually(lambda: re.search(r"of (\d) layers, (\d+) %", said(client, job)), "its words")
    shown = describe(client.get(job.id))
    slow.may_go_on.set()
    job = over(client, job)

    assert (2, 0) <= (int(told[1]), int(told[2])) < (3, 100)
    assert f"pulling {slow.address}/{IMAGE}: " in shown
    assert ("complete", None, 0) == fate(job)
    assert None is client.describe(job)["message"]


def said(client: Client, job: Job) -> str:
    """Return what a job that is being prepared tells people."""
    told = client.describe(client.get(job.id))
    return str(told["message"]) if told["nodes"][0]["phase"] == "pulling_image" else ""


class Logins:
    """The user's logins, in a folder that the tests may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def keep(self, config: str, registry: str, login: str) -> None:
        """Keep a login as `docker login` does: in the file, or with a helper that is named there."""
        user, _, password = login.partition(":")
        if config == "auths":
            told: object = {registry: {"auth": base64.b64encode(login.encode()).decode()}}
        else:
            told = "of-the-tests"
            helper = self.folder / f"docker-credential-{told}"
            answer = json.dumps({"ServerURL": registry, "Username": user, "Secret": password})
            helper.write_text(
                f"#!/bin/sh\nread asked; test $asked = {registry} && echo '{answer}'\n"
            )
            helper.chmod(0o755)
        (self.folder / "config.json").write_text(json.dumps({config: told}))


@pytest.fixture
def logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logins:
    """A caller's own folder of logins, and his PATH with a helper in it."""
    logins = Logins(tmp_path / "logins")
    monkeypatch.setenv("DOCKER_CONFIG", str(logins.folder))
    monkeypatch.setenv("HOME", str(logins.folder))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("PATH", f"{logins.folder}:{os.environ['PATH']}")
    return logins


@pytest.mark.parametrize("config", ["auths", "credsStore"])
def test_a_registry_that_wants_a_login(
    config: str, engine: Engine, run: Run, logins: Logins, home: Path
) -> None:
    """The user's own is sent, from the file or the helper that keeps it, and stands nowhere."""
    with serving(LOGIN) as registry:
        registry.add(IMAGE, box(), layer("noise", os.urandom(1 << 20)))
        image = f"{registry.address}/{IMAGE}"
        absent = run("true", container={"image": image})
        logins.keep(config, registry.address, "user:another one")
        wrong = run("true", container={"image": image})
        logins.keep(config, registry.address, LOGIN)
        right = run("true", container={"image": image})
        forget(engine, registry)

    assert ("complete", None, 0) == fate(right)
    for job in (absent, wrong):
        assert ("failed", "image_unavailable", None) == fate(job)
        assert re.search("auth", str(job.nodes[0].error)), job.nodes[0].error
    password, encoded = LOGIN.partition(":")[2], base64.b64encode(LOGIN.encode())
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not any(password.encode() in data or encoded in data for data in kept)


def test_a_login_that_cannot_be_had_is_told(run: Run, logins: Logins) -> None:
    """Beside the engine's words, where it was wanted."""
    (logins.folder / "config.json").write_text("{")
    with serving(LOGIN) as registry:
        job = run("true", container={"image": f"{registry.address}/{IMAGE}"})

    assert ("failed", "image_unavailable", None) == fate(job)
    assert f"without a login: {logins.folder}/config.json is no JSON" in str(job.nodes[0].error)


def test_what_it_is_given_means_nothing_to_us(client: Client, run: Run) -> None:
    """A variable of the container's own chooses neither the engine nor where logins are."""
    given = {"DOCKER_HOST": "tcp://elsewhere:1", "OUTLAST_CONTAINER_ENGINE": "x", "HOME": "/none"}
    job = run("echo $DOCKER_HOST $OUTLAST_CONTAINER_ENGINE $HOME", env=given)

    assert b"tcp://elsewhere:1 x /none\n" == client.output(job.id)


def test_the_limit_of_a_pull_holds_while_it_goes_on(slow: Registry, run: Run) -> None:
    """An engine that has something to tell all the time puts nothing off."""
    job = run("true", container={"image": f"{slow.address}/{IMAGE}"}, pull_timeout="2s")

    assert ("failed", "pull_timeout", None) == fate(job)


def test_the_time_in_the_queue_ends_with_the_turn(
    client: Client, slow: Registry, submit: Run
) -> None:
    """Also under a supervisor that comes while the image is being pulled: nothing is given up."""
    job = pulling(client, slow, submit, queue_timeout="8s")
    kill(supervisor_of(client))
    with fresh_client() as other:
        time.sleep(max(0.0, (job.created_at - datetime.now(UTC)).total_seconds() + 8.5))
        waited = other.get(job.id)
        slow.may_go_on.set()
        job = over(other, job)

    assert (None, "pulling_image") == (waited.reason, waited.nodes[0].phase)
    assert ("failed", "exit_nonzero", 37) == fate(job)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_pull_survives_the_engine(
    signum: int, client: Client, slow: Registry, submit: Run, mended: Engine
) -> None:
    """Killed, or stopped as it should be, and started again: it is asked once more."""
    job = pulling(client, slow, submit)
    mended.kill() if signum == signal.SIGKILL else mended._end(signum)
    slow.may_go_on.set()
    mended.start()
    job = over(client, job)

    assert ("failed", "exit_nonzero", 37) == fate(job), job.nodes[0].error


@pytest.mark.parametrize("at_once", [True, False])
def test_a_pull_survives_who_pulls(
    at_once: bool, client: Client, slow: Registry, submit: Run, home: Path
) -> None:
    """Supervisor and shim are killed, together or one after the other: the next goes on."""
    job = pulling(client, slow, submit, queue_timeout="100s")
    if at_once:
        kill(supervisor_of(client), *keepers_of(home))
    else:
        kill(supervisor_of(client))
        with fresh_client() as other:
            other.get(job.id)
            eventually(lambda: supervisor_of(other), "another supervisor")
            kill(*keepers_of(home))
    slow.may_go_on.set()
    with fresh_client() as other:
        job = over(other, job)

    assert ("failed", "exit_nonzero", 37) == fate(job)

"""Images that are pulled from a registry: which one it was, and what happens meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.doors.cli.schemas import SCHEMAS

from ..cli.test_manifest import fits
from ..rigs.engine import IMAGE, Engine, box, layer
from ..rigs.registry import Registry, serving
from ..world import eventually, fresh_client, kill, supervisor_of
from .conftest import Run, fate, over
from .test_survival import keepers_of

pytestmark = pytest.mark.slow  # each has a container made


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

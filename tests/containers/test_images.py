"""Images that are pulled from a registry: which one it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outlast import Client
from outlast.doors.cli.schemas import SCHEMAS

from ..cli.test_manifest import fits
from ..rigs.engine import IMAGE, Engine, box
from ..rigs.registry import Registry, serving
from .conftest import Run, fate

pytestmark = pytest.mark.slow  # each has a container made


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    """A registry with an image in it, `box:1`; the engine forgets afterwards what it pulled."""
    with serving() as registry:
        registry.add(IMAGE, box())
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

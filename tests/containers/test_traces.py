"""A container's attempt as a span: the pull of its image within it, and the command told of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from outlast import Client

from ..rigs.collector import collecting
from ..rigs.engine import IMAGE, Engine, box, layer
from ..rigs.registry import Registry, serving
from ..world import eventually
from .conftest import Run
from .test_images import forget

pytestmark = pytest.mark.slow  # a container is made


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    """A registry with an image in it; the engine forgets afterwards what it pulled."""
    with serving() as registry:
        registry.add(IMAGE, box(), layer("noise", os.urandom(1 << 20)))
        yield registry
    forget(engine, registry)


def test_the_pull_of_an_image_is_a_part_of_the_attempt(
    engine: Engine, registry: Registry, client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its node's time; a second job finds the image there, and tells of no pull."""
    image = f"{registry.address}/{IMAGE}"
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        jobs = [run("echo $TRACEPARENT", container={"image": image}) for _ in range(2)]
        eventually(lambda: 2 == len(collector.named("job")))
        first, second = (collector.named("run", outlast__job__id=job.id)[0] for job in jobs)
        said = [client.output(job.id).decode().strip() for job in jobs]

        assert [f"00-{each.trace_id}-{each.span_id}-01" for each in (first, second)] == said
        (pull,) = collector.named("pull")
        assert (first.span_id, image) == (pull.parent_id, pull.attributes["container.image.name"])
        assert first.begin_ns <= pull.begin_ns <= pull.end_ns <= dict(first.events)["started"]

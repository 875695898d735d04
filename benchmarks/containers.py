"""
What a job in a container costs over the engine's own client, and how late its limit is.

The client runs the same container: the same limits, options and image. All by the clock, in turns,
from before a job is asked for until its container is removed: by the library, which is how a
platform runs other people's scripts, and by whole processes of our command line, which adds the
start of an interpreter. Then many at once; then containers that would never end, whose end is
taken from their own records.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from .figure import OURS, Figure, Series, percentile, unmeasured
from .harness import (
    Contender,
    Plan,
    in_series,
    in_turns,
    paired_ratio,
    timed,
    timed_process,
)
from .ours import Ours
from .peers import program

NAME = "containers"
IMAGE = "OUTLAST_BENCH_IMAGE"
"""Names an image with `true` and `sleep` that the engine has: it is not pulled."""

CLIENT = "docker run --rm"
SAME = (
    *("--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"),
    *("--tmpfs=/tmp:size=64m", "--user=65534:65534", "--memory=512m", "--memory-swap=512m"),
    *("--pids-limit=256", "--init"),
)
AT_ONCE = 20
LIMIT_S = 2.0


def measure(plan: Plan) -> Figure:
    """Measure, 20 turns, 5 crowds and 40 limits."""
    missing = _missing()
    if missing or not plan.ours:
        series: tuple[Series, ...] = (
            unmeasured(f"{OURS} run --container", "ms", missing or "not there yet"),
        )
        return _figure(series, {})
    image = os.environ[IMAGE]
    client = [program("docker"), "run", "--rm", *SAME, image, "true"]
    with Ours(plan.folder(NAME), max_running=AT_ONCE) as ours:
        mine = ours.argv("run", "--container", image, "--wait", "5m", "--", "true")
        single = [
            Contender(
                f"{OURS}, by the library", lambda: timed(lambda: _by_library(ours, image, 1))
            ),
            Contender(f"{OURS} run --container", lambda: timed_process(mine, ours.env)),
            Contender(CLIENT, lambda: timed_process(client, ours.env)),
        ]
        crowd = [
            Contender(
                f"{OURS}, by the library, {AT_ONCE} at once",
                lambda: timed(lambda: _by_library(ours, image, AT_ONCE)),
            ),
            Contender(
                f"{OURS} run --container, {AT_ONCE} at once",
                lambda: timed(lambda: _crowd(mine, ours.env)),
            ),
            Contender(
                f"{CLIENT}, {AT_ONCE} at once", lambda: timed(lambda: _crowd(client, ours.env))
            ),
        ]
        times = in_turns(single, plan.turns(20)) | in_turns(crowd, plan.turns(5), warm_ups=0)
        late = tuple(_late_ms(ours, image) for _ in range(plan.turns(40)))
    series = (
        *in_series(single, times, floor=single[-1].name),
        *in_series(crowd, times, floor=crowd[-1].name),
        Series(subject=f"{OURS}, the limit's lateness", unit="ms", values=late),
    )
    library, line, other = (times[each.name] for each in single)
    many, lines, others = (times[each.name] for each in crowd)
    findings = {
        "container_ms": _over_ms(library, other),
        "container_cli_ms": _over_ms(line, other),
        "container_crowd": paired_ratio(many, others),
        "container_crowd_cli": paired_ratio(lines, others),
        "container_deadline_ms": percentile(late, 99),
    }
    return _figure(series, findings)


def _over_ms(these: Sequence[float], those: Sequence[float]) -> float:
    return median(1000 * (this - that) for this, that in zip(these, those, strict=True))


def _by_library(ours: Ours, image: str, count: int) -> None:
    """Run so many at once, and return when nothing is left of them."""
    client = ours.client
    jobs = client.submit_many([{"command": ["true"], "container": image}] * count)
    for job in client.wait_all([job.id for job in jobs]):
        if job.status != "complete":
            raise RuntimeError(f"{job.id} is {job.status}: {job.nodes[0].error}")
    for job in jobs:
        client.cancel(job.id, wait_stopped="60s")


def _figure(series: tuple[Series, ...], findings: dict[str, float]) -> Figure:
    return Figure(
        name=NAME,
        title="In a container",
        how="`true` in a container, from before it is asked for until the container is removed; and from"
        " a container's start until its end, less its limit.",
        series=series,
        findings=findings,
    )


def _missing() -> str | None:
    if not os.environ.get(IMAGE):
        return f"{IMAGE} names no image"
    return None if shutil.which("docker") else "there is no docker client here"


def _crowd(argv: Sequence[str], env: dict[str, str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda _: timed_process(argv, env), range(AT_ONCE)))


def _late_ms(ours: Ours, image: str) -> float:
    """
    Return how long after its limit a container was over: from what its own command reads as the
    time since the machine was started (in hundredths of a second), to the end in its record.
    """
    client = ours.client
    command = ["sh", "-c", "read up rest < /proc/uptime; echo $up; exec sleep 1000"]
    job = client.submit(command, container=image, timeout=LIMIT_S)
    job = client.wait(job.id)
    client.cancel(job.id, wait_stopped="60s")
    if job.reason != "timeout" or job.completed_at is None:
        raise RuntimeError(f"{job.id} did not end at its limit")
    up_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    began: float = up_at + float(client.output(job.id))
    ended: float = job.completed_at.timestamp()
    return (ended - began - LIMIT_S) * 1000

"""
What a job in a container costs over the engine's own clients, and how late its limit is.

They run the same container: the same limits, options and image. Like stands beside like, in turns and by
the clock. A process that is there and has imported what it needs: our library, which is how a platform runs
other people's scripts, and Docker's own for Python. Whole processes, with the start of their program: our command line
and Docker's. `docker run --rm` is over once its container is removed; ours leaves once it has told how it ended, so that
both are measured: until it has left, and until its container is removed. What is the command's own start and not the
container's is told apart by our command line without one. Then many at once; then containers that would never end, whose end is taken from their own records.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

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

LIBRARY = f"{OURS}, by the library"
THEIRS = "Docker's library for Python"
LINE = f"{OURS} run --container"
LOCAL = f"{OURS} run, without a container"
REMOVED = f"{LINE}, until it is removed"
CLIENT = "docker run --rm"
SAME = (
    *("--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"),
    *("--tmpfs=/tmp:size=64m", "--user=65534:65534", "--memory=512m", "--memory-swap=512m"),
    *("--pids-limit=256", "--init"),
)
"""The client's options for what is ours by default."""

ALSO_SAME: dict[str, Any] = {
    "network_mode": "none",
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "read_only": True,
    "tmpfs": {"/tmp": "size=64m"},
    "user": "65534:65534",
    "mem_limit": "512m",
    "memswap_limit": "512m",
    "pids_limit": 256,
    "init": True,
}
"""The same, as Docker's library has them."""

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
    docker = import_module("docker").DockerClient.from_env(max_pool_size=AT_ONCE)
    with Ours(plan.folder(NAME), max_running=AT_ONCE) as ours:
        mine = ours.argv("run", "--container", image, "--wait", "5m", "--", "true")
        lines = _Lines(ours, mine)
        local = ours.argv("run", "--wait", "5m", "--", "true")
        single = [
            Contender(LIBRARY, lambda: timed(lambda: _by_library(ours, image, 1))),
            Contender(THEIRS, lambda: timed(lambda: _by_theirs(docker, image))),
            Contender(LINE, lines.told),
            Contender(LOCAL, lambda: timed_process(local, ours.env)),
            Contender(REMOVED, lines.removed),
            Contender(CLIENT, lambda: timed_process(client, ours.env)),
        ]
        crowd = [
            Contender(_many(LIBRARY), lambda: timed(lambda: _by_library(ours, image, AT_ONCE))),
            Contender(
                _many(THEIRS), lambda: timed(lambda: _crowd(lambda: _by_theirs(docker, image)))
            ),
            Contender(_many(LINE), lambda: lines.told(AT_ONCE)),
            Contender(_many(REMOVED), lambda: lines.removed(AT_ONCE)),
            Contender(
                _many(CLIENT),
                lambda: timed(lambda: _crowd(lambda: timed_process(client, ours.env))),
            ),
        ]
        times = in_turns(single, plan.turns(20)) | in_turns(crowd, plan.turns(5), warm_ups=0)
        late = tuple(_late_ms(ours, image) for _ in range(plan.turns(40)))
    docker.close()
    series = (
        *in_series(single[:2], times, floor=THEIRS),
        *in_series(single[2:], times, floor=CLIENT),
        *in_series(crowd[:2], times, floor=_many(THEIRS)),
        *in_series(crowd[2:], times, floor=_many(CLIENT)),
        Series(subject=f"{OURS}, the limit's lateness", unit="ms", values=late),
    )
    findings = {
        "container_ms": _over_ms(times[LIBRARY], times[THEIRS]),
        "container_cli_ms": _over_ms(times[LINE], times[CLIENT]),
        "container_removed_ms": _over_ms(times[REMOVED], times[CLIENT]),
        "container_command_ms": _over_ms(times[LIBRARY], times[CLIENT]),
        "container_adds_ms": _over_ms(
            [line - local for line, local in zip(times[LINE], times[LOCAL], strict=True)],
            times[CLIENT],
        ),
        "container_crowd": paired_ratio(times[_many(LIBRARY)], times[_many(THEIRS)]),
        "container_crowd_command": paired_ratio(times[_many(LIBRARY)], times[_many(CLIENT)]),
        "container_crowd_cli": paired_ratio(times[_many(LINE)], times[_many(CLIENT)]),
        "container_crowd_removed": paired_ratio(times[_many(REMOVED)], times[_many(CLIENT)]),
        "container_deadline_ms": percentile(late, 99),
    }
    return _figure(series, findings)


def _many(who: str) -> str:
    return f"{who}, {AT_ONCE} at once"


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


def _by_theirs(docker: Any, image: str) -> None:
    """Run one by a client of Docker's library, which returns when nothing is left of it."""
    docker.containers.run(image, ["true"], remove=True, **ALSO_SAME)


class _Lines:
    """Our command line, by whole processes; after each measurement nothing is left of them."""

    def __init__(self, ours: Ours, argv: Sequence[str]) -> None:
        self._ours = ours
        self._argv = argv

    def told(self, count: int = 1) -> float:
        """Return how many seconds it takes until so many at once have left."""
        seconds = timed(lambda: self._run(count))
        self._see_them_gone()
        return seconds

    def removed(self, count: int = 1) -> float:
        """Return how many it takes until their containers are removed as well."""

        def all_of_it() -> None:
            self._run(count)
            self._see_them_gone()

        return timed(all_of_it)

    def _run(self, count: int) -> None:
        _crowd(lambda: timed_process(self._argv, self._ours.env), count)

    def _see_them_gone(self) -> None:
        client = self._ours.client
        for job in client.list().jobs:
            if not job.is_settled:
                client.cancel(job.id, wait_stopped="60s")


def _figure(series: tuple[Series, ...], findings: dict[str, float]) -> Figure:
    return Figure(
        name=NAME,
        title="In a container",
        how="`true` in a container, from before it is asked for until the container is removed, where nothing else is said;"
        " ratios are to Docker's library for our library, to its client for our command line. And from a container's"
        " start until its end, less its limit.",
        series=series,
        findings=findings,
    )


def _missing() -> str | None:
    if not os.environ.get(IMAGE):
        return f"{IMAGE} names no image"
    if not shutil.which("docker"):
        return "there is no docker client here"
    return None if find_spec("docker") else "Docker's library for Python is not installed"


def _crowd(once: Callable[[], object], count: int = AT_ONCE) -> None:
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(lambda _: once(), range(count)))


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

"""
What a job in a container costs over the engine's own client, and how late its limit is.

The client runs the same container: the same limits, options and image, removed at the end. Whole
processes by the clock, in turns; then many at once; then containers that would never end, whose
end is taken from the engine's own clock.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from statistics import median

from .figure import OURS, Figure, Series, percentile, unmeasured
from .harness import Contender, Plan, in_series, in_turns, timed, timed_process
from .ours import Ours
from .peers import program

NAME = "containers"
IMAGE = "OUTLAST_BENCH_IMAGE"
"""Names an image with `true` and `sleep` that the engine has: it is not pulled."""

CLIENT = "docker run --rm, the same options"
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
    env = dict(os.environ)
    with Ours(plan.folder(NAME), max_running=AT_ONCE) as ours:
        mine = [program("outlast"), "run", "--container", image, "--wait", "5m", "--", "true"]
        single = [
            Contender(f"{OURS} run --container, true", lambda: timed_process(mine, env)),
            Contender(f"{CLIENT}, true", lambda: timed_process(client, env)),
        ]
        crowd = [
            Contender(f"{OURS}, {AT_ONCE} at once", lambda: timed(lambda: _crowd(mine, env))),
            Contender(f"{CLIENT}, {AT_ONCE} at once", lambda: timed(lambda: _crowd(client, env))),
        ]
        times = in_turns(single, plan.turns(20)) | in_turns(crowd, plan.turns(5), warm_ups=0)
        late = tuple(_late_ms(ours, image) for _ in range(plan.turns(40)))
    one, other, many, others = (times[each.name] for each in (*single, *crowd))
    series = (
        *in_series(single, times, floor=single[1].name),
        *in_series(crowd, times, floor=crowd[1].name),
        Series(subject=f"{OURS}, the limit's lateness", unit="ms", values=late),
    )
    findings = {
        "container_ms": median(1000 * (a - b) for a, b in zip(one, other, strict=True)),
        "container_crowd": median(a / b for a, b in zip(many, others, strict=True)),
        "container_deadline_ms": percentile(late, 99),
    }
    return _figure(series, findings)


def _figure(series: tuple[Series, ...], findings: dict[str, float]) -> Figure:
    return Figure(
        name=NAME,
        title="In a container",
        how="Whole processes that run `true` in a container and remove it; from the container's start"
        " until its end, less its limit.",
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
    """Return how long after its limit a container was over, as its record has both times."""
    client = ours.client
    job = client.submit(["sleep", "1000"], container=image, timeout=LIMIT_S)
    job = client.wait(job.id)
    client.cancel(job.id, wait_stopped="60s")
    ran: datetime | None = job.started_at
    if ran is None or job.completed_at is None or not re.match("timeout", str(job.reason)):
        raise RuntimeError(f"{job.id} did not end at its limit")
    return ((job.completed_at - ran).total_seconds() - LIMIT_S) * 1000

"""
What a million finished jobs change: the same calls on a home that holds them and on an empty one.

The jobs are put into the store through its own `add`, as a supervisor would have left them. Whole
processes (`job status`, `job list`, `submit`) and library calls are measured in turns between the
two homes, each with its supervisor up; the ratio that counts is the greater of the two ways.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from .figure import OURS, Figure, unmeasured
from .harness import Contender, Plan, in_series, in_turns, paired_ratio, timed, timed_process
from .ours import Ours
from .peers import program

NAME = "scale"
ONE_PAGE = 100
VERBS = ("status", "list", "submit")


def measure(plan: Plan) -> Figure:
    """Measure, 50 turns of each."""
    size = plan.size(1_000_000, 20_000)
    title = f"{size:,} finished jobs"
    how = (
        "The same calls, in turns, on a home with that many finished jobs and on one with just a"
        " page of them: so that both `list` a whole page."
    )
    if not plan.ours:
        missing = tuple(
            unmeasured(f"{OURS}: {verb}, {size:,} jobs ÷ a page", "ms", "not there yet")
            for verb in VERBS
        )
        return Figure(name=NAME, title=title, how=how, series=missing)

    with ExitStack() as stack:
        none = stack.enter_context(Ours(plan.folder(NAME)))
        many = stack.enter_context(Ours(plan.folder(NAME)))
        none.fill(ONE_PAGE)
        fill_s = timed(lambda: many.fill(size))
        pairs = [pair for verb in VERBS for pair in _pairs(verb, none, many, f"{size:,}")]
        contenders = [contender for _, *both in pairs for contender in both]
        times = in_turns(contenders, plan.turns(50), warm_ups=3)

    findings: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for key, small, large in pairs:
        ratios[large.name] = paired_ratio(times[large.name], times[small.name])
        findings[key] = max(ratios[large.name], findings.get(key, 0))
    series = in_series(contenders, times, floor=None)
    return Figure(
        name=NAME,
        title=title,
        how=f"{how} Filled in {fill_s:.0f} s.",
        series=tuple(replace(each, ratio=ratios.get(each.subject)) for each in series),
        findings=findings,
    )


def _pairs(verb: str, none: Ours, many: Ours, size: str) -> list[tuple[str, Contender, Contender]]:
    """Return the key of the target, the call on the empty home, and the same on the full one."""
    found = []
    for way, call in (("library", _by_library), ("process", _by_process)):
        small = Contender(f"{OURS}: {verb} ({way}), a page", call(verb, none))
        large = Contender(f"{OURS}: {verb} ({way}), {size}", call(verb, many), "ratio to a page")
        found.append((f"scale_{verb}", small, large))
    return found


def _by_library(verb: str, ours: Ours) -> Callable[[], float]:
    finished = _a_finished_job(ours)

    def submit() -> float:
        submitted: list[str] = []
        taken = timed(lambda: submitted.append(ours.submit([program("true")])))
        ours.wait(submitted[0])  # so that its run is in nobody's way
        return taken

    calls: dict[str, Callable[[], float]] = {
        "status": lambda: timed(lambda: ours.client.get(finished)),
        "list": lambda: timed(ours.list_page),
        "submit": submit,
    }
    return calls[verb]


def _by_process(verb: str, ours: Ours) -> Callable[[], float]:
    commands = {
        "status": ("job", "status", _a_finished_job(ours)),
        "list": ("job", "list"),
        "submit": ("submit", "--", "true"),
    }
    argv = ours.argv(*commands[verb])
    return lambda: timed_process(argv, ours.env)


def _a_finished_job(ours: Ours) -> str:
    job_id = ours.submit([program("true")])
    ours.wait(job_id)
    return job_id

"""The one wait of all tools: bounded, told of as it goes on, and no more to a job than a look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ...core.limits import format_duration, from_ms

if TYPE_CHECKING:
    from ...core.completion import CompletionPage
    from ...core.job import Job, JobId
    from ...engine import verbs
    from .tool import Call

DEFAULT_S: Final = 30.0
MOST_S: Final = 50.0
"""Hosts cut calls, the strictest of them after 60 s."""

WAIT_SECONDS: Final[Mapping[str, object]] = {
    "type": "number",
    "maximum": round(MOST_S),
    "default": round(DEFAULT_S),
}
"""The schema of the argument of that name."""

TELL_S: Final = 8.0
"""How often somebody who waits hears that they do; some hosts want to hear something in 10 s."""

NAMED: Final = 5
"""How many jobs a line of progress names."""


async def wait(
    call: Call,
    jobs: Sequence[Job],
    seconds: float,
    *,
    any_of_them: bool = False,
) -> tuple[Job, ...]:
    """
    Return *jobs* once all of them (or any) have ended, or as they stand after *seconds*.

    The first line of progress is sent at once and names the jobs: whoever is cut off has the ids.
    A call that is cancelled, or whose client has gone, ends here and nowhere else.
    """
    hub = call.there.hub
    loop = asyncio.get_running_loop()
    began = loop.time()
    held: Mapping[JobId, Job] = {job.id: job for job in jobs}
    if seconds > 0 and not _is_over(held, any_of_them):
        await call.tell(_line(held, 0))
    while not _is_over(held, any_of_them) and not hub.is_leaving:
        left = began + seconds - loop.time()
        if left <= 0:
            break
        held = await hub.stay(held, min(left, TELL_S), call.there.get, any_of_them=any_of_them)
        if left > TELL_S and not _is_over(held, any_of_them):
            await call.tell(_line(held, loop.time() - began))
    return tuple(held[job.id] for job in jobs)


async def wait_for_ends(call: Call, request: verbs.Completions, seconds: float) -> CompletionPage:
    """Return the ends behind the request's cursor; where there is none, the first within *seconds*."""
    hub = call.there.hub
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        left = began + seconds - loop.time()
        page = await hub.stay_for_ends(call.there.service, request, min(left, TELL_S))
        if page.completions or left <= TELL_S or hub.is_leaving:
            return page
        request = request._replace(since=page.next_cursor)
        await call.tell(f"no job has ended{_since(loop.time() - began)}")


def _is_over(jobs: Mapping[JobId, Job], any_of_them: bool) -> bool:
    over = (job.is_terminal for job in jobs.values())
    return any(over) if any_of_them else all(over)


def _line(jobs: Mapping[JobId, Job], waited_s: float) -> str:
    """Return a line about who is waited for, and for how long by now."""
    told = [_one(job) for job in jobs.values() if not job.is_terminal]
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return ", ".join(told[:NAMED]) + more + _since(waited_s)


def _since(waited_s: float) -> str:
    return f", waited {format_duration(from_ms(round(waited_s) * 1000))}" if waited_s else ""


def _one(job: Job) -> str:
    said = next((node.message for node in job.nodes if node.message), None)
    return f"{job.id} {job.status}" + (f" ({said:.80})" if said else "")

"""Starting a job in the name of a tool, and answering with what its caller needs to find it again."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from .caller import Caller
from .patience import patience
from .tool import Tool

if TYPE_CHECKING:
    from ..core.job import Job
    from .asyncjob import AsyncJob

AT_ONCE: Final = timedelta(0)


def start(
    job: AsyncJob,
    *,
    wait: str | None = None,
    json: bool = False,
    key: str | None = None,
    tool: Tool | None = None,
) -> int:
    """
    Start *job*, answer on stdout, and return the exit code.

    Stays for *wait* (`"30s"`, `"none"` for the end; by default not at all): then the code is the
    job's fate, 3 where it goes on. Without a wait, 0 says that it was accepted. A *key* that was
    used before finds the job of then. What cannot be done is answered, too, and not raised.
    """
    from ..errors import ClientError

    caller = Caller(tool or Tool.running())
    caller.output = "json" if json else None
    try:
        stay = patience("--wait", wait, AT_ONCE)
        return _start(caller, job, stay, key or job.key)
    except ClientError as error:
        caller.refuse(error)
        return error.exit_code
    finally:
        caller.close()


def _start(caller: Caller, job: AsyncJob, stay: timedelta | None, key: str | None) -> int:
    from ..engine import verbs
    from ..shim.failpoint import reach
    from .many import code_of

    tool = caller.tool
    given = {**job.given, "labels": {**job.spec.labels, **tool.labels}}
    reach("cli.before_submit")
    # Of two tools each may have a nightly run.
    keys = [None if key is None else f"{tool.name}/{key}"]
    (stored,) = caller.intake.submit([given], keys=keys)
    reach("cli.after_submit")
    if stay != AT_ONCE:
        way_back = caller.service.public(stored, with_result=False)["status_command"]
        caller.say(f"{stored.id} is yours to ask for at any time: {way_back}")
        try:
            (stored,) = caller.service.wait(verbs.Wait((stored.id,), timeout=stay))
        except KeyboardInterrupt:
            caller.say("no longer waited for; it goes on")
    public = caller.service.public(stored)
    caller.answer(lambda: descriptor(public), lambda: _told(stored, public))
    if stored.is_terminal and sys.stderr.isatty() and not caller.is_json:
        caller.say(f"what it printed: {public['logs_command']}")
    return 0 if stay == AT_ONCE else code_of(caller, [stored])


def descriptor(public: dict[str, Any]) -> dict[str, Any]:
    """Return what a caller needs to go on from here; of a job that has ended, all there is."""
    if public["terminal"]:
        return public
    from .schemas import DESCRIPTOR

    return {name: public[name] for name in DESCRIPTOR["properties"] if name in public}


def _told(job: Job, public: dict[str, Any]) -> str:
    from .text import fate

    if job.is_terminal:
        return f"{job.id} is {fate(job)}"
    return f"{job.id} is {job.status}; ask for it: {public['status_command']}"

"""`schedule_*`: jobs that are submitted again and again."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ....core.principal import Scope
from ....core.schedule import Missed, Overlap, name_fault
from ....core.spec import spec_to_json
from ....engine.cron import KEYS, read_timing
from ....reception import admit_schedule, scheduling, to_run
from ..answers import brief
from ..slips import warning_of_schedule
from ..tool import Arguments, Call, Tool
from .run import as_spec

if TYPE_CHECKING:
    from ....core.schedule import Schedule

MOST_SCHEDULES: Final = 100
"""Of how many schedules an answer tells."""

ACTIONS: Final = ("pause", "resume", "run", "remove")
BRIEF: Final = (
    *("name", "state", "cron", "every_ms", "tz", "next_at", "last_at", "last_job_id"),
    *("missed_count", "skipped_count", "error"),
)
"""What is told of one of many."""

WAYS: Final = ("hosts", "webhooks")
"""Keys of a spec that say how hosts and receivers are reached: no agent needs them."""


async def list_schedules(call: Call) -> dict[str, Any]:
    """Tell how the schedules stand; of a single one, what it runs and when."""
    arguments = Arguments(call.arguments)
    name = arguments.text("name")
    arguments.check()
    desk = call.there.service.schedules
    if name is not None:
        return {"schedules": [_whole(call, await asyncio.to_thread(desk.get, name))]}
    found = await asyncio.to_thread(desk.list)
    told: dict[str, Any] = {"schedules": [_brief(call, each) for each in found[:MOST_SCHEDULES]]}
    if len(found) > MOST_SCHEDULES:
        told["schedules_left_out"] = len(found) - MOST_SCHEDULES
    return told


async def add(call: Call) -> dict[str, Any]:
    """Have a job be submitted again and again. On disk when this returns."""
    arguments = Arguments(call.arguments)
    name = arguments.needed("name")
    if (name or not arguments.faults) and (fault := name_fault(name)) is not None:
        arguments.faults.append(fault)
    said = {key: arguments.take(key) for key in KEYS}
    timing = read_timing(said, call.there.now(), arguments.faults)
    in_place = arguments.flag("replace") or False
    job = arguments.take("job")
    if not isinstance(job, dict) or "jobs" in job:
        arguments.faults.append("job is what is to run, an object: the arguments of job_run")
        job = {}
        arguments.check()
    spec = as_spec(job)
    arguments.faults += [f"{each!r:.80} is not an argument of this tool" for each in arguments.left]
    there, desk = call.there, call.there.service.schedules

    def store() -> tuple[Schedule, dict[str, str]]:
        verb = scheduling(
            there,
            call.asker,
            name=name,
            timing=timing,
            job=spec,
            in_place=in_place,
            faults=arguments.faults,
        )
        added = desk.add(verb)
        return added, warning_of_schedule(call, added)

    call.facts.update(event="schedule.add", schedule=name)
    added, warning = await asyncio.to_thread(store)
    call.facts.update(to_run([added.spec]))
    there.hub.need()
    return _brief(call, added) | warning


async def change(call: Call) -> dict[str, Any]:
    """Do to a schedule what is said, if whoever asks may run its job."""
    arguments = Arguments(call.arguments)
    name = arguments.needed("name")
    if arguments.left.get("action") is None:
        arguments.faults.append(f"action is missing: one of {', '.join(ACTIONS)}")
    action = arguments.choice("action", ACTIONS) or ""
    arguments.check()
    call.facts.update(event=f"schedule.{action}", schedule=name)
    told = await asyncio.to_thread(_changed, call, name, action)
    call.there.hub.need()
    return told


def _changed(call: Call, name: str, action: str) -> dict[str, Any]:
    desk = call.there.service.schedules
    admits = partial(admit_schedule, call.there, call.asker)
    if action == "run":
        job = desk.run(name, admits, principal=call.asker.name)
        call.facts["job_id"] = job.id
        public = call.there.service.public(job, with_result=False)
        return {"name": name, **brief(public), "next": f'job_wait(job_ids=["{job.id}"])'}
    if action == "remove":
        desk.remove(name, admits)
        return {"name": name, "removed": True}
    do = desk.pause if action == "pause" else desk.resume
    return _brief(call, do(name, admits))


def _brief(call: Call, schedule: Schedule) -> dict[str, Any]:
    public = call.there.service.schedules.public(schedule)
    return {key: public[key] for key in BRIEF if public[key]}


def _whole(call: Call, schedule: Schedule) -> dict[str, Any]:
    public = call.there.service.schedules.public(schedule, with_times=True)
    spec = spec_to_json(schedule.spec)
    public["job"] = {key: value for key, value in spec.items() if key not in WAYS}
    return {key: value for key, value in public.items() if value}


_TEXT: Final = {"type": "string"}
_STANDING: Final = {"name": _TEXT, "state": _TEXT, "next_at": _TEXT}

TOOLS: Final = (
    Tool(
        name="schedule_list",
        description=(
            "Tell of each schedule when it is due and what it has missed; with name, of that one also"
            " its job and its next times."
        ),
        takes={"name": _TEXT},
        answers={
            "type": "object",
            "properties": {"schedules": {"type": "array"}},
            "required": ["schedules"],
        },
        do=list_schedules,
        scope=Scope.READ,
    ),
    Tool(
        name="schedule_add",
        description=(
            "Have a job run again and again, by cron or every so often, also when you are gone. Its"
            " jobs have the label schedule."
        ),
        takes={
            "name": _TEXT,
            "job": {"type": "object", "description": "Arguments of job_run: command, ..."},
            "cron": {**_TEXT, "description": "Such as 0 8 * * mon-fri, or @daily"},
            "tz": {**_TEXT, "description": "Of cron, such as Europe/Berlin"},
            "every": {**_TEXT, "description": "Such as 15m"},
            "missed": {
                **_TEXT,
                "enum": [*Missed],
                "description": "What passed while the machine was off",
            },
            "overlap": {
                **_TEXT,
                "enum": [*Overlap],
                "description": "What comes while the last job runs",
            },
            "replace": {"type": "boolean"},
        },
        required=("name", "job"),
        answers={"type": "object", "properties": _STANDING, "required": ["name", "state"]},
        do=add,
        destructive=True,
        idempotent=True,
        open_world=True,
    ),
    Tool(
        name="schedule_set",
        description=(
            "Pause or resume a schedule, remove it, or run its job once now. Ends no job."
        ),
        takes={"name": _TEXT, "action": {**_TEXT, "enum": [*ACTIONS]}},
        required=("name", "action"),
        answers={
            "type": "object",
            "properties": {"name": _TEXT, "state": _TEXT, "job_id": _TEXT, "next": _TEXT},
            "required": ["name"],
        },
        do=change,
        destructive=True,
        open_world=True,
    ),
)

"""`queue_*` and `job_move`: how many run at once, and what waits where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ....core.job import DEFAULT_QUEUE, Job, JobId
from ....core.order import read_priority
from ....core.principal import Scope
from ....core.queue import QueueState, check_name, queue_fault, read_limits
from ....engine import verbs
from ....engine.queuedesk import public_queue
from ....errors import ClientError, InvalidRequest
from ....reception import movement
from ..slips import warning_of
from ..tool import Arguments, Call, Tool

if TYPE_CHECKING:
    from ....core.queue import QueueStanding
    from ....engine.queuedesk import QueueDesk

T = TypeVar("T")
U = TypeVar("U")

MOST_QUEUES: Final = 100
"""Of how many queues an answer tells."""

LIMITS: Final = ("width", "max_cpus", "max_memory")
STATES: Final = tuple(str(state) for state in QueueState)


async def move(call: Call) -> dict[str, Any]:
    """Have a job that has not begun wait elsewhere, or until it is released. All of it, or nothing."""
    arguments = Arguments(call.arguments)
    job_id = arguments.needed("job_id")
    queue, priority = arguments.text("queue"), arguments.take("priority")
    if priority is not None:
        priority = arguments.read("priority: ", read_priority, priority)
    held = arguments.flag("held")
    if queue is priority is held is None and not arguments.faults:
        arguments.faults.append("there is nothing to change: give queue, priority or held")
    if queue is not None and (fault := queue_fault(queue)):
        arguments.faults.append(fault)
    arguments.check()
    call.facts.update(event="job.move", job_id=job_id, queue=queue, priority=priority, held=held)
    return await asyncio.to_thread(_moved, call, JobId(job_id), queue, priority, held)


def _moved(
    call: Call, job_id: JobId, queue: str | None, priority: int | None, held: bool | None
) -> dict[str, Any]:
    service = call.there.service
    job = before = service.get(verbs.Get(job_id))
    moves = queue is not None or priority is not None
    if moves or held is False:  # whoever lets it go lets it run: who may not run it, may not
        elsewhere = movement(call.there, call.asker, job, queue, priority)
    if held:
        job = service.hold(verbs.Hold(job_id))  # first: it does not begin on the way
    if moves:
        try:
            job = service.move(elsewhere)
        except ClientError:
            if held and not before.held:
                service.release(verbs.Release(job_id))
            raise
    if held is False:
        job = service.release(verbs.Release(job_id))
    call.there.hub.need()
    return _place(job) | ({} if queue is None else warning_of(call, job))


def _place(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "status": str(job.status),
        "queue": job.queue or DEFAULT_QUEUE,
        "priority": job.priority,
        "held": job.held,
    }


async def list_queues(call: Call) -> dict[str, Any]:
    """Tell how the queues stand."""
    Arguments(call.arguments).check()
    found = await asyncio.to_thread(call.there.service.queues.list)
    told: dict[str, Any] = {"queues": [_brief(each) for each in found[:MOST_QUEUES]]}
    if len(found) > MOST_QUEUES:
        told["queues_left_out"] = len(found) - MOST_QUEUES
    return told


async def delete_queue(call: Call) -> dict[str, Any]:
    """Forget a queue in which nothing is."""
    arguments = Arguments(call.arguments)
    name = arguments.needed("name")
    arguments.check()
    call.facts.update(event="queue.delete", queue=name)
    await asyncio.to_thread(call.there.service.queues.delete, name)
    return {"deleted": name}


async def set_queue(call: Call) -> dict[str, Any]:
    """Have a queue be as it is said; made, where nobody has."""
    arguments = Arguments(call.arguments)
    name = arguments.needed("name")
    # Of which null says something, too.
    said = {key: value for key, value in call.arguments.items() if key in LIMITS}
    for key in said:
        arguments.take(key)
    state = arguments.choice("state", STATES)
    limits: Mapping[str, Any] = _checked(arguments, read_limits, said) or {}
    if name or not arguments.faults:
        _checked(arguments, check_name, name)
    arguments.check()
    call.facts.update(event="queue.set", queue=name)
    to = None if state is None else QueueState(state)
    standing = await asyncio.to_thread(_set, call.there.service.queues, name, limits, to)
    call.there.hub.need()
    return _brief(standing)


def _checked(arguments: Arguments, check: Callable[[T], U], value: T) -> U | None:
    try:
        return check(value)
    except InvalidRequest as error:
        arguments.faults += error.faults
        return None


def _set(
    queues: QueueDesk, name: str, limits: Mapping[str, Any], state: QueueState | None
) -> QueueStanding:
    standing = next((each for each in queues.list() if each.queue.name == name), None)
    is_made = standing is not None and standing.queue.created_at is not None
    if standing is None or not (is_made or name == DEFAULT_QUEUE):
        standing, limits = queues.create(name, **limits), {}
    # What is to begin no more does not while its width changes; what is to begin does after that.
    if state is QueueState.PAUSED:
        standing = queues.pause(name)
    if state is QueueState.DRAINING:
        standing = queues.drain(name)
    if limits:
        standing = queues.set(name, **limits)
    if state is QueueState.OPEN:
        standing = queues.resume(name)
    return standing


def _brief(standing: QueueStanding) -> dict[str, Any]:
    public = public_queue(standing)
    return {
        key: value for key, value in public.items() if value is not None and key != "created_at"
    }


_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_YES_NO: Final = {"type": "boolean"}
_STATE: Final = {"type": "string", "enum": [*STATES]}

TOOLS: Final = (
    Tool(
        name="job_move",
        description=(
            "Have a job that has not begun wait in another queue, with another priority, or held"
            " until held is false."
        ),
        takes={
            "job_id": _TEXT,
            "queue": _TEXT,
            "priority": _WHOLE,
            "held": _YES_NO,
        },
        required=("job_id",),
        answers={
            "type": "object",
            "properties": {
                "queue": _TEXT,
                "priority": _WHOLE,
                "held": _YES_NO,
                "warning": _TEXT,
            },
            "required": ["queue", "held"],
        },
        do=move,
        idempotent=True,
    ),
    Tool(
        name="queue_list",
        description="Tell of each queue how wide it is, and how much runs and waits in it.",
        answers={
            "type": "object",
            "properties": {"queues": {"type": "array"}},
            "required": ["queues"],
        },
        do=list_queues,
        scope=Scope.READ,
    ),
    Tool(
        name="queue_set",
        description=(
            "Say how many run at once in a queue, and what they add up to; null: no limit. It is made"
            " where it is not there. Paused, it begins no job; draining, it takes none."
        ),
        takes={
            "name": _TEXT,
            "width": {"type": ["integer", "null"]},
            "max_cpus": {"type": ["number", "null"]},
            "max_memory": {"type": ["string", "null"], "description": "Such as 8G"},
            "state": _STATE,
        },
        required=("name",),
        answers={
            "type": "object",
            "properties": {
                "queue": _TEXT,
                "state": _TEXT,
                "width": _WHOLE,
            },
            "required": ["queue", "state"],
        },
        do=set_queue,
        scope=Scope.ADMIN,
        idempotent=True,
    ),
    Tool(
        name="queue_delete",
        description="Forget a queue in which nothing runs or waits.",
        takes={"name": _TEXT},
        required=("name",),
        answers={"type": "object", "properties": {"deleted": _TEXT}},
        do=delete_queue,
        scope=Scope.ADMIN,
        destructive=True,
    ),
)

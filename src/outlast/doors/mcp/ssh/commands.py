"""Commands in a session: run with a bounded wait, asked after, and cancelled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ....core.job import JobId
from ....engine import verbs
from ....errors import ClientError, Expired, NotFound
from ....reception import began, submission
from ..answers import STREAMS
from ..tool import Arguments, Call
from ..waits import wait
from .answers import (
    MOST_BYTES,
    PIECE_BYTES,
    STATUS,
    asked_of,
    ended,
    exceeded,
    output,
    polling,
    read_piece,
    refusal,
    standing,
)

if TYPE_CHECKING:
    from datetime import datetime

    from ....core.job import Job
    from ....core.session import Session
    from ..served import Served

ASYNC_MS: Final = 50_000
"""How long a call stays that does not say: agents' hosts cut calls, the strictest after 60 s."""

TIMEOUT_MS: Final = 24 * 60 * 60 * 1000
"""How long a command may run that does not say."""

MOST_MS: Final = 10 * 365 * TIMEOUT_MS

STOPPED_S: Final = 0.7
"""How long a cancel stays to see the command gone: an answer within a second, in any case."""

TRIES: Final = 20
"""How often what was submitted meanwhile is cancelled too."""


def session_of(there: Served, name: str) -> Session:
    """Return the open session of that name; raises a `Refusal` that says which there are."""
    there.lease.renew()
    try:
        return there.service.session(verbs.Session(name))
    except NotFound:
        names = [session.name for session in there.service.sessions(verbs.Sessions())]
        raise refusal(
            "session_not_found",
            f"There is no session {name!r:.80}",
            sessions=names[:20],
            next="ssh_connect makes one; of one that was disconnected, ask by taskId",
        ) from None


# Running --------------------------------------------------------------------------------------


async def execute(call: Call) -> dict[str, Any]:
    """
    Run a line in a session. Its end, if that comes within `asyncTimeout`; else the error that says
    so, and the command goes on. Which of the two comes first is decided by the store.
    """
    loop = asyncio.get_running_loop()
    called_at = loop.time()
    arguments = Arguments(call.arguments)
    name, command = arguments.needed("sessionName"), arguments.needed("command")
    timeout_ms = arguments.whole("timeout", TIMEOUT_MS, 1, MOST_MS)
    async_ms = arguments.whole("asyncTimeout", ASYNC_MS, 0, MOST_MS)
    arguments.check()
    call.facts["event"] = "job.submit"
    job = await asyncio.to_thread(_begin, call, name, command, timeout_ms)
    call.facts.update(began([job]))
    call.there.hub.need()
    (job,) = await wait(call, (job,), called_at + async_ms / 1000 - loop.time())
    if not job.is_terminal and await leaves(call.there, job):
        if call.there.hub.is_leaving and loop.time() < called_at + async_ms / 1000:
            raise refusal(
                "server_stopping",
                "This server stops; the command goes on in background",
                backgroundTaskId=job.id,
                polling=polling(name),
            )
        raise exceeded(name, job, async_ms)
    return await asyncio.to_thread(_over, call.there, await call.there.get(job.id))


async def leaves(there: Served, job: Job) -> bool:
    """
    Have a command go on without its caller, and return True; False where it ended first. One write
    decides, for everybody: whoever reads that it goes on by itself gave no caller its end.
    """
    try:
        since = await asyncio.to_thread(there.service.desk.background, job.id, at=there.now())
    except ClientError:
        return True  # the store is out of reach: that it has ended is not known, either
    return since is not None


def _begin(call: Call, name: str, command: str, timeout_ms: int) -> Job:
    there = call.there
    if session_of(there, name).must_connect:
        raise must_connect(name)
    body = {"shell": command, "session": name, "timeout_ms": timeout_ms}
    verb = submission(there, call.asker, body, None)
    return there.service.submit(verb._replace(traceparent=call.traceparent))[0]


def must_connect(name: str) -> Exception:
    """Return the refusal of a session whose password nobody has any more."""
    return refusal(
        "must_connect",
        f"The session {name} must be connected again: its password was held in memory only, and is"
        " gone. What runs in it goes on",
        sessionName=name,
        next=connect_again(name),
    )


def connect_again(name: str) -> str:
    """Return what helps where a password is gone."""
    return f'ssh_connect(name="{name}", ...) with the same host, and the password'


def _over(there: Served, job: Job) -> dict[str, Any]:
    told = ended(there, job)
    if "message" in told:  # dead: an error, which says what is known
        raise refusal(str(job.reason), told.pop("message"), **told)
    return told


# Asking ---------------------------------------------------------------------------------------


async def status(call: Call) -> dict[str, Any]:
    """Tell how a command stands, or stood: as often as asked, the same."""
    arguments = Arguments(call.arguments)
    name, task = arguments.text("sessionName"), arguments.text("taskId")
    stream = arguments.choice("stream", STREAMS)
    offset = arguments.whole("offset", -1, 0, 1 << 62)
    limit = arguments.whole("limit", PIECE_BYTES, 1, MOST_BYTES)
    if name is None and task is None:
        arguments.faults.append("sessionName or taskId is missing")
    arguments.check()
    there = call.there
    job: Job | None = None
    queued: tuple[JobId, ...] = ()
    if task is not None:
        job = await there.get(JobId(task))
        if name is not None and job.spec.session != name:
            raise refusal(
                "not_in_session",
                f"{job.id} is no command of the session {name}",
                sessionName=job.spec.session,
            )
    elif name is not None:
        session = await asyncio.to_thread(session_of, there, name)
        queued = session.queued
        job = await _latest(there, session)
    if job is None:
        return {
            "sessionName": name,
            "state": "no_task",
            "message": "No command has run in this session, or none is kept",
        }
    wanted = (
        None if stream is None and offset < 0 else (stream or STREAMS[0], max(0, offset), limit)
    )
    told = await asyncio.to_thread(_standing, there, job, wanted)
    if waiting := [each for each in queued if each != job.id]:
        told["queued"] = waiting
    return told


async def _latest(there: Served, session: Session) -> Job | None:
    """Return the command that runs, or the next that will, or else the last one."""
    job_id = session.running or next(iter(session.queued), None) or session.last_job
    if job_id is None:
        return None
    with suppress(NotFound, Expired):
        return await there.get(job_id)
    return None


def _standing(there: Served, job: Job, wanted: tuple[str, int, int] | None) -> dict[str, Any]:
    since: datetime | None = None
    if job.spec.session is not None:
        since = there.service.desk.background(job.id)
    told = standing(there, job, since)
    told |= output(there, job) if wanted is None else read_piece(there, job, *wanted)
    if not job.is_terminal:
        told["next"] = f'{STATUS}(taskId="{job.id}") again in a while'
        if _is_locked_out(there, job):
            told["next"] = f"{connect_again(str(job.spec.session))}: its end may be fetched then"
    return told


def _is_locked_out(there: Served, job: Job) -> bool:
    """Whether nobody has the password any more by which the host of a command is reached."""
    there.lease.renew()
    with suppress(NotFound):
        return there.service.session(verbs.Session(str(job.spec.session))).must_connect
    return False


# Cancelling -----------------------------------------------------------------------------------


async def cancel(call: Call) -> dict[str, Any]:
    """End what runs in a session, and all that waits there; or one command by its id."""
    arguments = Arguments(call.arguments)
    name, task = arguments.text("sessionName"), arguments.text("taskId")
    if (name is None) == (task is None):
        arguments.faults.append("one of sessionName and taskId is needed")
    arguments.check()
    there = call.there
    call.facts.update(event="job.cancel", **{"job_id": task} if name is None else {"session": name})
    if name is not None:
        ran, cleared = await asyncio.to_thread(_cancel_all, there, name)
    else:
        ran, cleared = await asyncio.to_thread(_cancel_one, there, JobId(str(task))), []
    told: dict[str, Any] = {"success": True, "sessionName": name}
    if ran is not None:
        seen = await there.hub.stay({ran.id: ran}, STOPPED_S, there.get, settled=True)
        ran = seen[ran.id]
        told |= {"sessionName": ran.spec.session, "cancelled": ran.id, "command": asked_of(ran)}
        told["stopped"] = ran.is_settled
        if not ran.is_settled:
            told["message"] = (
                "Cancelled; its processes are being ended, and the next waits for that"
            )
    elif name is not None and not cleared:
        told["message"] = "Nothing was running or waiting"
    if name is not None:
        told["queueCleared"] = [{"taskId": job.id, "command": asked_of(job)} for job in cleared]
    return {key: value for key, value in told.items() if value is not None}


def _cancel_all(there: Served, name: str) -> tuple[Job | None, list[Job]]:
    """Cancel what waits, from the end, and then what runs: so that nothing begins meanwhile."""
    ended: dict[JobId, Job] = {}
    for _ in range(TRIES):
        session = session_of(there, name)
        if not session.queued and session.running is None:
            break
        for job_id in (*reversed(session.queued), *filter(None, [session.running])):
            job, changed = there.service.cancel(verbs.Cancel(job_id))
            if changed:  # else it has ended by itself
                ended[job_id] = job
    in_order = sorted(ended.values(), key=lambda job: (job.created_at, job.id))
    # The first had its turn, if any had: it may just have been about to begin.
    had_its_turn = bool(in_order) and in_order[0].nodes[0].attempt > 0
    return (in_order[0], in_order[1:]) if had_its_turn else (None, in_order)


def _cancel_one(there: Served, job_id: JobId) -> Job:
    job, changed = there.service.cancel(verbs.Cancel(job_id))
    if not changed:
        raise refusal(
            "not_running",
            f"{job.id} had ended before: {job.status}",
            taskId=job.id,
            next=f'{STATUS}(taskId="{job.id}")',
        )
    return job

"""
Sessions, opened once their host has let us in, and closed.

A password that is given itself is lent to the supervisor, who makes all connections, and is nowhere
but in the memory of these two processes (docs/decisions/0038-a-password-is-lent.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ....clock import SystemClock
from ....core.hosts import parse_host
from ....core.hostspec import HostSpec
from ....core.job import JobSpec
from ....core.parse import read_spec
from ....core.secret import MEMORY
from ....core.session import name_fault
from ....engine import verbs
from ....engine.secrets import resolve_secrets
from ....errors import NotFound, NotTerminal
from ....inventory import for_hosts, for_session, with_ssh_config
from ....wiring import capabilities
from ..tool import Arguments, Call
from ..waits import wait
from .answers import refusal, session_answer
from .commands import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ....core.job import Job
    from ....core.session import Session
    from ..served import Served

PROOF_S: Final = 15.0
"""How long a host that has let us in may take to run nothing at all."""

PROOF_KEPT: Final = timedelta(days=1)
MOST: Final = 50
"""How many sessions a list tells of."""

REMEDIES: Final[Mapping[str, str]] = {
    "auth_failed": "Check username and key or password, and call ssh_connect again",
    "host_key_rejected": "A person has to compare the key and trust it; then call ssh_connect again",
    "connect_timeout": "Is the host up, and reachable from here? Then call ssh_connect again",
    "connect_failed": "Check host and port; then call ssh_connect again",
}
"""What helps where a host does not let us in, by the reason."""


async def connect(call: Call) -> dict[str, Any]:
    """
    Open a session, once its host has let us in and run something; or have one that is open for the
    same user there be reached by what is given now.
    """
    there = call.there
    loop = asyncio.get_running_loop()
    began = loop.time()
    arguments = Arguments(call.arguments)
    name, host = arguments.needed("name"), arguments.needed("host")
    password = arguments.text("password")
    known = _known(arguments, host, password)
    arguments.check()
    call.facts.update(event="session.open", session=name)
    verb = await asyncio.to_thread(_request, call, name, host, known, password is not None)
    before = await asyncio.to_thread(_there_already, there, verb)
    lent = {f"{MEMORY}{SystemClock().new_token()}": password} if password is not None else {}
    kept: frozenset[str] = frozenset()
    try:
        verb = _with_password(verb, *lent)
        if lent:
            await asyncio.to_thread(there.lease.lend, lent)
        await _prove(call, verb)
        old = set() if before is None else _in_memory(before.hosts)
        if lent and old:
            # By the name that is known: whoever runs there may have to be reached again by it.
            (name_of_old,), (value,) = old, lent.values()
            await asyncio.to_thread(there.lease.lend, {name_of_old: value})
            verb = _with_password(verb, name_of_old)
        session = await asyncio.to_thread(there.service.open_session, verb)
        kept = _in_memory(session.hosts)
        gone = old - kept
    finally:
        if unused := lent.keys() - kept:  # not waited for: this call may have been cancelled
            _ = loop.run_in_executor(None, there.lease.take_back, *unused)
    if gone:
        await asyncio.to_thread(there.lease.take_back, *gone)
    return {
        "success": True,
        **session_answer(session),
        "reconnected": before is not None,
        "durationMs": round((loop.time() - began) * 1000),
        "next": f'ssh_exec(sessionName="{session.name}", command="...")',
    }


def _known(arguments: Arguments, host: str, password: str | None) -> dict[str, Any]:
    """Return what is said of the host, as `hosts` has it, but for a password itself."""
    faults = arguments.faults
    username, key = arguments.text("username"), arguments.text("keyFilePath")
    secret = arguments.text("secret")
    port = arguments.whole("port", 0, 1, 65535)
    if password == "":
        faults.append("password is empty")
    if password is not None and (key is not None or secret is not None):
        faults.append("password goes with neither keyFilePath nor secret: give one way in")
    try:
        named = parse_host(host)
    except ValueError:
        named = None  # told by whoever reads it
    if named is not None and username is not None and named.user not in (None, username):
        faults.append(f"host names the user {named.user} and username {username!r:.80}: give one")
    if named is not None and port and named.port not in (None, port):
        faults.append(f"host names the port {named.port} and port {port}: give one")
    known = {"user": username, "port": port or None, "key": key}
    known["passphrase" if key is not None else "password"] = secret
    return {name: value for name, value in known.items() if value is not None}


def _request(
    call: Call, name: str, host: str, known: dict[str, Any], has_password: bool
) -> verbs.OpenSession:
    """Return the verb that opens the session, once it is seen that whoever asks may have it."""
    there = call.there
    hosts = {host: known} if known else {}
    if there.access is not None:
        # Before its secrets are looked up. What is not sound is refused by whoever reads it next.
        asked = {"on": [host], "hosts": hosts}
        (settled,), _ = for_hosts([asked], there.inherited.for_jobs([]), there.settings)
        spec, _ = read_spec(settled)
        if has_password:
            said = replace(spec.hosts.get(host, HostSpec()), password=MEMORY)
            spec = replace(spec, hosts={**spec.hosts, host: said})
        there.access.admit(call.asker, [replace(spec, session=name)])
    verb = for_session(there.settings, capabilities, name=name, on=host, hosts=hosts)
    return verb._replace(again=True)


def _there_already(there: Served, verb: verbs.OpenSession) -> Session | None:
    """Return the open session of that name, if there is one; raises a `Refusal` if it is another's."""
    there.lease.renew()
    if name_fault(verb.name) is not None:
        return None
    try:
        session = there.service.session(verbs.Session(verb.name))
    except NotFound:
        return None
    if not session.is_at(verb.on, verb.hosts):
        raise refusal(
            "name_taken",
            f"There is a session {session.name} already, on {session.host}",
            sessionName=session.name,
            host=session.host,
            next="Use it, take another name, or ssh_disconnect it first",
        )
    return session


def _with_password(verb: verbs.OpenSession, *reference: str) -> verbs.OpenSession:
    """Return *verb* with the password by that reference, if one is given."""
    if not reference:
        return verb
    known = replace(verb.hosts.get(verb.on, HostSpec()), password=reference[0])
    return verb._replace(hosts={**verb.hosts, verb.on: known})


def _in_memory(hosts: Mapping[str, HostSpec]) -> frozenset[str]:
    logins = (each for host in hosts.values() for each in host.references)
    return frozenset(each for each in logins if each.startswith(MEMORY))


# The proof ------------------------------------------------------------------------------------


async def _prove(call: Call, verb: verbs.OpenSession) -> None:
    """Run nothing at all on the host, by the way that commands will take; raises if it fails."""
    there = call.there
    patience = timedelta(seconds=there.settings.connect_timeout_s)
    spec = JobSpec(
        command=("true",),
        on=(verb.on,),
        hosts=verb.hosts,
        name=f"connect {verb.name}",
        connect_timeout=patience,
        timeout=timedelta(seconds=PROOF_S),
        retention=PROOF_KEPT,
    )
    job = await asyncio.to_thread(_submit, there, spec, call.asker.name)
    there.hub.need()
    call.facts.update(job_id=job.id, on=[verb.on])
    (job,) = await wait(call, (job,), patience.total_seconds() + 2 * PROOF_S)
    is_cut = not job.is_terminal
    if is_cut:
        job, _ = await asyncio.to_thread(there.service.cancel, verbs.Cancel(job.id))
    if job.exit_code == 0:
        return
    (node,) = job.nodes
    reason = str(job.reason)
    if is_cut and reason == "cancelled":
        reason = "server_stopping" if there.hub.is_leaving else "connect_timeout"
    raise refusal(
        reason,
        node.error or f"{verb.on} did not run anything: {reason}",
        sessionName=verb.name,
        host=verb.on,
        taskId=job.id,
        next=REMEDIES.get(reason),
    )


def _submit(there: Served, spec: JobSpec, principal: str) -> Job:
    captured = _reach(there)
    verb = verbs.Submit(
        specs=(spec,), captured=captured, secrets=resolve_secrets([spec]), principal=principal
    )
    return there.service.submit(verb)[0]


def _reach(there: Served) -> Any:
    """Return how hosts are reached from here: the agent and the configuration of this process."""
    return with_ssh_config(there.inherited.for_jobs([{"on": True}]), there.settings)


# The others -----------------------------------------------------------------------------------


async def list_sessions(call: Call) -> dict[str, Any]:
    """Tell how the open sessions stand, oldest first."""
    Arguments(call.arguments).check()
    there = call.there

    def find() -> tuple[Session, ...]:
        there.lease.renew()
        return there.service.sessions(verbs.Sessions())

    found = await asyncio.to_thread(find)
    told: dict[str, Any] = {"sessions": [session_answer(session) for session in found[-MOST:]]}
    if len(found) > MOST:
        told["leftOut"] = len(found) - MOST
    return told


async def disconnect(call: Call) -> dict[str, Any]:
    """End a session in which nothing runs or waits; with `cancel`, that is ended first."""
    arguments = Arguments(call.arguments)
    name = arguments.needed("sessionName")
    ends = arguments.take("cancel") or False
    if not isinstance(ends, bool):
        arguments.faults.append(f"cancel is true or false, not {ends!r:.80}")
    arguments.check()
    there = call.there
    call.facts.update(event="session.close", session=name)

    def close() -> Session:
        session = session_of(there, name)
        verb = verbs.CloseSession(name, cancel=ends, captured=_reach(there))
        try:
            closed = there.service.close_session(verb)
        except NotTerminal:
            raise _in_use(session_of(there, name)) from None
        there.lease.take_back(*_in_memory(session.hosts))
        return closed

    closed = await asyncio.to_thread(close)
    there.hub.need()
    return {
        "success": True,
        "sessionName": name,
        "state": "closed",
        "cleanupTaskId": closed.last_job,
    }


def _in_use(session: Session) -> Exception:
    return refusal(
        "session_in_use",
        "A command runs or waits in it: it goes on, and the session stays open",
        sessionName=session.name,
        running=session.running,
        queued=list(session.queued) or None,
        next="Wait for its end, or end it: ssh_disconnect with cancel true",
    )

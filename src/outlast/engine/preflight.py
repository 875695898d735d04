"""What this machine would object to in a job, asked before anything happens."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core.container import Container, parse_mount
from ..core.hosts import can_be_secret
from ..core.hostspec import HostSpec
from ..core.job import CONTAINER, LOCAL, SSH, JobSpec
from ..core.parse import read_spec
from ..core.reader import shown
from ..errors import InvalidRequest
from .secrets import resolve_secrets

if TYPE_CHECKING:
    from ..core.machine import Machine
    from ..core.webhooksettings import WebhookSettings
    from ..ports.executor import Capabilities, Captured


Ask = Callable[[str, Mapping[str, str]], "Capabilities"]
"""
Asks what an executor can do here, for a caller with that environment; only where it matters, since
that takes its time.
"""


def read_request(
    given: Iterable[Mapping[str, Any]],
    captured: Captured,
    capabilities: Ask,
    faults: Iterable[str] = (),
    *,
    named: Mapping[str, str] | None = None,
    webhooks: WebhookSettings | None = None,
    machine: Machine | None = None,
) -> tuple[tuple[JobSpec, ...], dict[str, str]]:
    """
    Return the specs that a local caller asks for, and the values of the secrets in them.

    *faults* are those that the caller found itself; *named* are a server's secrets, *webhooks*
    what is in force for those; *machine* is what there is here. What is sound of a spec is asked
    of the machine only where something else is wrong: the service asks it anyway before it stores.

    Raises:
        InvalidRequest: Something is wrong; every fault is listed, the machine's included.
    """
    found = dict.fromkeys(faults)
    specs = []
    for each in given:
        spec, wrong = read_spec(each)
        specs.append(spec)
        found.update(dict.fromkeys(wrong))
        if spec.webhooks:
            found.update(dict.fromkeys(_webhook_faults(spec, webhooks)))
        if machine is not None:
            found.update(dict.fromkeys(machine.refusals(spec)))
    secrets: dict[str, str] = {}
    try:
        secrets = resolve_secrets(specs, named=named)
    except InvalidRequest as error:
        # A reference that is none was told by its variable already, without showing it.
        told = any("is not a reference" in fault for fault in found)
        found.update({} if told else dict.fromkeys(error.faults))
    if found:
        for spec in specs:
            with suppress(ValueError):  # a NUL in a name, told above: nobody can be asked about it
                asked = local_faults(anchored(spec, captured), captured, capabilities)
                found.update(dict.fromkeys(asked))
        raise InvalidRequest(*found)
    return tuple(specs), secrets


def anchored(spec: JobSpec, captured: Captured) -> JobSpec:
    """Return *spec* with its paths absolute, as the caller meant them."""
    stdin = None if spec.stdin is None else os.path.join(captured.cwd, spec.stdin)
    if spec.is_remote:  # its directory is the hosts' affair
        hosts = {name: _anchored_host(host, captured.cwd) for name, host in spec.hosts.items()}
        return replace(spec, stdin=stdin, hosts=hosts)
    if spec.container is not None:
        return replace(
            spec, stdin=stdin, container=_anchored_container(spec.container, captured.cwd)
        )
    cwd = os.path.join(captured.cwd, os.path.expanduser(spec.cwd or ""))
    return replace(spec, cwd=os.path.normpath(cwd), stdin=stdin)


def _anchored_host(host: HostSpec, cwd: str) -> HostSpec:
    if host.key is None:
        return host
    return replace(host, key=os.path.join(cwd, os.path.expanduser(host.key)))


def _anchored_container(container: Container, cwd: str) -> Container:
    mounts = []
    for each in container.mounts:
        mount = parse_mount(each)
        source = os.path.normpath(os.path.join(cwd, os.path.expanduser(mount.source)))
        mounts.append(str(mount._replace(source=source)))
    return replace(container, mounts=tuple(mounts))


def local_faults(spec: JobSpec, captured: Captured, capabilities: Ask) -> list[str]:
    """Return what keeps *spec* from starting here: program, directory, input, limits."""
    faults = _on_end_faults(spec, captured)
    if spec.is_remote:
        return faults + _host_faults(spec, captured, capabilities)
    if spec.container is not None:
        return faults + _container_faults(spec, spec.container, captured, capabilities)
    cwd = spec.cwd or captured.cwd
    if not os.path.isdir(cwd):
        there = os.path.lexists(cwd)
        faults.append(f"cwd {cwd} is {'no directory' if there else 'not there'}")
    elif not os.access(cwd, os.X_OK):  # pragma: no cover: root, as whom tests may run, may
        faults.append(f"cwd {cwd} may not be entered by this user")
    if spec.command:
        program = spec.command[0]
    elif spec.runtime is not None:
        program = next(iter(spec.runtime.split()), " ")  # of spaces alone: told as no program
    else:
        program = "/bin/sh" if spec.shell is not None else ""
    if program and (fault := _program_fault(program, cwd, {**captured.env, **spec.env})):
        faults.append(fault)
    return faults + _stdin_faults(spec, cwd) + _limit_faults(spec, captured, capabilities)


def _on_end_faults(spec: JobSpec, captured: Captured) -> list[str]:
    """Return what keeps from starting here what is to run once *spec* has ended."""
    if not spec.on_end or isinstance(spec.on_end, str):
        return []
    is_here = not spec.is_remote and spec.container is None
    cwd = (spec.cwd if is_here else None) or captured.cwd
    fault = _program_fault(spec.on_end[0], cwd, {**captured.env, **spec.env})
    return [] if fault is None else [f"on_end: {fault}"]


def check_machine(spec: JobSpec, machine: Machine) -> None:
    """Raise InvalidRequest where *spec* needs more than this *machine* has."""
    if faults := machine.refusals(spec):
        raise InvalidRequest(*faults)


def _webhook_faults(spec: JobSpec, settings: WebhookSettings | None) -> list[str]:
    """Return what keeps the end of *spec* from being told; what a name stands for is seen then."""
    import importlib.util

    from ..core.webhooksettings import webhook_faults

    faults = webhook_faults(spec.webhooks, settings)
    if any(importlib.util.find_spec(each) is None for each in ("standardwebhooks", "h11")):
        faults.append(
            "webhooks needs an extra that is not installed: pip install 'outlast[webhooks]'"
        )
    return faults


def _host_faults(spec: JobSpec, captured: Captured, capabilities: Ask) -> list[str]:
    """Return what keeps *spec* from being sent to hosts; what they lack themselves, they tell."""
    faults = _stdin_faults(spec, "/") + _limit_faults(spec, captured, capabilities)
    faults += key_faults(spec.hosts)
    faults += [
        f"secret_env {shown(name)}: on a host such a name would show its value: take capital"
        " letters, digits and _, and none that a shell has for itself"
        for name in spec.secret_env
        if not can_be_secret(name)
    ]
    return faults + library_faults()


def _container_faults(
    spec: JobSpec, container: Container, captured: Captured, capabilities: Ask
) -> list[str]:
    """Return what keeps *spec* from being given to an engine; what that lacks, it tells itself."""
    absence = capabilities(CONTAINER, captured.env).absence
    faults = [] if absence is None else [f"container: {absence}"]
    stdin = _stdin_faults(spec, "/")
    if not stdin and spec.stdin is not None and not os.path.isfile(spec.stdin):
        stdin = [f"stdin {spec.stdin} is no file: a container is given only what has an end"]
    return faults + _mount_faults(container) + stdin + _limit_faults(spec, captured, capabilities)


def _mount_faults(container: Container) -> list[str]:
    """Return what keeps the mounts from being made; a socket is the way into an engine."""
    faults = []
    for each in container.mounts:
        source = parse_mount(each).source
        if not os.path.exists(source):
            faults.append(f"container.mounts: {source} is not there")
        elif stat.S_ISSOCK(os.stat(source).st_mode):
            faults.append(f"container.mounts: {source} is a socket: who has it may leave the cage")
    return faults


def key_faults(hosts: Mapping[str, HostSpec]) -> list[str]:
    """Return which keys cannot be read from here."""
    return [
        f"hosts.{name}: key {host.key} {'cannot be read' if there else 'is not there'}"
        for name, host in hosts.items()
        if host.key is not None
        and not ((there := os.path.lexists(host.key)) and os.access(host.key, os.R_OK))
    ]


def library_faults() -> list[str]:
    """Tell if the library for SSH is missing: asked without importing it, which takes long."""
    import importlib.util

    if importlib.util.find_spec("asyncssh") is not None:
        return []
    return ["on needs an extra that is not installed: pip install 'outlast[ssh]'"]


def _stdin_faults(spec: JobSpec, cwd: str) -> list[str]:
    if spec.stdin is None:
        return []
    path = os.path.join(cwd, spec.stdin)
    if os.path.isdir(path):
        return [f"stdin {spec.stdin} is a directory"]
    if os.access(path, os.R_OK):
        return []
    there = os.path.lexists(path)
    return [f"stdin {spec.stdin} {'cannot be read' if there else 'is not there'}"]


def _program_fault(program: str, cwd: str, env: Mapping[str, str]) -> str | None:
    if "/" in program:
        path = os.path.join(cwd, program)
        if _is_executable(path):
            return None
        if not os.path.exists(path):
            return f"there is no program {program}" + _about(path)
        return f"{program} is not executable: chmod +x it, or run it with its interpreter"
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        if _is_executable(os.path.join(cwd, folder, program)):
            return None
    return f"there is no program {program!r} in PATH" + _about(os.path.join(cwd, program))


def _about(path: str) -> str:
    name = os.path.basename(path)
    if " " in name:
        return ": give the program and its arguments apart, or the whole line with --shell"
    if name.startswith("python") and not os.path.isdir(os.path.dirname(path)):
        return ": was its virtual environment moved or removed?"
    return f": for the file in this directory write ./{name}" if _is_executable(path) else ""


def _is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _limit_faults(spec: JobSpec, captured: Captured, capabilities: Ask) -> list[str]:
    asked = [name for name, value in vars(spec.limits).items() if value is not None]
    if asked == ["output_bytes"] or not asked:
        return []  # kept wherever a command runs
    where = SSH if spec.is_remote else LOCAL if spec.container is None else CONTAINER
    refused = capabilities(where, captured.env).refused_limits
    return [f"limits.{name} {refused[name]}" for name in asked if name in refused]

"""Running a script in a container and staying for its end: `execute_script`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .client import Client
from .core.container import INSIDE
from .core.job import Limits
from .core.parse import script_fault
from .errors import InvalidRequest

GONE: Final = "30s"
"""How long is waited for the container to be gone, once the script has ended."""

MAIN: Final = "main"
"""The name under which the container finds the script."""


@dataclass(frozen=True, kw_only=True)
class ScriptResult:
    """
    How a script ended. Can be taken apart: `exit_code, stdout, stderr = execute_script(...)`.
    """

    exit_code: int | None
    """Its own; -1 where its limit passed; None where nobody can say, or it never ran."""

    stdout: str
    stderr: str
    reason: str | None
    """None if it ended well, else as a job's: `exit_nonzero`, `timeout`, `oom_killed`, ..."""

    error: str | None
    """What went wrong, in words."""

    job_id: str
    """The job that it was: its record and output are there until its retention is over."""

    def __iter__(self) -> Iterator[Any]:
        return iter((self.exit_code, self.stdout, self.stderr))


def execute_script(
    script: str | os.PathLike[str],
    timeout_seconds: float = 300,
    *,
    image: str,
    args: Sequence[str] = (),
    runtime: str | None = None,
    env: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    memory: str | int | None = "512m",
    cpus: float | None = None,
    pids: int | None = 256,
    network: str = "none",
    home: str | os.PathLike[str] | None = None,
    container: Mapping[str, Any] | None = None,
    **spec: Any,
) -> ScriptResult:
    """
    Run a script in a container of *image*, and return how it ended, once the container is gone.

    *script* is its text, or the path of a file; it is run with *args* by its `#!` line or by
    *runtime*. It finds *files*, texts by their names, in `/in`, and of this process's environment
    nothing but *env*. After *timeout_seconds* from its start it is killed; then the exit code is -1
    and the last line of stderr `Execution timeout (300s)`. *memory*, *cpus* and *pids* limit it; None is
    no limit. *container* has what else a job's `container` may have (`mounts`, `user`, ...), *spec* the
    other keys of a job's spec (`name`, `labels`, `collect`, ...).

    If this process dies meanwhile, the job goes on under its limits.

    Raises:
        InvalidRequest: Something is wrong with it; every fault is listed.
    """
    if isinstance(script, os.PathLike):
        with open(script, encoding="utf-8", newline="") as file:
            script = file.read()
    if runtime is None and (fault := script_fault(script)) is not None:
        raise InvalidRequest(fault)
    more = dict(container or {})
    given = {**_mapping("container.files", more.pop("files", None)), **(files or {})}
    if MAIN in given:
        raise InvalidRequest(f"files: {MAIN!r} is the script's own name")
    limits = {"memory_bytes": memory, "cpus": cpus, "pids": pids, **_said(spec.pop("limits", None))}
    with Client(home=home) as client:
        job = client.submit(
            [*(runtime or "").split(), f"{INSIDE}/{MAIN}", *args],
            container={
                "image": image,
                "network": network,
                "files": {MAIN: script, **given},
                **more,
            },
            env=dict(env or {}),
            timeout=timeout_seconds,
            limits=limits,
            **spec,
        )
        job = client.wait(job.id)
        # Of an ended job a cancel changes nothing, and stays until its container is gone.
        client.cancel(job.id, wait_stopped=GONE)
        return ScriptResult(
            exit_code=job.exit_code,
            stdout=client.output(job.id).decode("utf-8", "replace"),
            stderr=client.output(job.id, stream="stderr").decode("utf-8", "replace"),
            reason=job.reason,
            error=job.nodes[0].error,
            job_id=job.id,
        )


def _said(limits: Mapping[str, Any] | Limits | None) -> Mapping[str, Any]:
    """Return what *limits* say. Of those that are made, None says nothing: as in any job's container."""
    if isinstance(limits, Limits):
        return {name: value for name, value in vars(limits).items() if value is not None}
    return _mapping("limits", limits)


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidRequest(f"{name} is a mapping, not {value!r:.80}")
    return value or {}

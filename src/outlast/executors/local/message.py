"""What a shim is told of the attempt that it is to run."""

from __future__ import annotations

from typing import Any, Final

from ...core.limits import to_ms
from ...ports.executor import Launch
from ...shim import spool
from ...shim.command import own_rlimits

OWN: Final = own_rlimits()
"""The limits of this process, which its shims inherit: only others need to be told to them."""

MARK: Final = "OUTLAST_ATTEMPT"
"""The variable that every process of an attempt is born with; its value is the attempt's key."""


def message_of(launch: Launch, home: str, floor_bytes: int) -> dict[str, Any]:
    """Return what a shim is told of *launch*: all that it needs, since it asks nobody."""
    spec, captured = launch.spec, launch.captured
    folder = f"{home}/jobs/{launch.key}"
    job_id = launch.key.partition("/")[0]
    if spec.script is not None:
        path = f"{folder}/{spool.SCRIPT}"
        argv = [*(spec.runtime or "").split(), path]
    else:
        argv = list(spec.command) or ["/bin/sh", "-c", spec.shell or ""]
    limits = {
        name: value
        for name, value in vars(spec.limits).items()
        if value is not None and name != "output_bytes"
    }
    return {
        "home": home,
        "key": launch.key,
        "folder": folder,
        "argv": argv,
        "script": spec.script,
        "env": {
            **captured.env,
            "OUTLAST_JOB_ID": job_id,
            MARK: launch.key,
            "OUTLAST_PROGRESS": f"{folder}/{spool.PROGRESS}",
            "OUTLAST_OUTCOME": f"{folder}/{spool.OUTCOME}",
        },
        "cwd": spec.cwd or captured.cwd,
        "stdin": spec.stdin,
        "umask": captured.umask,
        "rlimits": {name: pair for name, pair in captured.rlimits.items() if pair != OWN.get(name)},
        "timeout_ms": to_ms(spec.timeout),
        "idle_timeout_ms": None if spec.idle_timeout is None else to_ms(spec.idle_timeout),
        "grace_ms": to_ms(spec.grace),
        "output_bytes": spec.limits.output_bytes,
        "on_output_limit": spec.on_output_limit,
        "leftovers": spec.leftovers,
        "limits": limits,
        "floor_bytes": floor_bytes,
    }

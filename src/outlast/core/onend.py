"""What runs once a job has ended: a job of its own, made of the one that has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from .job import Job, JobId, JobSpec, nodes_of

if TYPE_CHECKING:
    from .reader import Reader

ENDED: Final = "OUTLAST_ENDED_"
"""What the names of the variables begin with that say how the first job ended."""


def read_on_end(reader: Reader) -> str | tuple[str, ...] | None:
    """Take `on_end` from what a caller gives: a line for the shell, or a list of arguments."""
    value = reader.take("on_end")
    if value is None:
        return None
    if isinstance(value, str):
        reader.argument("on_end", value)
        if not value:
            reader.faults.append("on_end is empty: give a line for the shell, or leave it out")
        return value
    if not isinstance(value, Sequence) or isinstance(value, bytes) or not value or not value[0]:
        reader.faults.append(
            f"on_end is a line for the shell, or a list of arguments, not {value!r:.80}"
        )
        return None
    for position, argument in enumerate(value):
        reader.argument(f"argument {position} of on_end", argument)
    return tuple(argument for argument in value if isinstance(argument, str)) or None


def on_end_spec(spec: JobSpec) -> JobSpec:
    """
    Return what runs on this machine once a job with *spec*, which has an `on_end`, has ended: with
    its environment, and where it ran if it ran here.
    """
    on_end = spec.on_end
    is_here = not spec.is_remote and spec.container is None
    return JobSpec(
        shell=on_end if isinstance(on_end, str) else None,
        command=() if on_end is None or isinstance(on_end, str) else on_end,
        env=spec.env,
        secret_env=spec.secret_env,
        clean_env=spec.clean_env,
        cwd=spec.cwd if is_here else None,
        retention=spec.retention,
    )


def on_end_id(job_id: JobId) -> JobId:
    """
    Return the id of the job that runs once *job_id* has ended: known before it is there, so that
    there is never a second one; and as hard to guess as that of its job.
    """
    from hashlib import blake2b  # here, as most jobs have no such job

    stem = job_id[:14]  # the time: it stands beside its job in every order by id
    return JobId(f"{stem}{blake2b(job_id.encode(), digest_size=8).hexdigest().upper()}")


def on_end_job(job: Job) -> Job:
    """Return what runs since *job*, which has an `on_end`, has ended; told how in its environment."""
    from dataclasses import replace

    from .reader import MAX_LABEL_BYTES

    told = {
        "JOB_ID": job.id,
        "NAME": job.spec.name,
        "STATUS": job.status,
        "REASON": job.reason,
        "EXIT_CODE": job.exit_code,
    }
    outcome = {f"{ENDED}{name}": "" if it is None else str(it) for name, it in told.items()}
    spec = on_end_spec(job.spec)
    name = f"{job.spec.name}: on end"
    if job.spec.name is None or len(name.encode()) > MAX_LABEL_BYTES:
        name = f"on end of {job.id}"
    spec = replace(spec, name=name, env={**spec.env, **outcome}, on_end_of=job.id)
    return Job(
        id=on_end_id(job.id),
        spec=spec,
        nodes=nodes_of(spec),
        created_at=job.completed_at or job.created_at,
        capture=job.capture,
        traceparent=job.traceparent,
    )

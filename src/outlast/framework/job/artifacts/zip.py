"""`outlast job artifacts zip`: all files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...completion import offer_jobs
from ...lazy import verb
from ..logs import node_of
from .save import give, to_option

if TYPE_CHECKING:
    from ...caller import Caller


@verb(
    "zip",
    raw=True,
    epilog="""
    outlast job artifacts zip --to logs.zip ID
    outlast job artifacts zip --node web1 ID > web1.zip
    """,
)
@click.argument("job_id", metavar="ID", shell_complete=offer_jobs)
@click.option("--node", metavar="N", help="Only this one's, by index or name.  [default: all]")
@to_option
def zip_artifacts(caller: Caller, job_id: str, node: str | None, to: str | None) -> int:
    """
    Take all files as one zip, to stdout or to a new file.

    A file in it is INDEX-NODE/PATH; `manifest.json`, its first, says of each node, path, size,
    SHA-256 and times, and what was left out.
    """
    from ....core.job import JobId
    from ....engine.verbs import Get, ZipArtifacts

    job = caller.service.get(Get(JobId(job_id)))
    if not job.is_terminal:
        caller.say(f"{job.id} is {job.status}: these are the files that are here by now")
    index = None if node is None else node_of(job, node)
    return give(caller, job, caller.service.zip_artifacts(ZipArtifacts(job.id, index)), to)

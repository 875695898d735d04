"""`outlast job artifacts get`: one file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ...completion import offer_jobs
from ...lazy import verb
from ..logs import node_of
from .save import give, to_option

if TYPE_CHECKING:
    from ....core.job import Job
    from ...caller import Caller


@verb(
    "get",
    raw=True,
    epilog="""
    outlast job artifacts get ID var/log/syslog | less
    outlast job artifacts get --node web2 --to syslog.web2 ID var/log/syslog
    """,
)
@click.argument("job_id", metavar="ID", shell_complete=offer_jobs)
@click.argument("path", metavar="PATH")
@click.option(
    "--node", metavar="N", help="Whose, by index or name; needed where a job has several."
)
@to_option
def get(caller: Caller, job_id: str, path: str, node: str | None, to: str | None) -> int:
    """
    Take one file, to stdout or to a new file.

    PATH is as `list` has it, or as the file is called on its host.
    """
    from ....core.job import JobId
    from ....engine.verbs import Get
    from ....errors import InvalidRequest

    job = caller.service.get(Get(JobId(job_id)))
    if node is None and len(job.nodes) > 1:
        raise InvalidRequest(
            f"a file is of one node, and {job.id} has {len(job.nodes)}: add --node"
        )
    pieces = _pieces(caller, job, path, node_of(job, node))
    return give(caller, job, pieces, to)


def _pieces(caller: Caller, job: Job, path: str, index: int) -> Iterator[bytes]:
    from ....engine.verbs import ReadArtifact

    offset = 0
    while data := caller.service.read_artifact(ReadArtifact(job.id, path, index, offset)):
        yield data
        offset += len(data)

"""`outlast job artifacts list`: what was collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...completion import offer_jobs
from ...lazy import verb
from ..logs import node_of

if TYPE_CHECKING:
    from ...caller import Caller


@verb(
    "list",
    epilog="""
    outlast job artifacts list ID
    outlast job artifacts list --node web1 ID
    """,
)
@click.argument("job_id", metavar="ID", shell_complete=offer_jobs)
@click.option("--node", metavar="N", help="Only this one's, by index or name.  [default: all]")
def list_artifacts(caller: Caller, job_id: str, node: str | None) -> int:
    """Tell which files were collected from each host, and which were left out, and why."""
    from ....core.job import JobId
    from ....engine.verbs import Get, ListArtifacts

    job = caller.service.get(Get(JobId(job_id)))
    index = None if node is None else node_of(job, node)
    told = caller.service.list_artifacts(ListArtifacts(job.id, index))
    caller.answer(lambda: told, lambda: _text(told))
    return 0


def _text(told: dict[str, Any]) -> str:
    from ...plain import plain

    lines = []
    for item in told["items"]:
        what = f"{item['size']:,}" if item["state"] in ("complete", "changed") else "-"
        why = "" if item["error"] is None else f"  {item['error']}"
        lines.append(f"{item['node']:<20}  {what:>14}  {item['path']}{why}")
    for node in told["nodes"]:
        if node["state"] != "complete":
            why = f": {node['error']}" if node["error"] else ""
            lines.append(f"{node['node']:<20}  {node['state']}{why}")
    count = f"{told['count']} {'file' if told['count'] == 1 else 'files'}"
    return "\n".join(map(plain, [*lines, f"{count}, {told['total_bytes']:,} bytes"]))

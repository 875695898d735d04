"""`outlast job list`: find jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..completion import offer_jobs, offer_queues
from ..lazy import verb
from ..listing import output_option, printed
from ..search import label_option, labels_of, moment, slip_of

if TYPE_CHECKING:
    from ..caller import Caller


@verb(
    "list",
    epilog="""
    outlast job list
    outlast job list --status failed,partial --since 1d
    outlast job list --label team=db --limit 5 --json
    outlast job list --queue disk --status queued --oldest-first
    outlast job list --status running --output id | outlast job wait -
    """,
)
@click.option(
    "--status", "statuses", multiple=True, metavar="S,..", help="Only such; may be repeated."
)
@label_option
@click.option(
    "--queue",
    metavar="NAME",
    help="Only in this queue; `default` is that of no name.",
    shell_complete=offer_queues,
)
@click.option(
    "--after",
    metavar="ID",
    help="Only those that wait for this one's end, or did.",
    shell_complete=offer_jobs,
)
@click.option("--since", metavar="D", help="Submitted within this time, such as 1h.")
@click.option(
    "--limit", type=int, default=None, metavar="N", help="At most so many.  [default: 100]"
)
@click.option("--oldest-first", is_flag=True, help="In the order of their submission.")
@click.option("--cursor", metavar="C", help="The next_cursor of the page before.")
@output_option
def list_jobs(
    caller: Caller,
    *,
    statuses: tuple[str, ...],
    labels: tuple[str, ...],
    queue: str | None,
    after: str | None,
    since: str | None,
    limit: int | None,
    oldest_first: bool,
    cursor: str | None,
    output: str | None,
) -> int:
    """Find jobs, newest first. S is queued, running, complete, partial, failed or cancelled."""
    from ...core.job import JobId
    from ...core.state import JobStatus
    from ...engine.verbs import List
    from ...errors import InvalidRequest

    named = [each for words in statuses for each in words.split(",")]
    faults: list[str] = [
        f"--status: {each!r:.80} is none of {', '.join(JobStatus)}"
        for each in named
        if each not in set(JobStatus)
    ]
    chosen, begun = labels_of(labels, faults), moment("--since", since, faults)
    if faults:
        raise InvalidRequest(*faults)
    page = caller.service.list(
        List(
            statuses=frozenset(map(JobStatus, named)),
            labels=chosen | caller.tool.labels,
            since=begun,
            queue=queue,
            after=None if after is None else JobId(after),
            oldest_first=oldest_first,
            limit=100 if limit is None else limit,
            cursor=cursor,
        )
    )
    if printed(caller, output, (job.id for job in page.jobs)):
        return 0

    def text() -> str:
        import os
        from shutil import get_terminal_size

        from ..text import table

        more = f"\nmore: --cursor {page.next_cursor}" if page.next_cursor else ""
        width = get_terminal_size().columns if os.isatty(1) else 80
        return table(page.jobs, width) + more

    caller.answer(
        lambda: {
            "items": [caller.service.public(job, with_result=False) for job in page.jobs],
            "next_cursor": page.next_cursor,
        },
        text,
        warnings=() if page.jobs else slip_of(caller, queue),
    )
    return 0

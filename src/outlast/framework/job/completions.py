"""`outlast job completions`: the ends of jobs, each once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ..lazy import verb
from ..patience import FOREVER, patience

if TYPE_CHECKING:
    from ..caller import Caller


@verb(
    "completions",
    epilog="""
    outlast job completions
    outlast job completions --since "$(cat cursor)" --wait 1m --json
    """,
)
@click.option("--since", metavar="CURSOR", help="The next_cursor of the answer before.")
@click.option(
    "--wait",
    metavar="D",
    help=f"Stay so long for the first one; {FOREVER}: until it comes.  [default: 0]",
)
@click.option(
    "--limit", type=int, default=None, metavar="N", help="At most so many.  [default: 100]"
)
def completions(caller: Caller, *, since: str | None, wait: str | None, limit: int | None) -> int:
    """
    Tell which jobs have ended, each once, in the order in which they did.

    Whoever keeps the cursor that is told last learns of each end once, however long they were
    away. Without a cursor it begins with the first end that is kept. Exit code 0, also where
    there was none.
    """
    from ...engine.completions import public_page
    from ...engine.verbs import Completions

    request = Completions(
        since=since,
        timeout=patience("--wait", wait, timedelta(0)),
        limit=100 if limit is None else limit,
    )
    try:
        page = caller.service.completions(request)
    except KeyboardInterrupt:
        caller.say("no longer waited for; the cursor is as it was")
        return 0

    def text() -> str:
        import os
        from shutil import get_terminal_size

        from ..text import table

        if not page.completions:
            return f"no job has ended since\nnext: --since {page.next_cursor}"
        width = get_terminal_size().columns if os.isatty(1) else 80
        jobs = [each.job for each in page]
        return f"{table(jobs, width)}\nnext: --since {page.next_cursor}"

    caller.answer(
        lambda: public_page(page, lambda job: caller.service.public(job, with_result=False)), text
    )
    return 0

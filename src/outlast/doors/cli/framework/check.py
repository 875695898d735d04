"""`outlast framework check`: how well a tool's asynchronous command can be used by a program."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from ....core.outcome import Exit
from ....framework.completion import offer_files
from ....framework.lazy import verb
from ....framework.patience import duration
from ..spec import SETTINGS

if TYPE_CHECKING:
    from ....framework.caller import Caller
    from ....framework.check import Report

TIMEOUT: Final = timedelta(minutes=10)


@verb(
    "check",
    here=True,
    context_settings=SETTINGS,
    epilog="""
    outlast framework check shipit deploy staging
    outlast framework check --min 2 --timeout 1h -- ./tool.py import big.csv
    outlast framework check outlast submit -- sleep 3
    """,
)
@click.argument(
    "command",
    metavar="TOOL [ARGS]...",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=offer_files,
)
@click.option("--timeout", metavar="D", help="Follow it for so long.  [default: 10m]")
@click.option("--min", "least", type=click.IntRange(0, 3), default=3, help="What is enough.")
def check(caller: Caller, command: tuple[str, ...], timeout: str | None, least: int) -> int:
    """
    Run an asynchronous command of any tool, follow it to its end, and score it 0 to 3.

    Choose arguments with which it takes a second or more and succeeds: it is run for real. 1 is an
    id and a command that asks again; 2 a descriptor and exit codes that differ; 3 the
    whole contract. Exit code 0 says that the score is at least --min (by default 3), 4 that it is not.
    """
    from ....errors import InvalidRequest
    from ....framework.check import check as examine

    if not command:
        raise InvalidRequest("there is nothing to check: name the tool and its arguments")
    report = examine(command, duration("--timeout", timeout) or TIMEOUT)
    caller.answer(
        lambda: {
            "score": report.score,
            "command": list(command),
            "job_id": report.job_id,
            "checks": [finding._asdict() for finding in report.findings],
        },
        lambda: _told(report),
    )
    return Exit.COMPLETE if report.score >= least else Exit.FAILED


def _told(report: Report) -> str:
    lines = []
    for level, check, passed, says in report.findings:
        mark = "yes" if passed else "NO "
        lines.append(f"{level}  {mark}  {check}" + (f": {says}" if says else ""))
    return "\n".join([*lines, f"score: {report.score} of 3"])

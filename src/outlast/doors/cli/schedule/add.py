"""`outlast schedule add`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import click

from ....core.schedule import strange_queue
from ....framework.completion import offer_files
from ....framework.lazy import verb
from ..rows import ROWS
from ..spec import job_options, named_by_options, read, ssh_options
from .line import answer, schedules_of

if TYPE_CHECKING:
    from ....framework.caller import Caller

WITHOUT: Final = ("key", "start_at", "after", "session")
"""What a job that is submitted again and again cannot have."""


def _job_options(function: Any) -> Any:
    return job_options(ssh_options(function), but=WITHOUT)


@verb(
    "add",
    epilog="""
    outlast schedule add report --cron '0 8 * * mon-fri' --tz Europe/Berlin -- ./report.sh
    outlast schedule add sync --every 15m --timeout 10m -- rsync -a src/ dst/
    outlast schedule add backup --cron @daily --missed once --overlap queue -- ./backup.sh
    """,
)
@click.argument("schedule", metavar="NAME")
@click.option("--cron", metavar="EXPR", help="Minute, hour, day, month, day of week; or @daily.")
@click.option("--every", metavar="D", help="In place of --cron: so often from now on.")
@click.option("--tz", metavar="ZONE", help="The time zone of --cron.  [default: this machine's]")
@click.option("--missed", metavar="skip|once",
              help="Times that passed while nobody was there: count them, or run once for all.  [default: skip]")  # fmt: skip
@click.option("--overlap", metavar="skip|queue",
              help="While the last run has not ended: leave it out, or have it wait.  [default: skip]")  # fmt: skip
@click.option("--replace", is_flag=True, help="Put it in the place of another one of this name.")
@_job_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=offer_files)
def add(caller: Caller, schedule: str, **given: Any) -> int:
    """
    Have a command run again and again: as a job of its own each time.

    Its jobs inherit what they would inherit if they were submitted now: this environment,
    directory and umask, for as long as the schedule is there. Durations (D) are 90, 90s, 5m or
    2h. Put -- before the command.
    """
    timing = {key: given.pop(key) for key in ("cron", "every", "tz", "missed", "overlap")}
    put_in_place = given.pop("replace")
    absent = {row.key: None for row in ROWS if row.key in WITHOUT}
    spec, _, stdin, faults = read({**absent, **given})
    with named_by_options():
        added = schedules_of(caller).put(
            schedule, spec, timing, stdin=stdin, replace=put_in_place, faults=faults
        )
    strange = strange_queue(added, caller.service.queues.created)
    is_kept = caller.settings.server is not None or _is_installed()
    answer(caller, added, [*filter(None, [strange, None if is_kept else AFTER_REBOOT])])
    return 0


AFTER_REBOOT: Final = (
    "after a reboot it goes on with the next outlast submit, or by itself with a unit for systemd:"
    " outlast supervisor install"
)


def _is_installed() -> bool:
    """Whether there is a unit that starts a supervisor of this user's."""
    from ..supervisor.install import unit_path

    return os.path.exists(unit_path())

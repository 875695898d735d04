"""`outlast hosts check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ....core.outcome import Exit
from ....framework.lazy import verb
from ..spec import ssh_options

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "check",
    here=True,
    epilog="""
    outlast hosts check
    outlast hosts check web ops@10.0.0.7:2222
    outlast hosts check --connect-timeout 5s all
    """,
)
@click.argument("names", metavar="[HOST|GROUP...]", nargs=-1)
@click.option("--connect-timeout", metavar="D", help="Each must have let us in by then.")
@ssh_options
def check(caller: Caller, names: tuple[str, ...], connect_timeout: str | None) -> int:
    """
    Connect to hosts, all at once, and say what would fail there, why, and what would help.

    Without a name, to every host of the inventory. Nothing is left there, and no job is made.
    Exit code 4 if commands would not run on one of them.
    """
    from ....framework.patience import duration
    from ....remote import check_hosts

    limit = duration("--connect-timeout", connect_timeout)
    checked = check_hosts(caller.settings, names, limit)
    is_ok = all(each["ok"] for each in checked)
    caller.answer(
        lambda: {"ok": is_ok, "hosts": checked},
        lambda: _table(checked),
    )
    return Exit.COMPLETE if is_ok else Exit.FAILED


def _table(checked: list[dict[str, Any]]) -> str:
    from ....framework.grid import table

    head = ("HOST", "CHECK", "TOOK", "CONTAINMENT", "FREE", "CLOCK", "")
    return table([head, *map(_row, checked)])


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    took, free, skew = each["took_ms"], each["free_bytes"], each["clock_skew_ms"]
    why, remedy = each["error"] or "", each["remedy"]
    return (
        each["host"],
        "ok" if each["ok"] else str(each["reason"]),
        "" if took is None else f"{took} ms",
        each["containment"] or "",
        "" if free is None else _rough(free),
        "" if skew is None else f"{skew / 1000:+.0f}s" if skew else "right",
        f"{why}; {remedy}" if remedy else why,
    )


def _rough(size: int) -> str:
    """Return a size as people read it, to three digits."""
    number = float(size)
    for unit in "bkmg":
        if number < 1000:
            return f"{number:.3g}{unit}"
        number /= 1024
    return f"{number:.3g}t"

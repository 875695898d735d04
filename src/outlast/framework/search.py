"""Options that say which jobs are meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..clock import SystemClock
from ..core.limits import parse_duration

if TYPE_CHECKING:
    from datetime import datetime

    from .caller import Caller


def label_option(function: Any) -> Any:
    """Give a command `--label`."""
    return click.option(
        "--label", "labels", multiple=True, metavar="K=V", help="With this label; may be repeated."
    )(function)


def labels_of(given: Sequence[str], faults: list[str]) -> dict[str, str]:
    """Return the labels; what is none goes to *faults*."""
    labels = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            faults.append(f"--label {each!r:.80} is not NAME=VALUE")
        labels[name] = value
    return labels


def moment(option: str, given: str | None, faults: list[str]) -> datetime | None:
    """Return the time that is so long ago; what is no duration goes to *faults*."""
    if given is None:
        return None
    try:
        return SystemClock().now() - parse_duration(given)
    except ValueError as error:
        faults.append(f"{option}: {error}")
        return None


def slip_of(caller: Caller, queue: str | None) -> tuple[str, ...]:
    """Return what is told where nothing is found in *queue*: that it is not there, if so."""
    if queue is None:
        return ()
    names = [each.queue.name for each in caller.service.queues.list()]
    if queue in names:
        return ()
    from ..core.near import near

    meant = near(queue, names)
    rest = f": was {meant} meant?" if meant else ": see outlast queue list"
    return (f"there is no queue {queue!r:.80}{rest}",)

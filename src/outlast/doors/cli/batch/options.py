"""What `batch` and `convert` are both asked: which files, how long, where to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ....core.queue import queue_fault
from ....errors import InvalidRequest
from ....framework.completion import offer_queues
from ....framework.patience import FOREVER, patience

if TYPE_CHECKING:
    from ....batch.inputs import Inputs

F = TypeVar("F", bound=Callable[..., Any])

PATIENCE: Final = timedelta(seconds=30)
"""Agents' shells kill after 30 to 120 seconds: where there is no terminal, leave before."""

MANIFEST_NAME: Final = "manifest.json"

_OPTIONS: Final = (
    click.option("-r", "--recursive", is_flag=True, help="Of folders, all below them as well."),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Of folders, only such; may be repeated."
    ),
    click.option("-0", "--null", is_flag=True, help="Names on stdin end with a NUL, not a line."),
    click.option(
        "--wait",
        metavar="D",
        help=f"Stay so long; {FOREVER}: to the end.  [default: to the end on a terminal, else 30s]",
    ),
    click.option("--manifest", metavar="M.json", help="Where the manifest goes."),
    click.option("--max-parallel", type=int, metavar="N", help="At most so many at once."),
    click.option(
        "--queue",
        metavar="NAME",
        shell_complete=offer_queues,
        help="Wait in this queue, which says how many run at once.",
    ),
    click.option("--retry-failed", is_flag=True, help="Submit those again that have failed."),
    click.option("--max-errors", metavar="N|P%", help="Submit no more once so many have failed."),
    click.option("--keep-name", is_flag=True, help="Outputs are a.docx.md, not a.md."),
    click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing."),
)


def batch_options(function: F) -> F:
    """Give a command the options of a batch."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class Faults:
    """Gathers what is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.suggestion: str | None = None

    def __call__(self, ask: Callable[[], Any], otherwise: Any = None) -> Any:
        """Return what *ask* does; *otherwise*, where that is an invalid request."""
        try:
            return ask()
        except InvalidRequest as error:
            self.found += error.faults
            self.suggestion = self.suggestion or error.suggestion
            return otherwise

    def tell(self) -> None:
        """Raise InvalidRequest, if anything is wrong."""
        if self.found:
            raise InvalidRequest(*dict.fromkeys(self.found), suggestion=self.suggestion)


def stay(wait: str | None) -> timedelta | None:
    """Return how long to stay; None: to the end."""
    return patience("--wait", wait, None if sys.stderr.isatty() else PATIENCE)


def room(max_parallel: int | None, queue: str | None) -> dict[str, Any]:
    """Return where the jobs wait and how wide that is, as an order has it, if it makes sense."""
    faults = []
    if max_parallel is not None and max_parallel < 1:
        faults.append(f"--max-parallel is 1 or more, not {max_parallel}")
    if queue is not None and (fault := queue_fault(queue)):
        faults.append(fault)
    elif queue is not None and max_parallel is not None:
        faults.append(
            "--max-parallel is for a batch by itself: how many of a queue run at once it says"
            f" itself, outlast queue set {queue} --width {max_parallel}"
        )
    if faults:
        raise InvalidRequest(*faults)
    return {"max_parallel": max_parallel, "queue": queue}


def manifest_path(given: str | None, output_dir: str | None) -> str:
    """Return where the manifest goes: in the folder of the outputs, where nothing else is said."""
    if given:
        return whole(given)
    if output_dir is None:
        raise InvalidRequest("say where the manifest goes: --manifest M.json")
    return os.path.join(output_dir, MANIFEST_NAME)


def inputs_of(given: Sequence[str], *, null: bool, but: Sequence[str], **how: Any) -> Inputs:
    """Return the files that arguments name; `-` reads names from stdin."""
    from ....batch.inputs import find_inputs, read_names

    names: list[str] = []
    for each in given:
        names += read_names(sys.stdin.buffer.read(), null=null) if each == "-" else [each]
    if not names:
        raise InvalidRequest("no input was named" if not given else "stdin named no input")
    return find_inputs(names, but=but, **how)


def check_places(faults: Faults, manifest: str, output_root: str | None) -> None:
    """See that the manifest and the outputs can be written where they are to go."""
    from ....batch.disk import check_manifest_place

    if output_root is not None and (fault := _folder_fault(output_root)):
        faults.found.append(f"outputs cannot go to {output_root}: {fault}")
    elif manifest and output_root is not None and os.path.dirname(manifest) == output_root:
        if os.path.lexists(manifest):
            faults(lambda: check_manifest_place(manifest))
    elif manifest:
        faults(lambda: check_manifest_place(manifest))


def whole(path: str) -> str:
    """Return *path* absolute, as a shell would have understood it."""
    return os.path.abspath(os.path.expanduser(path))


def _folder_fault(path: str) -> str | None:
    """Return what keeps *path* from being a folder to write to; None if nothing."""
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        return f"{there} is no folder"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} may not be written"

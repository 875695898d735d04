"""One job for each file: `outlast batch`, and coming back to it by its manifest."""

from __future__ import annotations

from typing import Final

import click

from ....framework.lazy import Lazy

HERE: Final = "outlast.doors.cli.batch"

TABLE: Final = {
    "run": (f"{HERE}.run:run", "Run a command for each file; the word itself may be left out."),
    "status": (f"{HERE}.status:status", "Tell how a batch stands, at once."),
    "collect": (f"{HERE}.collect:collect", "Take what has ended since into the manifest."),
    "cancel": (f"{HERE}.cancel:cancel", "End what has not ended of a batch."),
}
OURS: Final = ("--json", "--text", "-h", "--help")
"""Options of the group itself; `--home` is one with a value."""


class Batch(Lazy):
    """A group whose command `run` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the arguments apart: what names no command of the group is for `run`."""
        left = list(args)
        while left and (left[0] in OURS or left[0].partition("=")[0] == "--home"):
            del left[: 2 if left[0] == "--home" else 1]
        is_help = not left and any(word in ("-h", "--help") for word in args)
        if args and not is_help and (not left or left[0] not in self.table):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    "batch",
    cls=Batch,
    table=TABLE,
    epilog="""
    outlast batch --manifest M.json --wait 120s -o out --ext .txt docs -- pdftotext {input} {output}
    outlast batch collect M.json
    outlast batch run --help
    """,
)
def batch() -> None:
    """
    Run a command once for each of many files, each as a job, and keep a manifest of them.

    The same call again attaches to the jobs that there are, and submits only what is new or
    changed. See: outlast batch run --help
    """

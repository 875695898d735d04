"""`outlast batch collect`: pick up what was still running."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_files
from ....framework.lazy import verb
from ....framework.patience import FOREVER, patience
from .options import whole

if TYPE_CHECKING:
    from ....batch.manifest import Entry
    from ....framework.caller import Caller


@verb(
    "collect",
    epilog="""
    outlast batch collect M.json
    outlast batch collect --wait 120s M.json
    """,
)
@click.argument("manifest", metavar="M.json", shell_complete=offer_files)
@click.option(
    "--wait", metavar="D", help=f"Stay so long for what runs; {FOREVER}: to the end.  [default: 0]"
)
def collect(caller: Caller, manifest: str, wait: str | None) -> int:
    """
    Take what has ended since into the manifest, days later if you like.

    Submits nothing. Exit codes: 0 if nothing has failed (what still runs has not), 1 if
    something has.
    """
    from ....batch.disk import load_manifest, save_manifest
    from ....batch.later import look
    from ....batch.progress import Progress
    from ....clock import SystemClock
    from .clients import client_of
    from .go import tell_manifest, terminated_as_interrupted
    from .show import shown

    stay = patience("--wait", wait, timedelta())
    path = whole(manifest)
    found = load_manifest(path)
    clock = SystemClock()
    progress = Progress(len(found.entries))
    for entry in found.entries:
        progress.note(entry)
    after = {entry.source_file_path: entry for entry in found.entries}
    with client_of(caller) as client, shown(caller, clock) as tell:

        def note(entry: Entry) -> None:
            after[entry.source_file_path] = entry
            progress.note(entry, clock.monotonic())
            tell(progress)

        try:
            with terminated_as_interrupted():
                look(client, found, wait=stay, tell=note)
        except KeyboardInterrupt:
            caller.say("you have left; what runs goes on")
        finally:
            found = found.with_entries(after.values())
            save_manifest(path, found)
    return tell_manifest(caller, path, found)

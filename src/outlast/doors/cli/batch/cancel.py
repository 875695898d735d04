"""`outlast batch cancel`: end what has not ended of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_files
from ....framework.lazy import verb
from .options import whole

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("cancel", epilog="outlast batch cancel M.json")
@click.argument("manifest", metavar="M.json", shell_complete=offer_files)
def cancel(caller: Caller, manifest: str) -> int:
    """
    Cancel every job of a batch that has not ended, and write that into the manifest.

    What has ended stays as it is. Exit code: 0 once it is done.
    """
    from ....batch.disk import load_manifest, save_manifest
    from ....batch.later import cancel as cancel_all
    from .clients import client_of
    from .go import tell_manifest

    path = whole(manifest)
    found = load_manifest(path)
    with client_of(caller) as client:
        after = cancel_all(client, found)
    save_manifest(path, after)
    tell_manifest(caller, path, after)
    return 0

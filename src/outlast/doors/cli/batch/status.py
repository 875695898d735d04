"""`outlast batch status`: how a batch stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ....framework.completion import offer_files
from ....framework.lazy import verb
from .options import whole

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb("status", epilog="outlast batch status M.json")
@click.argument("manifest", metavar="M.json", shell_complete=offer_files)
def status(caller: Caller, manifest: str) -> int:
    """
    Tell how a batch stands, at once. The manifest is left as it is.

    Exit codes: 0 if nothing has failed (what still runs has not), 1 if something has.
    """
    from ....batch.disk import load_manifest
    from ....batch.later import look
    from .clients import client_of
    from .go import tell_manifest

    path = whole(manifest)
    found = load_manifest(path)
    with client_of(caller) as client:
        return tell_manifest(caller, path, look(client, found))

"""What a container's init says: it starts the command, and an engine takes its start for its own."""

from __future__ import annotations

from . import spool

INIT_SAYS = {
    126: ("[FATAL tini (", ")] "),
    127: ("[FATAL tini (", ")] "),
    1: ("ERROR (catatonit:", "): failed to exec pid1: "),
}
"""How a line of an init (Docker's, Podman's) begins, and goes on until it says why it could not
execute the command, by the code that it then ends with."""

INIT_BYTES = 4096


def failed_start(folder: str, code: int | None) -> str | None:
    """
    Return why the init of the attempt in *folder*, which has ended with *code*, could not execute
    the command, where that is all that was printed.
    """
    if code not in INIT_SAYS or spool.output_size(folder, spool.STDOUT):
        return None
    begins, goes_on = INIT_SAYS[code]
    told = spool.read_output(folder, spool.STDERR, 0, INIT_BYTES).decode(errors="replace")
    said, _, words = told.rstrip("\n").partition(goes_on)
    return words if said.startswith(begins) and words and "\n" not in words else None

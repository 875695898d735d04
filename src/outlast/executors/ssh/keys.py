"""Private keys that are locked, opened once for all the hosts that are shown them."""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any, Final

KEPT_S: Final = 60.0
"""How long an opened key is at hand: opening one takes up to a second of a processor, on purpose."""

_Name = tuple[str, int, int, str]
_opened: Final[dict[_Name, asyncio.Task[Any]]] = {}
"""By file, its time and size, and passphrase. Nowhere but in this process's memory."""


async def open_key(path: str, passphrase: str) -> Any:
    """
    Return the key in the file *path*, opened by *passphrase*.

    Raises what the library raises for one that it cannot open, and OSError.
    """
    stat = os.stat(path)
    name = (path, stat.st_mtime_ns, stat.st_size, passphrase)
    loop = asyncio.get_running_loop()
    task = _opened.get(name)
    if task is None or task.get_loop() is not loop:
        library = importlib.import_module("asyncssh")
        task = loop.create_task(asyncio.to_thread(library.read_private_key, path, passphrase))
        task.add_done_callback(_look)
        _opened[name] = task
        loop.call_later(KEPT_S, _opened.pop, name, None)
    return await asyncio.shield(task)


def _look(task: asyncio.Task[Any]) -> None:
    """See what came of it, also where nobody waits for it any more: nothing is to complain."""
    if not task.cancelled():
        task.exception()

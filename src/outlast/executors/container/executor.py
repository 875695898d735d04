"""
Commands in containers of an engine (Docker, or Podman behind the same API), each under a shim.

The shim is a process of this machine for each attempt (`shim/keeper.py`), which alone speaks with
the engine. Nothing here imports anything for HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from ...artifacts import MANIFEST
from ...core.limits import to_ms
from ...core.sight import Emptied, Exited, Gone, Preparing, Sight
from ...ports.executor import Handle, Launch
from ...ports.news import News
from ...record import Line, sight_of
from ...shim import spool
from .collecting import Collecting
from .forkserver import ForkServer
from .order import order_of
from .wanted import Wanted

log = logging.getLogger("outlast.container")

KEPT: Final = "container"
"""The file in which a shim leaves what another one needs to go on."""

LOOK_AGAIN_S: Final = 1.0
"""Between two looks at an attempt whose shim is no child of ours, or has told nothing yet."""

AGAIN_S: Final = 0.1
LONGEST_AGAIN_S: Final = 10.0
"""Between two shims for one attempt: the first wait, doubled up to the last."""

ORDER: Final = ("", "began", "ended", "unkillable", "emptied")


class ContainerExecutor:
    """
    Runs commands in containers; what is known of each is in its folder below *home*'s `jobs`.

    To launch, and to go on with what somebody else launched, is the same: a shim is started for
    the attempt, and the lock in its folder decides whether there is anything for it to do.
    """

    def __init__(self, home: str, floor_bytes: int) -> None:
        self._home = home
        self._floor_bytes = floor_bytes
        self._orders: dict[str, dict[str, Any]] = {}
        """What was launched here and has not ended: another shim begins it, if the first dies."""
        self._told: dict[str, str] = {}
        self._shims = ForkServer(home, self._shim_ended)
        self._waits: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._news = News()
        self._collecting = Collecting(floor_bytes, self._collected)

    async def launch(self, launch: Launch) -> None:
        """Start a shim for it, unless there is one."""
        if launch.key in self._orders or launch.key in self._shims:
            return
        folder = self._folder(launch.key)
        order = order_of(launch, self._home, self._floor_bytes)
        if (kept := _kept(folder)) is not None:  # where its container is, if it was made
            order |= {"engine": kept["engine"], "no_engine": None}
        is_anothers = spool.is_held(folder) or _is_over(folder)
        if not is_anothers:
            spool.make_folder(folder)
            self._shims.start(launch.key, json.dumps(order).encode())
        self._orders[launch.key] = order
        self._told.setdefault(launch.key, "")
        if is_anothers:
            self._read(launch.key)

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """Tell what the shims write down; an attempt that has none and is not over gets one."""
        return self._news.flow(handles, self._take, self._told, self._close)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Leave the wish in the attempt's folder, where its shim finds it at once."""
        spool.ask_to_stop(self._folder(handle.key), to_ms(grace))
        self._collecting.stop(handle.key)

    async def look(self, handle: Handle) -> Sight | None:
        """Read the record: an end may stand in it whose news is still on its way."""
        folder = self._folder(handle.key)
        record = spool.read_record(folder)
        if record is None or record.never_started:
            # With what a shim leaves for the next one, a container may be there as well.
            is_under_way = spool.is_held(folder) or _kept(folder) is not None
            return Preparing() if is_under_way else None
        wanted = self._wanted(handle.key, folder, record)
        is_told = wanted is None or not wanted.is_under_way
        line = record.began if not is_told else record.ended or record.began
        return Gone() if line is None else _seen(line, folder, record.began, wanted)

    async def release(self, handle: Handle) -> None:
        """Nothing is held for an attempt that is over."""

    # Watching -------------------------------------------------------------------------------

    def _folder(self, key: str) -> str:
        return f"{self._home}/jobs/{key}"

    def _take(self, key: str) -> None:
        self._told.setdefault(key, "")
        self._read(key)

    def _read(self, key: str) -> None:
        """Tell what the record of *key* says, and see to it that somebody writes the rest."""
        if key not in self._told:
            return
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        folder = self._folder(key)
        try:
            held = spool.is_held(folder)  # asked first: what is written before is seen
            record = spool.read_record(folder) or spool.Record()
        except OSError as error:
            log.warning("%s cannot be read, and is tried again: %s", key, error)
            self._read_later(key, LOOK_AGAIN_S)
            return
        wanted = self._wanted(key, folder, record)
        is_collecting = wanted is not None and wanted.is_under_way
        never_ran = record.ended is not None and record.ended.get("unstarted")
        began = None if never_ran else record.began
        ends = () if is_collecting else (record.ended, record.unkillable, record.emptied)
        for line in (began, *ends):
            if line is not None:
                self._tell(key, line, record.began, wanted)
        if record.emptied is not None:
            return
        if key in self._shims:
            # It nudges whoever supervises. What a busy supervisor misses is seen all the same.
            self._read_later(key, LONGEST_AGAIN_S if self._told.get(key) else LOOK_AGAIN_S)
            return
        order = self._order(key, folder)
        if held:
            self._read_later(key, LOOK_AGAIN_S)
        elif record.is_damaged:
            self._put(key, Gone())  # it proves neither a start nor that there was none
        elif order is None:
            self._put(key, Gone())  # nothing is known of it
        elif wanted is not None and is_collecting:
            self._collecting.take(order, wanted)
        else:
            self._go_on(key, order if wanted is None else order | {"fetched": True})

    def _order(self, key: str, folder: str) -> dict[str, Any] | None:
        return self._orders.get(key) or _kept(folder)

    def _wanted(self, key: str, folder: str, record: spool.Record) -> Wanted | None:
        order = None if record.ended is None else self._order(key, folder)
        return Wanted.of(folder, order, record.ended)

    def _collected(self, key: str) -> None:
        """Its files are here, or are tried again."""
        if key in self._told:
            self._read_later(
                key, 0 if os.path.exists(f"{self._folder(key)}/{MANIFEST}") else LOOK_AGAIN_S
            )

    def _go_on(self, key: str, order: dict[str, Any]) -> None:
        """There is no shim for it, and it is not over: have one."""
        if key not in self._waits:
            self._waits[key] = AGAIN_S
        try:
            self._shims.start(key, json.dumps(order).encode())
        except OSError as error:
            log.warning("%s has no shim, and that is tried again: %s", key, error)
            self._read_later(key, self._next_wait(key))

    def _next_wait(self, key: str) -> float:
        wait = self._waits.get(key, 0.0)
        self._waits[key] = min(2 * wait or AGAIN_S, LONGEST_AGAIN_S)
        return wait

    def _read_later(self, key: str, seconds: float) -> None:
        if (timer := self._timers.get(key)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(seconds, self._read, key)

    def _shim_ended(self, key: str) -> None:
        if key in self._told:
            # At once if it has done its work; one that was killed has another after a while.
            self._read_later(key, 0 if self._is_done(key) else self._next_wait(key))

    def _is_done(self, key: str) -> bool:
        """Whether a shim has left because it was no more to do: all is over, or is to be fetched."""
        folder = self._folder(key)
        record = spool.read_record(folder) or spool.Record()
        wanted = self._wanted(key, folder, record)
        is_collecting = wanted is not None and wanted.is_under_way
        return record.emptied is not None or is_collecting

    async def _close(self) -> None:
        """Let go of all shims: they go on by themselves."""
        await self._collecting.close()  # first: what ends then is looked at again, by a timer
        for timer in self._timers.values():
            timer.cancel()
        self._shims.close()

    # Telling --------------------------------------------------------------------------------

    def _tell(self, key: str, line: Line, began: Line | None, wanted: Wanted | None) -> None:
        """Pass a line of the record on as news, once."""
        told = self._told.get(key)
        if told is not None and ORDER.index(line["event"]) > ORDER.index(told):
            self._told[key] = line["event"]
            self._put(key, _seen(line, self._folder(key), began, wanted))

    def _put(self, key: str, seen: Sight) -> None:
        if isinstance(seen, Emptied | Gone):
            for known in (self._told, self._orders, self._waits):
                known.pop(key, None)
        self._news.put(key, seen)


def _seen(line: Line, folder: str, began: Line | None, wanted: Wanted | None) -> Sight:
    seen = sight_of(line, folder, began)
    if isinstance(seen, Exited):
        # One that never began may have been made: it is over once its container is gone.
        seen = replace(seen, may_run=True)
    return seen if wanted is None else wanted.told(seen)


def _is_over(folder: str) -> bool:
    record = spool.read_record(folder)
    return record is not None and record.emptied is not None


def _kept(folder: str) -> dict[str, Any] | None:
    """Return what an earlier shim has left for another one; None if none came so far."""
    try:
        with open(f"{folder}/{KEPT}", "rb") as file:
            order: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return None
    return order

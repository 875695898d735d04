"""The event loops that a server may have: the standard library's, and uvloop's where it is installed."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

uvloop.new_event_loop().close()  # with its first loop libuv makes a pipe for signals, and keeps it

LOOPS = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)

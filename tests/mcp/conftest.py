"""The door for agents as their hosts meet it: the real process, and the protocol's own client."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client import ClientExtension
from mcp.client.stdio import StdioServerParameters, stdio_client

from ..rigs.parts import Parts, install
from ..world import PATIENCE_S, end_all

PROGRAM = str(Path(sys.executable).with_name("outlast"))

ERAS = ("2026-07-28", "legacy")
"""The protocol's two ways to speak: each request by itself, or after a handshake."""


class Host:
    """What runs `outlast mcp` for an agent, over one home."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.heard: list[str] = []
        """The lines of progress of all calls."""

        self.has_heard = asyncio.Event()

    @asynccontextmanager
    async def agent(
        self, era: str = ERAS[0], *, extensions: tuple[ClientExtension, ...] = ()
    ) -> AsyncIterator[Agent]:
        """Have a server, and somebody who speaks with it."""
        parameters = StdioServerParameters(
            command=PROGRAM,
            args=["mcp"],
            env=os.environ | {"OUTLAST_HOME": str(self.home)},
            cwd=self.folder,
        )
        async with Client(
            stdio_client(parameters),
            mode=era,
            extensions=extensions,
        ) as client:
            yield Agent(client, self)


class Agent:
    """An agent's side of a connection."""

    def __init__(self, client: Client, host: Host) -> None:
        self.client = client
        self._host = host

    async def __call__(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Return the answer of a tool, which is no error."""
        result = await self.result(tool, **arguments)
        assert not result.is_error, result
        told: dict[str, Any] = result.structured_content
        return told

    async def refused(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Return the error of a tool, as the model reads it."""
        result = await self.result(tool, **arguments)
        assert result.is_error, result
        return self.told(result)

    @staticmethod
    def told(result: Any) -> dict[str, Any]:
        """Return what a result says, an error or not, as the model reads it."""
        (text,) = result.content
        told: dict[str, Any] = json.loads(text.text)
        return told

    async def result(self, tool: str, /, **arguments: Any) -> Any:
        async def hear(_: float, __: float | None, line: str | None) -> None:
            self._host.heard.append(line or "")
            self._host.has_heard.set()

        return await self.client.call_tool(tool, arguments, progress_callback=hear)


def go(story: Callable[[], Awaitable[None]]) -> None:
    """Live through *story*, within a test's patience."""

    async def patiently() -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            await story()

    asyncio.run(patiently())


@pytest.fixture
def host(home: Path, tmp_path: Path) -> Iterator[Host]:
    """A host over a fresh home."""
    folder = tmp_path / "project"
    folder.mkdir()
    yield Host(home, folder)
    end_all(home)


@pytest.fixture(scope="session")
def parts() -> Parts:
    """What others wrote to test a server with, fetched from npm once for a user."""
    try:
        return install()
    except OSError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the suites of others are not here: {error}")

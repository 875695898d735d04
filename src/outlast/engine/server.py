"""The supervisor's end of the socket: who may speak to it, and what it answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.job import JobId
from ..core.limits import from_ms
from ..errors import ClientError
from . import wire

if TYPE_CHECKING:
    from .supervisor import Supervisor

log = logging.getLogger("outlast.server")

BACKLOG = 512
MAX_LINE_BYTES = 1 << 26
"""A wait for a million jobs is one line."""


class Server:
    """
    Serves one supervisor on the socket of its home.

    A line in, a line out: `wake`, `sync`, `cancel`, `status`, `leave`, and `news` from shims of
    an earlier supervisor (which wait for no answer); `watch` turns the connection into a stream
    of `{"changed": JOB}`.
    """

    def __init__(self, home: str, version: str, leave: Callable[[], None]) -> None:
        self._home = home
        self._version = version
        self._leave = leave
        self._watchers: defaultdict[JobId, set[asyncio.StreamWriter]] = defaultdict(set)
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self.supervisor: Supervisor | None = None

    async def start(self) -> None:
        """Listen. For the holder of the home's lock: a socket that is there is a dead one's."""
        if self._server is not None:
            self._server.close()
        self._server = await asyncio.start_unix_server(
            self._serve, sock=self._bind(), backlog=BACKLOG, limit=MAX_LINE_BYTES
        )

    def _bind(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        name = f"{self._home}/{wire.SOCKET}"
        with wire.Address(self._home) as path:
            if os.path.lexists(name):
                os.unlink(name)
            peer.bind(path)
        os.chmod(name, 0o600)
        self._inode = os.stat(name).st_ino
        return peer

    def is_bound(self) -> bool:
        """Whether the socket in the home is still ours."""
        try:
            return os.stat(f"{self._home}/{wire.SOCKET}").st_ino == self._inode
        except FileNotFoundError:
            return False

    async def stop(self) -> None:
        """Listen no more, and hang up on everybody: they will look for the next supervisor."""
        name = f"{self._home}/{wire.SOCKET}"
        if self._server is not None:
            self._server.close()
        try:
            if os.stat(name).st_ino == self._inode:
                os.unlink(name)
        except FileNotFoundError:
            pass
        for writers in list(self._watchers.values()):
            for writer in list(writers):
                writer.close()

    def tell_changed(self, job_id: JobId) -> None:
        """Wake whoever waits for *job_id*."""
        if (writers := self._watchers.get(job_id)) is not None:
            line = wire.encode({"changed": job_id})
            for writer in writers:
                writer.write(line)

    def is_watched(self, job_id: JobId) -> bool:
        """Whether somebody waits for *job_id*."""
        return job_id in self._watchers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        watched: set[JobId] = set()
        try:
            peer = writer.get_extra_info("socket")
            if wire.peer_uid(peer) not in (os.getuid(), 0):
                return
            writer.write(wire.encode({"version": self._version, "pid": os.getpid()}))
            while raw := await reader.readline():
                line = json.loads(raw)
                answer = await self._answer(line, writer, watched)
                if answer is not None:
                    writer.write(wire.encode(answer))
                    await writer.drain()
        except (OSError, ValueError, asyncio.LimitOverrunError):
            pass  # The peer is gone, or speaks another language: nothing is owed to it.
        except asyncio.CancelledError:
            pass  # We leave. It sees the end of the connection, and looks for the next of us.
        finally:
            for job_id in watched:
                self._watchers[job_id].discard(writer)
                if not self._watchers[job_id]:
                    del self._watchers[job_id]
            writer.close()

    async def _answer(
        self, line: wire.Line, writer: asyncio.StreamWriter, watched: set[JobId]
    ) -> wire.Line | None:
        supervisor = self.supervisor
        if supervisor is None:
            return {"error": "unavailable"}
        match line.get("op"):
            case "wake":
                supervisor.wake()
            case "news":
                supervisor.look_again(str(line.get("key")))
            case "watch":
                for job_id in line["jobs"]:
                    watched.add(job_id)
                    self._watchers[job_id].add(writer)
                supervisor.wake()
                return {"ok": True}
            case "sync":
                await supervisor.catch_up()
                return {"ok": True}
            case "cancel":
                return await self._cancel(supervisor, line)
            case "status":
                return {"ok": True, **self.status(supervisor)}
            case "leave":
                self._leave()
                return {"ok": True}
            case _:
                return {"error": "unknown"}
        return None

    @staticmethod
    async def _cancel(supervisor: Supervisor, line: wire.Line) -> wire.Line:
        grace = line.get("grace_ms")
        try:
            await supervisor.cancel(
                JobId(line["job"]),
                frozenset(line.get("nodes") or ()),
                None if grace is None else from_ms(grace),
            )
        except ClientError as error:
            return {"error": error.code, "message": error.message}
        return {"ok": True}

    def status(self, supervisor: Supervisor) -> dict[str, Any]:
        """Return what `supervisor status` tells."""
        return {
            "pid": os.getpid(),
            "version": self._version,
            "running": supervisor.running,
            "queued": supervisor.queued,
        }

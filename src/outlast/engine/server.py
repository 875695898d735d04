"""The supervisor's end of the socket: who may speak to it, and what it answers."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

from ..core.job import JobId
from ..core.limits import from_ms
from ..errors import ClientError
from . import wire
from .supervisor import Supervisor
from .vault import Vault
from .watchers import Watchers

log = logging.getLogger("outlast.server")

BACKLOG = 512
MAX_LINE_BYTES = 1 << 26
"""A wait for a million jobs is one line."""


class Server:
    """
    Serves one supervisor on the socket of its home.

    A line in, a line out: `wake`, `sync`, `cancel`, `move`, `hold`, `status`, `leave`, and `news` from shims of
    an earlier supervisor (which wait for no answer); `watch` turns the connection into a stream
    of `{"changed": JOB}`. What is lent (`lend`, `take_back`, `held`) is lent by the connection, and
    no longer than it stands.
    """

    def __init__(
        self,
        home: str,
        version: str,
        supervisor: Supervisor,
        watchers: Watchers,
        leave: Callable[[], None],
        *,
        vault: Vault,
        in_force: Mapping[str, Any],
        on_wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._home = home
        self._vault = vault
        self._name = f"{home}/{wire.SOCKET}"
        self._version = version
        self._supervisor = supervisor
        self._watchers = watchers
        self._leave = leave
        self._in_force = in_force
        self._on_wake = on_wake
        self._listening: list[asyncio.Server] = []
        self._inode: int | None = None
        self._talks: set[asyncio.Task[Any]] = set()
        self._is_over = False
        self._silent: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """
        Listen, or listen anew where the socket was removed.

        For the holder of the home's lock: a socket that is there is a dead one's.
        """
        self._stop_listening()
        server = await asyncio.start_unix_server(
            self._serve, sock=self._bind(), backlog=BACKLOG, limit=MAX_LINE_BYTES
        )
        self._listening.append(server)

    def _bind(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with wire.Address(self._home) as path:
                if os.path.lexists(self._name):
                    os.unlink(self._name)
                peer.bind(path)
            os.chmod(self._name, 0o600)
            self._inode = os.stat(self._name).st_ino
        except OSError:
            peer.close()
            raise
        return peer

    def is_bound(self) -> bool:
        """Whether the socket in the home is still ours."""
        try:
            return os.stat(self._name).st_ino == self._inode
        except FileNotFoundError:
            return False

    async def stop(self) -> None:
        """Listen no more, and answer nobody any more."""
        self._is_over = True
        if self.is_bound():
            os.unlink(self._name)
        self._stop_listening()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def hang_up(self) -> None:
        """
        End all connections, once the home is given up: who waits looks for the next supervisor
        then, and who asked us to leave sees that we have.
        """
        for writer in self._silent:
            writer.close()

    def _stop_listening(self) -> None:
        while self._listening:
            self._listening.pop().close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = cast("asyncio.Task[None]", asyncio.current_task())
        watched: set[JobId] = set()
        try:
            peer = writer.get_extra_info("socket")
            if self._is_over or wire.peer_uid(peer) not in (os.getuid(), 0):
                return
            self._talks.add(talk)
            writer.write(wire.encode({"version": self._version, "pid": os.getpid()}))
            while (line := await _read(reader)) is not None:
                answer = await self._answer(line, writer, watched)
                if answer is not None:
                    writer.write(wire.encode(answer))
                    await writer.drain()
        except ConnectionError:
            pass  # The peer is gone: nothing is owed to it.
        except asyncio.CancelledError:
            pass  # We leave, and hang up later.
        except Exception:
            log.exception("the supervisor broke")
            self._leave()  # as for any fault of ours: the next one begins with a clear head
        finally:
            self._talks.discard(talk)
            self._watchers.remove(watched, writer)
            self._vault.take_back(writer)
            if self._is_over:
                self._silent.append(writer)
            else:
                writer.close()

    async def _answer(
        self, line: object, writer: asyncio.StreamWriter, watched: set[JobId]
    ) -> wire.Line | None:
        match line:
            case {"op": "wake"}:
                self._supervisor.wake()
                self._on_wake()
                return None
            case {"op": "news", "key": str(key)}:
                self._supervisor.look_again(key)
                return None
            case {"op": "watch", "jobs": [*jobs]} if all(isinstance(job, str) for job in jobs):
                watched.update(map(JobId, jobs))
                self._watchers.add(watched, writer)
                self._supervisor.wake()
                return {"ok": True}
            case {"op": "watch", "all": True}:
                self._watchers.add_to_all(writer)
                self._supervisor.wake()
                return {"ok": True}
            case {"op": "sync"}:
                await self._supervisor.catch_up()
                return {"ok": True}
            case {"op": "lend", "values": {**values}} if _is_text(values.values()):
                self._vault.lend(writer, {str(name): str(values[name]) for name in values})
                self._supervisor.look_where(frozenset(map(str, values)))
                return {"ok": True}
            case {"op": "take_back", "references": [*references]} if _is_text(references):
                self._vault.take_back(writer, references)
                return {"ok": True}
            case {"op": "held", "references": [*references]} if _is_text(references):
                return {"ok": True, "held": sorted(self._vault.held(references))}
            case {"op": "obstacles", "places": [*places]} if all(map(_is_place, places)):
                asked = [(JobId(job), index) for job, index in places]
                told = await self._supervisor.obstacles(asked)
                return {"ok": True, "obstacles": [[*each, found] for each, found in told]}
            case {"op": "status"}:
                return {"ok": True, **self._status()}
            case {"op": "leave"}:
                self._leave()
                return {"ok": True}
        return await self._carry_out(line)

    async def _carry_out(self, line: object) -> wire.Line:
        """Have the supervisor do what a line orders to be done with a job."""
        match line:
            case {
                "op": "cancel",
                "job": str(job),
                "nodes": [*nodes],
                "grace_ms": int() | None as grace_ms,
            } if all(isinstance(node, int) for node in nodes):
                grace = None if grace_ms is None else from_ms(grace_ms)
                return await _told(self._supervisor.cancel(JobId(job), frozenset(nodes), grace))
            case {
                "op": "move",
                "job": str(job),
                "queue": str() | None as queue,
                "priority": int() | None as priority,
            }:
                return await _told(self._supervisor.move(JobId(job), queue, priority))
            case {"op": "hold", "job": str(job), "held": bool(held)}:
                return await _told(self._supervisor.hold(JobId(job), held=held))
        return {"error": "unknown"}

    def _status(self) -> dict[str, Any]:
        """Return what `supervisor status` tells."""
        return {
            "pid": os.getpid(),
            "version": self._version,
            "running": self._supervisor.running,
            "queued": self._supervisor.queued,
            "settings": dict(self._in_force),
        }


async def _told(done: Awaitable[None]) -> wire.Line:
    """Return the answer that tells whether that could be done."""
    try:
        await done
    except ClientError as error:
        return {"error": error.code, "message": error.message, "suggestion": error.suggestion}
    return {"ok": True}


def _is_place(value: object) -> bool:
    match value:
        case [str(), int()]:
            return True
    return False


def _is_text(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


async def _read(reader: asyncio.StreamReader) -> object:
    """Return the next line; None where the peer is gone, or speaks another language."""
    try:
        return json.loads(await reader.readline() or b"null")
    except (ValueError, RecursionError):
        return None

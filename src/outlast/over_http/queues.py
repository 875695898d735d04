"""The verbs about queues over HTTP. What `engine.queuedesk.QueueDesk` is here, on a server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.queue import Queue, QueueStanding, QueueState, check_name
from ..errors import BadAnswer, InvalidRequest, NotFound

if TYPE_CHECKING:
    from .transport import Transport


class HttpQueues:
    """The queues of one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, **limits: Any) -> QueueStanding:
        """Make a queue. As `QueueDesk.create`."""
        body = {"name": check_name(name), **limits}
        told = self._transport.ask_object("POST", ["queues"], body=body, is_safe=False)
        return _standing(told)

    def set(self, name: str, **limits: Any) -> QueueStanding:
        """Change some limits of a queue. As `QueueDesk.set`."""
        return self._change(name, "set", limits)

    def list(self) -> tuple[QueueStanding, ...]:
        """Return the queues as they stand. As `QueueDesk.list`."""
        told = self._transport.ask_object("GET", ["queues"])
        return tuple(map(_standing, told["items"]))

    def created(self) -> frozenset[str]:
        """Return the names of those that somebody has created. As `QueueDesk.created`."""
        standings = self.list()
        return frozenset(each.queue.name for each in standings if each.queue.created_at is not None)

    def paused(self) -> frozenset[str]:
        """Return the names of those that are paused. As `QueueDesk.paused`."""
        standings = self.list()
        return frozenset(
            each.queue.name for each in standings if each.queue.state is QueueState.PAUSED
        )

    def pause(self, name: str) -> QueueStanding:
        """Have nothing more of a queue begin. As `QueueDesk.pause`."""
        return self._change(name, "pause", {})

    def resume(self, name: str) -> QueueStanding:
        """Have a queue take jobs, and begin them. As `QueueDesk.resume`."""
        return self._change(name, "resume", {})

    def drain(self, name: str) -> QueueStanding:
        """Have a queue take no more jobs. As `QueueDesk.drain`."""
        return self._change(name, "drain", {})

    def pause_all(self) -> tuple[QueueStanding, ...]:
        """Pause `default` and every queue that was created. As `QueueDesk.pause_all`."""
        return self._change_all("pause")

    def resume_all(self) -> tuple[QueueStanding, ...]:
        """Have all of them take jobs, and begin them. As `QueueDesk.resume_all`."""
        return self._change_all("resume")

    def drain_all(self) -> tuple[QueueStanding, ...]:
        """Have all of them but `default` take no more jobs. As `QueueDesk.drain_all`."""
        return self._change_all("drain")

    def delete(self, name: str) -> None:
        """Forget a queue in which nothing is. As `QueueDesk.delete`."""
        self._transport.ask_object("DELETE", _path(name), is_safe=False)

    def _change(self, name: str, how: str, body: Mapping[str, Any]) -> QueueStanding:
        # Asked again where an answer is lost: the second time is the first.
        told = self._transport.ask_object("POST", [*_path(name), how], body=dict(body))
        return _standing(told)

    def _change_all(self, how: str) -> tuple[QueueStanding, ...]:
        told = self._transport.ask_object("POST", [f"queues:{how}"], body={})
        return tuple(map(_standing, told["items"]))


def _path(name: str) -> list[str]:
    """Return the path of a queue. Raises NotFound for what is no queue's name."""
    try:
        return ["queues", check_name(name)]
    except InvalidRequest:
        raise NotFound(
            f"Nobody has created a queue {name!r:.80}",
            suggestion="See those there are: outlast queue list",
        ) from None


def _standing(told: Mapping[str, Any]) -> QueueStanding:
    try:
        created = told["created_at"]
        queue = Queue(
            name=told["queue"],
            width=told["width"],
            max_cpus=told["max_cpus"],
            max_memory_bytes=told["max_memory_bytes"],
            state=QueueState(told["state"]),
            created_at=None if created is None else datetime.fromisoformat(created),
        )
        return QueueStanding(queue=queue, running=told["running"], waiting=told["waiting"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(
            f"the server tells of a queue that this version does not understand:"
            f" {type(error).__name__}: {error!s:.80}"
        ) from None

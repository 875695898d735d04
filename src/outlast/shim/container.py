"""One container of an engine, by its name: made, started, watched, signalled, removed."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from .engine import ANSWER_S, Engine, EngineError, Stream, answer_of, pick
from .memory import Memory

LABELS = ("outlast.home", "outlast.job", "outlast.attempt")
"""What says whose a container is."""

NOT_MODIFIED, NOT_FOUND, CONFLICT = 304, 404, 409

ENDED = ("exited", "stopped", "dead", "removing")
"""How a container stands that has run and does no more: in any other state its code means nothing.
`stopped` is Podman's: it has ended, and is not cleaned up."""

ID_LENGTH = 64

SHORTLY_S = 1.0
"""How long an answer may take for which nothing else is to wait."""

NAME_TAKEN = "already in use"
"""What Podman says where Docker has a status of its own."""

_WHOLE = {"max-size": "1000000g", "max-file": "1"}
LOG_OF_DOCKER = {"Type": "local", "Config": {**_WHOLE, "compress": "false"}}
LOG_OF_PODMAN = {"Type": "json-file", "Config": _WHOLE}
"""
How an engine is to keep what is printed until it is copied: to the byte, and all of it, whatever
its own settings say of logs. Whoever goes on after another passes over as many bytes as are copied.

Docker's `json-file` keeps only what is UTF-8 as it was; Podman keeps every byte, and has no `local`.
"""

NO_PROGRAM = ("executable file not found", "no such file or directory", "permission denied")
"""What the runtime says of a command that cannot be executed."""


class NotBegun(Exception):
    """It did not begin, and never will: the reason, and words for people."""

    def __init__(self, reason: str, error: str | None) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


class Removed(Exception):
    """The engine knows no such container any more."""


class Container:
    """
    The container of the attempt that *order* is for.

    Every method may raise OSError where the engine cannot be reached, and EngineError where it
    refuses in a way that is not told here.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self.engine = Engine(order["engine"])
        self.name: str = order["name"]
        """By which it is made, and started: by all else it is meant as `id`, once that is known."""

        self.id: str | None = None
        self._body: Any = order.get("body")
        self.may_exist = False
        """Whether an engine may have been asked to make it."""

        self.may_come = False
        """An engine was asked, and its answer is not known: it may be made some time yet."""

        self._is_ours = False
        """The one that has its name is known to be of our attempt."""

    def is_known(self, container_id: str) -> None:
        """
        It is the one with this id, and ours, whatever anybody has named it since.

        Raises:
            OSError: That is no id: what says so is no engine.
        """
        if len(container_id) != ID_LENGTH or not container_id.isalnum():
            raise OSError(f"what answers at the engine's socket has no ids: {container_id!r:.80}")
        self.id, self._is_ours = container_id, True

    @property
    def _path(self) -> str:
        return f"/containers/{self.id or self.name}"

    def make(self) -> str | None:
        """
        Make it; the one that is there already, if it is ours. Return the engine's words where
        it has no such image, else None.

        Raises:
            NotBegun: The engine does not make it, or not as it is to be.
        """
        self.engine.meet()
        host: dict[str, Any] = {**self._body["HostConfig"], "LogConfig": LOG_OF_DOCKER}
        if self.engine.is_podman:
            host["LogConfig"] = LOG_OF_PODMAN
            host["Tmpfs"] = self._order.get("podmans_own", {}) | host["Tmpfs"]
        body = {**self._body, "HostConfig": host}
        stream = self.engine.send("POST", f"/containers/create?name={self.name}", body)
        self.may_exist = self.may_come = True
        try:
            made = answer_of(stream)
        except EngineError as error:
            words = str(error)
            is_taken = error.status == CONFLICT or NAME_TAKEN in words
            self.may_come = is_taken
            if error.status == NOT_FOUND and "no such image" in words.lower():
                return words
            self._take_ours(words, is_taken=is_taken)
            return None
        self.is_known(pick(made, str, "Id"))
        self.may_come = False
        warnings = made.get("Warnings")
        told = warnings if isinstance(warnings, list) else []
        ignored = [str(each) for each in told if "discarded" in str(each).lower()]
        if ignored:
            # A limit that is not kept is none.
            raise NotBegun("engine_error", "the engine cannot keep a limit: " + "; ".join(ignored))
        return None

    def _take_ours(self, words: str, *, is_taken: bool) -> None:
        """
        It was made by somebody who was killed before it could say so; or is not ours; or is not.

        It is looked for, whatever the status: to Podman a name that is taken is a fault of its own.
        A name that *is_taken* where nothing has it is that of one that is being made.
        """
        refusal = NotBegun("engine_error", f"the engine does not make it: {words}")
        try:
            is_ours = self._has_our_labels()
        except EngineError as error:
            if is_taken and error.status == NOT_FOUND:
                raise OSError(f"it is still making what it was asked for before: {words}") from None
            raise refusal from None
        self.may_come = False
        if not is_ours:
            self.may_exist = False
            raise refusal

    def _has_our_labels(self) -> bool:
        """Whether the one that has its name is of our attempt. Raises EngineError if none has."""
        told = self.engine.ask("GET", f"{self._path}/json")
        labels = pick(told, dict, "Config").get("Labels")
        labels = labels if isinstance(labels, dict) else {}
        wanted = self._order["labels"]
        is_ours = all(labels.get(label) == wanted[label] for label in LABELS)
        if is_ours:
            self.is_known(pick(told, str, "Id"))
        return is_ours

    def pull(self, login: dict[str, str]) -> Stream:
        """Have the engine begin to pull its image, with a *login*; return what it says of that."""
        # As it stands: what an image may be named is what a query may hold (RFC 3986, 3.4).
        path = f"/images/create?fromImage={self._order['image']}"
        return self.engine.send("POST", path, fields=login)

    def image(self) -> tuple[str, str | None]:
        """
        Return which image it was made of: its id, and its name and digest at a registry.

        Raises:
            NotBegun: Nobody can say, since it is gone.
        """
        try:
            image = pick(self.engine.ask("GET", f"{self._path}/json"), str, "Image")
        except EngineError as error:
            words = f"the engine does not tell what it was made of: {error}"
            raise NotBegun("engine_error", words) from None
        try:
            found = self.engine.ask("GET", f"/images/{image}/json").get("RepoDigests")
        except (EngineError, AttributeError):
            found = None  # removed since: the container has it all the same
        digests = [str(each) for each in found] if isinstance(found, list) else []
        # One image may be there under several names: the one that was asked for comes first.
        name = _untagged(self._order["image"])
        meant = [each for each in digests if f"/{_untagged(each)}".endswith(f"/{name}")]
        return image, next(iter(meant or digests), None)

    def start(self) -> bool:
        """
        Start it; False where it was running by then. To be called only where the engine says that
        it never was.

        Raises:
            NotBegun: It does not start.
        """
        stream = self.engine.send("POST", f"/containers/{self.name}/start")
        try:
            answer_of(stream)
        except EngineError as error:
            words = str(error)
            reason = "engine_error"
            if any(each in words for each in NO_PROGRAM):
                reason = "spawn_failed"
            raise NotBegun(reason, f"the container does not start: {words}") from None
        return stream.status != NOT_MODIFIED

    def rename(self) -> bool:
        """
        Give it a name that nobody knows: a start that was asked for by the one before, and is
        still on its way, finds nothing to start. False where the engine refuses, or it is gone.
        """
        name = f"{self._order['name']}.{time.time_ns()}"
        try:
            if self.id is None:
                self._has_our_labels()  # learns it
            self.engine.ask("POST", f"{self._path}/rename?name={name}")
        except EngineError:
            return False
        self.name = name
        return True

    def attach(self) -> Stream:
        """
        Return its output from now on: all of it, if it was not started yet.

        Raises:
            NotBegun: The engine does not let us have it.
        """
        return self._attach("stdout=1&stderr=1", "the engine does not tell what it prints")

    def attach_input(self) -> Stream:
        """
        Return what takes its input, to be sent as it is; nobody else has any for it.

        Raises:
            NotBegun: The engine does not take it.
        """
        return self._attach("stdin=1", "the engine does not take its input")

    def _attach(self, streams: str, refused: str) -> Stream:
        stream = self.engine.send("POST", f"{self._path}/attach?stream=1&{streams}")
        try:
            stream.read_head()
        except EngineError as error:
            stream.close()
            raise NotBegun("engine_error", f"{refused}: {error}") from None
        except BaseException:
            stream.close()
            raise
        return stream

    def state(self, wait_s: float = ANSWER_S) -> dict[str, Any]:
        """Return how it stands, in the engine's terms. Raises Removed."""
        try:
            told = self.engine.ask("GET", f"{self._path}/json", wait_s=wait_s)
        except EngineError as error:
            if error.status == NOT_FOUND:
                raise Removed from None
            raise
        state: dict[str, Any] = pick(told, dict, "State")
        for name, kind in (("Status", str), ("ExitCode", int), ("StartedAt", str)):
            pick(state, kind, name)
        return state

    def has_stopped(self) -> bool:
        """
        Whether it is known to have ended, by an engine that answers at once.

        Podman says so before it has cleaned up, which takes a quarter of a second, and its `wait`
        comes back after.
        """
        try:
            return self.state(wait_s=SHORTLY_S)["Status"] in ENDED
        except (OSError, EngineError, Removed):
            return False

    def is_running(self) -> bool:
        """Whether the engine knows it to run."""
        try:
            return bool(self.state().get("Running"))
        except (EngineError, Removed):
            return False

    def memory(self) -> Memory | None:
        """Return the kernel's own count of what it did for want of memory, where it can be seen."""
        try:
            told = self.engine.ask("GET", f"{self._path}/json")
            pid, container = pick(told, int, "State", "Pid"), pick(told, str, "Id")
        except (OSError, EngineError):
            return None
        return Memory.of(pid, container) if pid > 0 and len(container) >= ID_LENGTH else None

    def log(self, *, follow: bool = True) -> Stream:
        """Return its output, from the beginning; as it comes, or to where it is by now."""
        return self.engine.send("GET", f"{self._path}/logs?follow={follow:d}&stdout=1&stderr=1")

    def end(self) -> Stream:
        """Return what is over once it has ended."""
        return self.engine.send("POST", f"{self._path}/wait")

    def signal(self, name: str) -> Stream:
        """
        Send it a signal. The answer to KILL comes when it has ended, and with NOT_FOUND or
        CONFLICT where it had already.
        """
        return self.engine.send("POST", f"{self._path}/kill?signal={name}")

    def go_on(self) -> None:
        """Let it run where it stands still, so that it can hear a signal."""
        with suppress(OSError, EngineError):
            self.engine.ask("POST", f"{self._path}/kill?signal=CONT", wait_s=SHORTLY_S)

    def remove(self) -> bool:
        """Have nothing left of it, if it is ours; False where there was nothing. Idempotent."""
        try:
            if self._is_ours or self._has_our_labels():
                self.engine.ask("DELETE", f"{self._path}?force=1&v=1")
        except EngineError as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return True


def _untagged(image: str) -> str:
    """Return the name of an image without its tag and digest."""
    name = image.partition("@")[0]
    return name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name


def epoch_ms(at: str) -> int | None:
    """Read a time as engines write it; None where it is none, or that of nothing (year 1)."""
    from datetime import datetime

    try:
        whole = datetime.fromisoformat(at)
    except ValueError:
        return None
    return int(whole.timestamp() * 1000) if whole.year > 1970 and whole.tzinfo else None

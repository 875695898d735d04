"""A caller's end of the supervisor's socket; starts a supervisor where there is none."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ..core.job import JobId
from ..core.limits import to_ms
from ..errors import Conflict, Unavailable
from . import wire

if TYPE_CHECKING:
    import socket

    from ..ports.clock import Clock
    from .doorbell import Doorbell

START_PATIENCE: Final = timedelta(seconds=15)
"""How long a supervisor is given to come up, by those who cannot do without."""

STARTS: Final = 3
AGAIN_S: Final = 1.0
"""How often, and how soon, one is started anew where whoever was on its way up has not come."""

ANSWER_PATIENCE: Final = timedelta(seconds=60)
GREETING_PATIENCE: Final = timedelta(seconds=5)
WHY_PATIENCE: Final = timedelta(seconds=1)

Start = Callable[[int], bool]
"""
Starts a supervisor that writes to the given descriptor once it is ready, or closes it. False
where one is on its way up already, or there by now.
"""


class Link:
    """
    The supervisor of *home*, as the doors' service sees it. Keeps one connection for wakes.

    Not bound to a process: after a fork each side makes its own connection.
    """

    def __init__(self, home: str, version: str, start: Start, clock: Clock) -> None:
        self.home = home
        self._version = version
        self._start = start
        self.clock = clock
        self._kept: tuple[int, socket.socket] | None = None
        self.has_work: Callable[[], bool] | None = None
        """Whether the store has anything for a supervisor; None: it is not asked."""

    # The port -------------------------------------------------------------------------------

    def wake(self) -> None:
        """Make a supervisor look at the store soon, starting one if there is none."""
        if not self._send_kept({"op": "wake"}) and not self.start_one(None):
            # Not there yet, it has its look at the store before it; else it may have had it.
            self._send_kept({"op": "wake"})

    def catch_up(self, timeout: timedelta) -> bool:
        """Let it take in everything that has happened by now; False if *timeout* came first."""
        deadline = self.clock.monotonic() + timeout.total_seconds()
        try:
            answer = self._ask({"op": "sync"}, deadline)
            if answer is None and self.start_one(deadline):
                answer = self._ask({"op": "sync"}, deadline)
        except TimeoutError:
            return False
        return answer is not None

    def cancel(self, job_id: JobId, *, nodes: frozenset[int], grace: timedelta | None) -> None:
        """Have the supervisor cancel; it stores it before it answers."""
        line = {
            "op": "cancel",
            "job": job_id,
            "nodes": sorted(nodes),
            "grace_ms": None if grace is None else to_ms(grace),
        }
        self._order(line, job_id)

    def move(self, job_id: JobId, *, queue: str | None, priority: int | None) -> None:
        """Have the supervisor move a job; it stores it before it answers."""
        self._order({"op": "move", "job": job_id, "queue": queue, "priority": priority}, job_id)

    def arrange(self, timeout: timedelta) -> bool:
        """Have the supervisor, if there is one, read the queues anew."""
        try:
            self._ask({"op": "sync"}, self.clock.monotonic() + timeout.total_seconds())
        except TimeoutError:
            return False
        return True

    def hold(self, job_id: JobId, *, held: bool) -> None:
        """Have the supervisor hold a job, or release it; it stores it before it answers."""
        self._order({"op": "hold", "job": job_id, "held": held}, job_id)

    def obstacles(
        self, places: Sequence[tuple[JobId, int]]
    ) -> Mapping[JobId, list[dict[str, Any]]] | None:
        """Ask the supervisor, if there is one: whoever asks has had it started."""
        deadline = self.clock.monotonic() + WHY_PATIENCE.total_seconds()
        with suppress(TimeoutError, OSError, ValueError):
            answer = self._ask({"op": "obstacles", "places": places}, deadline)
            if answer is not None and "obstacles" in answer:
                return {JobId(job_id): told for job_id, _, told in answer["obstacles"]}
        return None

    def _order(self, line: wire.Line, job_id: JobId) -> None:
        # Asked again where the answer was lost with the supervisor: the second time is the first.
        for _ in range(3):
            deadline = self.clock.monotonic() + ANSWER_PATIENCE.total_seconds()
            try:
                answer = self._ask(line, deadline)
            except TimeoutError:
                raise self._mute() from None
            if answer is None:
                self.start_one(self.clock.monotonic() + START_PATIENCE.total_seconds())
                continue
            if "error" in answer:
                kind = Conflict if answer["error"] == Conflict.code else Unavailable
                raise kind(
                    str(answer.get("message") or answer["error"]),
                    job_id=job_id,
                    suggestion=answer.get("suggestion"),
                )
            return
        raise Unavailable(
            f"No supervisor could be reached or started for {self.home}",
            job_id=job_id,
            suggestion="See its log: outlast supervisor status",
        )

    def held(self, references: frozenset[str]) -> frozenset[str]:
        """Ask the supervisor, if there is one: a new one would hold nothing."""
        deadline = self.clock.monotonic() + ANSWER_PATIENCE.total_seconds()
        try:
            answer = self._ask({"op": "held", "references": sorted(references)}, deadline)
        except TimeoutError:
            raise self._mute() from None
        return frozenset(answer.get("held", ())) if answer else frozenset()

    def news(
        self, job_ids: frozenset[JobId] | None, *, timeout: timedelta | None = None
    ) -> Subscription:
        """
        Subscribe to changes of these jobs; None: of all, which starts no supervisor where there is
        nothing to do for one. Takes *timeout* at the most.
        """
        return Subscription(self, job_ids, timeout)

    def close(self) -> None:
        """Let go of the kept connection. Idempotent; the next wake makes another."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    # For who looks after the supervisor itself ----------------------------------------------

    def status(self) -> Mapping[str, object] | None:
        """
        What the running supervisor says of itself; None if there is none. One that is on its way
        up is waited for.
        """
        from ..home import Home  # not for `job status`

        home = Home(self.home)
        deadline = self.clock.monotonic() + START_PATIENCE.total_seconds()
        try:
            while True:
                is_coming = home.is_being_started()  # asked first: who comes up since answers
                answer = self._ask_status()
                if answer is not None or not is_coming or self.clock.monotonic() >= deadline:
                    return answer
                self._is_coming_up(self.clock.monotonic() + AGAIN_S)
        except TimeoutError:
            raise self._mute() from None

    def _ask_status(self) -> wire.Line | None:
        deadline = self.clock.monotonic() + GREETING_PATIENCE.total_seconds()
        return self._ask({"op": "status"}, deadline)

    def _mute(self) -> Unavailable:
        return Unavailable(
            f"The supervisor of {self.home} does not answer",
            suggestion="Is it stopped? Killing it harms no job: another one takes over",
        )

    def leave(self, timeout: timedelta) -> bool:
        """Ask a running supervisor to leave, and see it gone."""
        deadline = self.clock.monotonic() + timeout.total_seconds()
        try:
            peer = self.connect(deadline, may_replace=False)
        except TimeoutError:
            return False
        if peer is None:
            return True
        with peer:
            reader = wire.Reader(peer)
            try:
                peer.sendall(wire.encode({"op": "leave"}))
                while reader.read(max(0.0, deadline - self.clock.monotonic())) is not None:
                    pass
            except OSError as error:
                return not isinstance(error, TimeoutError)
        return True

    # Connecting -----------------------------------------------------------------------------

    def connect(self, deadline: float, *, may_replace: bool = True) -> socket.socket | None:
        """
        Return a connection on which the greeting was read; None if nobody listens.

        A supervisor older than this program is asked to leave first: the next one is ours.
        """
        peer = wire.connect(self.home, self._left(deadline))
        if peer is None:
            return None
        try:
            greeting = wire.Reader(peer).read(self._left(deadline))
        except TimeoutError:
            peer.close()
            raise
        if greeting is None:
            peer.close()
            return None
        if may_replace and wire.is_older(str(greeting.get("version")), self._version):
            peer.close()
            self.leave(timedelta(seconds=self._left(deadline)))
            return None
        return peer

    def _left(self, deadline: float) -> float:
        return max(0.001, deadline - self.clock.monotonic())

    def _ask(self, line: wire.Line, deadline: float) -> wire.Line | None:
        """Send *line* and return the answer; None if there is nobody, or nobody any more."""
        # Who greets at once is at work: only then is an answer waited for as long as it takes.
        greeted_by = min(deadline, self.clock.monotonic() + GREETING_PATIENCE.total_seconds())
        peer = self.connect(greeted_by, may_replace=line["op"] != "status")
        if peer is None:
            return None
        with peer:
            try:
                peer.sendall(wire.encode(line))
            except OSError:
                return None
            return wire.Reader(peer).read(self._left(deadline))

    def _send_kept(self, line: wire.Line) -> bool:
        """Send *line* over the kept connection, made again once if it broke."""
        for _ in range(2):
            kept = self._kept  # another thread may drop it meanwhile
            if kept is None or kept[0] != os.getpid():
                deadline = self.clock.monotonic() + GREETING_PATIENCE.total_seconds()
                try:
                    peer = self.connect(deadline)
                except TimeoutError:
                    return True  # Somebody listens, and will look at the store when it wakes.
                if peer is None:
                    return False
                self._kept = kept = (os.getpid(), peer)
            peer = kept[1]
            with suppress(OSError, ValueError):
                # Nothing is ever sent to this end: being readable means that it was hung up.
                if not select.select([peer], [], [], 0)[0]:
                    peer.sendall(wire.encode(line))
                    return True
            peer.close()
            self._kept = None
        return False

    def start_one(self, deadline: float | None) -> bool:
        """
        Start a supervisor; with a *deadline*, stay until it is ready, or another one is.

        False: nobody is ready in time; without a deadline, that none was to be started.
        """
        starts = 0
        while True:
            starts += 1
            ready, tells = os.pipe()
            try:
                try:
                    is_ours = self._start(tells)
                finally:
                    os.close(tells)
                if deadline is None:
                    return is_ours
                if is_ours:
                    readable, _, _ = select.select([ready], [], [], self._left(deadline))
                    # A byte: ready. Its end without one: it left, since another one has the lock.
                    if not readable or os.read(ready, 1):
                        return bool(readable)
            finally:
                os.close(ready)
            # Whoever is on the way up may be killed on it, and nobody follow.
            soon = self.clock.monotonic() + AGAIN_S
            until = min(deadline, soon) if starts < STARTS else deadline
            if (is_there := self._is_coming_up(until)) or until == deadline:
                return is_there

    def _is_coming_up(self, deadline: float) -> bool:
        """Stay while another one that holds the lock gets ready to listen."""
        while self.clock.monotonic() < deadline:
            peer = wire.connect(self.home, self._left(deadline))
            if peer is not None:
                peer.close()
                return True
            select.select([], [], [], 0.01)
        return False


class Subscription:
    """One caller's subscription, made again when it breaks."""

    def __init__(
        self, link: Link, job_ids: frozenset[JobId] | None, timeout: timedelta | None
    ) -> None:
        self._link = link
        self._watched = {"all": True} if job_ids is None else {"jobs": sorted(job_ids)}
        self._peer: socket.socket | None = None
        self._reader: wire.Reader | None = None
        self._bell: Doorbell | None = None
        patience = START_PATIENCE if timeout is None else min(timeout, START_PATIENCE)
        self._hang_bell()
        if self._may_subscribe(0):
            self._subscribe(max(0.0, patience.total_seconds()))

    def wait_changed(self, timeout: timedelta | None) -> bool:
        """Return True once something may have changed, False when *timeout* has passed."""
        return self.changed(timeout) != frozenset()

    def changed(self, timeout: timedelta | None) -> frozenset[JobId] | None:
        """Return which may have changed; none when *timeout* has passed, None for any."""
        seconds = None if timeout is None else max(0.0, timeout.total_seconds())
        if self._reader is None:
            if not self._may_subscribe(seconds):
                return frozenset()
            self._subscribe(START_PATIENCE.total_seconds() if seconds is None else seconds)
            return None
        changed: set[JobId] = set()
        try:
            while (line := self._reader.read(0 if changed else seconds)) is not None:
                if "changed" not in line:
                    return None
                changed.add(JobId(line["changed"]))
        except TimeoutError:
            return frozenset(changed)
        self.close()
        self._hang_bell()
        return None

    def fileno(self) -> int | None:
        """Return what is readable when there is news; None while the subscription is broken."""
        return None if self._peer is None else self._peer.fileno()

    def close(self) -> None:
        """End the subscription. Idempotent."""
        if self._peer is not None:
            self._peer.close()
        self._peer = self._reader = None
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _hang_bell(self) -> None:
        """Where all jobs are meant, one is not started for nothing: watch for whoever comes."""
        has_work = self._link.has_work
        if "all" in self._watched and has_work is not None:
            from .doorbell import Doorbell  # not for `job status`

            self._bell = Doorbell(self._link.home, has_work, self._link.clock.monotonic)

    def _may_subscribe(self, seconds: float | None) -> bool:
        """Return True once a supervisor is there, or to be started; False: neither, in that time."""
        return self._bell is None or self._bell.wait(seconds)

    def _subscribe(self, seconds: float) -> None:
        clock = self._link.clock
        deadline = clock.monotonic() + seconds
        with suppress(TimeoutError):
            peer = self._link.connect(deadline)
            if peer is None:
                self._link.start_one(deadline)
                peer = self._link.connect(deadline)
            if peer is None:
                # Neither there nor to be started: not spun on, since it may come by itself.
                select.select([], [], [], min(0.05, max(0.0, deadline - clock.monotonic())))
                return
            self.close()
            self._peer, self._reader = peer, wire.Reader(peer)
            with suppress(OSError):
                peer.sendall(wire.encode({"op": "watch", **self._watched}))
                self._reader.read(max(0.001, deadline - clock.monotonic()))

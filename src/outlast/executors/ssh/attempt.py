"""One attempt on a host, as we know it: kept in its folder here, told as sights."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from ...artifacts import Collection
from ...core.job import JobSpec
from ...core.limits import RETENTION, from_epoch_ms, from_ms, to_epoch_ms, to_ms
from ...core.sight import Alive, Emptied, Exited, Sight, Unkillable
from ...core.state import Reason
from ...ports.clock import Clock
from ...shim import spool
from .answer import Told, reason_of
from .facts import Facts
from .login import drop_login, hold_login, read_login
from .place import Place
from .wanted import Wanted
from .words import DETAILS, ON_THE_HOST, OUT_OF_REACH, WORDS

VERSION: Final = 1
SIGNAL_BASE: Final = 128

STREAMS: Final = (spool.STDOUT, spool.STDERR)

Tell = Callable[[str, Sight], None]


class Attempt:
    """
    What is told of it is told once, in order. All that must not be forgotten is in its folder
    before it is told, so that a fresh one knows the same.
    """

    def __init__(self, key: str, folder: str, known: Facts, clock: Clock, tell: Tell) -> None:
        self.key = key
        self.folder = folder
        self._known = known
        self._clock = clock
        self._tell = tell
        self._last: str = ""
        self.place = Place.from_json(known["place"], read_login(folder))
        self.order: bytes | None = None
        """What to send to have it begin; None where we are not to."""

        self.stdin: str | None = None
        self.grace: timedelta | None = None
        """That its host is to be told to stop it, and how."""

        self.reason = "cancelled"
        self.is_over = False
        self._is_stopping = False
        self._said = ""
        self.files = Wanted(known, self._note)
        """What is fetched after its command: until that is done, its end is not told."""

    @classmethod
    def new(
        cls, key: str, folder: str, clock: Clock, tell: Tell, *, place: Place, spec: JobSpec
    ) -> Attempt:
        """Return an attempt that nobody knows yet, and have its folder know it."""
        program = spec.command[0] if spec.command else (spec.runtime or "/bin/sh")
        known = {
            "version": VERSION,
            "place": place.to_json(),
            "connect_ms": to_ms(spec.connect_timeout),
            "timeout_ms": to_ms(spec.timeout),
            "idle_ms": None if spec.idle_timeout is None else to_ms(spec.idle_timeout),
            "grace_ms": to_ms(spec.grace),
            "reconnect_ms": to_ms(spec.reconnect_timeout),
            "retention_ms": to_ms(spec.retention),
            "output_bytes": spec.limits.output_bytes,
            "cwd": spec.cwd,
            "program": program,
            "bound": spec.connection_bound,
            **Wanted.of(spec),
        }
        spool.make_folder(folder)
        hold_login(folder, place.secrets)  # first: what is known of it may be all there is left
        attempt = cls(key, folder, Facts(folder, known), clock, tell)
        attempt._known.keep({}, synced=False)  # as long as nothing was sent, it may begin anew
        for stream in STREAMS:
            attempt.append(stream, b"")  # there to be watched, by whoever follows
        return attempt

    @classmethod
    def stored(cls, key: str, folder: str, clock: Clock, tell: Tell) -> Attempt | None:
        """Return the attempt that *folder* knows; None if it knows none."""
        if (known := Facts.stored(folder)) is None:
            return None
        attempt = cls(key, folder, known, clock, tell)
        if attempt._may_run and not attempt.is_emptied:
            attempt.end_what_is_left()
        return attempt

    # What is known --------------------------------------------------------------------------

    @property
    def connect_s(self) -> float:
        """How long its host may take to let us in."""
        return float(self._known["connect_ms"]) / 1000

    @property
    def reconnect_s(self) -> float:
        """How long past all limits its host is waited for."""
        return float(self._known["reconnect_ms"]) / 1000

    @property
    def is_sent(self) -> bool:
        """Whether its host may have been asked to begin it."""
        return "sent" in self._known

    @property
    def is_bound(self) -> bool:
        """Whether it ends with its connection."""
        return bool(self._known.get("bound"))

    @property
    def has_ended(self) -> bool:
        """Whether its end is known here."""
        return "ended" in self._known

    @property
    def output_bytes(self) -> int | None:
        """The limit of each stream."""
        limit: int | None = self._known["output_bytes"]
        return limit

    @property
    def is_emptied(self) -> bool:
        """Whether nothing of it is left to be done but to clear its folder on the host away."""
        return "emptied" in self._known and not self.files.is_under_way

    def note_sent(self) -> None:
        """From now on its host may begin it, whatever comes back."""
        if not self.is_sent:
            self._note(sent=to_epoch_ms(self._clock.now()))

    def lost_at(self) -> datetime | None:
        """When a host that stays away is waited for no more; None while it was not asked."""
        since = self._known.get("began", {}).get("at", self._known.get("sent"))
        if since is None or self.has_ended:
            return None
        waits = ("timeout_ms", "grace_ms", "reconnect_ms")
        return from_epoch_ms(since) + from_ms(sum(self._known[name] for name in waits))

    def expires_at(self) -> datetime | None:
        """When a host that stays away is not even visited any more; None while it is waited for."""
        if not self.has_ended:
            return None
        retention = from_ms(self._known.get("retention_ms", to_ms(RETENTION)))
        return from_epoch_ms(self._known["ended"]["at"]) + retention

    def size(self, stream: str) -> int:
        """Return how much of a stream is here."""
        return spool.output_size(self.folder, stream)

    def append(self, stream: str, data: bytes) -> None:
        """Add what comes next of a stream."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(f"{self.folder}/{stream}", flags, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)

    def keep_progress(self, data: bytes) -> None:
        """Replace what is here of the progress that its command tells."""
        with open(f"{self.folder}/{spool.PROGRESS}", "wb") as file:
            file.write(data)

    def set_phase(self, phase: str | None) -> None:
        """Leave word of what is going on, for people."""
        spool.write_phase(self.folder, phase)

    # What is learnt -------------------------------------------------------------------------

    def end_unstarted(self, reason: Reason, error: str | None) -> None:
        """It never ran, and never will; nothing of it lies anywhere."""
        self.never_began(reason, error)
        self.tell_over()

    def never_began(self, reason: Reason, error: str | None) -> None:
        """It never ran, and never will. That it is over is told by `tell_over`."""
        at = to_epoch_ms(self._clock.now())
        if not self.has_ended:
            self._note(ended={"at": at, "reason": reason, "error": error, "unstarted": True})
        if not self.is_emptied:
            self._note(emptied={"at": at})
        self.tell_all()

    def begun(self, told: Told, at: datetime) -> None:
        """Its command runs, or has run."""
        if "began" not in self._known:
            sent = self._known.get("sent", 0)
            began = {"at": max(sent, to_epoch_ms(at)), "containment": told.containment}
            self._note_told(began=began, boot=told.boot)
        if told.is_running and not told.has_parent and "degraded" not in self._known:
            self._note_told(degraded=True)
        self.tell_all()

    def ended(self, told: Told, at: datetime) -> None:
        """Its command is over, and its host knows how."""
        if not self.has_ended:
            line: dict[str, Any] = {"at": self._not_before_start(at), "reason": told.wish}
            if told.ended_at is None:
                line |= {"code": None, "signal": None}
            elif told.is_signalled and told.status > SIGNAL_BASE:
                line |= {"code": None, "signal": told.status - SIGNAL_BASE}
            else:
                line |= {"code": told.status, "signal": None}
            self._note_told(ended=line, **self.files.after(line, self._clock.now()))
        elif (
            self._may_run
            and "late" not in self._known
            and told.ended_at is not None
            and not told.is_signalled
        ):
            self._note_told(late=told.status)
        self.tell_all()

    def finished(self, *, left: str | None = None, **how: Any) -> None:
        """
        It is over, as its own connection has told: `code`, `signal`, `reason` and `error`, as far
        as they are known. *left* says why nobody can see that its processes are gone.
        """
        now = self._clock.now()
        if not self.has_ended:
            line = dict.fromkeys(("code", "signal", "reason", "error")) | how
            self._note(ended=line | {"at": self._not_before_start(now), "may_run": bool(left)})
        self.emptied(now, left)
        self.tell_all()
        self.tell_over()

    def collected(self, collection: Collection) -> None:
        """All that will ever be here of its files is here."""
        self.files.done(collection)
        self.tell_all()

    def emptied(self, at: datetime, error: str | None = None) -> None:
        """
        All its processes are gone and all its output is here; or, for the reason that *error*
        tells, nobody will see to that any more. Told by `tell_over`.
        """
        if "emptied" not in self._known:
            ended: int = self._known.get("ended", {}).get("at", 0)
            self._note(emptied={"at": max(self._not_before_start(at), ended), "error": error})

    def lost(self, reason: Reason, error: str) -> None:
        """How it ended, or whether, is not known. What may run of it is still to be ended."""
        if not self.has_ended:
            at = to_epoch_ms(self._clock.now())
            self._note(ended={"at": at, "reason": reason, "error": error, "may_run": True})
        self.tell_all()

    def stop(self, grace: timedelta, reason: str) -> None:
        """Have its host told to end it."""
        self.grace, self.reason, self._is_stopping = grace, reason, True

    def end_what_is_left(self) -> None:
        """Have its host told to end what may run of it, unless it was."""
        if not self._is_stopping:
            self.stop(from_ms(self._known["grace_ms"]), "lost")

    def out_of_reach(self, error: str) -> None:
        """Its host stays away: whether it was stopped cannot be seen."""
        if self._is_stopping:
            self.not_over(OUT_OF_REACH.format(error=error))

    def no_room(self, error: str) -> None:
        """This machine's disk is full: it is ended; of one that has ended, the output waits."""
        if self.is_to_have_all and self.has_ended:
            self.not_over(ON_THE_HOST.format(error=error))
        elif not self._is_stopping:
            self._note(no_room=error)
            self.stop(from_ms(self._known["grace_ms"]), Reason.DISK_FULL)

    @property
    def is_to_have_all(self) -> bool:
        """Whether all its output is to be fetched: it was not ended because there is no room."""
        return bool(self._known.get("ended", {}).get("reason") != Reason.DISK_FULL)

    def not_over(self, error: str) -> None:
        """It has ended, or was to, and something is left of it: why."""
        if error != self._said:
            self._said = error
            self._tell(self.key, Unkillable(error=error))

    # Telling --------------------------------------------------------------------------------

    def sight(self) -> Sight | None:
        """Return how it stands, as far as is known here; None if it is not known to have begun."""
        if self.has_ended and not self.files.is_under_way:
            return self._exited()
        return self._alive() if "began" in self._known else None

    def tell_all(self) -> None:
        """Tell what is known and was not told, save that it is over."""
        if "began" in self._known:
            self._put("began", self._alive())
            if self._known.get("degraded") and not self.has_ended:
                self._put("degraded", self._alive())
        if self.has_ended and not self.files.is_under_way:
            self._put("ended", self._exited())
        if "late" in self._known:
            self._put("late", self._exited(self._known["late"]))

    def tell_over(self) -> None:
        """Tell that it is emptied, if it is: there is nothing more to tell."""
        if self.is_emptied:
            self._put("emptied", self._emptied())

    def _put(self, event: str, seen: Sight) -> None:
        order = ("", "began", "degraded", "ended", "late", "emptied")
        if order.index(event) <= order.index(self._last):
            return
        self._last = event
        if event == "emptied":
            self.is_over = True
            drop_login(self.folder)
            self.set_phase(None)
        self._tell(self.key, seen)

    @property
    def _survives(self) -> str | None:
        return None if self.is_bound else "session"

    def _alive(self) -> Alive:
        began = self._known["began"]
        return Alive(
            started_at=from_epoch_ms(began["at"]),
            containment=began["containment"],
            survives=self._survives,
            degraded=self._known.get("degraded", False),
        )

    @property
    def _may_run(self) -> bool:
        return bool(self._known.get("ended", {}).get("may_run"))

    def _exited(self, late: int | None = None) -> Exited:
        ended, began = self._known["ended"], self._known.get("began")
        reason = None if ended["reason"] is None else reason_of(ended["reason"])
        error = ended.get("error")
        if error is None and reason == Reason.DISK_FULL:
            error = self._known.get("no_room")
        if reason is None and ended.get("code") == 0 and (missing := self.files.missing):
            reason, error = Reason.ARTIFACTS_MISSING, missing
        if error is None and reason in WORDS:
            numbers = {"idle": (self._known["idle_ms"] or 0) / 1000, "output": self.output_bytes}
            error = WORDS[reason].format(**{name: f"{n or 0:.12g}" for name, n in numbers.items()})
        return Exited(
            at=from_epoch_ms(ended["at"]),
            started_at=None if began is None else from_epoch_ms(began["at"]),
            containment=None if began is None else began["containment"],
            survives=None if began is None else self._survives,
            exit_code=ended.get("code", late),
            signal=ended.get("signal"),
            reason=reason,
            error=error,
            may_run=self._may_run,
        )

    def _emptied(self) -> Emptied:
        percent, message = spool.read_progress(self.folder)
        return Emptied(
            at=from_epoch_ms(self._known["emptied"]["at"]),
            stdout_bytes=self.size(spool.STDOUT),
            stderr_bytes=self.size(spool.STDERR),
            progress_pct=percent,
            message=self.files.left_out or message,
            error=self._known["emptied"].get("error"),
        )

    def detail(self, name: str) -> str | None:
        """Return what was missing on the host, in words."""
        words = DETAILS.get(name)
        return None if words is None else words.format(**self._known)

    # Keeping --------------------------------------------------------------------------------

    def _not_before_start(self, at: datetime) -> int:
        began: int = self._known.get("began", {}).get("at", 0)
        return max(to_epoch_ms(at), began)

    def _note(self, **facts: Any) -> None:
        self._known.keep(facts, synced=True)

    def _note_told(self, **facts: Any) -> None:
        """Note what its host knows as well until the next note: should this machine lose it."""
        self._known.keep(facts, synced=False)

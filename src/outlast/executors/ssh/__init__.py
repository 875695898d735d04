"""
Commands on other machines, over SSH, each under a shell shim that outlives the connection.

Nothing here imports the SSH library before there is a host to connect to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import timedelta

from ...core.sight import Emptied, Gone, Sight
from ...core.state import Reason
from ...ports.clock import Clock
from ...ports.executor import Capabilities, Executor, Handle, Launch
from ...ports.news import News
from .attempt import Attempt
from .bound import LEFT, UNCONFIRMED, Bound
from .host import Host
from .login import drop_login
from .order import order_of
from .place import Place, place_of

AGENT = "SSH_AUTH_SOCK"
CONFIG = "OUTLAST_SSH_CONFIG"
"""The variables of what was captured that say how its caller's SSH is set up."""


class SshExecutor:
    """
    Runs commands on hosts; what is known of each is in its folder below *home*'s `jobs`.

    What it keeps in memory can be had again from there and from the hosts.
    """

    def __init__(self, home: str, floor_bytes: int, clock: Clock, held: Mapping[str, str]) -> None:
        self._home = home
        self._held = held
        self._floor_bytes = floor_bytes
        self._clock = clock
        self._hosts: dict[Place, Host] = {}
        self._attempts: dict[str, Attempt] = {}
        self._bound: dict[str, Bound] = {}
        self._news = News()

    async def launch(self, launch: Launch) -> None:
        """Have it begin on its host; what its folder knows decides whether it may."""
        if launch.key in self._attempts:
            return
        attempt = self._stored(launch.key)
        if attempt is None:
            env = launch.captured.env
            place = place_of(
                launch.node,
                launch.spec.hosts,
                config=env.get(CONFIG),
                agent=env.get(AGENT),
                secrets=launch.captured.secrets,
            )
            attempt = Attempt.new(
                launch.key,
                self._folder(launch.key),
                self._clock,
                self._tell,
                place=place,
                spec=launch.spec,
            )
            attempt.place = place.remembering(self._held)
        if attempt.is_bound:
            self._take_bound(attempt, launch)
            return
        attempt.order = order_of(launch)
        attempt.stdin = launch.spec.stdin
        self._take(attempt)

    def watch(self, handles: AsyncIterable[Handle]) -> AsyncIterator[tuple[str, Sight]]:
        """Tell what the hosts tell, each asked as often as what runs there makes sense."""
        return self._news.flow(handles, self._look_at, self._attempts, self._close)

    async def stop(self, handle: Handle, *, grace: timedelta) -> None:
        """Have its host end it, once that can be reached; at once where it knows nothing yet."""
        attempt = self._attempts.get(handle.key) or self._stored(handle.key)
        if attempt is None:
            return  # never launched, and never will be: who stops it launches nothing of it
        if attempt.is_emptied:
            return
        attempt.stop(grace, "cancelled")
        if attempt.key not in self._attempts:
            self._take(attempt)
        if (bound := self._bound.get(attempt.key)) is not None:
            bound.stop(grace)
        elif (host := self._hosts.get(attempt.place)) is not None:
            host.stop(attempt)

    async def look(self, handle: Handle) -> Sight | None:
        """Say what is known here: a host that must be asked first is asked by `watch`."""
        attempt = self._attempts.get(handle.key) or self._stored(handle.key)
        return None if attempt is None else attempt.sight()

    async def release(self, handle: Handle) -> None:
        """Nothing is held for an attempt that is over."""

    # Attempts -------------------------------------------------------------------------------

    def _folder(self, key: str) -> str:
        return f"{self._home}/jobs/{key}"

    def _stored(self, key: str) -> Attempt | None:
        attempt = Attempt.stored(key, self._folder(key), self._clock, self._tell)
        if attempt is not None:
            attempt.place = attempt.place.remembering(self._held)
        return attempt

    def _take_bound(self, attempt: Attempt, launch: Launch | None = None) -> None:
        """Begin it if it is to be launched; of one that was begun before, nobody knows any more."""
        key = attempt.key
        self._attempts[key] = attempt
        attempt.tell_all()
        if attempt.is_emptied:
            attempt.tell_over()
        elif attempt.is_sent or attempt.has_ended:
            attempt.finished(reason=Reason.LOST, error=LEFT, left=UNCONFIRMED)
        elif launch is None:
            attempt.end_unstarted(Reason.CANCELLED, None)
        else:
            bound = Bound(
                attempt, launch.spec, launch.captured.secrets, self._clock, self._floor_bytes
            )
            self._bound[key] = bound
            bound.task.add_done_callback(lambda _: self._bound.pop(key, None))

    def _take(self, attempt: Attempt) -> None:
        if attempt.is_bound:
            self._take_bound(attempt)
            return
        self._attempts[attempt.key] = attempt
        attempt.tell_all()
        if not attempt.is_sent:
            attempt.tell_over()
        if attempt.is_over:
            return
        if attempt.place not in self._hosts:
            self._hosts[attempt.place] = Host(
                attempt.place, self._clock, self._forget, self._floor_bytes
            )
        self._hosts[attempt.place].take(attempt)

    def _forget(self, place: Place) -> None:
        self._hosts.pop(place, None)

    def _look_at(self, key: str) -> None:
        if (known := self._attempts.get(key)) is not None:
            if (host := self._hosts.get(known.place)) is not None:
                host.look()
        elif (attempt := self._stored(key)) is None:
            drop_login(self._folder(key))  # this machine may have lost all but that
            self._tell(key, Gone())
        elif not attempt.is_sent and not attempt.has_ended:
            # Nobody will launch it any more, and no host was ever asked to begin it.
            attempt.end_unstarted(Reason.CANCELLED, None)
        else:
            self._take(attempt)

    def _tell(self, key: str, seen: Sight) -> None:
        self._news.put(key, seen)
        if isinstance(seen, Emptied | Gone):
            self._attempts.pop(key, None)

    async def _close(self) -> None:
        await asyncio.gather(*(bound.close() for bound in self._bound.values()))
        hosts, self._hosts = self._hosts, {}
        for host in hosts.values():
            await host.close()


def capabilities(env: Mapping[str, str]) -> Capabilities:
    """Return what a host's shell can do: it has no part in cgroups."""
    del env
    no = "cannot be kept over SSH: a host's shell has no part in its cgroups"
    return Capabilities(refused_limits=dict.fromkeys(("memory_bytes", "cpus", "pids"), no))


def make(
    *, home: str, floor_bytes: int, clock: Clock, held: Mapping[str, str] | None = None
) -> Executor:
    """
    Return the executor for the attempts of *home*, which keeps *floor_bytes* of it free; *held* are
    the logins that are in memory alone, as they come and go.
    """
    return SshExecutor(home, floor_bytes, clock, {} if held is None else held)

"""What holds a command's processes together, so that all of them can be ended: told as `name`."""

from __future__ import annotations

import os
import signal

from . import cgroup, tree
from .command import Child, Message


class Containment:
    """
    `cgroup`: they are in one of their own and die at once. `subreaper`: orphans come to the
    shim, so that its tree is all of them. `group`: the process group, which can be left.
    """

    def __init__(self, message: Message) -> None:
        self._message = message
        self._is_subreaper: bool = message["subreaper"]
        self._cgroup: cgroup.Cgroup | None = None
        self._leader: int

    @property
    def name(self) -> str:
        """How surely the whole tree can be ended."""
        if self._cgroup is not None:
            return "cgroup"
        return "subreaper" if self._is_subreaper else "group"

    @property
    def keeps_orphans(self) -> bool:
        """Whether all that the command leaves behind comes to the shim."""
        return self._is_subreaper

    @property
    def path(self) -> str | None:
        """The cgroup's folder, for whoever has to end it without this shim."""
        return None if self._cgroup is None else self._cgroup.path

    def start(self, folder: str, record_fd: int) -> Child:
        """
        Fork the command into it.

        Raises:
            OSError: It cannot be forked, or a limit of the job's cannot be kept here.
        """
        self._make_cgroup()
        child = self._fork(folder, record_fd)
        self._leader = child.pid
        return child

    def _make_cgroup(self) -> None:
        base, limits = self._message.get("cgroup"), self._message.get("limits") or {}
        if base is None and limits:
            raise OSError(95, f"no cgroup can be made here to keep {', '.join(limits)}")
        if base is not None:
            try:
                self._cgroup = cgroup.Cgroup.make(base, self._message["key"], limits)
            except OSError as error:
                if limits:
                    words = f"the limits {', '.join(limits)} cannot be kept here: {error.strerror}"
                    raise OSError(error.errno, words) from error

    def _fork(self, folder: str, record_fd: int) -> Child:
        if self._cgroup is not None:
            try:
                return Child(self._message, folder, record_fd, self._cgroup.fork)
            except OSError:
                if not self._message.get("limits"):
                    self.remove()
        child = Child(self._message, folder, record_fd)
        if self._cgroup is not None:
            try:
                self._cgroup.add(child.pid)
            except OSError:
                child.dismiss()
                os.waitpid(child.pid, 0)
                raise
        return child

    # Ending ---------------------------------------------------------------------------------

    def below(self) -> list[int]:
        """Return the processes that live below the shim."""
        return tree.descendants(os.getpid())

    def ask(self, *, leader_is_there: bool) -> None:
        """
        Send SIGTERM, and SIGCONT since a stopped process never sees the other.

        To the command's group while *leader_is_there*: not reaped yet, so that its number is
        still the group's; or where that group is all we know of them. Else to each that is left.
        """
        for signum in (signal.SIGTERM, signal.SIGCONT):
            if leader_is_there or not self._is_subreaper:
                self._signal_group(signum)
            else:
                tree.signal_all(self.below(), signum)

    def kill_at_once(self, *, leader_is_there: bool) -> None:
        """Kill what two calls reach: the command's group first, so that it dies at its deadline."""
        if leader_is_there or not self._is_subreaper:
            self._signal_group(signal.SIGKILL)
        if self._cgroup is not None:
            self._cgroup.kill()

    def kill_rest(self) -> None:
        """Kill whatever is left below the shim."""
        tree.kill_descendants(os.getpid())

    def is_empty(self) -> bool:
        """Whether nothing is left, now that the shim has no child any more."""
        return self._is_subreaper or not self._signal_group(0)

    def saw_oom_kill(self) -> bool:
        """Whether the kernel killed one of them for want of memory."""
        return self._cgroup is not None and self._cgroup.saw_oom_kill()

    def remove(self) -> None:
        """Leave nothing of it behind."""
        if self._cgroup is not None:
            self._cgroup.remove()
            self._cgroup = None

    def _signal_group(self, signum: int) -> bool:
        """
        Send *signum* to the group that the command leads; it leads one since before its `go`.
        Returns whether anybody was reached: none is left in it, or not for us to signal.
        """
        try:
            os.killpg(self._leader, signum)
        except OSError:
            return False
        return True

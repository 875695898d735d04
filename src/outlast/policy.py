"""The server's policy: what tokens may run, from the file that the settings name or find."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from .errors import InvalidRequest
from .settings import Settings

if TYPE_CHECKING:
    from .core.policy import Policy
    from .ports.clock import Clock

log = logging.getLogger("outlast.policy")

NAME: Final = "policy.toml"
"""The file in the home, where the settings name none."""

LOOK_S: Final = 0.5
"""How often it is looked whether the file is another one, while somebody asks."""

SETTLED: Final = timedelta(seconds=1)
"""So long it was not written to before it is read again: half of it may say the opposite."""

_Mark = tuple[int, int, int]


class Policies:
    """
    The policies in force, by the names of their sections; none where there is no file.

    They are read again once their file is another one. One that makes no sense, or is gone, changes
    nothing, and that is logged: what was refused before is refused on. May be shared by threads.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """
        Read them. Raises `InvalidRequest` where that cannot be done, or makes no sense; all faults are
        listed. Nobody is to be let in then: what was meant to be refused is not known.
        """
        self._path = settings.policy or f"{settings.home}/{NAME}"
        self._clock = clock
        self._look_at = clock.monotonic() + LOOK_S
        self._mark = self._find()
        self._policies: Mapping[str, Policy] = {}
        if settings.policy is not None or self._mark is not None:
            self._policies = self._read()

    def __call__(self) -> Mapping[str, Policy]:
        """Return those in force: the same object for as long as they are the same."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            mark = self._find()
            if mark != self._mark and self._is_settled(mark):
                self._mark = mark
                self._replace()
        return self._policies

    def _replace(self) -> None:
        try:
            self._policies = self._read()
        except InvalidRequest as error:
            log.error(  # noqa: TRY400 - the words say it all
                "the policy that was read before stays in force: %s", "; ".join(error.faults)
            )
        else:
            log.info("%s has changed, and is in force as it is now", self._path)

    def _find(self) -> _Mark | None:
        """Return what tells the file as it is now from any other; None: there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _is_settled(self, mark: _Mark | None) -> bool:
        if mark is None:
            return True
        written_s = mark[0] / 1e9
        return not 0 <= self._clock.now().timestamp() - written_s < SETTLED.total_seconds()

    def _read(self) -> Mapping[str, Policy]:
        from . import tomlfile
        from .core.policyreader import read_policies

        policies, faults = read_policies(tomlfile.read(self._path), self._path)
        if faults:
            raise InvalidRequest(*faults)
        return policies

"""Webhooks: what joins the engine's part with the settings and the network."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from ..clock import SystemClock
from ..engine.tidings import Tidings
from ..errors import InvalidRequest
from ..settings import load_settings

if TYPE_CHECKING:
    from ..core.webhooksettings import WebhookSettings
    from ..engine.deliveries import Deliverer
    from ..home import Home
    from ..ports.deliveries import Deliveries
    from ..settings import Settings

__all__ = ["make_tidings"]

log = logging.getLogger("outlast.webhooks")


def make_tidings(home: Home, settings: Settings, deliveries: Deliveries) -> Tidings:
    """Return what has *deliveries* sent for the supervisor of *home*. Imports little until then."""
    filed = Filed(settings)

    def is_needed() -> bool:
        if deliveries.next_due() is not None:
            return True
        with suppress(FileNotFoundError):
            return bool(os.listdir(home.signing))
        return False

    def make() -> Deliverer:
        from ..engine.deliveries import Deliverer, InForce
        from .sender import HttpSender

        clock, in_force = SystemClock(), InForce(filed.read)
        sender = HttpSender(lambda: in_force.look().webhooks)
        return Deliverer(deliveries, sender, clock, home, in_force, chance=clock.chance)

    return Tidings(make, is_needed=is_needed, tells_all=filed.tells_all)


class Filed:
    """What the home's file of settings says, read again once it is another one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: tuple[int, int, int] | None = None
        self._said: tuple[WebhookSettings | None, Mapping[str, str]] = (
            settings.webhooks,
            settings.secrets,
        )

    def read(self) -> tuple[WebhookSettings | None, Mapping[str, str]]:
        """Return it. Raises InvalidRequest, once for each change, where it makes no sense."""
        mark = _mark(self._settings.config)
        if mark != self._seen:
            self._seen = mark
            settings = load_settings(home=self._settings.home)
            self._said = settings.webhooks, settings.secrets
        return self._said

    def tells_all(self) -> bool:
        """Whether somebody is told of the end of every job."""
        try:
            webhooks, _ = self.read()
        except InvalidRequest as error:
            log.error("the settings of webhooks are as they were: %s", error)  # noqa: TRY400 the words say it all
            webhooks, _ = self._said
        return webhooks is not None and bool(webhooks.everybody)


def _mark(path: str) -> tuple[int, int, int] | None:
    """Return what tells one state of a file from another; None: it is not there."""
    try:
        there = os.stat(path)
    except OSError:
        return None
    return there.st_mtime_ns, there.st_ino, there.st_size

"""Webhooks: what joins the engine's part with the settings and the network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..clock import SystemClock
from ..engine.deliveries import Deliverer, InForce
from ..settings import load_settings
from .sender import HttpSender

if TYPE_CHECKING:
    from ..core.webhooksettings import WebhookSettings
    from ..home import Home
    from ..ports.deliveries import Deliveries
    from ..settings import Settings

__all__ = ["make_deliverer"]


def make_deliverer(home: Home, settings: Settings, deliveries: Deliveries) -> Deliverer:
    """Return what sends *deliveries* for the supervisor of *home*."""
    clock = SystemClock()
    in_force = InForce(Filed(settings).read)
    return Deliverer(
        deliveries,
        HttpSender(lambda: in_force.look().webhooks),
        clock,
        home,
        in_force,
        chance=clock.chance,
    )


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


def _mark(path: str) -> tuple[int, int, int] | None:
    """Return what tells one state of a file from another; None: it is not there."""
    try:
        there = os.stat(path)
    except OSError:
        return None
    return there.st_mtime_ns, there.st_ino, there.st_size

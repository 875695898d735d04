"""What doors on a network need besides the verbs: who is let in. Joins the parts, as `wiring` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import wiring
from .access import Access
from .audit import NAME, Audit
from .clock import SystemClock
from .home import Home
from .inventory import load_inventory
from .policy import Policies
from .settings import Settings
from .store import open_tokens, open_version

if TYPE_CHECKING:
    from .ports.clock import Clock
    from .ports.store import Version


def make_version(settings: Settings) -> Version:
    """
    Return what tells a server that somebody has written to the home's database: asked once in a
    turn of its loop, by whoever remembers what was read.

    Raises:
        HomeRefused: The home or its database cannot be used from here, and why.
    """
    from .engine.once import OncePerTurn

    return OncePerTurn(open_version(_usable(settings).database))


def make_access(
    settings: Settings, version: Version | None = None, clock: Clock | None = None
) -> Access:
    """
    Return who is let into the home of *settings*, and what they may do. *version* as `open_store`
    has it.

    Raises:
        HomeRefused: The home or its database cannot be used from here, and why.

        InvalidRequest: The policy cannot be read, or makes no sense; all faults are listed.
    """
    home = _usable(settings)
    clock = clock or SystemClock()
    return Access(
        home,
        open_tokens(home.database, version=version),
        clock,
        Audit(f"{home.path}/{NAME}", clock.now),
        policies=Policies(settings, clock),
        inventory=lambda: load_inventory(settings),
    )


def _usable(settings: Settings) -> Home:
    """Return the home, with a database of this version of ours or none."""
    home = Home(settings.home)
    home.check()
    link = wiring.make_link(settings)
    wiring.open_for_use(home, link).close()
    link.close()
    return home

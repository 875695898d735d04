"""What doors on a network need besides the verbs: who is let in. Joins the parts, as `wiring` does."""

from __future__ import annotations

from . import wiring
from .access import Access
from .audit import NAME, Audit
from .clock import SystemClock
from .home import Home
from .inventory import load_inventory
from .policy import load_policies
from .settings import Settings
from .store import open_tokens


def make_access(settings: Settings) -> Access:
    """
    Return who is let into the home of *settings*, and what they may do.

    Raises:
        HomeRefused: The home or its database cannot be used from here, and why.

        InvalidRequest: The policy cannot be read, or makes no sense; all faults are listed.
    """
    home = Home(settings.home)
    home.check()
    link = wiring.make_link(settings)
    wiring.open_for_use(home, link).close()
    link.close()
    clock = SystemClock()
    return Access(
        home,
        open_tokens(home.database),
        clock,
        Audit(f"{home.path}/{NAME}", clock.now),
        policies=load_policies(settings),
        inventory=lambda: load_inventory(settings),
    )

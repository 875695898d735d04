"""The library's door, for the jobs that the command line means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....client import Client

if TYPE_CHECKING:
    from ....framework.caller import Caller


def client_of(caller: Caller) -> Client:
    """Return a client of the home, or of the server, that *caller* means."""
    settings = caller.settings
    config, hosts = settings.ssh_config, settings.inventory
    if settings.server is not None:
        return Client(settings.server, ssh_config=config, inventory=hosts)
    return Client(home=settings.home, ssh_config=config, inventory=hosts)

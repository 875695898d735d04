"""What is done on hosts without a job: joined here for the doors, as `wiring` joins the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from .clock import SystemClock
from .core.hosts import parse_host
from .core.job import JobSpec
from .engine.secrets import resolve_secrets
from .errors import InvalidRequest
from .settings import Settings

if TYPE_CHECKING:
    from .core.hostspec import HostSpec
    from .executors.ssh.clean import Survey
    from .executors.ssh.place import Place

__all__ = ["Survey", "clear_hosts", "places_of", "survey_hosts"]

WIDTH: Final = 32
"""At most so many hosts at once."""

T = TypeVar("T")


def places_of(
    settings: Settings, names: Sequence[str], known: Mapping[str, HostSpec]
) -> list[Place]:
    """
    Return the way to each of the hosts *names*, of which so much is *known*, for this caller.

    Raises:
        InvalidRequest: One is no host, or a secret of its login is not there; all faults are told.
    """
    from .executors.ssh.place import place_of

    faults = []
    for name in names:
        try:
            parse_host(name)
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise InvalidRequest(*faults)
    secrets = resolve_secrets([JobSpec(shell="", on=tuple(names), hosts=known)])
    agent = os.environ.get("SSH_AUTH_SOCK")
    return [
        place_of(name, known, config=settings.ssh_config, agent=agent, secrets=secrets)
        for name in names
    ]


def survey_hosts(settings: Settings, places: Iterable[Place]) -> list[Survey]:
    """Return what lies on each host. A host that cannot be asked says why."""
    from .executors.ssh.clean import survey

    token, patience_s = SystemClock().new_token, settings.connect_timeout_s
    return asyncio.run(_side_by_side(survey(place, patience_s, token) for place in places))


def clear_hosts(settings: Settings, chosen: Mapping[Place, Iterable[str]]) -> list[str | None]:
    """Remove the *chosen* attempts of each host. Returns why it could not be done, for each."""
    from .executors.ssh.clean import clear

    token, patience_s = SystemClock().new_token, settings.connect_timeout_s
    work = (clear(place, keys, patience_s, token) for place, keys in chosen.items())
    return asyncio.run(_side_by_side(work))


async def _side_by_side(work: Iterable[Awaitable[T]]) -> list[T]:
    width = asyncio.Semaphore(WIDTH)

    async def do(one: Awaitable[T]) -> T:
        async with width:
            return await one

    return list(await asyncio.gather(*map(do, work)))

"""What is done on hosts without a job: joined here for the doors, as `wiring` joins the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .clock import SystemClock
from .core.hosts import parse_host
from .core.job import JobSpec
from .core.state import Reason
from .engine.preflight import anchored, key_faults, library_faults
from .engine.secrets import resolve_secrets
from .errors import InvalidRequest, Unavailable
from .inventory import for_hosts, select
from .settings import Settings, capture_caller

if TYPE_CHECKING:
    from .core.hostspec import HostSpec
    from .executors.ssh.check import Checked
    from .executors.ssh.clean import Survey
    from .executors.ssh.place import Place
    from .executors.ssh.trust import HostKey

__all__ = [
    "Survey",
    "check_hosts",
    "clear_hosts",
    "host_key",
    "places_of",
    "survey_hosts",
    "trust_host",
]

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


def clear_hosts(settings: Settings, chosen: Iterable[Survey]) -> list[str | None]:
    """Remove what is *chosen* of each host. Returns why it could not be done, for each."""
    from .executors.ssh.clean import clear

    token, patience_s = SystemClock().new_token, settings.connect_timeout_s
    work = (clear(survey, patience_s, token) for survey in chosen)
    return asyncio.run(_side_by_side(work))


async def _side_by_side(work: Iterable[Awaitable[T]]) -> list[T]:
    width = asyncio.Semaphore(WIDTH)

    async def do(one: Awaitable[T]) -> T:
        async with width:
            return await one

    return list(await asyncio.gather(*map(do, work)))


# Keys and checks ------------------------------------------------------------------------------


def host_key(settings: Settings, host: str) -> HostKey:
    """
    Return the key that *host* shows, by the way that a job would take.

    Raises:
        InvalidRequest: That is no host, or the extra for SSH is not installed.

        Unavailable: It cannot be reached.
    """
    from .executors.ssh import trust

    try:
        parse_host(host)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    members, _ = select(settings, [host])
    if members != [host]:
        raise InvalidRequest(f"{host} means {len(members)} hosts: a key is one host's own")
    place, faults = _place(settings, _spec(settings, [host], None), host)
    if faults:
        raise InvalidRequest(*faults)
    return trust.host_key(place, settings.connect_timeout_s)


def trust_host(key: HostKey) -> None:
    """Have *key* known from now on. Raises Unavailable."""
    from .executors.ssh import trust

    try:
        trust.trust(key, SystemClock().new_token().encode())
    except OSError as error:
        raise Unavailable(f"{key.known_hosts} cannot be written: {error.strerror}") from error


def check_hosts(
    settings: Settings, names: Sequence[str], connect_timeout: timedelta | None = None
) -> list[dict[str, Any]]:
    """
    Return whether commands would run on the hosts that *names* mean, or else on all that are
    written down, and how, as JSON has it. All are asked at once; nothing is left there.

    Raises:
        InvalidRequest: The inventory or a name makes no sense, or the extra is not installed.
    """
    from .executors.ssh import check
    from .executors.ssh.refusal import Refused

    hosts, _ = select(settings, names)
    spec = _spec(settings, hosts, connect_timeout)
    to_ask: list[tuple[Place, float]] = []
    told: dict[str, Checked] = {}
    for host in spec.on:
        place, faults = _place(settings, spec, host)
        if faults:
            refused = Refused(Reason.SECRET_UNAVAILABLE, f"SecretUnavailable: {'; '.join(faults)}")
            told[host] = check.failed(place, refused)
        else:
            to_ask.append((place, spec.at(host).connect_timeout.total_seconds()))
    told |= {each.host: each for each in check.check_hosts(to_ask, SystemClock())}
    return [told[host]._asdict() for host in spec.on]


def _spec(settings: Settings, hosts: Sequence[str], connect_timeout: timedelta | None) -> JobSpec:
    """Return what a job on *hosts* would have of them."""
    from .core.parse import parse_spec

    captured = capture_caller()
    asked = {"on": list(hosts), "shell": ":", "connect_timeout": connect_timeout}
    (given,), captured = for_hosts([asked], captured, settings)
    if faults := library_faults():
        raise InvalidRequest(*faults)
    return anchored(parse_spec(given), captured)


def _place(settings: Settings, spec: JobSpec, host: str) -> tuple[Place, list[str]]:
    """Return how *host* is reached from here, and what is missing for it."""
    from .executors.ssh.place import place_of

    agent = os.environ.get("SSH_AUTH_SOCK")
    place = place_of(host, spec.hosts, config=settings.ssh_config, agent=agent)
    needed = place.nodes
    own = {name: known for name, known in spec.hosts.items() if name in needed}
    faults = key_faults(own)
    try:
        place = place.holding(resolve_secrets([JobSpec(hosts=own)]))
    except InvalidRequest as error:
        faults += error.faults
    return place, faults

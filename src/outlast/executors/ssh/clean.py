"""What lies on a host in our folder there: found, and removed once nobody needs it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

from .answer import Told, parse_status
from .link import FOLDER, Link
from .order import key_on_host
from .place import Place
from .refusal import Cut, Refused

T = TypeVar("T")

MAX_LISTING_BYTES: Final = 1 << 22
BATCH: Final = 200
"""Attempts in one question."""

_ATTEMPT: Final = re.compile(r"jobs/(job_\w{1,64})\.(\d{1,9})\.(\d{1,9})", re.ASCII)

_SESSION: Final = re.compile(r"sessions/(ses_\w{1,64})", re.ASCII)

_LIST: Final = f"""\
echo %s
cd {FOLDER} 2>/dev/null && for each in shim-* jobs/* sessions/*; do [ -e "$each" ] && echo "$each"; done
echo end
"""

_LEAVE: Final = f"""\
echo %s
cd {FOLDER} || exit
for each in %s; do rm -f "sessions/$each"; done
for each in sessions jobs; do [ ! -d $each ] || rmdir $each || exit; done
for each in *; do
  case $each in
  shim-*.sh) rm -f "$each" ;;
  *[!0-9A-Z]*) ;;
  *) rm -f "$each" ;; # of an installation that was cut off
  esac
done && cd .. && rmdir {FOLDER}
"""


class Lying(NamedTuple):
    """An attempt's folder on a host."""

    key: str
    """The attempt's: job, node and attempt, with slashes between them."""

    is_running: bool


class Survey(NamedTuple):
    """What lies on one host."""

    place: Place
    attempts: tuple[Lying, ...] = ()
    sessions: tuple[str, ...] = ()
    """The ids of those of which something is kept there."""

    has_shim: bool = False
    error: str | None = None
    """Why nobody could look."""


async def survey(place: Place, patience_s: float, new_token: Callable[[], str]) -> Survey:
    """Return what lies on the host at *place*. Nothing is left there that was not there before."""
    link = Link(place, new_token, installs=False)
    try:
        await link.ready(patience_s)
        lines = await _within(patience_s, _listed(link, new_token()))
        keys = ["/".join(found.groups()) for line in lines if (found := _ATTEMPT.fullmatch(line))]
        attempts: list[Lying] = []
        if keys:
            await _within(patience_s, link.install())
        for first in range(0, len(keys), BATCH):
            some = {key_on_host(key): key for key in keys[first : first + BATCH]}
            told = parse_status(await link.call("status", *some)).attempts
            attempts += [
                Lying(key, told[there].state == "began" and _is_running(told[there]))
                for there, key in some.items()
                if there in told
            ]
        return Survey(
            place,
            tuple(attempts),
            tuple(found[1] for line in lines if (found := _SESSION.fullmatch(line))),
            any(line.startswith("shim-") for line in lines),
        )
    except (Refused, Cut) as error:
        return Survey(place, error=str(error))
    finally:
        await link.close()


async def clear(survey: Survey, patience_s: float, new_token: Callable[[], str]) -> str | None:
    """
    Remove what *survey* names: the folders of attempts, save of those that run, and what is kept
    of sessions; and, if then nothing else lies there, all that is ours. Returns why it could not
    be done.
    """
    link = Link(survey.place, new_token, installs=False)
    names = [key_on_host(lying.key) for lying in survey.attempts]
    try:
        await link.ready(patience_s)
        if names:
            await _within(patience_s, link.install())
        for first in range(0, len(names), BATCH):
            await link.call("remove", *names[first : first + BATCH])
        leave = _LEAVE % (new_token(), " ".join(survey.sessions))
        await _within(patience_s, link.script(leave.encode(), MAX_LISTING_BYTES))
    except (Refused, Cut) as error:
        return str(error)
    finally:
        await link.close()
    return None


async def _within(seconds: float, answer: Awaitable[T]) -> T:
    """Return an answer that does not take longer than that. Raises as `Link.call`."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise Cut(f"no answer for {seconds:g}s") from None


async def _listed(link: Link, nonce: str) -> list[str]:
    said = await link.script((_LIST % nonce).encode(), MAX_LISTING_BYTES)
    lines = said.decode("utf-8", "replace").partition(f"{nonce}\n")[2].splitlines()
    if not lines or lines[-1] != "end":
        raise Cut("the host's answer is not whole")
    return lines


def _is_running(told: Told) -> bool:
    return told.is_running or told.has_parent

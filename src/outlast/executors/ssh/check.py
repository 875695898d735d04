"""Whether commands would run on hosts, and how: each asked at once, and left as it was found."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...core.limits import to_epoch_ms
from ...core.state import Reason
from ...ports.clock import Clock
from .connection import connect
from .place import Place
from .refusal import Refused, refusal_of, timed_out, trust_hint

if TYPE_CHECKING:
    import asyncssh

AT_ONCE: Final = 100
MAX_ANSWER_BYTES: Final = 1 << 17
"""More than a login prints and we ask for together."""

TOOLS: Final = "cat cp date dd env head ln ls mkdir mv printf rm sleep tail tr"
"""What the shell shim calls, and every POSIX system has."""

PROBE: Final = """\
cd
echo; echo @NONCE@
echo "system $(uname -sm 2>/dev/null)"
if [ -d /proc/self ]; then
  echo containment marker
elif command -v setsid >/dev/null 2>&1 || { (set -m) 2>/dev/null && [ -n "$BASH_VERSION" ]; }; then
  echo containment group
else
  echo containment process
fi
for each in @TOOLS@; do command -v $each >/dev/null 2>&1 || echo "missing $each"; done
umask 077
folder=.outlast
[ -d .outlast ] || folder=.
if mkdir $folder/@NONCE@ 2>/dev/null; then
  if echo whole 2>/dev/null >$folder/@NONCE@/file && [ -s $folder/@NONCE@/file ]; then
    echo writable yes
  fi
  rm -rf $folder/@NONCE@
fi
set -- $(LC_ALL=C df -Pk $folder 2>/dev/null | tail -n 1)
echo "free $4"
echo "now $(date +%s)"
echo end @NONCE@
"""

REMEDIES: Final = {
    Reason.HOST_KEY_REJECTED: "outlast hosts trust {trusted}, and compare the fingerprint that it shows",
    Reason.AUTH_FAILED: "check user and key; a password is given by reference, in the inventory or"
    " by --host {host}/password=env:NAME",
    Reason.CONNECT_TIMEOUT: "is it up, and does a firewall drop packets? More time:"
    " --connect-timeout",
    Reason.CONNECT_FAILED: "check address and port, and that sshd runs there",
    Reason.SECRET_UNAVAILABLE: "set the variable, or make the file readable",
}
NO_SHELL: Final = (
    "it lets us in, and no shell answers: {error}",
    "an appliance without one can be asked with --connection-bound or --dialogue",
)
NOT_WRITABLE: Final = (
    "~/.outlast cannot be written in the user's home there",
    "make room on its disk, or give the user a home that can be written",
)


class Checked(NamedTuple):
    """What came of looking at one host. None is what is not known."""

    host: str
    ok: bool
    reason: str | None = None
    """As a node's that ends there."""

    error: str | None = None
    remedy: str | None = None
    took_ms: int | None = None
    """Until it had let us in."""

    containment: str | None = None
    """As commands there will have it."""

    system: str | None = None
    free_bytes: int | None = None
    clock_skew_ms: int | None = None
    """How far its clock is ahead of ours; within a second, 0."""


def check_hosts(places: Sequence[tuple[Place, float]], clock: Clock) -> list[Checked]:
    """Look at all *places*, each of which may take so many seconds to let us in, and to answer."""

    async def check_all() -> list[Checked]:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(place: Place, patience_s: float) -> Checked:
            async with room:
                return await _check(place, patience_s, clock)

        return await asyncio.gather(*(one(place, seconds) for place, seconds in places))

    return asyncio.run(check_all())


def failed(place: Place, refused: Refused, took_ms: int | None = None) -> Checked:
    """Return what there is to say of a host that could not be looked at."""
    remedy = REMEDIES.get(refused.reason)
    if remedy is not None:
        remedy = remedy.format(host=place.node, trusted=place.trusted_as)
    error = refused.error.removesuffix(trust_hint(place.trusted_as))
    return Checked(place.node, False, str(refused.reason), error, remedy, took_ms)


async def _check(place: Place, patience_s: float, clock: Clock) -> Checked:
    begun = clock.monotonic()
    try:
        async with asyncio.timeout(patience_s):
            connection = await connect(place)
    except TimeoutError:
        return failed(place, timed_out(patience_s))
    except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
        return failed(place, refusal_of(error, place.trusted_as))
    took_ms = round((clock.monotonic() - begun) * 1000)
    try:
        async with asyncio.timeout(patience_s):
            return await _look(place, connection, took_ms, clock)
    except TimeoutError:
        return _no_shell(place, f"no answer after {patience_s:.12g}s", took_ms)
    except Exception as error:  # noqa: BLE001 as above
        return _no_shell(place, str(error) or type(error).__name__, took_ms)
    finally:
        connection.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await connection.wait_closed()
        connection.abort()


async def _look(
    place: Place, connection: asyncssh.SSHClientConnection, took_ms: int, clock: Clock
) -> Checked:
    nonce = f"outlast-check-{clock.new_token()}"
    script = PROBE.replace("@NONCE@", nonce).replace("@TOOLS@", TOOLS)
    process = await connection.create_process("exec /bin/sh", encoding=None)
    with contextlib.suppress(OSError):  # it left without reading: its answer tells
        process.stdin.write(script.encode())
        process.stdin.write_eof()
    said = b""
    end = f"end {nonce}\n".encode()
    while end not in said and len(said) < MAX_ANSWER_BYTES:
        piece = await process.stdout.read(1 << 16)
        if not piece:
            break
        said += piece
    now_ms = to_epoch_ms(clock.now())
    process.close()
    _, _, answer = said.decode("utf-8", "replace").partition(f"\n{nonce}\n")
    answer, whole, _ = answer.partition(end.decode())
    if not whole:
        return _no_shell(place, "what it says is no answer", took_ms)
    facts = [line.partition(" ")[::2] for line in answer.splitlines()]
    told = dict(facts)
    missing = [value for name, value in facts if name == "missing"]
    checked = Checked(
        place.node,
        True,
        took_ms=took_ms,
        containment=told.get("containment"),
        system=told.get("system", "")[:80] or None,
        free_bytes=_number(told.get("free"), 1024),
        clock_skew_ms=_skew(_number(told.get("now"), 1000), now_ms),
    )
    if missing:
        words = f"there is no {', '.join(missing)} there"
        remedy = "install what is missing: every POSIX system has it"
        return checked._replace(
            ok=False, reason=str(Reason.SPAWN_FAILED), error=words[:400], remedy=remedy
        )
    if told.get("writable") != "yes":
        error, remedy = NOT_WRITABLE
        return checked._replace(
            ok=False, reason=str(Reason.SPAWN_FAILED), error=error, remedy=remedy
        )
    return checked


def _no_shell(place: Place, error: str, took_ms: int) -> Checked:
    words, remedy = NO_SHELL
    reason = str(Reason.SPAWN_FAILED)
    return Checked(place.node, False, reason, words.format(error=error), remedy, took_ms)


def _number(text: str | None, factor: int) -> int | None:
    """Return a number of a host's, which may say anything."""
    return int(text) * factor if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def _skew(there_ms: int | None, here_ms: int) -> int | None:
    """Return how far their clock, which tells whole seconds, is ahead of ours."""
    if there_ms is None:
        return None
    ahead = there_ms - here_ms
    return 0 if -2000 < ahead < 1000 else ahead

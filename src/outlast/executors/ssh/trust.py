"""A host's key, shown to a person and then taken into the file of known ones."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...core.state import Reason
from ...errors import Unavailable
from .connection import connect_on_the_way, known_as, options_of, user_known_hosts_of
from .place import Place
from .refusal import Refused, refusal_of, timed_out

if TYPE_CHECKING:
    import asyncssh

HASHED: Final = b"|1|"
"""What a line of known hosts begins with that does not tell the name."""


class HostKey(NamedTuple):
    """The key that a host shows."""

    algorithm: str
    fingerprint: str
    line: str
    """As it stands in a file of known hosts."""

    known_hosts: str
    """The file to which it belongs."""

    is_known: bool
    """Whether it stands there already."""

    is_revoked: bool
    """Whether it stands there as one that is never to be taken."""

    others: int
    """How many other keys of the host stand there: its key has changed."""


def host_key(place: Place, patience_s: float) -> HostKey:
    """
    Return the key that the host at *place* shows now. Nobody is logged in there, nothing is written.

    Raises:
        Unavailable: It cannot be reached, or shows no key.
    """
    try:
        return asyncio.run(_ask(place, patience_s))
    except Refused as refused:
        raise Unavailable(f"{place.node}: {refused.error}") from None


def trust(key: HostKey, salt: bytes) -> None:
    """
    Add *key* to its file, by a name hashed with *salt* where names there are. Raises OSError.
    """
    path = key.known_hosts
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(fd, "r+b") as file:
        there = file.read()
        break_first = b"" if not there or there.endswith(b"\n") else b"\n"
        line = key.line
        if there.startswith(HASHED) or b"\n" + HASHED in there:
            name, _, rest = line.partition(" ")
            line = f"{_hashed(name, salt)} {rest}"
        file.write(break_first + line.encode() + b"\n")


def _hashed(name: str, salt: bytes) -> str:
    """Return *name* as known_hosts has it that does not tell names (sshd(8), HashKnownHosts)."""
    salt = hashlib.sha1(salt, usedforsecurity=False).digest()
    digest = hmac.digest(salt, name.encode(), "sha1")
    words = (base64.b64encode(each).decode() for each in (salt, digest))
    return f"{HASHED.decode()}{'|'.join(words)}"


async def _ask(place: Place, patience_s: float) -> HostKey:
    given, options = await options_of(place)
    import asyncssh

    own = {name: given[name] for name in ("host", "port", "config") if name in given}
    tunnel = None
    try:
        async with asyncio.timeout(patience_s):
            tunnel = await connect_on_the_way(place, options)
            shown = await asyncssh.get_server_host_key(**own, tunnel=tunnel)
    except TimeoutError:
        raise timed_out(patience_s) from None
    except Exception as error:  # noqa: BLE001 the library raises what it likes; mapped here
        raise refusal_of(error, place.node) from None
    finally:
        if tunnel is not None:
            tunnel.close()
            await tunnel.wait_closed()
    if shown is None:
        raise Refused(Reason.CONNECT_FAILED, "ConnectFailed: it shows no host key")
    return _described(shown, options)


def _described(shown: asyncssh.SSHKey, options: Any) -> HostKey:
    import asyncssh

    name, port = known_as(options)
    path = os.path.abspath(user_known_hosts_of(options)[0])
    there, _, revoked, *_ = (
        asyncssh.match_known_hosts(path, name, "", port) if os.path.exists(path) else ((), (), ())
    )
    words = shown.export_public_key().decode().split()[:2]
    return HostKey(
        algorithm=words[0],
        fingerprint=shown.get_fingerprint(),
        line=" ".join([name if port is None else f"[{name}]:{port}", *words]),
        known_hosts=path,
        is_known=any(key.public_data == shown.public_data for key in there),
        is_revoked=any(key.public_data == shown.public_data for key in revoked),
        others=sum(key.public_data != shown.public_data for key in there),
    )

"""`outlast hosts trust`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from ....framework.lazy import verb
from ..spec import ssh_options

if TYPE_CHECKING:
    from ....framework.caller import Caller


@verb(
    "trust",
    here=True,
    epilog="""
    outlast hosts trust web1
    outlast hosts trust --fingerprint SHA256:Yx3... ops@10.0.0.7:2222
    """,
)
@click.argument("host", metavar="HOST")
@ssh_options
@click.option("--fingerprint", metavar="F", help="Only if its key has this one.")
def trust(caller: Caller, host: str, fingerprint: str | None) -> int:
    """
    Show the key of a host, and know it from now on.

    Compare the fingerprint with what the host says of itself (ssh-keygen -lf on its console): who
    answers may be somebody else. The key goes into the user's file of known hosts, where ssh has
    it too. A host of which another key is known is refused.
    """
    from ....errors import InvalidRequest
    from ....remote import host_key, trust_host

    key = host_key(caller.settings, host)
    if fingerprint is not None and fingerprint != key.fingerprint:
        raise InvalidRequest(f"{host} shows another key: {key.algorithm} {key.fingerprint}")
    if key.is_revoked:
        raise InvalidRequest(f"{key.known_hosts} says that the key of {host} is revoked")
    if key.others and not key.is_known:
        removal = _removal(key.known_hosts, key.line.split()[0])
        raise InvalidRequest(
            f"{key.known_hosts} knows {host} by another key than {key.algorithm} {key.fingerprint}",
            suggestion=f"If that is right, take the old one out: {removal}",
        )
    if not key.is_known:
        trust_host(key)
    caller.answer(
        lambda: {
            "host": host,
            "algorithm": key.algorithm,
            "fingerprint": key.fingerprint,
            "known_hosts": key.known_hosts,
            "added": not key.is_known,
        },
        lambda: (
            f"{host}: {key.algorithm} {key.fingerprint}"
            + (" was known already" if key.is_known else f", known from now on ({key.known_hosts})")
        ),
    )
    return 0


def _removal(known_hosts: str, name: str) -> str:
    return shlex.join(["ssh-keygen", "-f", known_hosts, "-R", name])

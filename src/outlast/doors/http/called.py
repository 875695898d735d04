"""By which name a server is called, and from which page: the walls against browsers led astray."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ...errors import InvalidRequest
from .refusals import HostRefused, OriginRefused

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names of this machine that only it can give."""

MOST_KNOWN: Final = 100

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)


class Names:
    """
    The names under which a server is asked for: those of loopback, and *more*, without ports.

    A page of a stranger's whose name leads to this machine (DNS rebinding) asks for that name, and
    a browser lets nobody say another.
    """

    def __init__(self, more: Iterable[str] = ()) -> None:
        self._names = LOOPBACK | {_bare(name) for name in more}
        self._known: dict[bytes, str] = {}
        """What was read of headers as they came, which most callers repeat."""

    def check(self, hosts: Sequence[bytes]) -> str:
        """
        Return the host of a request, with its port; *hosts* are its headers of that name.

        Raises:
            HostRefused: It is none of these names.

            InvalidRequest: There is not exactly one.
        """
        if len(hosts) != 1:
            raise InvalidRequest("a request has one Host header, neither more nor less")
        if (known := self._known.get(hosts[0])) is not None:
            return known
        given = hosts[0].decode("latin-1").lower()
        match = _HOST.fullmatch(given)
        if match is None or match[1].removesuffix(".") not in self._names:
            raise HostRefused(
                f"{given!r:.80} is no name of this server",
                suggestion="Ask for it by its address, or start it with: --allow-host NAME",
            )
        if len(self._known) < MOST_KNOWN:
            self._known[hosts[0]] = given
        return given


def check_origin(headers: Mapping[bytes, bytes], scheme: str, host: str, *, public: bool) -> None:
    """
    See that it is no page of another site that asks. Who is no browser says nothing of this.

    *public*: anybody may have the answer, and come from anywhere to see it.

    Raises:
        OriginRefused: It is.
    """
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1").lower() != own_origin(scheme, host):
        raise OriginRefused("a page of another site may not ask here")
    # https://www.w3.org/TR/fetch-metadata/: a form or an image has no Origin where it only reads.
    site = headers.get(b"sec-fetch-site", b"none")
    if not public and site not in (b"same-origin", b"none"):
        raise OriginRefused("a page of another site may not ask here")


def own_origin(scheme: str, host: str) -> str:
    """Return what a browser calls the origin of a page from here."""
    return f"{scheme}://{host}"


def _bare(name: str) -> str:
    """Return *name* as a Host header has it, without a port: an IPv6 address in brackets."""
    name = name.strip().lower().removesuffix(".")
    return f"[{name}]" if ":" in name and not name.startswith("[") else name

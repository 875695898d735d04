"""Where a server is: what `--server` and `Client(...)` are given, taken apart."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from .frozen import frozen

SCHEMES: Final = ("http", "https", "unix")
PORTS: Final = {"http": 80, "https": 443}
SHAPE: Final = "write http://HOST:PORT, https://HOST or unix:///PATH"


@frozen
class Server:
    """One server, as its callers reach it."""

    scheme: str
    host: str = ""
    """A name or an address, without brackets; empty for a socket."""

    port: int = 0
    path: str = ""
    """Of a socket, its file; else what stands before every route, without a slash at its end."""

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port, as the header `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_open_to_eavesdroppers(self) -> bool:
        """Whether what is sent there passes other machines as it is, a token among it."""
        if self.scheme != "http" or self.host == "localhost":
            return False
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return True


def parse_server(text: str) -> Server:
    """
    Return the server that *text* names.

    Raises:
        ValueError: It names none. What stands there is not shown where it may hold a password.
    """
    if not text.isprintable() or any(letter.isspace() for letter in text):
        raise ValueError(f"a server's address has no spaces or control characters: {SHAPE}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"this is no address of a server: {SHAPE}") from None
    if "@" in parts.netloc:
        raise ValueError("a server's address holds no name or password: give a token instead")
    if parts.scheme not in SCHEMES:
        raise ValueError(f"{text!r:.80} is no address of a server: {SHAPE}")
    if parts.query or parts.fragment:
        raise ValueError(f"{text!r:.80} has more than an address: {SHAPE}")
    if parts.scheme == "unix":
        if parts.netloc or len(parts.path) < 2:
            raise ValueError(
                f"{text!r:.80} names no socket: write unix:///PATH, with three slashes"
            )
        return Server(scheme="unix", path=parts.path)
    if not parts.hostname:
        raise ValueError(f"{text!r:.80} has no host: {SHAPE}")
    return Server(
        scheme=parts.scheme,
        host=parts.hostname,
        port=PORTS[parts.scheme] if port is None else port,
        path=parts.path.rstrip("/"),
    )

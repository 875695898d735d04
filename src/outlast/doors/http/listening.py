"""Where the service listens: an address, or a socket in the file system."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable
from urllib.parse import urlsplit

from ...access import is_loopback
from ...errors import InvalidRequest, Unavailable

BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """
    Return a socket at *host* and *port*; 0 is any port that is free.

    Raises:
        InvalidRequest: The address is none of this machine's.

        Unavailable: Somebody else listens there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InvalidRequest(f"host: {host!r:.80} is no address") from None
    family, _, _, _, address = found[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise Unavailable(
            f"{host} port {port} cannot be listened at: {error.strerror}",
            suggestion="Take another one: --port 0 finds one that is free",
        ) from None
    return listening


def bind_unix(path: str) -> socket.socket:
    """
    Return a socket at *path*, for this user alone. One that a dead service left is replaced.

    Raises:
        InvalidRequest: Others could put theirs into its place, or where it is to be.

        Unavailable: Somebody listens there, or there is something else.
    """
    _check_folder(path)
    if os.path.lexists(path):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise Unavailable(f"{path} is there, and is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(path)
            except OSError:
                os.unlink(path)
            else:
                raise Unavailable(f"Somebody listens at {path} already")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(path)
    except OSError as error:
        listening.close()
        raise Unavailable(f"{path} cannot be listened at: {error.strerror or error}") from None
    finally:
        os.umask(before)
    return listening


def _check_folder(path: str) -> None:
    """
    See that nobody but this user and root puts anything at *path*: whoever asks there shows a token.

    Where a folder is sticky, as /tmp is, nobody takes away what is another's; but anybody puts
    something there while it is free, and so it will do for the folders above alone.
    """
    folder = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    each, is_first = folder, True
    while True:
        try:
            found = os.stat(each)
        except OSError as error:
            raise InvalidRequest(f"unix: {each} cannot be used: {error.strerror}") from None
        is_sticky = bool(found.st_mode & stat.S_ISVTX) and not is_first
        is_open = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_sticky
        if is_open or found.st_uid not in (0, os.getuid()):
            raise InvalidRequest(
                f"unix: others can write to {each}, and put a socket of theirs into its place",
                suggestion=f"Take a folder of your own, or: chmod go-w {each}",
            )
        if each == "/":
            return
        each, is_first = os.path.dirname(each), False


def names_of(listening: socket.socket, url: str, allowed: Iterable[str]) -> list[str]:
    """Return the names by which it may be asked for: its address, where callers reach it, *allowed*."""
    names = list(allowed)
    if url.startswith("http"):
        names.append(urlsplit(url).hostname or "")
    if listening.family != socket.AF_UNIX:
        names.append(listening.getsockname()[0])
    return [name for name in names if name not in ("", "0.0.0.0", "::")]  # noqa: S104 nobody is called so


def url_of(listening: socket.socket) -> str:
    """Return where callers reach it: `http://HOST:PORT`, or `unix:///PATH`."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix://{os.path.abspath(name)}"
    host = f"[{name[0]}]" if listening.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def is_exposed(host: str | None, url: str | None) -> bool:
    """Whether other machines reach it: at *host* (None: it is a socket), or where *url* says."""
    named = urlsplit(url).hostname if url else None
    return not all(is_loopback(each) for each in (host, named) if each)

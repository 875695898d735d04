"""Why a host cannot be reached: the one mapping of what the SSH library raises."""

from __future__ import annotations

from typing import Final

from ...core.state import Reason

MISSING: Final = "the extra is not installed: pip install 'outlast[ssh]'"

LOCKED: Final = "give the key's passphrase by reference, or have your agent hold the key"


class Refused(Exception):
    """There is no connection to a host, and why; nothing was asked of it."""

    def __init__(self, reason: Reason, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


class Cut(Exception):
    """The connection broke, or the answer is none: what was asked may have been done or not."""


def trust_hint(host: str) -> str:
    """Return what helps where the key of *host* is not known, behind the error that says so."""
    return f"; if the key is right: outlast hosts trust {host}"


def timed_out(seconds: float) -> Refused:
    """Return the refusal of a host that did not let us in for *seconds*."""
    words = f"ConnectTimeout: connection timed out after {seconds:.12g}s"
    return Refused(Reason.CONNECT_TIMEOUT, words)


def refusal_of(error: Exception, host: str) -> Refused:
    """Return what *error*, raised by a try to connect to *host*, means."""
    import asyncssh

    match error:
        case Refused():
            return error
        case asyncssh.HostKeyNotVerifiable():
            return Refused(
                Reason.HOST_KEY_REJECTED,
                f"HostKeyRejected: {error.reason}{trust_hint(host)}",
            )
        case asyncssh.PermissionDenied() | asyncssh.IllegalUserName():
            return Refused(Reason.AUTH_FAILED, f"AuthFailed: {error.reason}")
        case asyncssh.DisconnectError() | asyncssh.ChannelOpenError():
            return Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {error.reason}")
        case OSError():
            return Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {error.strerror or error}")
        case asyncssh.KeyImportError() | asyncssh.KeyEncryptionError():
            return Refused(Reason.AUTH_FAILED, f"AuthFailed: {error}; {LOCKED}")
    # Of its configuration files or keys: ConfigParseError and its like.
    return Refused(Reason.CONNECT_FAILED, f"ConnectFailed: {type(error).__name__}: {error}")

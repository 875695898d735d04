"""What is known of one host beside its name: the way there, who is let in, and clocks of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, Final

from .frozen import frozen
from .limits import from_ms, to_ms

DIRECT: Final = "none"
"""As a way (`jump`): no other host, whatever the configuration of SSH says."""


@frozen
class HostSpec:
    """None is what the configuration of SSH says, or the job."""

    address: str | None = None
    """What SSH is asked for in place of the name."""

    user: str | None = None
    port: int | None = None
    key: str | None = None
    """The file of the private key: this one is shown, and no other."""

    jump: str | None = None
    """The hosts on the way, with commas, the first being connected to directly; or `none`."""

    password: str | None = None
    """A reference, `env:NAME` or `file:PATH`. Never a value; nor is the next."""

    passphrase: str | None = None
    """What the key is locked with."""

    connect_timeout: timedelta | None = None
    timeout: timedelta | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """The secrets that a login there needs."""
        return tuple(each for each in (self.password, self.passphrase) if each is not None)

    @property
    def jumps(self) -> tuple[str, ...]:
        """The hosts on the way, in order."""
        return () if self.jump in (None, DIRECT) else tuple(str(self.jump).split(","))

    def without_clocks(self) -> HostSpec:
        """Return what makes a connection to the host this one."""
        return replace(self, connect_timeout=None, timeout=None)


CLOCKS: Final = ("connect_timeout", "timeout")
"""A host's own; a clock that it does not have is its job's."""

KEYS: Final = tuple(field.name for field in fields(HostSpec))


def host_to_json(host: HostSpec) -> dict[str, Any]:
    """Return *host* as JSON, without what is not known."""
    out = {name: value for name, value in vars(host).items() if value is not None}
    for name in CLOCKS:
        if name in out:
            out[f"{name}_ms"] = to_ms(out.pop(name))
    return out


def host_from_json(data: Mapping[str, Any]) -> HostSpec:
    """Return the host that `host_to_json` wrote. Trusts *data*."""
    given = dict(data)
    for name in CLOCKS:
        if (milliseconds := given.pop(f"{name}_ms", None)) is not None:
            given[name] = from_ms(milliseconds)
    return HostSpec(**given)

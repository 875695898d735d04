"""Who asks, and what they may do and may not ask for. Behind doors that others can knock at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from .frozen import frozen
from .inventory import NONE, Inventory
from .policy import Policy
from .reserved import SECRET, own_references, reserved_faults

if TYPE_CHECKING:
    from .job import JobSpec


class Scope(IntEnum):
    """What a token is for. Each includes those before it."""

    READ = 1
    """To see jobs, their output and their files."""

    RUN = 2
    """To start, cancel, retry and delete jobs."""

    ADMIN = 3
    """To ask for anything, in the name of whoever started the server."""

    def __str__(self) -> str:
        return self.name.lower()


SCOPES: Final[Mapping[str, Scope]] = {str(scope): scope for scope in Scope}
"""Each by the name that people give it."""


@frozen
class Principal:
    """Somebody who was let in."""

    name: str
    """Whose jobs and idempotency keys they are: the token's name."""

    scope: Scope
    token_id: str = ""
    """Names the token that it came with; never a part of it."""

    policy: Policy | None = None
    """What it may run; None: whatever whoever started the server may."""

    secrets: frozenset[str] = field(default=frozenset())
    """The names of the server's secrets that it may refer to."""

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return all that it has."""
        return frozenset(scope for scope in Scope if scope <= self.scope)

    def may(self, scope: Scope | str) -> bool:
        """Whether it has that scope, which may be given by its name."""
        return (SCOPES[scope] if isinstance(scope, str) else scope) <= self.scope

    def faults(self, spec: JobSpec, inventory: Inventory = NONE) -> list[str]:
        """
        Return what it may not ask for in *spec*, each with what it may; nothing: it may run.

        *spec* is what would be stored: groups are hosts by now, and *inventory*, the server's own,
        has said what is known of them. What differs from that is what the caller said.
        """
        if not self.may(Scope.RUN):
            return [f"this token's scope is {self.scope}: to start jobs needs run"]
        if self.may(Scope.ADMIN):
            return []
        faults = reserved_faults(spec, inventory)
        if self.policy is not None:
            faults += self.policy.faults(spec, inventory)
        return faults + self._secret_faults(spec, inventory)

    def _secret_faults(self, spec: JobSpec, inventory: Inventory) -> list[str]:
        """Return which names of secrets are not for it."""
        allowed = self.secrets
        if self.policy is not None and self.policy.secrets is not None:
            allowed &= self.policy.secrets
        asked = {
            reference.removeprefix(SECRET)
            for reference in own_references(spec, inventory)
            if reference.startswith(SECRET)
        }
        may = f"it may use {', '.join(sorted(allowed))}" if allowed else "it may use none"
        return [
            f"secret {SECRET}{name} is not this token's: {may}" for name in sorted(asked - allowed)
        ]

"""Where an attempt runs, and who goes there how: as it is stored, without what is secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...core.hosts import parse_host
from ...core.hostspec import HostSpec, host_from_json, host_to_json
from ...core.secret import MEMORY
from ...core.state import Reason
from .refusal import Refused

NOTHING: Final = HostSpec()
FORGOTTEN_PASSWORD: Final = (
    "the password was held in memory alone, and is gone: connect the session again"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A host as it was named, and who goes there how: the same for two is the same connection."""

    node: str
    config: str | None = None
    """The configuration file; None: `~/.ssh/config`, if it is there."""

    agent: str | None = None
    """The socket of the caller's agent."""

    known: HostSpec = NOTHING
    """What is known of the host, but for its clocks."""

    via: Place | None = None
    """The host on the way, if it is not the configuration's to say."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """What its references, and those of the hosts on the way, stand for."""

    held: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False, compare=False)
    """What is in memory alone, by reference: looked at when it is needed, since it comes and goes."""

    @property
    def host(self) -> str:
        """The name of the host alone, as SSH is asked for it."""
        return self.known.address or parse_host(self.node).host

    @property
    def port(self) -> int | None:
        """The port, if it is not the configuration's to say."""
        return parse_host(self.node).port or self.known.port

    @property
    def user(self) -> str | None:
        """The user, as above."""
        return parse_host(self.node).user or self.known.user

    @property
    def trusted_as(self) -> str:
        """What `outlast hosts trust` is to be told of this host."""
        if self.known.address is None or self.via is not None:
            return self.node
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def references(self) -> tuple[str, ...]:
        """The secrets that it takes to get there."""
        return (*self.known.references, *(self.via.references if self.via else ()))

    @property
    def nodes(self) -> tuple[str, ...]:
        """The host, and those on the way to it."""
        return (self.node, *(self.via.nodes if self.via else ()))

    def holding(self, secrets: Mapping[str, str]) -> Place:
        """Return this place with those of *secrets* that it takes to get there."""
        via = None if self.via is None else self.via.holding(secrets)
        own = {name: secrets[name] for name in self.references if name in secrets}
        return replace(self, via=via, secrets=own)

    def remembering(self, held: Mapping[str, str]) -> Place:
        """Return this place with what is *held* in memory, now and later."""
        return replace(self, held=held)

    def secret(self, reference: str | None) -> str | None:
        """
        Return what *reference* stands for.

        Raises:
            Refused: Nobody knows any more.
        """
        if reference is None:
            return None
        if (value := {**self.secrets, **self.held}.get(reference)) is None:
            words = f"SecretUnavailable: {reference} is gone, and the login needs it"
            if reference.startswith(MEMORY):
                words = f"SecretUnavailable: {FORGOTTEN_PASSWORD}"
            raise Refused(Reason.SECRET_UNAVAILABLE, words)
        return value

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON, without any secret."""
        return {
            "node": self.node,
            "config": self.config,
            "agent": self.agent,
            "known": host_to_json(self.known),
            "via": None if self.via is None else self.via.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], secrets: Mapping[str, str]) -> Place:
        """Return what `to_json` wrote, holding *secrets*."""

        def place(data: Mapping[str, Any]) -> Place:
            via = data["via"]
            return cls(
                node=data["node"],
                config=data["config"],
                agent=data["agent"],
                known=host_from_json(data["known"]),
                via=None if via is None else place(via),
            )

        return place(data).holding(secrets)


def place_of(
    node: str,
    hosts: Mapping[str, HostSpec],
    *,
    config: str | None = None,
    agent: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Place:
    """Return the place of *node*, by way of the hosts that *hosts*, which has no circle, names."""

    def place(name: str, via: Place | None) -> Place:
        known = hosts.get(name, NOTHING)
        if via is None:  # else the way there was said by who comes this way
            for hop in known.jumps:
                via = place(hop, via)
        return Place(node=name, config=config, agent=agent, known=known.without_clocks(), via=via)

    return place(node, None).holding(secrets or {})

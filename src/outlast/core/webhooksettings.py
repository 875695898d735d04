"""What is in force for webhooks in one home: who is told of every end, and where none may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from .addresses import Network, is_allowed, is_named, read_networks
from .delivery import RETRIES
from .limits import parse_duration
from .reader import Reader
from .webhook import Webhook, host_of, is_plain, literal, read_webhook

MOST_RETRIES: Final = 20
KEYS: Final = ("url", "secret", "events", "allow", "retries", "ca_file")
FOR_ALL: Final = ("url", "secret", "events")
"""Keys of the receiver of all jobs."""


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """The table `[webhooks]` of the home's file of settings."""

    everybody: tuple[Webhook, ...] = ()
    """Who is told of the end of every job."""

    allow: tuple[Network, ...] = ()
    """Networks that are somebody's own, to which messages may go all the same."""

    retries: tuple[timedelta, ...] = RETRIES
    """The pauses between tries."""

    ca_file: str | None = None
    """Certificates that are trusted besides the system's, by an absolute path."""

    def fault(self, webhook: Webhook) -> str | None:
        """Say what keeps *webhook* from being sent to, as far as its URL tells; None if nothing."""
        if is_plain(webhook.url) and not self.allow:
            return (
                "begins with http://, which anybody on the way can read: it is https://, save in a"
                " network that [webhooks] allow names in the settings"
            )
        host = literal(host_of(webhook.url))
        return None if host is None else self.address_fault(host, plain=is_plain(webhook.url))

    def address_fault(self, address: str, *, plain: bool) -> str | None:
        """Say what keeps a message from being sent to *address*; None if nothing."""
        if not is_allowed(address, self.allow):
            return (
                "is at an address that is no public one: name its network in [webhooks] allow of the"
                " settings, if it is meant"
            )
        if plain and not is_named(address, self.allow):
            return (
                "begins with http://, and is not in a network that [webhooks] allow names in the"
                " settings: it is https://"
            )
        return None


DEFAULTS: Final = WebhookSettings()


def webhook_faults(webhooks: Sequence[Webhook], settings: WebhookSettings | None) -> list[str]:
    """Return what keeps these from being sent to, each by its place in its spec."""
    in_force = settings or DEFAULTS
    told = ((place, in_force.fault(each)) for place, each in enumerate(webhooks))
    return [f"webhooks[{place}]: url {fault}" for place, fault in told if fault is not None]


def read_settings(table: object, where: str, faults: list[str]) -> WebhookSettings:
    """Return what *table* says; tells what is wrong after *where*."""
    where = f"{where}[webhooks] "
    if not isinstance(table, Mapping):
        faults.append(f"{where}is a table: [webhooks], and url, secret, allow below")
        return DEFAULTS
    reader = Reader(table)
    given: dict[str, Any] = {}
    said = {name: value for name in FOR_ALL if (value := reader.take(name)) is not None}
    if said:
        whom = read_webhook(said, "", reader.faults)
        given["everybody"] = () if whom is None else (whom,)
        if whom is not None and not whom.secret.startswith(("file:/", "file:~", "secret:")):
            reader.faults.append(
                "secret is read by the supervisor, which has neither your environment nor your"
                " directory: write file:/PATH or secret:NAME"
            )
    for name, read in (("allow", read_networks), ("retries", _retries), ("ca_file", _path)):
        if (value := reader.take(name)) is not None:
            try:
                given[name] = read(value)
            except ValueError as error:
                reader.faults.append(f"{name}: {error}")
    reader.faults += [
        f"{key!r:.80} is none of its keys: there are {', '.join(KEYS)}" for key in reader.left
    ]
    settings = WebhookSettings(**given)
    reader.faults += [
        f"url {fault}" for each in settings.everybody if (fault := settings.fault(each))
    ]
    faults += [f"{where}{fault}" for fault in reader.faults]
    return settings


def _retries(value: object) -> tuple[timedelta, ...]:
    if not isinstance(value, list) or len(value) > MOST_RETRIES:
        raise ValueError(
            f'it is a list of at most {MOST_RETRIES} pauses, such as ["5s", "5m", "30m"]'
        )
    return tuple(map(parse_duration, value))


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ValueError(f"{value!r:.80} is no absolute path")
    return value

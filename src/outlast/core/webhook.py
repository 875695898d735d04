"""Who is to be told over HTTP that a job has ended, and everything that can be wrong with that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .reader import Reader
from .state import TERMINAL_JOB, JobStatus

MOST: Final = 4
"""So many may one job have."""

MAX_URL: Final = 2048
KEY_BYTES: Final = (24, 64)
"""How long a key may be: as the specification of Standard Webhooks has it."""

REFERENCES: Final = ("env:", "file:", "secret:")
PREFIX: Final = "whsec_"
"""What a key begins with, behind which it is base64."""

EVENTS: Final = tuple(f"job.{status}" for status in JobStatus if status in TERMINAL_JOB)
"""The types of what is sent: how a job may end."""

_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?", re.ASCII)
_PLAIN: Final = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One receiver."""

    url: str
    secret: str
    """A reference to the key that what it gets is signed with. Never a value."""

    events: tuple[str, ...] = EVENTS
    """The ends of which it is told."""

    def __repr__(self) -> str:
        return f"Webhook({shown_url(self.url)!r})"


def event_of(status: JobStatus) -> str:
    """Return the type of what is sent when a job ends so."""
    return f"job.{status}"


def shown_url(url: str) -> str:
    """Return *url* as others may see it: without what stands behind its path."""
    return url.partition("?")[0]


def origin_of(url: str) -> str:
    """Return whom *url* asks: its scheme, host and port."""
    return "/".join(url.split("/", 3)[:3]).partition("?")[0].lower()


def host_of(url: str) -> str:
    """Return the name, or the address, of the host that *url* asks."""
    from urllib.parse import urlsplit

    return (urlsplit(url).hostname or "").removesuffix(".")


def host_matches(host: str, pattern: str) -> bool:
    """Whether *pattern* means *host*: its name, or what is below a name, `*.NAME`."""
    stem = pattern.lower().removesuffix(".")
    return host.endswith(stem[1:]) if stem.startswith("*.") else host == stem


def is_plain(url: str) -> bool:
    """Whether what is sent there can be read on its way."""
    return url[:7].lower() == "http://"


def read_webhooks(value: object, faults: list[str]) -> tuple[Webhook, ...]:
    """Return the receivers that a caller names. Tells what is wrong."""
    if value is None:
        return ()
    if isinstance(value, Mapping | Webhook):
        value = [value]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        faults.append('webhooks is a list of receivers, each with its "url" and its "secret"')
        return ()
    if len(value) > MOST:
        faults.append(f"webhooks: {len(value)} are too many: {MOST} is the most")
    found = [read_webhook(each, f"webhooks[{place}]: ", faults) for place, each in enumerate(value)]
    return tuple(each for each in found if each is not None)


def read_webhook(value: object, where: str, faults: list[str]) -> Webhook | None:
    """Return one receiver; None, and what is wrong after *where*, if it is none."""
    if isinstance(value, Webhook):
        value = dict(vars(value))
    if not isinstance(value, Mapping):
        faults.append(f'{where}it is a mapping with "url" and "secret" in it')
        return None
    reader = Reader(value)
    url, secret = reader.take("url"), reader.take("secret")
    wrong = url_fault(url)
    if wrong is not None:
        reader.faults.append(f"url {wrong}")
    if not isinstance(secret, str) or not secret.startswith(REFERENCES) or secret in REFERENCES:
        # Not shown: it may be the key itself.
        reader.faults.append(
            "secret is a reference to the key that it is signed with: write secret:NAME, env:NAME"
            " or file:PATH"
        )
    events = _events(reader.take("events"), reader.faults)
    reader.faults += [f"{key!r:.80} is not a key of it" for key in reader.left]
    faults += [f"{where}{fault}" for fault in reader.faults]
    if reader.faults:
        return None
    return Webhook(url=str(url), secret=str(secret), events=events)


def _events(value: object, faults: list[str]) -> tuple[str, ...]:
    if value is None:
        return EVENTS
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Sequence) or isinstance(given, bytes) or not given:
        faults.append(f"events is a list of {', '.join(EVENTS)}")
        return EVENTS
    faults += [
        f"event {each!r:.80} is not one of {', '.join(EVENTS)}"
        for each in given
        if each not in EVENTS
    ]
    return tuple(each for each in EVENTS if each in given)


def url_fault(url: object) -> str | None:
    """Say what keeps *url* from being one that a receiver can have; None if nothing."""
    if not isinstance(url, str) or not url:
        return "is missing: where to, such as https://example.com/hooks"
    if len(url) > MAX_URL:
        return f"is {len(url):,} characters long, and {MAX_URL:,} is the most"
    if not _PLAIN.fullmatch(url) or "\\" in url:
        return (
            "has spaces, control characters, a backslash or what is not ASCII in it: write those as"
            " %XX, and a host's name in its form for the DNS (xn--...)"
        )
    from urllib.parse import (
        urlsplit,  # here, as elsewhere: who only names an event needs none of it
    )

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "has no port from 1 to 65535, or brackets that do not match"
    if parts.scheme not in ("https", "http"):
        return f"begins with {parts.scheme or 'no scheme'!r:.20}: it is https://HOST/..."
    if "@" in parts.netloc:
        return "has a user or a password in it, which every log would show: leave it out"
    if "#" in url:
        return "has a fragment (#) in it, which is never sent: leave it out"
    if port == 0 or parts.netloc.endswith(":"):
        return "has no port from 1 to 65535 behind its colon"
    host = parts.hostname or ""
    return None if is_host(host) else f"has no host: {host!r:.80} is neither a name nor an address"


def is_host(text: str) -> bool:
    """Whether *text* is a host's name, or an address."""
    if literal(text) is not None:
        return True
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(
        len(each) < 64 and _HOST.fullmatch(each) is not None for each in labels
    )


def literal(host: str) -> str | None:
    """Return *host* if it is an address as such, and no name."""
    from ipaddress import ip_address

    try:
        return None if "%" in host else str(ip_address(host))
    except ValueError:
        return None


def key_fault(key: str) -> str | None:
    """Say what keeps *key* from being one that is signed with, without showing it; None if nothing."""
    least, most = KEY_BYTES
    wrong = (
        f"is no key for webhooks: {PREFIX} and the base64 of {least} to {most} random bytes, such as"
        f" {PREFIX}$(openssl rand -base64 32) gives"
    )
    if not key.startswith(PREFIX):
        return wrong
    from base64 import b64decode

    encoded = key.removeprefix(PREFIX).rstrip("=")
    try:
        size = len(b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except ValueError:
        return wrong
    return None if least <= size <= most else wrong


def webhooks_to_json(webhooks: Sequence[Webhook]) -> list[dict[str, Any]]:
    """Return *webhooks* as their JSON, without what stands at its default."""
    return [
        {
            "url": each.url,
            "secret": each.secret,
            **({} if each.events == EVENTS else {"events": list(each.events)}),
        }
        for each in webhooks
    ]


def webhooks_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[Webhook, ...]:
    """Return what `webhooks_to_json` wrote. Trusts *data*."""
    return tuple(
        Webhook(url=each["url"], secret=each["secret"], events=tuple(each.get("events", EVENTS)))
        for each in data
    )

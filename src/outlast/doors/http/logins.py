"""Logins of browsers: a link that works once, and the cookie that it is exchanged for."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...core.principal import Principal

LINK_S: Final = 600.0
"""How long a link waits to be opened."""

IDLE_S: Final = 3600.0
"""How long a login lasts that nobody uses; each use renews it."""

LONGEST_S: Final = 86400.0
"""And how long one that is used lasts."""

MOST: Final = 1000
"""Of links, and of logins: the oldest make way."""

COOKIE: Final = "outlast_session"
HOST_COOKIE: Final = f"__Host-{COOKIE}"
"""Its name where there is TLS: a browser then takes it from this very host alone."""

_BYTES: Final = 32


@dataclass(frozen=True, kw_only=True)
class _Login:
    """Who is logged in, since when, and when last seen; by the monotonic clock."""

    principal: Principal
    began: float
    used: float

    def is_good(self, now: float) -> bool:
        return now - self.used < IDLE_S and now - self.began < LONGEST_S


class Logins:
    """
    Who is logged in, for as long as this process lives: kept nowhere else, and under a hash.

    *now* is in seconds, on a clock that never jumps; *chance* gives random bytes.
    """

    def __init__(self, now: Callable[[], float], chance: Callable[[int], bytes]) -> None:
        self._now = now
        self._chance = chance
        self._links: OrderedDict[bytes, _Login] = OrderedDict()
        self._logins: OrderedDict[bytes, _Login] = OrderedDict()

    def new_link(self, principal: Principal) -> str:
        """Return what stands behind the `#` of a link that logs *principal* in, once."""
        return f"once={self._add(self._links, principal)}"

    def open(self, code: str) -> tuple[Principal, str] | None:
        """Return whom the link of *code* logs in, and the cookie's value; None: it is no good."""
        link = self._links.pop(_key(code), None)
        if link is None or self._now() - link.began >= LINK_S:
            return None
        return link.principal, self.begin(link.principal)

    def begin(self, principal: Principal) -> str:
        """Log *principal* in. Returns the cookie's value."""
        return self._add(self._logins, principal)

    def find(self, value: str) -> Principal | None:
        """Return whose cookie this is, and renew it; None: nobody's, or it is over."""
        key, now = _key(value), self._now()
        login = self._logins.get(key)
        if login is None or not login.is_good(now):
            self._logins.pop(key, None)
            return None
        self._logins[key] = replace(login, used=now)
        return login.principal

    def end(self, value: str) -> None:
        """Log whoever has this cookie out."""
        self._logins.pop(_key(value), None)

    def _add(self, there: OrderedDict[bytes, _Login], principal: Principal) -> str:
        value = urlsafe_b64encode(self._chance(_BYTES)).decode().rstrip("=")
        now = self._now()
        there[_key(value)] = _Login(principal=principal, began=now, used=now)
        while len(there) > MOST:
            there.popitem(last=False)
        return value


def _key(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def cookie_of(header: bytes, *, tls: bool) -> str | None:
    """Return the value of our cookie in a Cookie *header*; None: it has none."""
    try:
        cookies = SimpleCookie(header.decode("latin-1"))
    except CookieError:
        return None
    found = cookies.get(HOST_COOKIE if tls else COOKIE)
    return found.value if found is not None and found.value else None


def set_cookie(value: str, *, tls: bool) -> str:
    """Return the header that gives a browser the cookie; an empty value takes it away."""
    name, more = (HOST_COOKIE, "; Secure") if tls else (COOKIE, "")
    age = int(LONGEST_S) if value else 0
    return f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{more}"

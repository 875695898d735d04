"""
What stands before the service: who is let in, by which name, how often, and with how much.

Plain ASGI, since what wraps an answer to look at it would hold streams back.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...access import NO_TOKEN, Access
from ...core.principal import Principal, Scope
from ...core.rate import Buckets
from ...errors import ClientError, Forbidden, Unauthorized
from . import agents
from .called import Names, check_origin, own_origin
from .login import LOGIN, Login
from .logins import Logins, cookie_of, set_cookie
from .patience import HEAD_BYTES
from .presence import Presence
from .problems import problem
from .refusals import BodyTooLarge, BodyTooSlow, HeadTooLarge, OriginRefused, TooManyRequests
from .trail import Trail

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Send
    from starlette.types import Scope as Asgi

    from ...clock import SystemClock

OPEN: Final = frozenset({"/", "/healthz", "/readyz", "/favicon.ico"})
"""What anybody may have: that we live, and the page, which has nothing in it before a login."""

OPEN_BELOW: Final = "/static/"
"""The page's scripts, styles and pictures."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MARK: Final = b"x-outlast"
"""A header that our page sends with whatever changes something: a form of another site cannot."""

LOOK_S: Final = 0.5
"""How often it is looked whether a token of somebody who has a stream open is still good."""

_PAGE: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    b" img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS: Final = (
    (b"content-security-policy", _PAGE),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""With every answer."""

_OURS: Final = frozenset({name for name, _ in ALWAYS} | {b"x-request-id", b"cache-control"})

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much, how long, how often."""

    body_bytes: int = 16 << 20
    body_s: float = 30.0
    """For the whole body to come."""

    per_s: float = 100.0
    """Requests of one token; an administrator's are not counted."""

    burst: float = 200.0
    failures_per_s: float = 1 / 6
    """Failed logins from one address."""

    failure_burst: float = 10.0


class Guard:
    """
    Stands before *app*. A request that it lets through has `request_id` and, but for what anybody
    may have, `principal` in its state; `audit` there takes facts for the trail.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        clock: SystemClock,
        *,
        names: Iterable[str] = (),
        bounds: Bounds | None = None,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.app = app
        """What it stands before."""

        self._access = access
        self._clock = clock
        self._names = Names(names)
        self.bounds = bounds or Bounds()
        # Told apart from those of any other server, and not to be kept secret: no chance for each.
        self._series = f"req_{clock.new_token()}"
        self._numbers = itertools.count(1)
        self.logins = Logins(clock.monotonic, chance)
        self._rate = Buckets(self.bounds.per_s, self.bounds.burst)
        self._failures = Buckets(self.bounds.failures_per_s, self.bounds.failure_burst)
        self._open: set[Presence] = set()
        self._looking: asyncio.Task[None] | None = None
        self._noting: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await _Visit(self, scope, receive, send).go()
        else:
            await send({"type": "websocket.close", "code": 1008})

    # Who ------------------------------------------------------------------------------------

    def who(self, visit: _Visit) -> Principal:
        """Return who asks. Raises `Unauthorized`, or a refusal of a page's that is none of ours."""
        if (given := visit.one(b"authorization")) is not None:
            kind, _, token = given.partition(b" ")
            if kind.lower() != b"bearer":
                raise Unauthorized(NO_TOKEN)
            return self._access.authenticate(token.strip())
        cookie = cookie_of(visit.headers.get(b"cookie", b""), tls=visit.tls)
        login = None if cookie is None else self.logins.find(cookie)
        if cookie is None:
            raise Unauthorized(NO_TOKEN, suggestion="Send it as: Authorization: Bearer TOKEN")
        principal = None if login is None else self._access.renewed(login)
        if principal is None:
            self.logins.end(cookie)
            visit.cookie_is_stale = True
            raise Unauthorized("you are logged in no more")
        visit.cookie = cookie
        if visit.method not in SAFE:
            # A browser sends the cookie by itself; what it sends only for a page of ours is more.
            own = own_origin(visit.asgi["scheme"], visit.host).encode()
            if visit.headers.get(b"origin", b"").lower() != own or MARK not in visit.headers:
                raise OriginRefused("with a cookie, only our own page may change something")
        return principal

    def check_rate(self, principal: Principal) -> None:
        """Count a request. Raises `TooManyRequests`."""
        if principal.may(Scope.ADMIN):
            return
        if wait := self._rate.take(principal.token_id, self._clock.monotonic()):
            raise TooMany(wait)

    def failed(self, address: str) -> float:
        """Count a failure of somebody at *address*; 0, or for how many seconds there were too many."""
        return self._failures.take(address, self._clock.monotonic())

    def note_use(self, principal: Principal) -> None:
        """Have it written when the token was used, by a thread: nobody waits for that."""
        if self._access.use(principal):
            noting = asyncio.create_task(asyncio.to_thread(self._access.note_use, principal))
            self._noting.add(noting)
            noting.add_done_callback(self._noting.discard)

    # How long -------------------------------------------------------------------------------

    async def run(self, visit: _Visit, principal: Principal) -> None:
        """Have the service answer, for as long as the token of whoever asks is good."""
        one = Presence(principal, visit.cookie)
        self._open.add(one)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            await self.app(visit.asgi, visit.receive, visit.send)
        except asyncio.CancelledError:
            if not one.was_cut():
                raise
            raise Unauthorized("the token was revoked, or has expired") from None
        finally:
            self._open.discard(one)

    async def _look(self) -> None:
        """As long as somebody is inside, see that their tokens are good: cut whose are not."""
        while True:
            await asyncio.sleep(LOOK_S)
            inside = set(self._open)
            if not inside:
                return
            principals = [one.principal for one in inside]
            try:
                good = await asyncio.to_thread(self._access.good, principals)
            except ClientError:
                continue  # the database is away for now: nobody is let in either
            for one in inside & self._open:
                there = one.principal.token_id in good
                if one.cookie is not None and self.logins.find(one.cookie) is None:
                    there = False
                if not there:
                    one.cut()

    @property
    def access(self) -> Access:
        """Return who decides."""
        return self._access

    @property
    def names(self) -> Names:
        """Return the names that the server has."""
        return self._names

    def new_request_id(self) -> str:
        """Return a name for a request that brought none."""
        return f"{self._series}{next(self._numbers):06X}"


class TooMany(TooManyRequests):
    """Too often: *wait_s* says for how long."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many requests", suggestion=f"Wait for {int(wait_s) + 1} s")
        self.wait_s = wait_s


class _Visit:
    """One request on its way through the guard."""

    def __init__(self, guard: Guard, scope: Asgi, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._receive = receive
        self._send = send
        self.asgi: Asgi = dict(scope)
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.tls: bool = scope["scheme"] == "https"
        self.host = ""
        self.cookie: str | None = None
        self.cookie_is_stale = False
        given = self.headers.get(b"x-request-id")
        known = given.decode() if given and _REQUEST_ID.fullmatch(given) else guard.new_request_id()
        self.state: MutableMapping[str, Any] = {**scope.get("state", {}), "request_id": known}
        self.asgi["state"] = self.state
        scope["visit"] = self.asgi  # for whoever stands before us, and cannot see behind
        self.request_id = known
        client = scope.get("client")
        self.address: str = client[0] if client and client[0] else "unix"
        self._public = self.method in SAFE and (
            self.path in OPEN or (self.path.startswith(OPEN_BELOW) and ".." not in self.path)
        )
        self._trail = Trail(guard.access.audit, self.method, self.path, self.state, self.address)
        self._refusal: ClientError | None = None
        self._started = False
        length = self.headers.get(b"content-length", b"0")
        self._has_body = length != b"0" or b"transfer-encoding" in self.headers
        self._body_over = False
        self._body_bytes = 0
        self._deadline = asyncio.get_running_loop().time() + guard.bounds.body_s

    def one(self, name: bytes) -> bytes | None:
        """Return the header of that name, if there is one. Raises `Unauthorized` for several."""
        found = [value for key, value in self.asgi["headers"] if key == name]
        if len(found) > 1:
            raise Unauthorized(NO_TOKEN)
        return found[0] if found else None

    async def go(self) -> None:
        """Answer it."""
        try:
            await self._pass()
        except ClientError as error:
            self._refusal = self._refusal or error
        except Exception:
            if self._refusal is None:
                raise
        finally:
            if self._refusal is None:
                self._trail.end()
        if self._refusal is not None:
            await self._refuse(self._refusal)

    async def _pass(self) -> None:
        guard = self._guard
        self.host = guard.names.check([v for k, v in self.asgi["headers"] if k == b"host"])
        check_origin(self.headers, self.asgi["scheme"], self.host, public=self._public)
        if sum([len(key) + len(value) + 4 for key, value in self.asgi["headers"]]) > HEAD_BYTES:
            raise HeadTooLarge(f"the headers are longer than {HEAD_BYTES:,} bytes")
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > guard.bounds.body_bytes:
            raise self._too_large()
        if self._public:
            await guard.app(self.asgi, self.receive, self.send)
            return
        if self.path == LOGIN and self.method == "POST" and b"authorization" not in self.headers:
            await Login(guard.logins, self.state, tls=self.tls).open(self.receive, self.send)
            return
        principal = guard.who(self)
        self.state["principal"] = principal
        guard.check_rate(principal)
        guard.note_use(principal)
        if self.path.startswith(LOGIN) and self.path in (LOGIN, f"{LOGIN}/links"):
            login = Login(guard.logins, self.state, tls=self.tls)
            await login.answer(self.method, self.path, self.cookie, self.send)
            return
        asks_to_change = self.method not in SAFE and self.path != agents.PATH  # it looks for itself
        if asks_to_change and not principal.may(Scope.RUN):
            raise Forbidden(
                f"this token's scope is {principal.scope}: to change something needs run"
            )
        await guard.run(self, principal)

    # In and out -----------------------------------------------------------------------------

    async def receive(self) -> Message:
        """Give the service a piece of the body, within its bounds."""
        if self._body_over:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            self._refusal = BodyTooSlow(
                f"the body did not come within {self._guard.bounds.body_s:g} s"
            )
            raise self._refusal from None
        if message["type"] == "http.request":
            self._body_over = not message.get("more_body", False)
            self._body_bytes += len(message.get("body", b""))
            if self._body_bytes > self._guard.bounds.body_bytes:
                self._refusal = self._too_large()
                raise self._refusal
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a piece of the answer on, its head with what every one has."""
        if self._refusal is not None and not self._started:
            # The service's own answer to what it could not read: ours is the better one.
            return _nothing()
        if message["type"] == "http.response.start":
            self._started = True
            headers = message.get("headers", ())
            self._trail.answered(message["status"], headers)
            message = {**message, "headers": self._head(headers)}
        return self._send(message)

    def _head(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        given = list(headers)
        there = {name for name, _ in given}  # small letters, as ASGI demands
        kept = b"no-cache" if self._public else b"no-store"
        more = [(b"x-request-id", self.request_id.encode()), (b"cache-control", kept), *ALWAYS]
        if not there.isdisjoint(_OURS):
            more = [each for each in more if each[0] not in there]
        return given + more

    # Refusing -------------------------------------------------------------------------------

    def _too_large(self) -> BodyTooLarge:
        most = self._guard.bounds.body_bytes
        return BodyTooLarge(f"the body is longer than {most:,} bytes, which is the most")

    async def _refuse(self, error: ClientError) -> None:
        """Answer in place of the service; where it has begun to, end the connection instead."""
        headers = {}
        wait = self._guard.failed(self.address) if not isinstance(error, TooManyRequests) else 0.0
        if not wait:
            self._trail.refused(error)
        elif isinstance(error, Unauthorized) and not self._started:
            error = TooMany(wait)
        if self._started:
            return  # without an end: whoever reads it is to know that there was more
        if isinstance(error, Unauthorized):
            headers["WWW-Authenticate"] = 'Bearer realm="outlast"'
            if self.cookie_is_stale:
                headers["Set-Cookie"] = set_cookie("", tls=self.tls)
        if isinstance(error, TooMany):
            headers["Retry-After"] = str(int(error.wait_s) + 1)
        if self._has_body and not self._body_over:
            headers["Connection"] = "close"  # nobody will read the rest of it
        self._refusal = None
        await problem(error, self.request_id, headers=headers)(self.asgi, self._receive, self.send)


async def _nothing() -> None:
    """Send nothing."""

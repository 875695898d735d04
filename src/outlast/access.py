"""Who is let in, and what they may do: tokens and policies in force, for doors on a network."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .core.inventory import Inventory
from .core.limits import iso
from .core.policy import nothing
from .core.policyreader import DEFAULT
from .core.principal import Principal, Scope
from .core.token import LOCAL, SECRET_BYTES, Token, check_token, digest_of, is_token, write_token
from .errors import ClientError, Forbidden, InvalidRequest, Unauthorized

if TYPE_CHECKING:
    from .audit import Audit
    from .core.hostspec import HostSpec
    from .core.job import Job, JobSpec
    from .core.policy import Policy
    from .home import Home
    from .ports.clock import Clock
    from .ports.tokens import Tokens

USED_EVERY_S: Final = 60.0
"""How exactly it is known when a token was used last: a write a minute, and not one a request."""

FILE: Final = "token"
"""Where the home has the token of whoever owns it."""

NO_TOKEN: Final = "there is no valid token with this request"
HOW: Final = "Send it as: Authorization: Bearer TOKEN. To make one: outlast token create NAME"


class Access:
    """Tokens and policies over one home. May be shared by threads."""

    def __init__(
        self,
        home: Home,
        tokens: Tokens,
        clock: Clock,
        audit: Audit,
        *,
        policies: Callable[[], Mapping[str, Policy]],
        inventory: Callable[[], Inventory],
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._home = home
        self._tokens = tokens
        self._clock = clock
        self._policies = policies
        self._inventory = inventory
        self._chance = chance
        self._noted: dict[str, float] = {}
        self._seen: set[bytes] = set()
        """The digests of tokens that were there once: these are written like one."""

        self._principals: dict[str, tuple[Token, Mapping[str, Policy], Principal]] = {}
        self.audit = audit

    def close(self) -> None:
        """Let go of the tokens. Idempotent."""
        self._tokens.close()

    # Who ------------------------------------------------------------------------------------

    def authenticate(self, token: bytes) -> Principal:
        """
        Return whose *token* this is.

        Raises:
            Unauthorized: It is nobody's, was revoked, or has expired. Which of them is not said.
        """
        text = token.decode("ascii", "replace")
        digest = digest_of(text)
        # What is not even written like a token asks nothing of the database.
        is_known = digest in self._seen or is_token(text)
        found = self._tokens.by_digest(digest) if is_known else None
        now = self._clock.now()
        # The database has found the row by the digest, of whose bytes its time may tell: they say
        # nothing of the token. The digests are compared here, all of their bytes in any case.
        known = b"" if found is None else found.digest
        if not hmac.compare_digest(known, digest) or found is None or not found.is_good(now):
            raise Unauthorized(NO_TOKEN, suggestion=HOW)
        self._seen.add(digest)
        return self._principal(found)

    def use(self, principal: Principal) -> bool:
        """Say that a token is used. True: it is time to `note_use`, which writes."""
        now = self._clock.monotonic()
        noted = self._noted.get(principal.token_id)
        if noted is not None and now - noted < USED_EVERY_S:
            return False
        self._noted[principal.token_id] = now
        return True

    def note_use(self, principal: Principal) -> None:
        """Write down when a token was used last. What cannot be written keeps nobody out."""
        with suppress(ClientError):
            self._tokens.used(principal.token_id, at=self._clock.now())

    def good(self, principals: Iterable[Principal]) -> frozenset[str]:
        """Return the ids of those tokens, of these principals', that still let somebody in."""
        asked = {principal.token_id for principal in principals}
        now = self._clock.now()
        return frozenset(
            token.id for token in self._tokens.find() if token.id in asked and token.is_good(now)
        )

    def renewed(self, principal: Principal) -> Principal | None:
        """Return *principal* as it is now, under the policy in force; None: it is let in no more."""
        now = self._clock.now()
        for token in self._tokens.find():
            if token.id == principal.token_id and token.is_good(now):
                return self._principal(token)
        return None

    def unbounded(self) -> tuple[str, ...]:
        """Return the names of the tokens that run what they like, though no administrator's."""
        now = self._clock.now()
        return tuple(
            token.name
            for token in self.find()
            if token.is_good(now)
            and token.scope is Scope.RUN
            and self._principal(token).policy is None
        )

    def _principal(self, token: Token) -> Principal:
        policies = self._policies()
        known = self._principals.get(token.id)
        if known is not None and known[0] is token and known[1] is policies:
            return known[2]  # what was read of it is the very same still
        policy = None
        if token.scope is Scope.RUN:
            if token.policy is not None:
                policy = policies.get(token.policy) or nothing(token.policy)
            else:
                policy = policies.get(DEFAULT)
        principal = Principal(
            name=token.name,
            scope=token.scope,
            token_id=token.id,
            policy=policy,
            secrets=token.secrets,
        )
        self._principals[token.id] = token, policies, principal
        return principal

    # What -----------------------------------------------------------------------------------

    def admit(self, principal: Principal, specs: Iterable[JobSpec]) -> None:
        """
        See that *principal* may run *specs*, in which groups are hosts by now and the inventory
        has said what it knows. Reads nothing that a spec names.

        Raises:
            Forbidden: It may not; everything that is refused is told, with what is allowed.
        """
        if principal.may(Scope.ADMIN):
            return
        inventory = self._inventory()
        # Where the home of a key begins with a tilde, one of the two may have been written out.
        inventory = replace(inventory, hosts=_expanded(inventory.hosts))
        faults: dict[str, None] = {}
        for spec in specs:
            asked = replace(spec, hosts=_expanded(spec.hosts))
            faults.update(dict.fromkeys(principal.faults(asked, inventory)))
        if faults:
            raise Forbidden("; ".join(faults))

    def admit_again(self, principal: Principal, job: Job, *, cwd: str) -> None:
        """
        See that *principal* may run what *job* ran: somebody else may have submitted it, and the
        policy have changed. *cwd* is where a job of this machine is that does not say where.

        Raises:
            Forbidden: As `admit`.
        """
        spec = job.spec
        if spec.stdin == f"{self._home.files(job.id)}/stdin":
            spec = replace(spec, stdin=None)  # what came with the request, and lies with the job
        if spec.cwd == cwd:
            spec = replace(spec, cwd=None)
        if spec.session is not None:
            spec = replace(spec, on=(), hosts={})  # the session's own, and not the request's
        self.admit(principal, [spec])

    # Tokens ---------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        scope: Scope = Scope.RUN,
        *,
        expires: timedelta | None = None,
        policy: str | None = None,
        secrets: frozenset[str] = frozenset(),
    ) -> tuple[Token, str]:
        """
        Make a token. Returns what is kept of it, and itself: it can be had at no other time.

        Raises:
            InvalidRequest: Something is wrong with it; every fault is listed. `Conflict`: there is
                one of this name.
        """
        faults: list[str] = []
        try:
            check_token(name, scope, policy=policy, secrets=secrets)
        except InvalidRequest as error:
            faults += error.faults
        if expires is not None and not expires:
            faults.append("expires: it would never be valid: 30d, say, or nothing for no end")
        if policy is not None and policy not in (policies := self._policies()):
            there = ", ".join(sorted(policies)) or "none"
            faults.append(f"policy: there is no section {policy!r:.80}: there are {there}")
        if faults:
            raise InvalidRequest(*faults)
        return self._create(name, scope, expires=expires, policy=policy, secrets=secrets)

    def _create(
        self, name: str, scope: Scope, *, expires: timedelta | None = None, **more: Any
    ) -> tuple[Token, str]:
        text = write_token(self._chance(SECRET_BYTES))
        now = self._clock.now()
        token = Token(
            id=f"tok_{self._clock.new_token()}",
            name=name,
            digest=digest_of(text),
            scope=scope,
            created_at=now,
            expires_at=None if expires is None else now + expires,
            **more,
        )
        self._home.prepare()
        self._tokens.add(token)
        self.audit.write("token.create", token=name, scope=str(scope), token_id=token.id)
        return token, text

    def find(self) -> tuple[Token, ...]:
        """Return what is kept of all tokens, oldest first."""
        return self._tokens.find()

    def revoke(self, name: str) -> Token:
        """Have a token be good no more, open streams included. Raises `NotFound`."""
        token = self._tokens.revoke(name, at=self._clock.now())
        self.audit.write("token.revoke", token=name, token_id=token.id)
        return token

    def local_token(self) -> str:
        """
        Return the token of whoever owns the home, which lies in it for this user alone. One is
        made where there is none, or where the one that lies there is good no more.
        """
        self._home.prepare()
        path = f"{self._home.path}/{FILE}"
        with suppress(OSError, UnicodeDecodeError, Unauthorized):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(fd, encoding="ascii") as file:
                os.fchmod(fd, 0o600)
                text = file.read(1000).strip()
                self.authenticate(text.encode())
                return text
        if any(each.name == LOCAL and each.revoked_at is None for each in self.find()):
            self.revoke(LOCAL)  # whose file is gone: nobody has it, or somebody who should not
        _, text = self._create(LOCAL, Scope.ADMIN)
        _write_private(path, text + "\n", self._clock.new_token())
        return text

    def check_address(self, host: str | None) -> None:
        """
        See that a server may listen there: on this machine's own addresses at any time, on others
        once somebody has made a token for it.

        Raises:
            InvalidRequest: It may not, and what would help.
        """
        if host is None or is_loopback(host):
            return
        now = self._clock.now()
        if not any(each.is_good(now) and each.name != LOCAL for each in self.find()):
            raise InvalidRequest(
                f"host {host:.80} can be reached from other machines, and there is no token for them",
                suggestion="Make one first: outlast token create NAME",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*, a name or an address."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def public_token(token: Token, now: datetime) -> dict[str, Any]:
    """Return *token* as JSON. There is nothing in it that lets anybody in."""
    return {
        "token_id": token.id,
        "name": token.name,
        "scope": str(token.scope),
        "state": token.state(now),
        "policy": token.policy,
        "secrets": sorted(token.secrets),
        "created_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "last_used_at": iso(token.last_used_at),
        "revoked_at": iso(token.revoked_at),
    }


def _expanded(hosts: Mapping[str, HostSpec]) -> dict[str, HostSpec]:
    return {
        name: host if host.key is None else replace(host, key=os.path.expanduser(host.key))
        for name, host in hosts.items()
    }


def _write_private(path: str, text: str, name: str) -> None:
    """Put *text* at *path*, for this user alone, in the place of what is there."""
    temporary = f"{path}.{name}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)

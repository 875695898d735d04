"""
What a caller asks to begin, with what only their own side knows: their environment and directory,
the values of their secrets, their inventory.

Here that is settled before the service is asked. A server settles it on its own side.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .core.job import Job, JobId
from .engine import verbs
from .settings import Settings, capture_caller

if TYPE_CHECKING:
    from .core.session import Session
    from .engine.service import Service
    from .over_http import HttpService


class Intake(Protocol):
    """Takes what callers begin, as they said it. Told of are all faults, and nothing has happened."""

    def submit(
        self,
        given: Sequence[Mapping[str, Any]],
        *,
        keys: Sequence[str | None],
        stdin: bytes | None = None,
        faults: Iterable[str] = (),
    ) -> tuple[Job, ...]:
        """
        Submit these specs, each with its idempotency key, all of them or none. *stdin* is what the
        commands read; *faults* are those that the caller found itself.
        """

    def retry(self, job_id: JobId, *, hold: bool = False) -> Job:
        """Submit the spec of an ended job again; with *hold*, to wait until it is released."""

    def open_session(
        self,
        *,
        name: str,
        on: str,
        hosts: Mapping[str, Any] | None = None,
        faults: Iterable[str] = (),
    ) -> Session:
        """Have a name stand for a host."""

    def close_session(self, name: str, *, cancel: bool = False) -> Session:
        """Close a session; with *cancel*, what has not ended in it is ended."""


class LocalIntake:
    """For callers on this machine, whose jobs run as they would have run them themselves."""

    def __init__(self, settings: Settings, service: Service) -> None:
        self._settings = settings
        self._service = service

    def submit(
        self,
        given: Sequence[Mapping[str, Any]],
        *,
        keys: Sequence[str | None],
        stdin: bytes | None = None,
        faults: Iterable[str] = (),
    ) -> tuple[Job, ...]:
        return self._service.submit(self.read(given, keys=keys, stdin=stdin, faults=faults))

    def read(
        self,
        given: Sequence[Mapping[str, Any]],
        *,
        keys: Sequence[str | None],
        stdin: bytes | None = None,
        faults: Iterable[str] = (),
    ) -> verbs.Submit:
        """Return the submission of these specs, with all that their jobs inherit from this process."""
        from .engine.preflight import read_request
        from .errors import InvalidRequest
        from .inventory import for_hosts
        from .wiring import capabilities

        clean = {bool(spec.get("clean_env")) for spec in given}
        if len(clean) > 1:
            raise InvalidRequest("clean_env is the same for all jobs of one submission")
        captured = capture_caller(clean=True in clean)
        given, captured = for_hosts(given, captured, self._settings)
        specs, secrets = read_request(
            *(given, captured, capabilities, faults),
            webhooks=self._settings.webhooks,
            machine=self._settings.machine,
        )
        return verbs.Submit(
            specs=specs,
            captured=captured,
            secrets=secrets,
            stdin=stdin,
            keys=tuple(keys),
            traceparent=callers_span(),
        )

    def retry(self, job_id: JobId, *, hold: bool = False) -> Job:
        from .engine.preflight import check_machine
        from .engine.secrets import resolve_secrets

        old = self._service.get(verbs.Get(job_id))
        check_machine(old.spec, self._settings.machine)
        return self._service.retry(
            verbs.Retry(
                old.id,
                captured=capture_caller(clean=old.spec.clean_env),
                secrets=resolve_secrets([old.spec]),
                hold=hold,
                traceparent=callers_span(),
            )
        )

    def open_session(
        self,
        *,
        name: str,
        on: str,
        hosts: Mapping[str, Any] | None = None,
        faults: Iterable[str] = (),
    ) -> Session:
        from .inventory import for_session
        from .wiring import capabilities

        return self._service.open_session(
            for_session(
                self._settings, capabilities, name=name, on=on, hosts=hosts, faults=tuple(faults)
            )
        )

    def close_session(self, name: str, *, cancel: bool = False) -> Session:
        from .inventory import with_ssh_config

        captured = with_ssh_config(capture_caller(), self._settings)
        return self._service.close_session(
            verbs.CloseSession(name=name, cancel=cancel, captured=captured)
        )


def callers_span() -> str | None:
    """Return the span that this process was started in, if it was told of one (`TRACEPARENT`)."""
    if not (told := os.environ.get("TRACEPARENT")):
        return None
    from .core.trace import read_traceparent

    return read_traceparent(told)


def intake_of(service: Service | HttpService, settings: Settings) -> Intake:
    """Return where to submit what *service*, of these settings, is to do."""
    from .engine.service import Service

    return LocalIntake(settings, service) if isinstance(service, Service) else service

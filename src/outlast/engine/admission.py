"""What a submission needs to be stored: checked jobs, and files beside the store that they need."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..core.job import Job, JobId, JobSpec, nodes_of, queue_of
from ..errors import InvalidRequest
from ..ports.executor import Captured
from ..ports.store import Entry
from .capture import SECRET_MARK, drop_capture, share_capture, sync_folder, write_capture

if TYPE_CHECKING:
    from ..home import Home
    from ..ports.clock import Clock
    from ..ports.store import Store
    from . import verbs
    from .preflight import Ask
    from .signing import Keys


FOR_HOSTS: Final = ("SSH_AUTH_SOCK", "OUTLAST_SSH_CONFIG", "HOME", "PATH")
"""All that a job for hosts takes from its caller's environment."""

FOR_CONTAINERS: Final = (
    *("OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"),
    *("HOME", "PATH", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"),
    "DBUS_SESSION_BUS_ADDRESS",
)
"""All that a job in a container takes from there: which engine is meant, where its logins are."""


class Admission:
    """
    One `Submit` on its way into the store.

    Raises:
        InvalidRequest: Something keeps a job from starting here; all faults are listed.
    """

    def __init__(self, home: Home, clock: Clock, request: verbs.Submit, capabilities: Ask) -> None:
        self._home = home
        self._clock = clock
        self._request = request
        self._specs = request.specs
        self._capture: str | None = None
        self._entries: list[Entry] = []
        if "" in request.keys:
            raise InvalidRequest("the key is empty: name what makes this request itself, or none")
        # A schedule's was asked when it was added. What has changed, its job will tell.
        if request.captured is not None and request.step is None:
            self._specs = _checked(request.specs, request.captured, capabilities)

    def entries(self) -> tuple[Entry, ...]:
        """Put what the jobs need on disk, and return them as the store takes them. Raises OSError."""
        request = self._request
        if request.captured is not None:
            passed_on = self._passed_on(request.captured)
            held = _with_secrets(passed_on, request)
            if request.captured_for_all and held is passed_on:
                self._capture = share_capture(self._home.capture(""), held)
            else:
                self._capture = self._clock.new_token()
                write_capture(self._home.capture(self._capture), held)
        keys = request.keys or (None,) * len(self._specs)
        now = self._clock.now()
        for spec, key in zip(self._specs, keys, strict=True):
            job = Job(
                id=self._clock.new_job_id(now),
                spec=spec,
                nodes=nodes_of(spec),
                queue=queue_of(spec),
                priority=spec.priority,
                held=spec.hold,
                created_at=now,
                capture=self._capture,
                traceparent=request.traceparent,
            )
            entry = Entry(
                job=job,
                key=key,
                principal=request.principal,
                fingerprint="" if key is None else _fingerprint(spec, request.stdin),
                closes=request.closes,
                step=request.step,
            )
            self._entries.append(entry)
            if request.stdin is not None:
                stdin = self._hold_stdin(job.id, request.stdin)
                given = replace(job, spec=replace(spec, stdin=stdin))
                self._entries[-1] = replace(entry, job=given)
            if spec.webhooks:
                self._keys.hold(job.id, {each: request.secrets[each] for each in spec.signing})
        return tuple(self._entries)

    def _passed_on(self, captured: Captured) -> Captured:
        """Return what is to be held: of jobs that run elsewhere, only how they are reached."""
        names: set[str] = set()
        for spec in self._specs:
            if spec.on_end is not None or (not spec.is_remote and spec.container is None):
                return captured
            names.update(FOR_HOSTS if spec.is_remote else FOR_CONTAINERS)
        return Captured(env={name: captured.env[name] for name in names if name in captured.env})

    def withdraw(self, but: Collection[JobId] = ()) -> None:
        """Remove the files of those that were not stored: all *but* these."""
        kept = [entry for entry in self._entries if entry.job.id in but]
        if self._capture is not None and not kept:
            drop_capture(self._home.capture(self._capture))
        if self._request.stdin is not None:
            for entry in self._entries:
                if entry.job.id not in but:
                    self._home.remove_files(entry.job.id)
        for entry in self._entries:
            if entry.job.spec.webhooks and entry.job.id not in but:
                self._keys.drop(entry.job.id)

    @cached_property
    def _keys(self) -> Keys:
        from .signing import Keys

        return Keys(self._home)

    def _hold_stdin(self, job_id: JobId, data: bytes) -> str:
        """Keep what the command is to read beside its attempts, for as long as the job."""
        folder = self._home.files(job_id)
        os.makedirs(folder, 0o700, exist_ok=True)
        path = f"{folder}/stdin"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for each in (folder, os.path.dirname(folder)):
            sync_folder(each)
        return path


def add_admitted(store: Store, admission: Admission) -> tuple[Job, ...]:
    """Have *store* take what was admitted, and keep files of nothing else. Raises as `Store.add`."""
    try:
        jobs = store.add(admission.entries())
    except BaseException:
        admission.withdraw()
        raise
    admission.withdraw(but={job.id for job in jobs})
    return jobs


def _checked(
    specs: tuple[JobSpec, ...], captured: Captured, capabilities: Ask
) -> tuple[JobSpec, ...]:
    """Return *specs* with their paths as the caller meant them, if this machine can run them."""
    from .preflight import anchored, local_faults

    specs = tuple(anchored(spec, captured) for spec in specs)
    faults: dict[str, None] = {}
    for spec in specs:
        faults.update(dict.fromkeys(local_faults(spec, captured, capabilities)))
    if faults:
        raise InvalidRequest(*faults)
    return specs


def _with_secrets(captured: Captured, request: verbs.Submit) -> Captured:
    """Hold the secrets' values under their references: each job takes its own from there."""
    values = {
        SECRET_MARK + reference: request.secrets[reference]
        for spec in request.specs
        for reference in spec.references
        if reference in request.secrets
    }
    return replace(captured, env={**captured.env, **values}) if values else captured


def _fingerprint(spec: JobSpec, stdin: bytes | None) -> str:
    import hashlib
    import json

    from ..core.spec import spec_to_json

    given = spec_to_json(spec)
    given.pop("queue_width", None)  # how many run beside it is no part of what is asked for
    if spec.retry_of is not None:
        given.pop("after", None)  # asked for again, it may have fewer to wait for
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode())
    digest.update(b"\0" + (stdin or b""))
    return digest.hexdigest()

"""A job's spec as its public JSON, where durations are whole milliseconds (`timeout_ms`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .job import JobSpec, Limits
from .limits import from_ms, iso, to_ms

CLOCKS: Final = (
    "timeout",
    "idle_timeout",
    "queue_timeout",
    "connect_timeout",
    "reconnect_timeout",
    "pull_timeout",
    "grace",
    "retention",
)
_PLAIN: Final = (
    "shell",
    "script",
    "runtime",
    "name",
    "cwd",
    "stdin",
    "queue",
    "queue_width",
    "max_parallel",
    "session",
    "session_id",
    "retry_of",
    "on_end_of",
)
"""Keys that JSON has as the spec has them."""


def spec_to_json(spec: JobSpec) -> dict[str, Any]:
    """Return *spec* as its public JSON, without what stands at its default."""
    out: dict[str, Any] = {}
    for name in _PLAIN:
        if (value := getattr(spec, name)) is not None:
            out[name] = value
    kinds = {"command": list, "on": list, "labels": dict, "env": dict, "secret_env": dict}
    kinds["resources"] = dict
    for name, kind in kinds.items():
        if value := getattr(spec, name):
            out[name] = kind(value)
    out |= _places_to_json(spec)
    for name in CLOCKS:
        if (value := getattr(spec, name)) != getattr(_DEFAULT, name):
            out[f"{name}_ms"] = None if value is None else to_ms(value)
    for name in ("clean_env", "on_output_limit", "leftovers", "connection_bound"):
        if (value := getattr(spec, name)) != getattr(_DEFAULT, name):
            out[name] = value
    if spec.dialogue:
        from .dialogue import rules_to_json

        out["dialogue"] = rules_to_json(spec.dialogue)
    if spec.limits != _DEFAULT.limits:
        out["limits"] = dict(vars(spec.limits))
    return out | _rare(spec)


def _rare(spec: JobSpec) -> dict[str, Any]:
    """Return the part of a spec that few jobs have, and only they import."""
    out: dict[str, Any] = {}
    if spec.priority:
        out["priority"] = spec.priority
    if spec.delay is not None:
        out["delay_ms"] = to_ms(spec.delay)
    if spec.start_at is not None:
        out["start_at"] = iso(spec.start_at)
    if spec.hold:
        out["hold"] = True
    if spec.after:
        out["after"] = list(map(str, spec.after))
    if spec.on_end is not None:
        out["on_end"] = spec.on_end if isinstance(spec.on_end, str) else list(spec.on_end)
    if spec.retries:
        out |= _retries(spec)
    if spec.collect is not None:
        from .collect import collect_to_json

        out["collect"] = collect_to_json(spec.collect)
    if spec.webhooks:
        from .webhook import webhooks_to_json

        out["webhooks"] = webhooks_to_json(spec.webhooks)
    return out


def _retries(spec: JobSpec) -> dict[str, Any]:
    names = ("retries", "retry_backoff", "retry_jitter", "if_lost")
    out = {name: getattr(spec, name) for name in names}
    out = {name: value for name, value in out.items() if value != getattr(_DEFAULT, name)}
    if spec.retry_delay != _DEFAULT.retry_delay:
        out["retry_delay_ms"] = to_ms(spec.retry_delay)
    if spec.retry_on:
        out["retry_on"] = list(spec.retry_on)
    return out


def spec_from_json(data: Mapping[str, Any]) -> JobSpec:
    """Return the spec that `spec_to_json` wrote. Trusts *data*: it was checked when it came in."""
    given: dict[str, Any] = dict(data)
    for name in (*CLOCKS, "delay", "retry_delay"):
        if (milliseconds := given.pop(f"{name}_ms", None)) is not None:
            given[name] = from_ms(milliseconds)
    _read_rare(given)
    for name in ("command", "on", "on_end", "retry_on"):
        if isinstance(given.get(name), list):
            given[name] = tuple(given[name])
    if "hosts" in given:
        from .hostspec import host_from_json  # here: of most jobs there is nothing to be known

        given["hosts"] = {name: host_from_json(host) for name, host in given["hosts"].items()}
    if "dialogue" in given:
        from .dialogue import rules_from_json

        given["dialogue"] = rules_from_json(given["dialogue"])
    if "container" in given:
        from .container import container_from_json

        given["container"] = container_from_json(given["container"])
    if "limits" in given:
        given["limits"] = Limits(**given["limits"])
    return JobSpec(**given)


def _read_rare(given: dict[str, Any]) -> None:
    """Read what `_rare` wrote, in its place."""
    if "start_at" in given:
        given["start_at"] = datetime.fromisoformat(given["start_at"])
    if "after" in given:
        from .needs import needs_from_json

        given["after"] = needs_from_json(given["after"])
    if "collect" in given:
        from .collect import collect_from_json  # here, since most jobs have none

        given["collect"] = collect_from_json(given["collect"])
    if "webhooks" in given:
        from .webhook import webhooks_from_json

        given["webhooks"] = webhooks_from_json(given["webhooks"])


def _places_to_json(spec: JobSpec) -> dict[str, Any]:
    """Return what is known of where it runs."""
    if spec.hosts:
        from .hostspec import host_to_json

        return {"hosts": {name: host_to_json(host) for name, host in spec.hosts.items()}}
    if spec.container is not None:
        from .container import container_to_json

        return {"container": container_to_json(spec.container)}
    return {}


_DEFAULT: Final = JobSpec()

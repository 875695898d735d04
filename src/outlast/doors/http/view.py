"""How much an answer tells of a job: its public JSON, or, where that is preferred, its spec as well."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...core.hostspec import HostSpec
from ...core.principal import Scope
from ...core.spec import spec_to_json
from ...core.webhook import shown_url
from .conditional import wants_all
from .served import principal_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from ...core.job import Job, JobSpec
    from .served import Served


def told(there: Served, request: Request, job: Job, *, with_result: bool = True) -> dict[str, Any]:
    """
    Return *job* as JSON. With `Prefer: view=full` there is its spec beside it, and its version, and
    for each node the attempt and how far it is.
    """
    public = there.service.public(job, with_result=with_result)
    if not wants_all(request.headers.get("prefer")):
        return public
    spec = job.spec if principal_of(request).may(Scope.ADMIN) else without_ways(job.spec)
    nodes = [
        {**shown, "attempt": node.attempt, "progress_pct": node.progress_pct}
        for shown, node in zip(public["nodes"], job.nodes, strict=True)
    ]
    return {**public, "nodes": nodes, "spec": spec_to_json(spec), "version": job.version}


def without_ways(spec: JobSpec) -> JobSpec:
    """
    Return *spec* without what only an administrator is told: how hosts are reached, and what may
    let somebody in where webhooks go.
    """
    hosts = {
        name: HostSpec(timeout=host.timeout, connect_timeout=host.connect_timeout)
        for name, host in spec.hosts.items()
    }
    webhooks = tuple(replace(each, url=shown_url(each.url)) for each in spec.webhooks)
    return replace(spec, hosts=hosts, webhooks=webhooks)

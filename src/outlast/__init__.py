"""Runs work that takes longer than its caller is willing to wait, and never loses it."""

from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from .client import Client, run
    from .core.job import Job, JobId, JobSpec, Limits, Node
    from .core.session import Session
    from .core.state import JobStatus, NodeStatus, Reason
    from .errors import (
        BadAnswer,
        ClientError,
        Conflict,
        Expired,
        Forbidden,
        HomeRefused,
        Internal,
        InvalidRequest,
        NotFound,
        NotTerminal,
        Unauthorized,
        Unavailable,
        WaitTimeout,
    )
    from .execute import ScriptResult, execute_script

__all__ = [
    "BadAnswer",
    "Client",
    "ClientError",
    "Conflict",
    "Expired",
    "Forbidden",
    "HomeRefused",
    "Internal",
    "InvalidRequest",
    "Job",
    "JobId",
    "JobSpec",
    "JobStatus",
    "Limits",
    "Node",
    "NodeStatus",
    "NotFound",
    "NotTerminal",
    "Reason",
    "ScriptResult",
    "Session",
    "Unauthorized",
    "Unavailable",
    "WaitTimeout",
    "__version__",
    "execute_script",
    "run",
]

_MODULES = {
    "client": ("Client", "run"),
    "execute": ("ScriptResult", "execute_script"),
    "core.job": ("Job", "JobId", "JobSpec", "Limits", "Node"),
    "core.session": ("Session",),
    "core.state": ("JobStatus", "NodeStatus", "Reason"),
}
"""Where a name comes from; every other one is an error. Imported when it is first asked for: the
command line imports this package each time, and needs none of them
(docs/decisions/0002-what-job-status-imports.md)."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = next((module for module, names in _MODULES.items() if name in names), "errors")
    found: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

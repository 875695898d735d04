"""
The command-line framework: jobs as commands of any Click or Typer program, and of `outlast`.

    from outlast.framework import AsyncJob, attach, progress

    @app.command()
    def deploy(env: str) -> AsyncJob:
        return AsyncJob(roll_out, env, timeout="10m")

    attach(app)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .asyncjob import AsyncJob
    from .attachment import attach, job_commands
    from .report import progress
    from .submission import start

__all__ = ["AsyncJob", "attach", "job_commands", "progress", "start"]

_MODULES = {
    "AsyncJob": "asyncjob",
    "attach": "attachment",
    "job_commands": "attachment",
    "progress": "report",
    "start": "submission",
}
"""Where a name comes from. Imported when it is first asked for: `outlast job status` imports this
package, and needs none of them (docs/decisions/0002-what-job-status-imports.md)."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found

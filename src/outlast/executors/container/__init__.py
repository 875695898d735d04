"""
Commands in containers of an engine (Docker, or Podman behind the same API), each under a shim.

Who only asks what can be done here imports no executor.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...ports.clock import Clock
from ...ports.executor import Capabilities, Executor
from .address import absence


def capabilities(env: Mapping[str, str]) -> Capabilities:
    """Return what containers can do: all limits are the engine's to keep, if there is one."""
    return Capabilities(absence=absence(env))


def make(
    *, home: str, floor_bytes: int, clock: Clock, held: Mapping[str, str] | None = None
) -> Executor:
    """Return the executor for the attempts of *home*, which keeps *floor_bytes* of it free."""
    from .executor import ContainerExecutor

    del clock, held  # what is held in memory alone are logins of hosts
    return ContainerExecutor(home, floor_bytes)

"""What this machine has for all that runs on it together, whatever queue it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from .frozen import frozen
from .limits import format_size, parse_size, positive_number

if TYPE_CHECKING:
    from .job import JobSpec


@frozen
class Machine:
    """A machine, as its settings have it."""

    resources: Mapping[str, int] = field(default_factory=dict)
    """How much of what (`core.resources`)."""

    max_cpus: float | None = None
    """What the `limits.cpus` of the nodes that run on it may add up to; None: no limit."""

    max_memory_bytes: int | None = None

    def refusals(self, spec: JobSpec) -> list[str]:
        """Return what keeps a job from ever running here beside others, and what helps."""
        faults = []
        limits = spec.limits
        if self.max_cpus is not None and (limits.cpus or 0) > self.max_cpus:
            faults.append(
                f"limits.cpus is {limits.cpus:g}, and this machine has {self.max_cpus:g}: ask for"
                " less, or set OUTLAST_MAX_CPUS, max_cpus in config.toml, to"
                f" {limits.cpus:g}"
            )
        most = self.max_memory_bytes
        if most is not None and (limits.memory_bytes or 0) > most:
            needed = format_size(limits.memory_bytes or 0)
            faults.append(
                f"limits.memory_bytes is {needed}, and this machine has {format_size(most)}: ask for"
                f" less, or set OUTLAST_MAX_MEMORY, max_memory in config.toml, to {needed}"
            )
        if spec.resources:
            from .resources import lacks  # here: most jobs need none

            faults += lacks(spec.resources, self.resources)
        return faults

    def written(self) -> dict[str, str | None]:
        """Return each by its name, as it would be written in the file of settings."""
        from .resources import write_stock

        most = self.max_memory_bytes
        return {
            "resources": write_stock(self.resources) or None,
            "max_cpus": None if self.max_cpus is None else f"{self.max_cpus:g}",
            "max_memory": None if most is None else format_size(most),
        }

    def public(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "resources": dict(self.resources),
            "max_cpus": self.max_cpus,
            "max_memory_bytes": self.max_memory_bytes,
        }


def read_cpus(value: object) -> float:
    """Return how many processors there are for jobs; text is taken as well. Raises ValueError."""
    if isinstance(value, str):
        try:
            return positive_number(float(value))
        except ValueError:
            pass  # said of the text, and not of what was made of it
    return positive_number(value)


def read_memory(value: object) -> int:
    """Return how much memory there is for jobs, in bytes. Raises ValueError."""
    size = parse_size(value)
    if not size:
        raise ValueError(f"{value!r:.80} would have nothing begin that says what it needs")
    return size

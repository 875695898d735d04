"""`outlast supervisor status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ....framework.lazy import verb

if TYPE_CHECKING:
    from ....framework.caller import Caller
    from ....settings import Settings


@verb("status", here=True, epilog="outlast supervisor status --json")
def status(caller: Caller) -> int:
    """
    Tell whether a supervisor runs, what it does, and under which settings. Starts none.

    None running (`pid` is null) is no fault: it comes with the next job and leaves when idle.
    """
    found = caller.link.status() or {}
    names = ("pid", "version", "running", "queued", "settings")
    data = {name: found.get(name) for name in names}
    caller.answer(
        lambda: data,
        lambda: "\n".join(_lines(data)),
        warnings=differences(caller.settings, found),
    )
    return 0


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    if not data["pid"]:
        yield "none runs; the next job starts one"
        return
    yield "pid {pid}, version {version}: {running} running, {queued} queued".format(**data)
    for name, value in (data["settings"] or {}).items():
        yield f"{name} {_shown(value)}"


def _shown(value: float | Mapping[str, int] | None) -> str:
    if value is None:
        return "none"
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    from ....core.resources import write_stock

    return write_stock(value) or "none"


def differences(settings: Settings, found: Mapping[str, Any]) -> list[str]:
    """Return what the supervisor that told *found* does otherwise than *settings* have it."""
    there = found.get("settings") or {}
    return [
        f"{name} is {_shown(there[name])} in the running supervisor, and {_shown(here)} in your"
        " settings:"
        " after outlast supervisor stop, the next one takes yours"
        for name, here in settings.supervisors().items()
        if there.get(name, here) != here
    ]

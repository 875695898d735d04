"""What somebody may have meant: another program's word for it, or what is really near."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..core.near import near

ELSEWHERE: Final = {
    **dict.fromkeys(("jobs", "ls", "ps"), ("list",)),
    **dict.fromkeys(("kill", "stop"), ("cancel", "pause")),
    **dict.fromkeys(("remove", "rm", "delete"), ("delete", "remove")),
    **dict.fromkeys(("info", "inspect", "show"), ("status", "list")),
    **dict.fromkeys(("follow", "output", "tail"), ("logs",)),
    **dict.fromkeys(("rerun", "requeue", "restart"), ("retry",)),
    **dict.fromkeys(("enqueue", "unhold"), ("release",)),
    **dict.fromkeys(("priority", "switch"), ("move",)),
    **dict.fromkeys(("parallel", "update"), ("set",)),
    **dict.fromkeys(("add", "new"), ("submit", "create", "add")),
    **dict.fromkeys(("group", "partition"), ("queue",)),
    "clean": ("delete",),
    "create": ("add",),
    "exec": ("run",),
    "start": ("submit", "resume", "release"),
    "stash": ("hold",),
    "status": ("show", "list"),
    "trigger": ("run",),
    "unpause": ("resume",),
    **dict.fromkeys(("--chdir", "--working-directory"), ("--cwd",)),
    **dict.fromkeys(("--group", "--partition"), ("--queue",)),
    "--begin": ("--at",),
    "--dependency": ("--after",),
    "--gres": ("--resource",),
    "--job-name": ("--name",),
    "--nice": ("--priority",),
    "--parallel": ("--max-parallel",),
    "--requeue": ("--retries",),
    "--stashed": ("--hold",),
    "--time": ("--timeout",),
}
"""What our commands and options are called in shells, in git, in other queues, and by container engines."""


def called(word: str, names: Iterable[str]) -> str | None:
    """Return the one of *names* that *word* is, but for its case, or is called elsewhere."""
    names = list(names)
    same = next((name for name in names if name.lower() == word.lower()), None)
    return same or next((name for name in ELSEWHERE.get(word, ()) if name in names), None)


def nearest(word: str, names: Iterable[str]) -> str | None:
    """
    Return the one of *names* that *word* is called elsewhere, is but for its case, or is near to.
    """
    names = list(names)
    return called(word, names) or near(word, names)

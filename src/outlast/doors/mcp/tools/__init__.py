"""The tools, in the order in which they are listed: it is the same for everybody, always."""

from __future__ import annotations

from typing import Final

from ..tool import Tool
from . import jobs, queues, run, schedules, ssh

TOOLS: Final[tuple[Tool, ...]] = (
    *(*run.TOOLS, *jobs.TOOLS, *queues.TOOLS),
    *(*schedules.TOOLS, *ssh.TOOLS),
)

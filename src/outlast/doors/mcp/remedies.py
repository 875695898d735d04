"""What an agent has for the commands that errors suggest to people: its own tools, with arguments."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"([A-Za-z0-9][\w.@-]*)"
_AS_TOOLS: Final = tuple(
    (re.compile(command), tool)
    for command, tool in (
        (r"outlast job cancel (job_\w+)", r'job_cancel(job_id="\1")'),
        (r"outlast job status (job_\w+)", r'job_get(job_id="\1")'),
        (rf"outlast job move --queue {_NAME} (\w+)", r'job_move(job_id="\2", queue="\1")'),
        (r"outlast job (cancel|completions|list|move|wait)\b", r"job_\1"),
        (r"outlast job logs\b", "job_output"),
        (r"outlast job status\b", "job_get"),
        (rf"outlast queue pause {_NAME}", r'queue_set(name="\1", state="paused")'),
        (rf"outlast queue drain {_NAME}", r'queue_set(name="\1", state="draining")'),
        (rf"outlast queue resume {_NAME}", r'queue_set(name="\1", state="open")'),
        (rf"outlast queue set {_NAME} --width none\b", r'queue_set(name="\1", width=null)'),
        (rf"outlast queue (?:create|set) {_NAME} --width N\b", r'queue_set(name="\1", width=N)'),
        (rf"outlast queue (?:create|set) {_NAME}", r'queue_set(name="\1")'),
        (r"outlast queue (delete|list|set)\b", r"queue_\1"),
        (rf"outlast schedule remove {_NAME}", r'schedule_set(name="\1", action="remove")'),
        (
            rf"outlast schedule add --replace {_NAME} --queue {_NAME} \.\.\.",
            r'schedule_add(name="\1", replace=true, ...) with queue "\2" in job',
        ),
        (r"outlast schedule add --replace\b", "schedule_add(replace=true)"),
        (r"\(--replace\)", "(replace=true)"),
        (r"outlast schedule (add|list)\b", r"schedule_\1"),
        (r"outlast session list\b", "ssh_list_sessions"),
        (
            rf"outlast session close --cancel {_NAME}",
            r'ssh_disconnect(sessionName="\1", cancel=true)',
        ),
        (rf"outlast session close {_NAME}", r'ssh_disconnect(sessionName="\1")'),
        (rf"outlast session open {_NAME} --on (\w+)", r'ssh_connect(name="\1", host="\2")'),
        (r"(?:outlast )?\bsession open\b", "ssh_connect"),
        (r"--queue-width N\b", "queue_width=N"),
        (r"the whole line with --shell\b", "the whole line as one text"),
    )
)


def for_agents(text: str) -> str:
    """Return *text* with tools in the place of commands; what has no tool stays a command."""
    for command, tool in _AS_TOOLS:
        text = command.sub(tool, text)
    return text

"""`outlast job result`: how a job ended, and what it printed last."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ..lazy import verb
from ..many import code_of, each_of, exit_status_option, ids_argument, read_ids, show

if TYPE_CHECKING:
    from ...core.job import Job
    from ..caller import Caller


@verb(
    "result",
    epilog="""
    outlast job result ID
    outlast job result --json ID
    outlast job logs ID          (all that it printed)
    """,
)
@ids_argument
@exit_status_option
def result(caller: Caller, ids: tuple[str, ...]) -> int:
    """
    Tell how a job ended and what it printed last.

    As text: the last 4 KiB of its stdout on stdout, of its stderr on stderr, what it returned as
    JSON on stdout, then its fate. Exit codes are those of job status; 3 says that there is no
    result yet.
    """
    from ...engine.verbs import Get

    wanted = read_ids(ids)
    jobs, error = each_of(wanted, lambda job_id: caller.service.get(Get(job_id)))
    if caller.is_json:
        show(caller, jobs, wanted, lambda _: "", error=error)
        return code_of(caller, jobs, error)
    for job in jobs:
        _print(caller, job)
    caller.answer(lambda: None, lambda: "", error=error)
    return code_of(caller, jobs, error)


def _print(caller: Caller, job: Job) -> None:
    from ..text import fate

    if job.is_terminal:
        left = caller.service.result(job)
        for stream in (sys.stdout, sys.stderr):
            text = left["stdout" if stream is sys.stdout else "stderr"]
            stream.write(text if not text or text.endswith("\n") else f"{text}\n")
            stream.flush()
        if left["value"] is not None:
            sys.stdout.write(f"{json.dumps(left['value'], ensure_ascii=False)}\n")
            sys.stdout.flush()
        if left["truncated"]:
            logs = caller.service.public(job, with_result=False)["logs_command"]
            caller.say(f"this is only the end of it; all: {logs}")
    caller.say(f"{job.id} is {fate(job)}")

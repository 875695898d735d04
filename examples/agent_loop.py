"""
An agent's loop: start a job, ask now and then, read the result. Against the JSON alone.

It knows one command, the one that it is given: `outlast submit -- make`, or an asynchronous
command of any tool. All others are in the answers: `status_command` asks again, `result_command`
reads the end, `cancel_command` gives up. `poll_interval_ms` says how soon to ask, `terminal` when to
stop. Each question is a process of its own and takes no longer than a moment, so that no limit of
the agent's shell is ever reached. Exits with the job's own code, or with 1 where there is none.

    python examples/agent_loop.py outlast submit -- make
    python examples/agent_loop.py TOOL COMMAND...
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from typing import Any

SHELL_LIMIT_S = 120
"""What agents' shells give a call, often. None here comes near."""


def ask(command: str) -> dict[str, Any]:
    """Run one of our commands, and return the `data` of its answer."""
    done = subprocess.run(
        shlex.split(command),
        env=os.environ | {"OUTLAST_OUTPUT": "json"},  # whatever this shell's user has set
        stdout=subprocess.PIPE,
        timeout=SHELL_LIMIT_S,
        check=False,
    )
    answer = json.loads(done.stdout)
    if not answer["ok"]:  # the request could not be answered; how a job fared is in `data`
        sys.exit(f"{answer['error']['code']}: {answer['error']['message']}")
    data: dict[str, Any] = answer["data"]
    return data


def main() -> None:
    """Start what the arguments say, and see it through."""
    job = ask(shlex.join(sys.argv[1:]))
    print(f"started {job['job_id']}", flush=True)
    while not job["terminal"]:
        time.sleep(job["poll_interval_ms"] / 1000)
        job = ask(job["status_command"])
        print(job["status"], job["progress_pct"], job["message"], flush=True)

    result = ask(job["result_command"])["result"]
    print(f"ended: {job['status']}, {job['reason']}, exit code {job['exit_code']}")
    if result["value"] is not None:
        print(json.dumps(result["value"]))
    print(result["stdout"], end="")
    sys.exit(1 if result["exit_code"] is None else result["exit_code"])


if __name__ == "__main__":
    main()

"""
The same with argparse, or any other parser: `start` and `job_commands` are all there is to it.

    python examples/deploy_argparse.py deploy staging
    python examples/deploy_argparse.py job list
"""

from __future__ import annotations

import argparse
import sys
import time

from outlast.framework import AsyncJob, job_commands, progress, start


def roll_out(env: str, seconds: float) -> dict[str, str]:
    """Do the work, in a process of its own."""
    progress(50, "uploading")
    time.sleep(seconds)
    if env == "nowhere":
        raise LookupError(f"there is no environment {env!r}")
    return {"env": env}


def main() -> int:
    """Return what `sys.exit` takes."""
    if sys.argv[1:2] == ["job"]:  # job status|wait|result|logs|cancel|list
        return job_commands(sys.argv[2:])
    parser = argparse.ArgumentParser(epilog="About jobs: job --help")
    commands = parser.add_subparsers(required=True)
    deploy = commands.add_parser("deploy", help="Roll out to ENV.")
    deploy.add_argument("env")
    deploy.add_argument("--seconds", type=float, default=2.0)
    deploy.add_argument("--wait", metavar="D", help="Stay so long for the end.")
    deploy.add_argument("--json", action="store_true", help="Answer with one line of JSON.")
    deploy.add_argument("--key", help="Asked again with the same key, it is the same job.")
    given = parser.parse_args()
    job = AsyncJob(roll_out, given.env, given.seconds, timeout="10m")
    return start(job, wait=given.wait, json=given.json, key=given.key)


if __name__ == "__main__":
    sys.exit(main())

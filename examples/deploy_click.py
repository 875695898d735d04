"""
A Click program whose `deploy` takes longer than its caller may wait.

    python examples/deploy_click.py deploy staging
    python examples/deploy_click.py job list
"""

from __future__ import annotations

import time
from typing import Any

import click

from outlast.framework import AsyncJob, attach, progress


def roll_out(env: str, seconds: float) -> dict[str, Any]:
    """Do the work, in a process of its own. What is returned is the job's `result.value`."""
    steps = ("build", "upload", "switch over", "check")
    for number, step in enumerate(steps):
        progress(100 * number / len(steps), step)
        print(f"{env}: {step}")
        time.sleep(seconds / len(steps))
    if env == "nowhere":
        raise LookupError(f"there is no environment {env!r}")
    progress(100, "done")
    return {"env": env, "steps": len(steps)}


def roll_back(env: str, _seconds: float) -> None:
    """Leave things as they were, when the job is cancelled or its time is over."""
    print(f"{env}: rolled back")


@click.group()
def app() -> None:
    """Deploy things."""


@app.command()
@click.argument("env")
@click.option("--seconds", default=2.0, help="How long it takes.")
def deploy(env: str, seconds: float) -> AsyncJob:
    """Roll out to ENV."""
    return AsyncJob(roll_out, env, seconds, cleanup=roll_back, timeout="10m")


attach(app)

if __name__ == "__main__":
    app()

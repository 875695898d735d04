"""The work itself, which knows nothing of command lines."""

from __future__ import annotations

import time

from outlast.framework import progress


def roll_out(env: str, seconds: float) -> dict[str, str]:
    """Roll out to *env*, and tell how far it is."""
    progress(50, "uploading")
    print(f"rolling out to {env}")
    time.sleep(seconds)
    if env == "nowhere":
        raise LookupError(f"there is no environment {env!r}")
    return {"env": env}

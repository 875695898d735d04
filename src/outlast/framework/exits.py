"""What each exit code says."""

from __future__ import annotations

from typing import Final

EXIT_CODES: Final = {
    0: "complete; for other commands: done",
    1: "Outlast's own fault, or something it needs is out of reach",
    2: "wrong usage; nothing was done",
    3: "still queued or running: the wait ended, the job did not",
    4: "failed",
    5: "no such job, or its retention is over",
    6: "partly complete: some of its nodes, or of the jobs asked for",
    7: "timed out: the run, idle or queue limit passed",
    8: "cancelled",
}

"""Why an attempt ended as it did, or is not over yet, in the words that people read."""

from __future__ import annotations

from typing import Final

from ...core.state import Reason

AWAY: Final = "the host was out of reach until nobody waited for it any longer"
OVERDUE: Final = "the host says that it still runs, long after its limit has passed"
OUT_OF_REACH: Final = (
    "the host is out of reach, and is visited until the job expires, to end what may run: {error}"
)
GIVEN_UP: Final = "its host stayed away until the job expired: what ran there may still run"
NEVER_OVER: Final = "it could not be ended, or its output not be fetched, until the job expired"
ON_THE_HOST: Final = "its output waits on the host: {error}"
UNKILLABLE: Final = "processes are left on the host that do not die"
FORGOTTEN: Final = "the host knows nothing of it any more"
PARENT_KILLED: Final = "its parent on the host was killed, and nobody else saw how it ended"
REBOOTED: Final = "the host was started anew while it ran"

DETAILS: Final = {
    "directory": "there is no such directory on the host, or it may not be entered: {cwd}",
    "program": "there is no such program on the host: {program}",
    "executable": "the program is there, and may not be executed: {program}",
    "session": "the session's directory is not there any more, or may not be entered: begin in"
    " another one, with cwd",
    "stdin": "what it is to read did not come to the host whole",
}

WORDS: Final = {
    Reason.IDLE_TIMEOUT: "TimeoutError: No output for {idle}s",
    Reason.OUTPUT_LIMIT: "it passed its limit of {output} bytes",
}

"""
Every error that Outlast raises on purpose.

* ClientError               the root: `except ClientError as e: e.code == "job_timeout"`
  - InvalidRequest          malformed input; every fault is told at once
    - Conflict              not as things stand: a key of another payload, a queue that is drained
  - NotFound                no such job
    - Expired               there was one; its retention time is over
  - NotTerminal             the job still runs, and this needs it to have ended
  - Unauthorized            no valid token
  - Forbidden               a valid token that may not do this
  - Unavailable             the store, a host or an engine is out of reach; try again
    - HomeRefused           the home cannot be used as it is; trying again changes nothing
    - SchemaOlder           the database is an older Outlast's; the supervisor brings it up to date
    - BadAnswer             what answers is no server of ours; trying again changes nothing
  - WaitTimeout             the caller's patience ended, the job did not
  - Internal                our own fault
    - IllegalMove           something happened to a node that cannot happen to it
      - StaleAttempt        news of an attempt that is not the current one
    - StaleWrite            somebody else changed the job since it was read
"""

from __future__ import annotations

from typing import ClassVar


class ClientError(Exception):
    """
    Base class. *code*, *exit_code*, *http_status* and *retryable* are public and stable;
    the message is for people.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, job_id: str | None = None, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.job_id = job_id
        """The job this is about, where there is one."""
        self.suggestion = suggestion
        """What the caller can do about it."""


class InvalidRequest(ClientError):
    """Malformed input. *faults* lists everything that is wrong with it, a sentence each."""

    code, exit_code, http_status = "invalid_request", 2, 422

    def __init__(
        self, *faults: str, job_id: str | None = None, suggestion: str | None = None
    ) -> None:
        super().__init__("; ".join(faults), job_id=job_id, suggestion=suggestion)
        self.faults = faults


class Conflict(InvalidRequest):
    code = "conflict"


class NotFound(ClientError):
    code, exit_code, http_status = "not_found", 5, 404


class Expired(NotFound):
    code, http_status = "expired", 410


class NotTerminal(ClientError):
    code, exit_code, http_status = "not_terminal", 2, 409


class Unauthorized(ClientError):
    code, http_status = "unauthorized", 401


class Forbidden(ClientError):
    code, http_status = "forbidden", 403


class Unavailable(ClientError):
    code, http_status, retryable = "unavailable", 503, True


class HomeRefused(Unavailable):
    code, retryable = "home_refused", False


class SchemaOlder(Unavailable):
    code = "schema_older"


class BadAnswer(Unavailable):
    code, http_status, retryable = "bad_answer", 502, False


class WaitTimeout(ClientError):
    code, exit_code, http_status, retryable = "job_timeout", 3, 504, True


class Internal(ClientError):
    pass


class IllegalMove(Internal):
    code = "illegal_move"


class StaleAttempt(IllegalMove):
    code = "stale_attempt"


class StaleWrite(Internal):
    code, retryable = "stale_write", True

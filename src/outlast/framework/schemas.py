"""JSON Schemas of what the job commands answer; tests hold real answers to them."""

from __future__ import annotations

from typing import Any, Final

from ..core.delivery import DeliveryState
from ..core.hindrance import Kind
from ..core.needs import Condition
from ..core.state import JobStatus, NodeStatus, Reason
from ..core.webhook import EVENTS

Schema = dict[str, Any]


def or_null(kind: str, **more: Any) -> Schema:
    """Return the schema of a value of that kind, or null."""
    return {"type": [kind, "null"], **more}


def object_of(required: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object with these keys, and no other."""
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    """Return what stands for the schema of that name in `schemas`."""
    return {"$ref": f"#/schemas/{name}"}


def list_of(items: Schema) -> Schema:
    """Return the schema of a list of such."""
    return {"type": "array", "items": items}


TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
YES_NO: Final[Schema] = {"type": "boolean"}
TIME: Final = or_null("string", format="date-time")
CONTAINMENTS: Final = (
    *("cgroup", "subreaper", "group"),
    *("marker", "process", "connection"),  # on hosts, and "group" as well
    None,
)
REASONS: Final = [*map(str, Reason), "mixed", None]

ATTEMPT: Final = object_of(
    {
        "attempt": WHOLE,
        "reason": {"enum": REASONS},
        "exit_code": or_null("integer"),
        "signal": or_null("integer"),
        "error": or_null("string"),
        "started_at": TIME,
        "completed_at": TIME,
        "stopped_at": TIME,
        "output": object_of({"stdout_bytes": WHOLE, "stderr_bytes": WHOLE}),
    }
)
"""One that failed, and was followed by another or is to be."""

NODE: Final = object_of(
    {
        "node": TEXT,
        "status": {"enum": list(map(str, NodeStatus))},
        "reason": {"enum": REASONS},
        "phase": or_null("string"),
        "exit_code": or_null("integer"),
        "signal": or_null("integer"),
        "error": or_null("string"),
        "started_at": TIME,
        "completed_at": TIME,
        "stopped_at": TIME,
        "containment": {"enum": list(CONTAINMENTS)},
        "survives": {"enum": ["logout", "session", "container", None]},
        "output": object_of({"stdout_bytes": WHOLE, "stderr_bytes": WHOLE}),
    },
    {
        "message": TEXT,
        "stop_error": TEXT,
        "late_exit_code": WHOLE,
        "timeout_ms": WHOLE,
        "degraded": YES_NO,
        "survives_disconnect": YES_NO,
        "image": object_of({"id": TEXT, "digest": or_null("string")}),
        "attempts": list_of(ATTEMPT),
        "next_attempt_at": TIME,
    },
)

COLLECTED: Final[Schema] = {
    "node": TEXT,
    "state": {"enum": ["complete", "incomplete", "collecting"]},
    "count": WHOLE,
    "total_bytes": WHOLE,
    "skipped": WHOLE,
    "error": or_null("string"),
}
"""What one node has collected, in short."""

ARTIFACT: Final = object_of(
    {
        "node": TEXT,
        "index": WHOLE,
        "path": TEXT,
        "name": TEXT,
        "size": WHOLE,
        "sha256": or_null("string"),
        "mtime": TIME,
        "state": {"enum": ["begun", "complete", "changed", "skipped"]},
        "error": or_null("string"),
    }
)

RESULT: Final = object_of(
    {
        "value": {},
        "exit_code": or_null("integer"),
        "stdout": TEXT,
        "stderr": TEXT,
        "truncated": YES_NO,
        "artifacts": list_of(object_of(COLLECTED)),
    }
)

_VERBS: Final = ("status", "cancel", "result", "logs")

NEED: Final = object_of({"job_id": TEXT, "on": {"enum": list(map(str, Condition))}})
"""One of the jobs that another one waits for, or did."""

JOB: Final = object_of(
    {
        "job_id": TEXT,
        "name": or_null("string"),
        "status": {"enum": list(map(str, JobStatus))},
        "reason": {"enum": REASONS},
        "terminal": YES_NO,
        "exit_code": or_null("integer"),
        "progress_pct": or_null("number"),
        "message": or_null("string"),
        "error": or_null("string"),
        "created_at": {"type": "string", "format": "date-time"},
        "started_at": TIME,
        "completed_at": TIME,
        "stopped_at": TIME,
        "timeout_ms": WHOLE,
        "poll_interval_ms": WHOLE,
        "expires_at": TIME,
        **{f"{verb}_command": TEXT for verb in _VERBS},
        "nodes": list_of(ref("node")),
        "labels": {"type": "object", "additionalProperties": TEXT},
        "attempt": WHOLE,
    },
    {
        **{f"{verb}_argv": list_of(TEXT) for verb in _VERBS},
        "retry_of": TEXT,
        "on_end_of": TEXT,
        "on_end_job": TEXT,
        "queue": TEXT,
        "priority": {"type": "integer"},
        "resources": {"type": "object", "additionalProperties": WHOLE},
        "held": YES_NO,
        "waiting_for": list_of(
            object_of(
                {"kind": {"enum": list(map(str, Kind))}, "message": TEXT},
                {
                    **dict.fromkeys(("queue", "session"), TEXT),
                    **dict.fromkeys(("width", "running", "ahead"), WHOLE),
                    "or_more": YES_NO,
                    "at": {"type": "string", "format": "date-time"},
                    "needs": {"type": "object", "additionalProperties": {"type": "number"}},
                    "jobs": list_of(NEED),
                },
            )
        ),
        "after": list_of(NEED),
        "start_at": {"type": "string", "format": "date-time"},
        "session": TEXT,
        "webhooks": list_of(object_of({"url": TEXT, "events": list_of({"enum": list(EVENTS)})})),
        "result": ref("result"),
        "cancelled": YES_NO,
    },
)

SESSION: Final = object_of(
    {
        **dict.fromkeys(("session", "session_id", "host"), TEXT),
        "state": {"enum": ["idle", "queued", "running", "async_mode", "disconnected", "closed"]},
        "running": or_null("string"),
        "queued": list_of(TEXT),
        "last_job": or_null("string"),
        "created_at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("last_used_at", "async_since", "closed_at"), TIME),
        "must_connect": YES_NO,
    }
)

QUEUE: Final = object_of(
    {
        "queue": TEXT,
        "state": {"enum": ["open", "paused", "draining"]},
        **dict.fromkeys(("width", "max_memory_bytes"), or_null("integer")),
        "max_cpus": or_null("number"),
        **dict.fromkeys(("running", "waiting"), WHOLE),
        "created_at": TIME,
    }
)

DELIVERY: Final = object_of(
    {
        **dict.fromkeys(("webhook_id", "job_id", "url"), TEXT),
        "event": {"enum": list(EVENTS)},
        "for_all_jobs": YES_NO,
        "state": {"enum": list(map(str, DeliveryState))},
        "attempts": WHOLE,
        "created_at": {"type": "string", "format": "date-time"},
        "next_attempt_at": TIME,
        "tries": list_of(
            object_of(
                {
                    "attempt": WHOLE,
                    "at": {"type": "string", "format": "date-time"},
                    "took_ms": WHOLE,
                    "status": or_null("integer"),
                    "error": or_null("string"),
                }
            )
        ),
    }
)

SCHEDULE: Final = object_of(
    {
        **dict.fromkeys(("name", "schedule_id", "principal"), TEXT),
        "state": {"enum": ["active", "paused"]},
        **dict.fromkeys(("cron", "tz", "last_job_id", "error"), or_null("string")),
        "every_ms": or_null("integer"),
        "missed": {"enum": ["skip", "once"]},
        "overlap": {"enum": ["skip", "queue"]},
        "created_at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("next_at", "last_at", "missed_at", "skipped_at"), TIME),
        **dict.fromkeys(("missed_count", "skipped_count"), WHOLE),
        "job": {"type": "object"},
    },
    {"next_times": list_of({"type": "string", "format": "date-time"})},
)

DESCRIPTOR: Final = object_of(
    {
        name: JOB["properties"][name]
        for name in (
            *("job_id", "status", "terminal", "status_command", "cancel_command"),
            *("poll_interval_ms", "timeout_ms", "started_at"),
        )
    },
    {name: JOB["properties"][name] for name in ("status_argv", "cancel_argv")},
)
"""What a command that starts a job answers: enough to find it again."""

ENVELOPE: Final = object_of(
    {
        "ok": YES_NO,
        "data": {},
        "error": {
            "anyOf": [
                {"type": "null"},
                object_of(
                    {
                        "code": TEXT,
                        "message": TEXT,
                        "retryable": YES_NO,
                        "suggestion": or_null("string"),
                    },
                    {"faults": list_of(TEXT), "job_id": TEXT},
                ),
            ]
        },
        "warnings": list_of(TEXT),
        "meta": object_of({"schema_version": WHOLE, "request_id": TEXT, "duration_ms": WHOLE}),
    }
)


def completions_of(job: Schema) -> Schema:
    """Return the schema of a page of completions, each *job* with its cursor."""
    properties, required = job["properties"] | {"cursor": TEXT}, [*job["required"], "cursor"]
    each = {**job, "properties": properties, "required": required}
    return object_of({"completions": list_of(each), "next_cursor": TEXT})


SCHEMAS: Final[Schema] = {
    "envelope": ENVELOPE,
    "job": JOB,
    "node": NODE,
    "result": RESULT,
    "jobs": {"anyOf": [ref("job"), object_of({"items": list_of(ref("job"))})]},
    "page": object_of({"items": list_of(ref("job")), "next_cursor": or_null("string")}),
    "completions": completions_of(JOB),
    "piece": object_of(
        {
            "job_id": TEXT,
            "node": WHOLE,
            "stream": {"enum": ["stdout", "stderr"]},
            "offset": WHOLE,
            "next_offset": WHOLE,
            "text": TEXT,
            "terminal": YES_NO,
        }
    ),
    "deleted": object_of({"deleted": list_of(TEXT)}),
    "artifact": ARTIFACT,
    "artifacts": object_of(
        {
            "job_id": TEXT,
            "count": WHOLE,
            "total_bytes": WHOLE,
            "nodes": list_of(object_of({"index": WHOLE, **COLLECTED})),
            "items": list_of(ref("artifact")),
        }
    ),
    "saved": object_of({"job_id": TEXT, "to": TEXT, "bytes": WHOLE}),
}

OF_COMMAND: Final = {
    "job status": "jobs",
    "job wait": "jobs",
    "job result": "jobs",
    "job logs": "piece",
    "job cancel": "jobs",
    "job list": "page",
    "job completions": "completions",
    "job artifacts list": "artifacts",
    "job artifacts get": "saved",
    "job artifacts zip": "saved",
    "job delete": "deleted",
    "job hold": "jobs",
    "job release": "jobs",
    "job retry": "jobs",
    "job move": "jobs",
}
"""Which schema a command's `data` has."""

"""JSON Schemas of what the command line answers; tests hold real answers to them."""

from __future__ import annotations

from typing import Any, Final

from ...core.state import JobStatus, NodeStatus, Reason

Schema = dict[str, Any]


def _or_null(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/schemas/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
YES_NO: Final[Schema] = {"type": "boolean"}
TIME: Final = _or_null("string", format="date-time")
REASONS: Final = [*map(str, Reason), "mixed", None]

NODE: Final = _object(
    {
        "node": TEXT,
        "status": {"enum": list(map(str, NodeStatus))},
        "reason": {"enum": REASONS},
        "phase": _or_null("string"),
        "exit_code": _or_null("integer"),
        "signal": _or_null("integer"),
        "error": _or_null("string"),
        "started_at": TIME,
        "completed_at": TIME,
        "stopped_at": TIME,
        "containment": {"enum": ["cgroup", "subreaper", "group", None]},
        "output": _object({"stdout_bytes": WHOLE, "stderr_bytes": WHOLE}),
    },
    {"stop_error": TEXT, "late_exit_code": WHOLE, "degraded": YES_NO},
)

RESULT: Final = _object(
    {
        "value": {},
        "exit_code": _or_null("integer"),
        "stdout": TEXT,
        "stderr": TEXT,
        "truncated": YES_NO,
        "artifacts": {"type": "array"},
    }
)

_VERBS: Final = ("status", "cancel", "result", "logs")

JOB: Final = _object(
    {
        "job_id": TEXT,
        "name": _or_null("string"),
        "status": {"enum": list(map(str, JobStatus))},
        "reason": {"enum": REASONS},
        "terminal": YES_NO,
        "exit_code": _or_null("integer"),
        "progress_pct": _or_null("number"),
        "message": _or_null("string"),
        "error": _or_null("string"),
        "created_at": {"type": "string", "format": "date-time"},
        "started_at": TIME,
        "completed_at": TIME,
        "stopped_at": TIME,
        "timeout_ms": WHOLE,
        "poll_interval_ms": WHOLE,
        "expires_at": TIME,
        **{f"{verb}_command": TEXT for verb in _VERBS},
        "nodes": _list(_ref("node")),
        "labels": {"type": "object", "additionalProperties": TEXT},
        "attempt": WHOLE,
    },
    {
        **{f"{verb}_argv": _list(TEXT) for verb in _VERBS},
        "retry_of": TEXT,
        "result": _ref("result"),
        "cancelled": YES_NO,
    },
)

ENVELOPE: Final = _object(
    {
        "ok": YES_NO,
        "data": {},
        "error": {
            "anyOf": [
                {"type": "null"},
                _object(
                    {
                        "code": TEXT,
                        "message": TEXT,
                        "retryable": YES_NO,
                        "suggestion": _or_null("string"),
                    },
                    {"faults": _list(TEXT), "job_id": TEXT},
                ),
            ]
        },
        "warnings": _list(TEXT),
        "meta": _object({"schema_version": WHOLE, "request_id": TEXT, "duration_ms": WHOLE}),
    }
)

SCHEMAS: Final[Schema] = {
    "envelope": ENVELOPE,
    "job": JOB,
    "node": NODE,
    "result": RESULT,
    "jobs": {"anyOf": [_ref("job"), _object({"items": _list(_ref("job"))})]},
    "page": _object({"items": _list(_ref("job")), "next_cursor": _or_null("string")}),
    "piece": _object(
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
    "deleted": _object({"deleted": _list(TEXT)}),
    "supervisor": _object(
        {
            "pid": _or_null("integer"),
            "version": _or_null("string"),
            "running": _or_null("integer"),
            "queued": _or_null("integer"),
        }
    ),
    "stopped": _object({"stopped": YES_NO, "pid": _or_null("integer")}),
    "installed": _object(
        {"path": _or_null("string"), "unit": TEXT},
        {"enable_command": TEXT, "linger_command": TEXT},
    ),
    "doctor": _object(
        {
            "checks": _list(
                _object(
                    {
                        "check": TEXT,
                        "status": {"enum": ["ok", "warn", "fail"]},
                        "message": TEXT,
                        "remedy": _or_null("string"),
                    }
                )
            ),
            "survives": {"enum": ["logout", "session", "container"]},
            "home": TEXT,
        }
    ),
}

OF_COMMAND: Final = {
    "run": "job",
    "submit": "job",
    "job status": "jobs",
    "job wait": "jobs",
    "job result": "jobs",
    "job logs": "piece",
    "job cancel": "jobs",
    "job list": "page",
    "job delete": "deleted",
    "job retry": "jobs",
    "supervisor status": "supervisor",
    "supervisor stop": "stopped",
    "supervisor install": "installed",
    "doctor": "doctor",
}
"""Which schema a command's `data` has; none: it prints no envelope, or one about itself."""

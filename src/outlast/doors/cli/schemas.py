"""JSON Schemas of what the command line answers; tests hold real answers to them."""

from __future__ import annotations

from typing import Final

from ...core.state import JobStatus
from ...framework import schemas as jobs
from ...framework.schemas import (
    TEXT,
    WHOLE,
    YES_NO,
    Schema,
    list_of,
    object_of,
    or_null,
    ref,
)

BATCH: Final = object_of(
    {
        "manifest": TEXT,
        "terminal": YES_NO,
        **dict.fromkeys(("total", "complete", "running", "queued", "failed"), WHOLE),
        "failures": list_of(
            object_of(
                {
                    "source_file_path": TEXT,
                    "job_id": or_null("string"),
                    "status": {"enum": list(map(str, JobStatus))},
                    "output_path": or_null("string"),
                    "error_code": TEXT,
                }
            )
        ),
        "collect_argv": {"type": ["array", "null"], "items": TEXT},
    },
    {"submitted": WHOLE, "attached": WHOLE},
)
BATCH_PLAN: Final = object_of(
    {
        "source_root": TEXT,
        "output_root": or_null("string"),
        "plan": list_of(
            object_of(
                {
                    "source_file_path": TEXT,
                    "output_path": or_null("string"),
                    "job_id": or_null("string"),
                    "submit": or_null("string"),
                }
            )
        ),
    }
)
ROUTES: Final = object_of(
    {
        "routes": list_of(
            object_of(
                {
                    "from": TEXT,
                    "to": TEXT,
                    "by": list_of(TEXT),
                    "missing": list_of(TEXT),
                }
            )
        ),
        "install_command": or_null("string"),
    }
)

TOKEN: Final = object_of(
    {
        **dict.fromkeys(("token_id", "name"), TEXT),
        "scope": {"enum": ["read", "run", "admin"]},
        "state": {"enum": ["valid", "expired", "revoked"]},
        "policy": or_null("string"),
        "secrets": list_of(TEXT),
        "created_at": {"type": "string", "format": "date-time"},
        **dict.fromkeys(("expires_at", "last_used_at", "revoked_at"), jobs.TIME),
    }
)

SCHEMAS: Final[Schema] = {
    **jobs.SCHEMAS,
    "check": object_of(
        {
            "score": {"enum": [0, 1, 2, 3]},
            "command": list_of(TEXT),
            "job_id": or_null("string"),
            "checks": list_of(
                object_of({"level": WHOLE, "check": TEXT, "passed": YES_NO, "says": TEXT})
            ),
        }
    ),
    "supervisor": object_of(
        {
            "pid": or_null("integer"),
            "version": or_null("string"),
            "running": or_null("integer"),
            "queued": or_null("integer"),
            "settings": object_of(
                {
                    **dict.fromkeys(("max_running", "idle_exit_ms", "min_free_bytes"), WHOLE),
                    "resources": {"type": "object", "additionalProperties": WHOLE},
                    "max_cpus": or_null("number"),
                    "max_memory_bytes": or_null("integer"),
                }
            )
            | {"type": ["object", "null"]},
        }
    ),
    "session": jobs.SESSION,
    "sessions": object_of({"items": list_of(ref("session"))}),
    "delivery": jobs.DELIVERY,
    "deliveries": object_of({"items": list_of(ref("delivery"))}),
    "schedule": jobs.SCHEDULE,
    "schedules": object_of({"items": list_of(ref("schedule"))}),
    "queue": jobs.QUEUE,
    "queues": object_of({"items": list_of(ref("queue"))}),
    "changed_queues": {"anyOf": [ref("queue"), ref("queues")]},
    "queue_deleted": object_of({"deleted": TEXT}),
    "token": TOKEN,
    "new_token": object_of({**TOKEN["properties"], "token": TEXT}),
    "tokens": object_of({"items": list_of(ref("token"))}),
    "serving": object_of({"url": TEXT, "pid": WHOLE, "token_file": TEXT}),
    "stopped": object_of({"stopped": YES_NO, "pid": or_null("integer")}),
    "trusted": object_of(
        {
            **dict.fromkeys(("host", "algorithm", "fingerprint", "known_hosts"), TEXT),
            "added": YES_NO,
        }
    ),
    "containers": object_of(
        {
            "containers": list_of(
                object_of(
                    {
                        "kind": {"enum": ["container", "volume"]},
                        **dict.fromkeys(("name", "home", "job_id", "why", "id"), TEXT),
                        "state": {"enum": ["left", "needed", "foreign", "unknown"]},
                        "removed": YES_NO,
                    }
                )
            )
        }
    ),
    "cleaned": object_of(
        {
            "removed": YES_NO,
            "hosts": list_of(
                object_of(
                    {
                        "host": TEXT,
                        "error": or_null("string"),
                        "attempts": list_of(
                            object_of(
                                {
                                    "attempt": TEXT,
                                    "state": {"enum": ["over", "running", "needed", "foreign"]},
                                    "remove": YES_NO,
                                }
                            )
                        ),
                        "sessions": list_of(
                            object_of(
                                {
                                    "session_id": TEXT,
                                    "state": {"enum": ["over", "needed", "foreign"]},
                                    "remove": YES_NO,
                                }
                            )
                        ),
                        "shim": YES_NO,
                    }
                )
            ),
        }
    ),
    "hosts": object_of(
        {
            "inventory": or_null("string"),
            "hosts": list_of(
                object_of(
                    {
                        "host": TEXT,
                        **dict.fromkeys(("address", "user", "jump"), or_null("string")),
                        "port": or_null("integer"),
                        "groups": list_of(TEXT),
                        "labels": {"type": "object", "additionalProperties": TEXT},
                        **dict.fromkeys(("connect_timeout_ms", "timeout_ms"), WHOLE),
                    }
                )
            ),
        }
    ),
    "checked": object_of(
        {
            "ok": YES_NO,
            "hosts": list_of(
                object_of(
                    {
                        "host": TEXT,
                        "ok": YES_NO,
                        "reason": {"enum": jobs.REASONS},
                        **dict.fromkeys(
                            ("error", "remedy", "containment", "system"), or_null("string")
                        ),
                        **dict.fromkeys(
                            ("took_ms", "free_bytes", "clock_skew_ms"), or_null("integer")
                        ),
                    }
                )
            ),
        }
    ),
    "installed": object_of(
        {"path": or_null("string"), "unit": TEXT},
        {"enable_command": TEXT, "linger_command": TEXT},
    ),
    "mcp_client": object_of(
        {
            **dict.fromkeys(("client", "scope", "path"), TEXT),
            **dict.fromkeys(("snippet", "backup"), or_null("string")),
            "written": YES_NO,
        }
    ),
    "batch": BATCH,
    "batch_run": {"anyOf": [BATCH, BATCH_PLAN]},
    "convert": {"anyOf": [BATCH, BATCH_PLAN, ROUTES]},
    "doctor": object_of(
        {
            "checks": list_of(
                object_of(
                    {
                        "check": TEXT,
                        "status": {"enum": ["ok", "warn", "fail"]},
                        "message": TEXT,
                        "remedy": or_null("string"),
                    }
                )
            ),
            "survives": {"enum": ["logout", "session", "container"]},
            "home": TEXT,
            "settings": list_of(
                object_of({"setting": TEXT, "value": or_null("string"), "source": TEXT})
            ),
            "config": TEXT,
        }
    ),
}

OF_COMMAND: Final = {
    **jobs.OF_COMMAND,
    "run": "job",
    "submit": "job",
    "framework check": "check",
    "hosts list": "hosts",
    "hosts check": "checked",
    "hosts trust": "trusted",
    "containers prune": "containers",
    "hosts clean": "cleaned",
    "session open": "session",
    "session show": "session",
    "session close": "session",
    "session list": "sessions",
    **{f"schedule {name}": "schedule" for name in ("add", "show", "pause", "resume", "remove")},
    "schedule list": "schedules",
    "schedule run": "job",
    "serve": "serving",
    "webhook list": "deliveries",
    "webhook retry": "deliveries",
    "queue list": "queues",
    **{f"queue {verb}": "queue" for verb in ("create", "set")},
    **{f"queue {verb}": "changed_queues" for verb in ("pause", "resume", "drain")},
    "queue delete": "queue_deleted",
    "token create": "new_token",
    "token list": "tokens",
    "token revoke": "token",
    "supervisor status": "supervisor",
    "supervisor stop": "stopped",
    "supervisor install": "installed",
    "mcp install": "mcp_client",
    "doctor": "doctor",
    "batch run": "batch_run",
    "batch status": "batch",
    "batch collect": "batch",
    "batch cancel": "batch",
    "convert": "convert",
}
"""Which schema a command's `data` has; none: it prints no envelope, or one about itself."""

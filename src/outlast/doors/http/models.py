"""
What each route takes and gives, for the OpenAPI document. The schemas of answers are those to
which the command line's are held, so that both doors say the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from ...core.naming import PATTERN
from ...framework import schemas as of_jobs
from ...framework.schemas import (
    TEXT,
    WHOLE,
    YES_NO,
    Schema,
    list_of,
    object_of,
    or_null,
)
from .problems import MEDIA_TYPE as PROBLEM_TYPE
from .speckeys import COUNT, FREE, MILLISECONDS, SPEC_KEYS

if TYPE_CHECKING:
    from fastapi import FastAPI

Doc = dict[str, Any]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _with(schema: Schema, more: Schema) -> Schema:
    """Return the schema of an object that may have *more* keys: those of `view=full`."""
    return {**schema, "properties": schema["properties"] | more}


def _may_be_null(keys: Schema) -> Schema:
    """Return *keys*, each of which may be null as well, and is not given then."""
    return {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in keys.items()}


_STDIN: Final[Schema] = {
    "stdin_text": {**TEXT, "description": "What the command reads."},
    "stdin_base64": {**TEXT, "description": "The same, for bytes that are no text."},
}

_NAME: Final[Schema] = {**TEXT, "pattern": f"^{PATTERN}$"}
_QUEUE_LIMITS: Final[Schema] = {
    "width": {"type": ["integer", "null"], "minimum": 1},
    "max_cpus": {"type": ["number", "null"], "exclusiveMinimum": 0},
    "max_memory_bytes": {"type": ["integer", "null"], "minimum": 1},
}

SCHEMAS: Final[Schema] = {
    **{
        name: of_jobs.SCHEMAS[name]
        for name in ("result", "page", "artifact", "artifacts", "deleted")
    },
    "job": _with(of_jobs.SCHEMAS["job"], {"spec": FREE, "version": COUNT}),
    "completions": of_jobs.completions_of(
        _with(of_jobs.SCHEMAS["job"], {"spec": FREE, "version": COUNT})
    ),
    "node": _with(of_jobs.SCHEMAS["node"], {"attempt": COUNT, "progress_pct": or_null("number")}),
    "spec": object_of({}, _may_be_null(SPEC_KEYS)),
    "submission": {
        "anyOf": [
            object_of({}, _may_be_null(SPEC_KEYS | _STDIN)),
            object_of(
                {"jobs": {**list_of(_ref("spec")), "minItems": 1}},
                _may_be_null({"keys": list_of(or_null("string")), **_STDIN}),
            ),
        ]
    },
    "batch": object_of({"items": list_of(_ref("job"))}),
    "cancellation": object_of(
        {
            "job_id": TEXT,
            "status": of_jobs.JOB["properties"]["status"],
            "cancelled": YES_NO,
            "message": TEXT,
            "request_id": TEXT,
        }
    ),
    "cancel": object_of({}, {"nodes": list_of(COUNT), "grace_ms": COUNT, "wait_stopped_ms": COUNT}),
    "session": of_jobs.SESSION,
    "sessions": object_of({"items": list_of(_ref("session"))}),
    "delivery": of_jobs.DELIVERY,
    "deliveries": object_of({"items": list_of(_ref("delivery"))}),
    "schedule": of_jobs.SCHEDULE,
    "schedules": object_of({"items": list_of(_ref("schedule"))}),
    "add_schedule": object_of(
        {"job": object_of({}, _may_be_null(SPEC_KEYS | _STDIN))},
        {
            "cron": {
                **TEXT,
                "description": "Minute, hour, day, month, day of week: 0 8 * * mon-fri.",
            },
            "every": {"type": ["string", "number"], "description": "In place of cron: 15m, say."},
            "every_ms": {**MILLISECONDS, "minimum": 1000},
            "tz": {**TEXT, "description": "The time zone of cron; by default, the server's."},
            "missed": {"enum": ["skip", "once"]},
            "overlap": {"enum": ["skip", "queue"]},
            "replace": YES_NO,
        },
    ),
    "queue": of_jobs.QUEUE,
    "queues": object_of({"items": list_of(_ref("queue"))}),
    "queue_limits": object_of({}, _QUEUE_LIMITS),
    "create_queue": object_of({"name": _NAME}, _QUEUE_LIMITS),
    "queue_deleted": object_of({"deleted": TEXT}),
    "move": object_of({}, _may_be_null({name: SPEC_KEYS[name] for name in ("queue", "priority")})),
    "open_session": object_of(
        {
            "name": _NAME,
            "on": {**TEXT, "minLength": 1},
        },
        {"hosts": FREE},
    ),
    "retry": object_of({}, {"hold": YES_NO}),
    "close_session": object_of({}, {"cancel": YES_NO}),
    "health": object_of({"status": TEXT}),
    "problem": {
        **object_of(
            {
                **dict.fromkeys(("type", "title", "detail", "code", "request_id"), TEXT),
                "status": WHOLE,
                "retryable": YES_NO,
            },
            {"faults": list_of(TEXT), "suggestion": TEXT, "job_id": TEXT},
        ),
        "description": "RFC 9457; `code` is what programs go by, `faults` all that is wrong.",
    },
}

PROBLEMS: Final = {
    400: "The request is malformed.",
    401: "No valid token.",
    403: "The token may not do this.",
    404: "There is no such thing.",
    409: "It has not ended.",
    410: "There was one; its retention is over, or it was deleted.",
    413: "The body or a header is too large.",
    415: "The body is not application/json.",
    416: "The range begins where nothing is.",
    422: "Something is wrong with it, or its key stands for another payload.",
    429: "Too many requests.",
    503: "The store or the supervisor is out of reach; try again.",
}
ALWAYS: Final = (400, 401, 403, 413, 422, 429, 503)
"""What any route may answer."""


def header(name: str, says: str, schema: Schema = TEXT) -> Doc:
    """Return a request header as OpenAPI has it."""
    return {"name": name, "in": "header", "required": False, "description": says, "schema": schema}


def _sends(**headers: str) -> Doc:
    return {
        name.replace("_", "-"): {"description": says, "schema": TEXT}
        for name, says in headers.items()
    }


def _json(name: str, says: str, headers: Doc | None = None) -> Doc:
    told = {"description": says, "content": {"application/json": {"schema": _ref(name)}}}
    return told | ({"headers": headers} if headers else {})


def _bytes(says: str, media_type: str, headers: Doc | None = None) -> Doc:
    schema = {"type": "string", "format": "binary"}
    told: Doc = {"description": says, "content": {media_type: {"schema": schema}}}
    return told | ({"headers": headers} if headers else {})


def _events(*names: str) -> Doc:
    event = object_of(
        {"event": {"enum": [*names, "restart"]}, "data": TEXT}, {"id": TEXT, "retry": WHOLE}
    )
    content = {"text/event-stream": {"schema": event}}
    return {"description": "Server-sent events; `data` is JSON.", "content": content}


def _doc(
    answers: dict[int, Doc],
    *problems: int,
    body: str | None = None,
    needs_body: bool = True,
    example: Doc | None = None,
    parameters: tuple[Doc, ...] = (),
    open_to_all: bool = False,
) -> Doc:
    """Return what FastAPI is told of one route."""
    refusals = {
        status: {
            "description": PROBLEMS[status],
            "content": {PROBLEM_TYPE: {"schema": _ref("problem")}},
        }
        for status in sorted({*ALWAYS, *problems})
    }
    extra: Doc = {"parameters": list(parameters)} if parameters else {}
    if open_to_all:
        extra["security"] = []
    if body is not None:
        content: Doc = {"application/json": {"schema": _ref(body)}}
        if example is not None:
            content["application/json"]["example"] = example
        extra["requestBody"] = {"content": content, "required": needs_body}
    return {
        "response_class": Response,
        "status_code": next(iter(answers)),
        "responses": {**answers, **refusals},
        "openapi_extra": extra,
    }


_PREFER: Final = header(
    "Prefer",
    "`wait=N`: answer when it has ended, or after N (at most 60) seconds."
    " `view=full`: with its spec.",
)
_KEY: Final = header(
    "Idempotency-Key",
    "What makes this request itself: again with the same key, it is the same job,"
    " until that is forgotten 30 days after its retention.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
)
_WAITED: Final = {"Retry_After": "Seconds.", "Preference_Applied": "The wait in force."}
_JOB_ID: Final = {"name": "job_id", "in": "path", "required": True, "schema": TEXT}
_TAGGED: Final = _sends(ETag="Of this state of the job.", **_WAITED)

_LINKS: Final = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/job_id"}}
    for name in (
        *("get", "cancel", "read_output", "follow", "delete", "retry"),
        *("redeliver", "move"),
        *("list_artifacts", "zip_artifacts", "zip_artifacts_of_node", "read_artifact"),
    )
}
"""Where to go on with a job that was just submitted."""

submit: Final = _doc(
    {
        202: {
            "description": "Stored. A job, or `items` for many.",
            "content": {"application/json": {"schema": {"anyOf": [_ref("job"), _ref("batch")]}}},
            "headers": _sends(
                Location="Where to ask.",
                Idempotency_Replayed="Known already.",
                X_Warning="What may not be as it was meant: a queue that nobody has created, say.",
                **_WAITED,
            ),
            "links": _LINKS,
        },
        200: {
            "description": "It has ended within the wait.",
            "content": {"application/json": {"schema": {"anyOf": [_ref("job"), _ref("batch")]}}},
            "links": _LINKS,
        },
    },
    404, 410, 415,
    body="submission",
    example={"command": ["true"]},
    parameters=(
        _PREFER,
        _KEY,
    ),
)  # fmt: skip
page: Final = _doc({200: _json("page", "A page.")}, 404, parameters=(_PREFER,))
completions: Final = _doc({200: _json("completions", "Some ends.")}, parameters=(_PREFER,))
get: Final = _doc(
    {200: _json("job", "The job.", _TAGGED), 304: {"description": "As the caller has it."}},
    404, 410,
    parameters=(_JOB_ID, _PREFER, header("If-None-Match", "The `ETag` of what the caller has.")),
)  # fmt: skip
cancel: Final = _doc(
    {200: _json("cancellation", "Cancelled, or over already.")},
    404, 410, 415,
    body="cancel",
    needs_body=False,
)  # fmt: skip
delete: Final = _doc({200: _json("deleted", "Gone.")}, 404, 409, 410)
retry: Final = _doc(
    {202: _json("job", "The new job.")},
    404, 409, 410, 415,
    parameters=(_PREFER, _KEY),
    body="retry",
    needs_body=False,
)  # fmt: skip
held: Final = _doc({200: _json("job", "As it stands now.")}, 404, 410, 415)
output: Final = _doc(
    {
        200: _bytes(
            "The bytes.", "application/octet-stream", _sends(X_Next_Offset="Where to go on.")
        ),
        206: _bytes("The range.", "application/octet-stream"),
    },
    404, 410, 416,
    parameters=(header("Range", "`bytes=FIRST-LAST`, in place of the parameters."),),
)  # fmt: skip
artifacts: Final = _doc({200: _json("artifacts", "What was collected.")}, 404, 410)
artifact: Final = _doc({200: _bytes("The file.", "application/octet-stream")}, 404, 410)
zipped: Final = _doc({200: _bytes("The zip.", "application/zip")}, 404, 410)
events: Final = _doc(
    {200: _events("status", "output", "end")},
    404, 410,
    parameters=(header("Last-Event-ID", "The `id` to go on from."),),
)  # fmt: skip
all_events: Final = _doc({200: _events("ready", "job", "gone", "reset", "end")}, 404, 410)
opened: Final = _doc({201: _json("session", "Open.")}, 409, 415, body="open_session")
session: Final = _doc({200: _json("session", "The session.")}, 404)
sessions: Final = _doc({200: _json("sessions", "The sessions.")})
closed: Final = _doc(
    {200: _json("session", "Closed.")}, 404, 409, 415, body="close_session", needs_body=False
)
schedule: Final = _doc({200: _json("schedule", "The schedule.")}, 404, 415)
schedules: Final = _doc({200: _json("schedules", "The schedules.")})
add_schedule: Final = _doc({200: _json("schedule", "Stored.")}, 415, body="add_schedule")
change_schedule: Final = _doc({200: _json("schedule", "As it stands then.")}, 404, 415)
run_schedule: Final = _doc({202: _json("job", "Accepted.")}, 404, 409, 415)
deliveries: Final = _doc({200: _json("deliveries", "What was sent.")}, 404, 410)
redeliver: Final = _doc({200: _json("deliveries", "What is tried again.")}, 404, 409, 410, 415)
queues: Final = _doc({200: _json("queues", "The queues.")})
queue_created: Final = _doc({201: _json("queue", "Made.")}, 415, body="create_queue")
queue_set: Final = _doc({200: _json("queue", "As it is now.")}, 404, 415, body="queue_limits")
queue_changed: Final = _doc({200: _json("queue", "As it is now.")}, 404, 415)
queues_changed: Final = _doc({200: _json("queues", "As they are now.")}, 415)
queue_deleted: Final = _doc({200: _json("queue_deleted", "Gone.")}, 404, 409)
move: Final = _doc({200: _json("job", "As it waits now.")}, 404, 410, 415, body="move")
metrics: Final = _doc({200: _bytes("As Prometheus reads it.", "text/plain")})
health: Final = _doc({200: _json("health", "So it is.")}, open_to_all=True)


def document(app: FastAPI) -> Doc:
    """Return the OpenAPI document of *app*, made once."""
    if not app.openapi_schema:
        from fastapi.openapi.utils import get_openapi

        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = made.setdefault("components", {})
        schemas = json.loads(json.dumps(SCHEMAS).replace('"#/schemas/', '"#/components/schemas/'))
        components["schemas"] = {**components.get("schemas", {}), **schemas}
        components["schemas"].pop("HTTPValidationError", None)
        components["schemas"].pop("ValidationError", None)
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema

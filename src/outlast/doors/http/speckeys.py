"""The keys of a job's spec, as a request gives them: what the OpenAPI document says of each."""

from __future__ import annotations

from typing import Final

from ...core.limits import LONGEST, to_ms
from ...core.resources import MAX_NAMES
from ...core.resources import MOST as MOST_OF_ONE
from ...core.spec import CLOCKS
from ...core.webhook import EVENTS, MOST
from ...framework.schemas import TEXT, YES_NO, Schema, list_of, object_of

MAPPING: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
MILLISECONDS: Final[Schema] = {**COUNT, "maximum": to_ms(LONGEST)}
FREE: Final[Schema] = {"type": "object", "additionalProperties": True}

SPEC_KEYS: Final[Schema] = {
    "command": {**list_of(TEXT), "description": "The program and its arguments."},
    "shell": {**TEXT, "description": "A line for /bin/sh -c, in place of a command."},
    "script": {**TEXT, "description": "A program's text, in place of a command."},
    "runtime": {**TEXT, "description": "What runs the script, where it has no #! line."},
    "on": {**list_of(TEXT), "description": "Hosts and groups of hosts; each host is a node."},
    "hosts": {**FREE, "description": "What is known of hosts, by name."},
    "container": {**FREE, "description": "The container to run it in: `image` and more."},
    "name": {**TEXT, "maxLength": 255},
    "labels": {**MAPPING, "maxProperties": 64},
    "env": MAPPING,
    "secret_env": {**MAPPING, "description": "Variable to reference, such as secret:NAME."},
    "clean_env": YES_NO,
    "cwd": TEXT,
    "stdin": {**TEXT, "description": "A file of the server's to read from."},
    **{f"{name}_ms": MILLISECONDS for name in CLOCKS},
    **{name: {"type": ["string", "number"]} for name in CLOCKS},
    "limits": FREE,
    "resources": {
        "type": "object",
        "additionalProperties": {"type": "integer", "minimum": 1, "maximum": MOST_OF_ONE},
        "maxProperties": MAX_NAMES,
        "description": "How many of what the machine has each node needs, by name.",
    },
    "on_output_limit": {"enum": ["stop", "discard"]},
    "leftovers": {"enum": ["stop", "wait"]},
    "collect": {"type": ["object", "array", "string"]},
    "max_parallel": {"type": "integer", "minimum": 1},
    "dialogue": list_of(FREE),
    **dict.fromkeys(("connection_bound", "hold"), YES_NO),
    "queue": TEXT,
    "queue_width": {"type": "integer", "minimum": 1},
    "priority": {"type": "integer", "minimum": -20, "maximum": 20},
    "delay_ms": MILLISECONDS,
    "delay": {"type": ["string", "number"]},
    "start_at": {**TEXT, "format": "date-time"},
    "after": {
        "anyOf": [TEXT, list_of({"anyOf": [TEXT, object_of({"job_id": TEXT}, {"on": TEXT})]})],
        "description": "The jobs that it waits for: `ID`, or `failed:ID`, `any:ID`; or as a job's"
        " JSON has them.",
    },
    "retries": {"type": "integer", "minimum": 0, "maximum": 100},
    "retry_delay_ms": MILLISECONDS,
    "retry_delay": {"type": ["string", "number"]},
    "retry_backoff": {"type": "number", "minimum": 1, "maximum": 100},
    "retry_jitter": {"type": "number", "minimum": 0, "maximum": 1},
    "retry_on": list_of(TEXT),
    "if_lost": {"enum": ["fail", "restart"]},
    "session": TEXT,
    "on_end": {"type": ["string", "array"], "items": TEXT},
    "webhooks": list_of(
        object_of(
            {
                "url": {**TEXT, "description": "Where to: https://..."},
                "secret": {**TEXT, "description": "What it is signed with, such as secret:NAME."},
            },
            {"events": list_of({"enum": list(EVENTS)})},
        )
    )
    | {"maxItems": MOST, "description": "Who is told that it has ended."},
}

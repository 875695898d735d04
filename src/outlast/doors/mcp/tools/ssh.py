"""`ssh_*`: sessions on hosts, in which one command runs after another, and their bounded waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from ....core.principal import Scope
from ....errors import ClientError
from ..ssh import commands, connect
from ..ssh.answers import as_refusal
from ..tool import Call, Tool

TEXT: Final = {"type": "string"}
WHOLE: Final = {"type": "integer"}
YES_NO: Final = {"type": "boolean"}


Do = Callable[[Call], Awaitable[dict[str, Any]]]


def _told(do: Do) -> Do:
    """Return *do*, with errors of ours in the form of these tools."""

    async def told(call: Call) -> dict[str, Any]:
        try:
            return await do(call)
        except ClientError as error:
            if error.code == "internal":
                raise
            raise as_refusal(error) from error

    return told


def _answer(needed: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the main keys of an answer."""
    return {"type": "object", "properties": properties, "required": list(needed)}


COMMAND: Final = {
    "taskId": TEXT,
    "state": TEXT,
    "exitCode": WHOLE,
    "stdout": TEXT,
    "stderr": TEXT,
}

TOOLS: Final = (
    Tool(
        name="ssh_connect",
        description="Open a session on a host; answers once a shell works there. The same name and"
        " host again reconnect it. Without keyFilePath, password or secret: the user's SSH"
        " configuration and agent.",
        takes={
            "name": {**TEXT, "description": "The session's, yours to choose"},
            "host": TEXT,
            "port": WHOLE,
            "username": TEXT,
            "keyFilePath": TEXT,
            "password": {**TEXT, "description": "Kept in memory only. Prefer secret"},
            "secret": {
                **TEXT,
                "description": "env:NAME or file:PATH: the password, or the key's passphrase",
            },
        },
        required=("name", "host"),
        answers=_answer(("success",), success=YES_NO, state=TEXT),
        do=_told(connect.connect),
        idempotent=True,
        open_world=True,
    ),
    Tool(
        name="ssh_exec",
        description="Run a shell line in a session, after those that wait there; directory and"
        " exported variables carry over to the next. If it takes longer than asyncTimeout you get"
        " the error async_timeout_exceeded and it goes on: poll with ssh_get_command_status, do not"
        " run it again.",
        takes={
            "sessionName": TEXT,
            "command": TEXT,
            "timeout": {**WHOLE, "description": "ms until the command is killed; default 24 h"},
            "asyncTimeout": {**WHOLE, "description": "ms this call waits; default 50000"},
        },
        required=("sessionName", "command"),
        answers=_answer(("success",), success=YES_NO, **COMMAND),
        do=_told(commands.execute),
        destructive=True,
        open_world=True,
    ),
    Tool(
        name="ssh_get_command_status",
        description="State, times, exit code and output of a command: by taskId, or the running or"
        " last one of a session. Output is the end of each stream; with stream or offset, a piece,"
        " and nextOffset. state: queued, running, complete, failed, cancelled, no_task.",
        takes={
            "sessionName": TEXT,
            "taskId": TEXT,
            "stream": {"enum": ["stdout", "stderr"]},
            "offset": {**WHOLE, "description": "Byte to read from"},
            "limit": WHOLE,
        },
        answers=_answer(("state",), nextOffset=WHOLE, **COMMAND),
        do=_told(commands.status),
        scope=Scope.READ,
        open_world=True,
    ),
    Tool(
        name="ssh_cancel_command",
        description="End the command that runs in a session and drop all that wait there; with"
        " taskId instead, that one only.",
        takes={"sessionName": TEXT, "taskId": TEXT},
        answers=_answer(
            ("success",),
            success=YES_NO,
            cancelled=TEXT,
            stopped=YES_NO,
            queueCleared={"type": "array"},
        ),
        do=_told(commands.cancel),
        destructive=True,
        idempotent=True,
    ),
    Tool(
        name="ssh_list_sessions",
        description="The open sessions, oldest first. async_mode: its command goes on in background"
        " since asyncSince; mustConnect: ssh_connect it again.",
        answers=_answer(("sessions",), sessions={"type": "array"}),
        do=_told(connect.list_sessions),
        scope=Scope.READ,
    ),
    Tool(
        name="ssh_disconnect",
        description="End a session and what the host keeps of it. If a command runs or waits, it"
        " goes on and the session stays open, unless cancel is true.",
        takes={"sessionName": TEXT, "cancel": YES_NO},
        required=("sessionName",),
        answers=_answer(("success",), success=YES_NO, cleanupTaskId=TEXT),
        do=_told(connect.disconnect),
        destructive=True,
    ),
)

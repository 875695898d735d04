"""What a node has printed, in pieces that a model can read: from an offset on, its end, or a search."""

from __future__ import annotations

import asyncio
import codecs
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ...core.job import JobId
from ...engine import verbs
from ...errors import InvalidRequest
from .answers import STREAMS, from_whole_character

if TYPE_CHECKING:
    from ...core.job import Job
    from .served import Served
    from .tool import Arguments, Schema

PIECE_BYTES: Final = 4096
MOST_BYTES: Final = 64 << 10
LOOK_BYTES: Final = 1 << 20
LOOKED_BYTES: Final = 64 << 20
"""How much one search goes through; the next goes on behind it."""

LINE_BYTES: Final = 1000
"""How much of a line that was found is shown."""

FAR: Final = 1 << 62


class Schemas(NamedTuple):
    """What reading takes, and what it answers."""

    takes: dict[str, Schema]
    answers: Schema


OUTPUT: Final = Schemas(
    {
        "job_id": {"type": "string"},
        "stream": {"type": "string", "enum": list(STREAMS), "default": "stdout"},
        "node": {"type": "integer", "description": "Index of a node"},
        "offset": {"type": "integer"},
        "tail": {"type": "integer", "description": "The last bytes, not an offset"},
        "limit": {"type": "integer", "default": PIECE_BYTES},
        "grep": {"type": "string", "description": "A plain text, found in any case"},
    },
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "offset": {"type": "integer"},
            "next_offset": {"type": "integer"},
            "size": {"type": "integer"},
            "complete": {"type": "boolean", "description": "Nothing comes behind next_offset"},
            "next": {"type": "string"},
        },
        "required": ["text", "next_offset", "complete"],
    },
)


async def read_output(there: Served, arguments: Arguments) -> dict[str, Any]:
    """Return the piece that *arguments* ask for."""
    job_id = arguments.needed("job_id")
    stream = arguments.choice("stream", STREAMS) or STREAMS[0]
    node = arguments.whole("node", 0, 0, FAR)
    asked = {"offset", "tail"} & arguments.left.keys()
    offset = arguments.whole("offset", 0, 0, FAR)
    tail = arguments.whole("tail", 0, 0, FAR)
    limit = arguments.whole("limit", PIECE_BYTES, 1, MOST_BYTES)
    grep = arguments.text("grep")
    if len(asked) > 1:
        arguments.faults.append("offset and tail exclude each other: give one")
    if grep == "":
        arguments.faults.append("grep is the text to look for, and this one is empty")
    arguments.check()
    job = await there.get(JobId(job_id))
    if node >= len(job.nodes):
        raise InvalidRequest(f"node: {job.id} has no node {node}: 0 to {len(job.nodes) - 1}")
    seen = job.nodes[node]
    size = seen.stdout_bytes if stream == STREAMS[0] else seen.stderr_bytes
    if "tail" in asked:
        offset = max(0, size - tail)
        limit = min(MOST_BYTES, max(limit, tail))
    verb = verbs.ReadOutput(job.id, node=node, stream=stream, offset=offset)
    if grep is None:
        data = await asyncio.to_thread(there.service.read_output, verb._replace(limit=limit))
        is_last = job.is_settled and offset + len(data) >= size
        text, first, end = piece(data, offset, is_last=is_last)
    else:
        look = partial(_found, there, verb, grep, limit, is_whole=job.is_settled)
        first, (text, end) = offset, await asyncio.to_thread(look)
    size = max(size, end)
    told: dict[str, Any] = {"text": text, "offset": first, "next_offset": end, "size": size}
    told["complete"] = job.is_settled and end >= size
    if end < size:
        told["next"] = _again(job, verb, end, grep)
    elif not job.is_terminal:
        told["next"] = f'job_wait(job_ids=["{job.id}"])'
    return told


def piece(data: bytes, offset: int, *, is_last: bool) -> tuple[str, int, int]:
    """
    Return *data* as text, where it begins and where it ends: a character that it has only the
    beginning of is for the next piece, unless there will be none.
    """
    end = offset + len(data)
    whole, first = from_whole_character(data, offset)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(whole)
    held = len(decoder.getstate()[0])
    if is_last or held == len(whole):
        return text + decoder.decode(b"", final=True), first, end
    return text, first, end - held


def _found(
    there: Served, verb: verbs.ReadOutput, grep: str, limit: int, *, is_whole: bool
) -> tuple[str, int]:
    """Return the lines that have a text, and where a search is to go on."""
    wanted = grep.lower().encode("utf-8", "replace")
    at, rest, lines, length = verb.offset, b"", list[str](), 0
    while at - verb.offset < LOOKED_BYTES:
        data = there.service.read_output(verb._replace(offset=at, limit=LOOK_BYTES))
        begins = at - len(rest)
        at += len(data)
        rest += data
        # A line without an end is looked at once none will come, or it is as long as this.
        is_line = (is_whole and not data) or (len(rest) > LOOK_BYTES and b"\n" not in rest)
        cut = len(rest) if is_line else rest.rfind(b"\n") + 1
        for line in rest[:cut].splitlines(keepends=True):
            if wanted in line.lower():
                shown = line[:LINE_BYTES].decode("utf-8", "replace").rstrip("\r\n")
                lines.append(f"{begins}:{shown}\n")
                length += len(lines[-1])
            begins += len(line)
            if length >= limit:
                return "".join(lines), begins
        rest = rest[cut:]
        if not data:
            break
    return "".join(lines), at - len(rest)


def _again(job: Job, verb: verbs.ReadOutput, offset: int, grep: str | None) -> str:
    """Return the call that reads on."""
    more = f", node={verb.node}" if verb.node else ""
    more += f', stream="{verb.stream}"' if verb.stream != STREAMS[0] else ""
    more += f", grep={grep!r}" if grep is not None else ""
    return f'job_output(job_id="{job.id}"{more}, offset={offset})'

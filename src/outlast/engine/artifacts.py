"""What a job's nodes have collected: told, read, and put into one zip as it is read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..artifacts import Artifact, Collection, open_content, pieces, read
from ..core.artifact import safe_path
from ..core.limits import from_epoch_ms, iso, to_epoch_ms
from ..errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from ..core.job import Job, Node

MANIFEST: Final = "manifest.json"
"""The first file of a zip: what the others are."""

SCHEMA_VERSION: Final = 1

EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""Times that a zip can tell of (APPNOTE.TXT 4.4.6)."""


class Place(NamedTuple):
    """A node, and the folder of its current attempt."""

    node: Node
    folder: str


def summaries(places: Iterable[Place]) -> list[dict[str, Any]]:
    """Return what each node that collects has, in short: for a job's result."""
    found = ((place, read(place.folder)) for place in places)
    return [_summary(place.node, known) for place, known in found if known is not None]


def _summary(node: Node, known: Collection) -> dict[str, Any]:
    here = known.here
    return {
        "node": node.name,
        "state": known.state,
        "count": len(here),
        "total_bytes": sum(each.size for each in here),
        "skipped": known.skipped,
        "error": known.error,
    }


def listing(job: Job, places: Iterable[Place]) -> dict[str, Any]:
    """Return every artifact of these nodes as JSON, and how each node's collecting went."""
    nodes, items = [], []
    for place in places:
        if (known := read(place.folder)) is None:
            continue
        nodes.append({"index": place.node.index, **_summary(place.node, known)})
        items += [_item(place.node, each) for each in known.files]
    return {
        "job_id": job.id,
        "count": sum(node["count"] for node in nodes),
        "total_bytes": sum(node["total_bytes"] for node in nodes),
        "nodes": nodes,
        "items": items,
    }


def _item(node: Node, artifact: Artifact) -> dict[str, Any]:
    return {
        "node": node.name,
        "index": node.index,
        "path": artifact.path,
        "name": artifact.name.decode("utf-8", "backslashreplace"),
        "size": artifact.size,
        "sha256": artifact.sha256,
        "mtime": _time(artifact.mtime),
        "state": artifact.state,
        "error": artifact.error,
    }


def _time(seconds: int) -> str | None:
    """Return a time by a host's word, as JSON has times; None: no clock shows that one."""
    try:
        return iso(from_epoch_ms(seconds * 1000))
    except OverflowError:
        return None


def find(place: Place, path: str) -> Artifact:
    """
    Return the artifact of a node that has this path, or this name on its host.

    Raises:
        NotFound: There is none, or it is not here: says why.
    """
    known = read(place.folder)
    files = () if known is None else known.files
    name = path.encode("utf-8", "surrogateescape")
    for each in files:
        if each.path == path or each.name == name:
            if each.is_here:
                return each
            raise NotFound(f"{place.node.name} has {path:.200}, and it is not here: {each.error}")
    raise NotFound(
        f"{place.node.name} has no artifact {path:.200}",
        suggestion="See what there is: outlast job artifacts list ID",
    )


def read_piece(place: Place, path: str, offset: int, limit: int) -> bytes:
    """Return a piece of an artifact. Raises as `find` does."""
    if offset < 0 or limit < 0:
        raise InvalidRequest("offset and limit are not negative")
    artifact = find(place, path)
    fd = open_content(place.folder, artifact)
    try:
        return os.pread(fd, limit, offset)
    finally:
        os.close(fd)


# The zip ---------------------------------------------------------------------------------------


def zipped(job: Job, places: Iterable[Place]) -> Iterator[bytes]:
    """
    Yield a zip of every artifact that is here, as it is read: no more than a piece is in memory.

    `manifest.json` comes first; a file is `INDEX-NODE/PATH`. The same artifacts give the same bytes.
    """
    import zipfile

    places = tuple(places)
    stream = _Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        head = _entry(zipfile, MANIFEST, _zip_time(to_epoch_ms(job.created_at) // 1000))
        with archive.open(head, "w") as file:
            file.write(json.dumps(_manifest(job, places), indent=2).encode() + b"\n")
        yield from stream.take()
        for place in places:
            for each in _here(place):
                info = _entry(zipfile, _zip_path(place.node, each), _zip_time(each.mtime))
                info.file_size = each.size
                with archive.open(info, "w") as file:
                    for data in pieces(place.folder, each):
                        file.write(data)
                        yield from stream.take()
                yield from stream.take()
    yield from stream.take()


class _Stream:
    """What a zip is written to: its bytes wait here to be taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written can still be taken."""

    def take(self) -> Iterator[bytes]:
        """Yield what was written since the last time."""
        parts, self._parts = self._parts, []
        if data := b"".join(parts):
            yield data


def _entry(zipfile: Any, path: str, at: tuple[int, ...]) -> Any:
    info = zipfile.ZipInfo(path, at)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o100644 << 16
    return info


def _here(place: Place) -> tuple[Artifact, ...]:
    known = read(place.folder)
    return () if known is None else known.here


def _zip_path(node: Node, artifact: Artifact) -> str:
    return f"{node.index}-{safe_path(node.name.encode())}/{artifact.path}"


def _zip_time(seconds: int) -> tuple[int, ...]:
    """Return a time as a zip has it: of no zone, here UTC."""
    try:
        at: datetime = from_epoch_ms(seconds * 1000)
    except OverflowError:
        return LATEST
    return min(max(at.timetuple()[:6], EARLIEST), LATEST)


def _manifest(job: Job, places: tuple[Place, ...]) -> dict[str, Any]:
    told = listing(job, places)
    paths = {
        (place.node.index, each.path): _zip_path(place.node, each)
        for place in places
        for each in _here(place)
    }
    for item in told["items"]:
        item["zip_path"] = paths.get((item["index"], item["path"]))
    return {
        "schema_version": SCHEMA_VERSION,
        "created_at": iso(job.created_at),
        "completed_at": iso(job.completed_at),
        **told,
    }


def places(job: Job, index: int | None, folder_of: Callable[[Job, Node], str]) -> Sequence[Place]:
    """Return the nodes of *job*, or the one of that index, with their folders."""
    if index is not None:
        check_node(job, index)
    chosen = job.nodes if index is None else (job.nodes[index],)
    return [Place(node, folder_of(job, node)) for node in chosen]


def check_node(job: Job, index: int) -> None:
    """Raise `InvalidRequest` where *job* has no such node."""
    if not 0 <= index < len(job.nodes):
        raise InvalidRequest(f"{job.id} has no node {index}: 0 to {len(job.nodes) - 1}")

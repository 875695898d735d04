"""
The files of the page. The same for everybody, and nothing of a job is in them: whoever has not
logged in may have them.
"""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from fastapi import APIRouter
from fastapi.requests import Request
from starlette.responses import Response

from ....errors import NotFound
from ..conditional import matches

router: Final = APIRouter(include_in_schema=False)

READ: Final = ["GET", "HEAD"]
FOLDER: Final = Path(__file__).parent / "static"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing runs in the page but these files, and nothing is fetched from anywhere else."""

HEADERS: Final = {
    "Cache-Control": "no-cache",  # kept, and asked each time whether it is still the same
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}


class Asset(NamedTuple):
    """One file, as it goes over the wire."""

    data: bytes
    packed: bytes
    media_type: str
    etag: str


@cache
def assets() -> dict[str, Asset]:
    """Return the files, by name: those that were installed, and no other path is ever opened."""
    return {
        path.relative_to(FOLDER).as_posix(): _read(path)
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }


def _read(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(
        data=data,
        packed=gzip.compress(data, mtime=0),
        media_type=TYPES[path.suffix],
        etag=f'W/"{blake2b(data, digest_size=12).hexdigest()}"',
    )


@router.api_route("/", methods=READ)
async def page(request: Request) -> Response:
    """Return the page itself."""
    return _answer(request, "index.html")


@router.api_route("/favicon.ico", methods=READ)
async def icon(request: Request) -> Response:
    """Return the mark, where browsers look for it by themselves."""
    return _answer(request, "mark.svg")


@router.api_route("/static/{name:path}", methods=READ)
async def asset(request: Request, name: str) -> Response:
    """Return one of its files."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    found = assets().get(name)
    if found is None:
        raise NotFound(f"The page has no file {name!r:.80}")
    headers = {**HEADERS, "ETag": found.etag}
    if matches(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.data, 200, headers, found.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(found.packed, 200, headers, found.media_type)

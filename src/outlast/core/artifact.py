"""
What a host may call its files, made harmless: the paths of artifacts, and patterns matched.

A host may lie. A path that comes out of here is relative, leads nowhere but down, can be written
on any file system, and means the same file to all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final
from unicodedata import normalize

FORBIDDEN: Final = frozenset('%\\:*?"<>|')
"""`%` marks what was replaced; the rest somebody's file system takes for more than a character."""

OURS: Final = "~"
"""No component of a host's begins with it: `~3/name` is what we make of a path that clashes."""

MAX_COMPONENT_BYTES: Final = 240
MAX_PATH_BYTES: Final = 1024

DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}
)
"""Names that Windows has for devices, whatever stands behind their first dot."""


def safe_path(name: bytes) -> str:
    """
    Return a path for what a host calls *name*, `/` between its components.

    What cannot stand as it is comes as `%` and two hexadecimal digits for each byte, so that two
    names never give the same path. It may be too long.
    """
    parts = [part for part in name.split(b"/") if part]
    return "/".join(map(_safe_component, parts)) or "%2F"


def _safe_component(part: bytes) -> str:
    if part in (b".", b".."):
        return _escaped(part)
    text = "".join(
        character
        if character.isprintable() and character not in FORBIDDEN
        else _escaped(character.encode("utf-8", "surrogateescape"))
        for character in part.decode("utf-8", "surrogateescape")
    )
    if text[0] in (OURS, " ") or text.partition(".")[0].rstrip().lower() in DEVICES:
        text = _escaped(text[0].encode()) + text[1:]
    if text[-1] in ". ":
        text = text[:-1] + _escaped(text[-1].encode())
    return text


def _escaped(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)


class Paths:
    """Paths that have been given away: no two are the same to any file system, nor in one another."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def take(self, number: int, name: bytes) -> str:
        """Return the path of the file *number*, which its host calls *name*."""
        path = safe_path(name)
        if _is_too_long(path) or not self._is_free(path):
            path = f"{OURS}{number}/{_cut(path.rpartition('/')[2])}"
        self.keep(path)
        return path

    def keep(self, path: str) -> None:
        """Note that *path* is taken."""
        folded = _folded(path)
        self._files.add(folded)
        self._folders.update(_above(folded))

    def _is_free(self, path: str) -> bool:
        folded = _folded(path)
        taken = folded in self._files or folded in self._folders
        return not taken and self._files.isdisjoint(_above(folded))


def _folded(path: str) -> str:
    """Return *path* as file systems have it that care for neither case nor composition."""
    return normalize("NFC", normalize("NFC", path).casefold())


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _is_too_long(path: str) -> bool:
    return len(path.encode()) > MAX_PATH_BYTES or any(
        len(part.encode()) > MAX_COMPONENT_BYTES for part in path.split("/")
    )


def _cut(part: str) -> str:
    """Return the end of a name, which tells its kind, in as many bytes as a name may have."""
    data = part.encode()[-MAX_COMPONENT_BYTES // 2 :]
    return data.decode("utf-8", "ignore").lstrip(f"{OURS} ") or "file"


# Patterns --------------------------------------------------------------------------------------

ANY_DEPTH: Final = "**"


def is_pattern(part: str) -> bool:
    """Whether a component of a glob stands for more than the one name that it is."""
    return any(character in part for character in "*?[")


def matches(part: str, name: bytes) -> bool:
    """Whether *name* is one that a component of a glob stands for. As in shells, `*` hides `.x`."""
    text = name.decode("utf-8", "surrogateescape")
    if text.startswith(".") and not part.startswith("."):
        return False
    return fnmatchcase(text, part)


def stands_for(parts: tuple[str, ...], names: Sequence[bytes]) -> bool:
    """
    Whether a glob, of which *parts* are the components, stands for the path with these *names*.
    One without components stands for every path.
    """
    if not parts:
        return True
    ahead = {0}
    for name in names:
        after = set()
        for at in ahead:
            if parts[at] == ANY_DEPTH:
                # No folder at all as well: `**` is never last, and never twice.
                after |= {at} if matches("*", name) else set()
                at += 1  # noqa: PLW2901 it goes on with what comes behind
            if _is_named(parts[at], name):
                after.add(at + 1)
        ahead = {at for at in after if at < len(parts)}
        is_whole = len(parts) in after
        if not ahead and not is_whole:
            return False
    return bool(names) and is_whole


def _is_named(part: str, name: bytes) -> bool:
    if is_pattern(part):
        return matches(part, name)
    return part.encode("utf-8", "surrogateescape") == name


def below(folder: str, glob: str) -> tuple[str, ...] | None:
    """
    Return the components of a glob below *folder*, an absolute path; none where it is the folder
    itself, that is all that is in it. None: the glob leads elsewhere.
    """
    parts, above = parts_of(glob), parts_of(folder)
    if parts[:1] != ("/",):
        return parts
    return parts[len(above) :] if parts[: len(above)] == above else None


def parts_of(glob: str) -> tuple[str, ...]:
    """Return the components of a glob, `/` first where it is absolute; one `**` for several."""
    parts = [part for part in glob.split("/") if part not in ("", ".")]
    if parts[-1:] == [ANY_DEPTH]:
        parts.append("*")
    kept = [
        part
        for before, part in zip([None, *parts], parts, strict=False)
        if part != ANY_DEPTH or before != ANY_DEPTH
    ]
    return ("/", *kept) if glob.startswith("/") else tuple(kept)

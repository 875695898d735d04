"""Which files a batch is about: files, folders, patterns, and lines of stdin."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What was found. *paths* are relative to *root*, sorted, each once."""

    root: str
    paths: tuple[str, ...]


def find_inputs(
    given: Sequence[str],
    *,
    recursive: bool = False,
    include: Sequence[str] = (),
    but: Sequence[str] = (),
    cwd: str | None = None,
) -> Inputs:
    """
    Return the input files that *given* names: files, folders, and patterns that match some.

    Of a folder, the files in it are taken (of all folders below it, if *recursive*), as far as
    their name or their path below it matches a pattern of *include*. Hidden ones are taken where
    a pattern names the dot. *but* are files and folders that are left out of folders: what a run
    writes is not what the next one reads.

    Raises:
        InvalidRequest: Something that was named is not there or no file, or nothing was found.
    """
    cwd = cwd or os.getcwd()
    left_out = frozenset(but)
    faults: list[str] = []
    folders: list[str] = []
    found: dict[str, None] = {}
    for each in given:
        for path in _named(each, cwd, faults):
            if os.path.isdir(path):
                folders.append(path)
                try:
                    found.update(dict.fromkeys(_within(path, recursive, include, left_out)))
                except OSError as error:
                    faults.append(f"folder {error.filename} cannot be read: {error.strerror}")
            elif fault := _file_fault(path):
                faults.append(f"input {each!r:.200} {fault}")
            else:
                found[path] = None
    if not faults and not found:
        faults.append("there is no input file" + _why(folders, recursive, include))
    if faults:
        raise InvalidRequest(*faults)
    parents = [*folders, *(os.path.dirname(path) for path in found)]
    root = os.path.commonpath(parents)
    return Inputs(root=root, paths=tuple(sorted(os.path.relpath(path, root) for path in found)))


def read_names(data: bytes, *, null: bool = False) -> list[str]:
    """Return the inputs that stdin names, a line each, or each ended by a NUL. Blank ones are none."""
    names = data.split(b"\0" if null else b"\n")
    return [os.fsdecode(name) for name in names if name.strip()]


def _named(each: str, cwd: str, faults: list[str]) -> list[str]:
    """Return the absolute paths that *each* stands for: itself, or what matches it."""
    path = os.path.normpath(os.path.join(cwd, os.path.expanduser(each)))
    if os.path.lexists(path) or not glob.has_magic(each):
        if not os.path.lexists(path):
            faults.append(f"input {each!r:.200} is not there")
            return []
        return [path]
    matching = sorted(glob.glob(path, recursive=True))
    if not matching:
        faults.append(f"nothing matches {each!r:.200}")
    return [os.path.normpath(match) for match in matching]


def _file_fault(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            return f"is a link to nothing ({error.strerror})"
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "is no regular file"
    return None if os.access(path, os.R_OK) else "may not be read by this user"


def _within(
    folder: str, recursive: bool, include: Sequence[str], left_out: frozenset[str]
) -> Iterator[str]:
    """Yield the files of a folder. Links to files are followed, links to folders are not."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.path in left_out:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if recursive and not entry.name.startswith("."):
                        waiting.append(entry.path)
                elif entry.is_file() and _is_included(entry.path, folder, include):
                    yield entry.path


def _is_included(path: str, folder: str, include: Sequence[str]) -> bool:
    name, below = os.path.basename(path), os.path.relpath(path, folder)
    if not include:
        return not name.startswith(".")
    return any(
        fnmatch.fnmatchcase(each, pattern)
        for pattern in include
        for each in (name, below)
        if not name.startswith(".") or os.path.basename(pattern).startswith(".")
    )


def _why(folders: Sequence[str], recursive: bool, include: Sequence[str]) -> str:
    if not folders:
        return ""
    where = f" in {folders[0]}" if len(folders) == 1 else " in these folders"
    matching = f" that matches {' or '.join(include)}" if include else ""
    return where + matching + ("" if recursive else "; --recursive looks below, too")

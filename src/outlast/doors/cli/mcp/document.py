"""A client's file with an entry put in or taken out, and everything else kept. Text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from json import JSONDecodeError, dumps, loads
from typing import TYPE_CHECKING, Any, Final

from ....errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from types import ModuleType

COMMENT: Final = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
"""What JSON with comments has more than JSON; and strings, in which none of it means anything."""

MEND: Final = "Nothing was changed. Mend it, or have the entry printed: --print"
MISSING: Final = "TOML is written by an extra that is not installed: pip install 'outlast[mcp]'"


class HasComments(InvalidRequest):
    """The file is JSON with comments, which would be lost if it were written again."""


class Document:
    """
    What the file at *path* says, servers under *table* among it. `text` is what it is to say.

    Raises:
        InvalidRequest: It is not what it should be; `HasComments` where only comments are in the way.

        Unavailable: What writes its kind is not installed.
    """

    def __init__(self, text: str, path: str, table: tuple[str, ...]) -> None:
        self.text = text
        self._path = path
        self._is_toml = path.endswith(".toml")
        self._read = _toml(text, path) if self._is_toml else _json(text, path)
        self._table = _own_form(self._read, table)

    def put(self, name: str, entry: Mapping[str, Any], ours: Iterable[str]) -> None:
        """Have *entry* there as *name*. What its user has under keys that are not *ours* stays."""

        def put(servers: Any) -> None:
            if name not in servers:
                servers[name] = dict(entry)
                return
            before = servers[name]
            if not isinstance(before, Mapping):
                raise InvalidRequest(f"{self._path}: {name} is not a table of settings")
            for key in ours:
                if key not in entry:
                    before.pop(key, None)  # type: ignore[attr-defined]  # a dict, or tomlkit's
            before.update(entry)  # type: ignore[attr-defined]  # as above

        self._change(put)

    def take_out(self, name: str) -> None:
        """Have nothing there as *name*."""
        if name in self._servers(deepcopy(self._read)):
            self._change(lambda servers: servers.pop(name))

    def _change(self, how: Any) -> None:
        """Do it to what was read. TOML, with its comments, must then say the same when it is read again."""
        wanted = deepcopy(self._read)
        how(self._servers(wanted))
        if wanted == self._read:
            return
        if not self._is_toml:
            self.text = _written(wanted, self.text)
        else:
            self.text = self._changed(how, wanted)
        self._read = wanted

    def _changed(self, how: Any, wanted: Any) -> str:
        document = _tomlkit().parse(self.text)
        try:
            how(self._servers(document))
            text: str = document.as_string()
        except Exception:  # noqa: BLE001 - it trips over some ways to write a table; told below
            text = self.text
        told = _toml(text, self._path)
        for each in (told, wanted):
            self._servers(each)  # a table with nothing in it is as good as none
        if told != wanted:
            raise InvalidRequest(
                f"{self._path} has tables written in a way that cannot be changed here",
                suggestion=MEND,
            )
        return text

    def _servers(self, document: Any) -> Any:
        here = document
        for depth, key in enumerate(self._table, 1):
            if key not in here:
                here[key] = {}
            here = here[key]
            if not isinstance(here, Mapping):
                where = ".".join(self._table[:depth])
                raise InvalidRequest(
                    f"{self._path}: {where} is not a table of settings", suggestion=MEND
                )
        return here


def alone(path: str, table: tuple[str, ...], name: str, entry: Mapping[str, Any]) -> str:
    """Return what a file would say that has nothing else in it."""
    document: dict[str, Any] = {name: dict(entry)}
    for key in reversed(table):
        document = {key: document}
    if not path.endswith(".toml"):
        return _written(document, "")
    written: str = _tomlkit().dumps(document)
    return written


def _toml(text: str, path: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{path} is not TOML: {error}", suggestion=MEND) from None


def _tomlkit() -> ModuleType:
    try:
        import tomlkit
    except ImportError:
        raise Unavailable(MISSING) from None
    return tomlkit


def _json(text: str, path: str) -> Any:
    if not text.strip():
        return {}
    try:
        document = loads(text, object_pairs_hook=_object)
    except JSONDecodeError as error:
        if _is_json_but_for_comments(text):
            raise HasComments(f"{path} has comments, or commas, that would be lost") from None
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(
            f"{path} is not JSON: {error.msg} ({where})", suggestion=MEND
        ) from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path}: {error}", suggestion=MEND) from None
    if not isinstance(document, dict):
        raise InvalidRequest(f"{path} is no JSON object", suggestion=MEND)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; one that has a key twice would lose one of them."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r:.80} is there twice in one object")
    return found


def _is_json_but_for_comments(text: str) -> bool:
    def blank(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith('"') else " "

    try:
        loads(COMMENT.sub(blank, COMMENT.sub(blank, text)))  # a comma may stand before a comment
    except (ValueError, RecursionError):
        return False
    return True


def _own_form(document: Mapping[str, Any], table: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the servers are: a file of OpenCode 2 may have them one step deeper."""
    if table == ("mcp",) and isinstance(held := document.get("mcp"), Mapping):
        servers = held.get("servers")
        if isinstance(servers, Mapping) and not isinstance(servers.get("type"), str):
            return ("mcp", "servers")
    return table


def _written(document: Any, before: str) -> str:
    """Return JSON, indented as it was *before*."""
    indent = re.match(r"\s*\{[ \t]*\r?\n([ \t]+)", before)
    written = dumps(document, indent=indent[1] if indent else 2, ensure_ascii=False)
    return written + ("\n" if before.endswith("\n") or not before.strip() else "")

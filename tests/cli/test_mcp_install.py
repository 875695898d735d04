"""`outlast mcp install`: other people's files, each read back by somebody who did not write it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from outlast.doors.cli.mcp.clients import CLIENTS
from outlast.doors.cli.mcp.document import Document
from outlast.doors.cli.mcp.place import Place
from outlast.errors import Conflict, InvalidRequest

from .conftest import PROGRAM, Cli, Terminal

URL = "https://jobs.example.org"
LOCAL = [*CLIENTS]
REMOTE = [name for name, client in CLIENTS.items() if client.remote]
pytestmark = pytest.mark.slow
NO_FILE = "Claude Desktop has no file for a project"


@pytest.fixture
def person(cli: Cli, tmp_path: Path) -> Path:
    """The home of somebody who has configured nothing, and whose shell says nothing of it either."""
    home = tmp_path / "person"
    home.mkdir()
    cli.env = {"HOME": str(home), "SHELL": "/bin/sh"}
    for client in CLIENTS.values():
        if client.moved:
            cli.env[client.moved[0]] = ""
    return home


def read(path: Path) -> Any:
    """What a file says, to whom it is not ours."""
    text = path.read_text()
    return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)


def servers(name: str, path: Path) -> Any:
    here = read(path)
    for key in CLIENTS[name].table:
        here = here[key]
    return here


def written(name: str) -> Any:
    """What stands in an entry, whichever client's it is: the command line and the address."""
    command = name.get("command") or []
    argv = [command, *name["args"]] if isinstance(command, str) else command
    return argv, name.get("url") or name.get("httpUrl")


@pytest.mark.parametrize("name", LOCAL)
def test_a_client_is_told_what_to_start(cli: Cli, person: Path, name: str) -> None:
    """By the program's whole path, with the home; a second time nothing changes; and out it goes again."""
    call = ("mcp", "install", "--client", name)

    told = cli(*call, "--yes").data

    path = Path(told["path"])
    assert path.is_relative_to(person)
    assert told["written"]
    assert told["backup"] is None
    argv, url = written(servers(name, path)["outlast"])
    assert [PROGRAM, "mcp", "--home", str(cli.home)] == argv
    assert url is None
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    before = path.read_bytes()
    assert not cli(*call, "--yes").data["written"]
    assert before == path.read_bytes()
    assert [path] == [*path.parent.iterdir()]
    assert cli(*call, "--uninstall", "--yes").data["written"]
    assert "outlast" not in path.read_text()
    assert not cli(*call, "--uninstall", "--yes").data["written"]


@pytest.mark.parametrize("name", REMOTE)
def test_a_client_is_told_where_a_server_is(cli: Cli, person: Path, name: str) -> None:
    """With the name of the variable that holds the token, and never with a token."""
    cli.env["OUTLAST_TOKEN"] = "olt_this-is-secret"
    call = ("mcp", "install", "--client", name, "--server", URL, "--token-env", "JOBS_TOKEN")

    told = cli(*call, "--yes").data

    entry = servers(name, Path(told["path"]))["outlast"]
    assert ([], f"{URL}/mcp") == written(entry)
    assert "JOBS_TOKEN" in json.dumps(entry)
    assert "secret" not in Path(told["path"]).read_text() + json.dumps(told)
    snippet = tomllib.loads if name == "codex" else json.loads
    here = snippet(told["snippet"])
    for key in CLIENTS[name].table:
        here = here[key]
    assert {"outlast": entry} == here


@pytest.mark.parametrize("name", [name for name in LOCAL if "project" in CLIENTS[name].paths])
def test_a_project_has_a_file_of_its_own(cli: Cli, person: Path, name: str) -> None:
    """It is in the folder, anybody may read it, and no path of this machine is in it."""
    cli.env["PATH"] = f"{Path(PROGRAM).parent}:{os.environ['PATH']}"

    told = cli("mcp", "install", "--client", name, "--scope", "project", "--yes").data

    path = Path(told["path"])
    assert path.is_relative_to(cli.folder)
    argv, _ = written(servers(name, path)["outlast"])
    assert ["outlast", "mcp"] == argv
    assert path.stat().st_mode & stat.S_IRGRP
    assert [] == [*person.iterdir()]


JSON_BEFORE = """\
{
    "theme": "dark",
    "mcpServers": {
        "other": {"command": "other", "args": ["--größe", "1"]},
        "outlast": {"command": "old", "args": [], "env": {"A": "b"}, "trust": true}
    },
    "big": 12345678901234567890
}
"""
TOML_BEFORE = """\
# mine
model = "x"  # the good one

[mcp_servers.other]
command = "other"

[mcp_servers.outlast]
command = "old"
args = []
enabled = false  # for now

[mcp_servers.outlast.env]
A = "b"

[last]
key = 1
"""


@pytest.mark.parametrize(
    ("name", "before"), [("gemini", JSON_BEFORE), ("codex", TOML_BEFORE)], ids=["json", "toml"]
)
def test_what_else_is_there_stays(cli: Cli, person: Path, name: str, before: str) -> None:
    """Other servers, other settings, what the user added to ours, the mode, a link; and a copy is kept."""
    path = person / CLIENTS[name].paths["user"]
    path.parent.mkdir()
    real = person / "dotfiles"
    real.write_text(before)
    real.chmod(0o640)
    path.symlink_to(real)
    expected = read_text(name, before)

    told = cli("mcp", "install", "--client", name, "--yes").data

    assert path.is_symlink()
    ours = servers(name, path)["outlast"]
    assert [PROGRAM, "mcp", "--home", str(cli.home)] == written(ours)[0]
    kept = {"json": {"env", "trust"}, "toml": {"env", "enabled"}}[
        "toml" if name == "codex" else "json"
    ]
    table = expected[CLIENTS[name].table[0]]
    assert {key: table["outlast"][key] for key in kept} == {key: ours[key] for key in kept}
    table["outlast"] = ours
    assert expected == read_text(name, real.read_text())
    assert {line for line in before.splitlines() if "#" in line} <= {*real.read_text().splitlines()}
    assert before == Path(told["backup"]).read_text()
    assert [0o640, 0o640] == [
        stat.S_IMODE(os.stat(each).st_mode) for each in (real, told["backup"])
    ]
    cli("mcp", "install", "--client", name, "--server", URL, "--yes")
    assert ([], f"{URL}/mcp") == written(servers(name, path)["outlast"])


def read_text(name: str, text: str) -> Any:
    return tomllib.loads(text) if name == "codex" else json.loads(text)


ENTRY = {"command": "/bin/outlast", "args": ["mcp"], "tool_timeout_sec": 600}
REMOTE_ENTRY = {"url": "https://x/mcp", "bearer_token_env_var": "T", "tool_timeout_sec": 600}
TABLES = {
    "nothing": "",
    "a comment": "# mine\n",
    "in a line": 'mcp_servers = {other = {command = "x"}}\n',
    "ours in a line": '[mcp_servers]\noutlast = {command = "x", args = []}\n',
    "a head alone": "[mcp_servers]\n# none yet\n",
    "apart": '[mcp_servers.outlast]\ncommand = "x"\n[other]\nx = 1\n[mcp_servers.b]\nurl = "b"\n',
    "lists of tables": '[[x]]\na = 1\n[[x]]\na = 2\n[mcp_servers.q]\ncommand = "q"  # mine\n',
    "quoted": '[mcp_servers."a.b"]\ncommand = "a"\n[mcp_servers."outlast"]\ncommand = "z"\n',
    "no tables": 'x = """\n[mcp_servers.outlast]\n"""\n',
    "no line's end": '[mcp_servers.a]\ncommand = "a"',
}


@pytest.mark.parametrize("before", TABLES.values(), ids=TABLES)
def test_every_way_to_write_a_table_is_understood(before: str) -> None:
    """Ours goes in, becomes another, and goes out; everything else says the same all along."""
    others = tomllib.loads(before)
    others.get("mcp_servers", {}).pop("outlast", None)
    text = before
    for entry in (ENTRY, REMOTE_ENTRY, None):
        document = Document(text, "config.toml", ("mcp_servers",))
        if entry is None:
            document.take_out("outlast")
        else:
            document.put("outlast", entry, {*ENTRY, *REMOTE_ENTRY})
        text = document.text
        told = tomllib.loads(text)
        assert entry == told.get("mcp_servers", {}).pop("outlast", None)
        assert {"mcp_servers": {}, **others} == {"mcp_servers": {}, **told}
        assert [
            word for word in ("# mine", "# none yet") if word in before and word not in text
        ] == []


def test_what_cannot_be_changed_safely_is_left() -> None:
    """What stands behind a dotted name would become ours: that is seen, and told."""
    before = 'mcp_servers.a.command = "x"\nmodel = "m"\n'
    document = Document(before, "config.toml", ("mcp_servers",))

    with pytest.raises(InvalidRequest, match="cannot be changed here"):
        document.put("outlast", ENTRY, ENTRY)

    assert before == document.text


def test_opencode_2_keeps_its_own_form(cli: Cli, person: Path) -> None:
    """A file that has its servers one step deeper gets ours there too."""
    path = person / CLIENTS["opencode"].paths["user"]
    path.parent.mkdir(parents=True)
    path.write_text('{"mcp": {"servers": {"other": {"type": "local", "command": ["x"]}}}}')

    cli("mcp", "install", "--client", "opencode", "--yes")

    assert ["other", "outlast"] == [*read(path)["mcp"]["servers"]]


WITH_COMMENTS = """\
{
  // the servers
  "servers": {"other": {"url": "http://localhost:1//x"},},
}
"""


def test_comments_are_not_lost(cli: Cli, person: Path) -> None:
    """A file with comments is left as it is, and whoever asked is shown what to put there."""
    path = person / CLIENTS["vscode"].paths["user"]
    path.parent.mkdir(parents=True)
    path.write_text(WITH_COMMENTS)

    done = cli("mcp", "install", "--client", "vscode", "--yes")

    assert 2 == done.code
    assert "comments" in done.error["message"]
    _, _, snippet = done.error["suggestion"].partition("\n")
    assert [PROGRAM, "mcp"] == written(json.loads(snippet)["servers"]["outlast"])[0][:2]
    assert WITH_COMMENTS == path.read_text()
    assert [path] == [*path.parent.iterdir()]


def broken(text: str | bytes) -> Callable[[Path], None]:
    data = text.encode() if isinstance(text, str) else text
    return lambda path: path.write_bytes(data) and None


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("cursor", broken('{"mcpServers": '), "is not JSON"),
        ("cursor", broken("[]"), "is no JSON object"),
        ("cursor", broken('{"mcpServers": []}'), "mcpServers is not a table"),
        ("cursor", broken('{"mcpServers": {"outlast": "x"}}'), "outlast is not a table"),
        ("cursor", broken('{"a": 1, "a": 2}'), "twice"),
        ("cursor", broken(b'{"a": "\xff"}'), "UTF-8"),
        ("cursor", broken("[" * 100_000), "recursion"),
        ("cursor", Path.mkdir, "is not a file"),
        ("cursor", os.mkfifo, "is not a file"),
        ("codex", broken("mcp_servers = "), "is not TOML"),
        ("codex", broken("mcp_servers = 3"), "mcp_servers is not a table"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(
    cli: Cli, person: Path, name: str, make: Callable[[Path], None], says: str
) -> None:
    """It is said what is wrong with it, and nothing is written, beside it neither."""
    path = person / CLIENTS[name].paths["user"]
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None

    done = cli("mcp", "install", "--client", name, "--yes")

    assert 2 == done.code
    assert says in done.error["message"]
    assert str(path) in done.error["message"]
    assert before == (path.read_bytes() if path.is_file() else None)
    assert [path] == [*path.parent.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (("--client", "nobody"), ["'nobody' is not one of"]),
        (
            (
                "--client",
                "claude-desktop",
                "--scope",
                "project",
                "--name",
                "a b",
                "--token-env",
                "$X",
            ),
            [NO_FILE, "--name is letters", "--token-env is the name"],
        ),
        (("--client", "cursor", "--print", "--uninstall"), ["exclude each other"]),
        (("--client", "claude-desktop", "--server", URL), ["no addresses"]),
        (("--client", "cursor", "--server", "unix:///run/x"), ["no client reaches a socket"]),
        (("--client", "cursor", "--server", "http://10.0.0.1:1"), ["plain http"]),
        (("--client", "cursor"), ["nobody to ask"]),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is(
    cli: Cli, person: Path, arguments: tuple[str, ...], faults: list[str]
) -> None:
    """All of it at once; and without a terminal or a yes nothing is written."""
    done = cli("mcp", "install", *arguments)

    assert done.code in (1, 2)
    told = " ".join(done.error.get("faults", [done.error["message"]]))
    assert [] == [fault for fault in faults if fault not in told]
    assert [] == [*person.iterdir()]


@pytest.mark.parametrize(("answer", "is_written"), [("n", False), ("y", True)])
def test_somebody_at_a_terminal_is_asked(
    cli: Cli, person: Path, terminal: Callable[..., Terminal], answer: str, is_written: bool
) -> None:
    """They are shown what it would be and where, and only a yes is one."""
    window = terminal("mcp", "install", "--client", "cursor")
    window.until("[y/N]")

    window.type(answer)

    assert 0 == window.end()
    assert '"outlast"' in window.text
    assert is_written == (person / ".cursor" / "mcp.json").exists()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "their"
    folder.mkdir()
    yield folder / "file"
    shutil.rmtree(folder)


@pytest.mark.parametrize("before", [None, "one"])
def test_a_client_that_writes_meanwhile_wins(file: Path, before: str | None) -> None:
    """What somebody wrote between the look and the change is not written over."""
    if before is not None:
        file.write_text(before)
    place = Place(str(file))
    file.write_text("theirs")

    with pytest.raises(Conflict, match="meanwhile"):
        place.replace("ours", stamp="now", private=True)

    assert "theirs" == file.read_text()
    assert not [each for each in file.parent.iterdir() if each.suffix == ".new"]

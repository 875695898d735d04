"""The settings: where each comes from, what wins, and what is said of one that makes no sense."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outlast.core.machine import Machine
from outlast.errors import InvalidRequest
from outlast.over_http.token import read_token
from outlast.settings import CONFIG, Settings, load_settings

FILE = """\
output = "text"
max_running = 3
idle_exit = "10m"
min_free = "2g"
"""

NAMES = (
    "output",
    "max_running",
    "resources",
    "max_cpus",
    "max_memory",
    "idle_exit",
    "min_free",
    "job_command_timeout_sec",
    "job_connect_timeout_sec",
    "ssh_config",
    "inventory",
    "server",
    "token_file",
    "allow_plain_http",
    "policy",
    "max_schedules",
)
"""Every key of the file."""


def load(
    home: Path, text: str = "", environ: dict[str, str] | None = None, **given: Any
) -> Settings:
    """The settings of *home* with *text* in its file, under nothing but *environ*."""
    (home / CONFIG).write_text(text)
    return load_settings({"OUTLAST_HOME": str(home)} | (environ or {}), **given)


def faults(home: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong, with the file's path written short."""
    with pytest.raises(InvalidRequest) as refusal:
        load(home, text, environ)
    return [fault.replace(str(home / CONFIG), "FILE") for fault in refusal.value.faults]


def test_the_home_s_file_is_read(tmp_path: Path) -> None:
    """Every key of it, and each setting says that it came from there."""
    settings = load(tmp_path, FILE)

    assert (
        Settings(
            home=str(tmp_path),
            home_is_default=False,
            output="text",
            max_running=3,
            idle_exit=timedelta(minutes=10),
            min_free_bytes=2 << 30,
        )
        == settings
    )
    path = str(tmp_path / CONFIG)
    names = ("output", "max_running", "idle_exit", "min_free")
    others = dict.fromkeys(NAMES, "default")
    assert {"home": "OUTLAST_HOME"} | others | dict.fromkeys(names, path) == settings.sources


def test_the_file_holds_numbers_as_numbers(tmp_path: Path) -> None:
    """Seconds and bytes, as elsewhere."""
    settings = load(tmp_path, "idle_exit = 1.5\nmin_free = 4096\n")

    assert (timedelta(seconds=1.5), 4096) == (settings.idle_exit, settings.min_free_bytes)


def test_an_argument_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    """And an empty variable is none."""
    environ = {"OUTLAST_MAX_RUNNING": "5", "OUTLAST_IDLE_EXIT": "20s", "OUTLAST_MIN_FREE": ""}
    settings = load(tmp_path, FILE, environ, max_running=7)

    assert (7, timedelta(seconds=20), 2 << 30) == (
        settings.max_running,
        settings.idle_exit,
        settings.min_free_bytes,
    )
    assert ("argument", "OUTLAST_IDLE_EXIT", str(tmp_path / CONFIG)) == (
        settings.sources["max_running"],
        settings.sources["idle_exit"],
        settings.sources["min_free"],
    )


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    """A home need not be there to be asked about."""
    settings = load_settings({"XDG_STATE_HOME": str(tmp_path)})

    assert (str(tmp_path / "outlast"), True) == (settings.home, settings.home_is_default)
    assert (None, timedelta(minutes=5), 1 << 30) == (
        settings.output,
        settings.idle_exit,
        settings.min_free_bytes,
    )
    assert {"default"} == set(settings.sources.values())


def test_what_the_machine_has_is_a_table_or_text(tmp_path: Path) -> None:
    """A variable holds it as text, as does `written`; both are refused alike."""
    text = "[resources]\ngpu = 2\n'tape.x' = 1\n"
    settings = load(tmp_path, text)
    assert ({"gpu": 2, "tape.x": 1}, "gpu=2,tape.x=1") == (
        settings.resources,
        settings.written()["resources"],
    )
    assert {"license": 3} == load(tmp_path, text, {"OUTLAST_RESOURCES": " license = 3,"}).resources
    assert ({}, None) == ((none := load(tmp_path)).resources, none.written()["resources"])

    number = "and not a whole number from 1 to 1,000,000"
    whole = "is no mapping of names to numbers, each name once, as in gpu=2"
    assert [
        f"FILE: resources: gpu is 0, {number}; tape is True, {number}",
        f"OUTLAST_RESOURCES: 'gpu=1,gpu=2' {whole}",
    ] == faults(
        tmp_path, "[resources]\ngpu = 0\ntape = true\n", {"OUTLAST_RESOURCES": "gpu=1,gpu=2"}
    )


def test_what_the_machine_has_for_jobs_may_be_bounded(tmp_path: Path) -> None:
    """Processors by a number or text, memory as sizes are; 0 of either would begin nothing."""
    text = 'max_cpus = 6\nmax_memory = "8g"\n'
    settings = load(tmp_path, text, {"OUTLAST_MAX_CPUS": "1.5"})

    assert (1.5, 8 << 30) == (settings.machine.max_cpus, settings.machine.max_memory_bytes)
    assert ("1.5", "8g") == tuple(settings.written()[key] for key in ("max_cpus", "max_memory"))
    assert Machine() == load(tmp_path).machine
    number = "is not a number above 0 and below a million"
    none = "would have nothing begin that says what it needs"
    assert [
        f"FILE: max_cpus: True {number}",
        f"OUTLAST_MAX_CPUS: 'many' {number}",
        f"FILE: max_memory: 0 {none}",
        f"OUTLAST_MAX_MEMORY: '0m' {none}",
    ] == faults(
        tmp_path,
        "max_cpus = true\nmax_memory = 0\n",
        {"OUTLAST_MAX_CPUS": "many", "OUTLAST_MAX_MEMORY": "0m"},
    )


def test_only_the_home_s_own_file_counts(tmp_path: Path) -> None:
    """Whoever names another home gets the settings of that one."""
    home, other = tmp_path / "home", tmp_path / "other"
    for each, count in ((home, 2), (other, 3)):
        each.mkdir()
        (each / CONFIG).write_text(f"max_running = {count}\n")

    assert 2 == load_settings({"OUTLAST_HOME": str(home)}).max_running
    assert 3 == load_settings({"OUTLAST_HOME": str(home)}, home=other).max_running


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("max_running = 0", "max_running: 0 is not a whole number above 0", id="none"),
        pytest.param("max_running = true", "max_running: True is not a whole", id="of no number"),
        pytest.param("max_running = 2.5", "max_running: 2.5 is not a whole", id="half a one"),
        pytest.param("idle_exit = 'soon'", "idle_exit: 'soon' is not a duration", id="no time"),
        pytest.param("idle_exit = [1]", "idle_exit: [1] is not a duration", id="a list"),
        pytest.param("min_free = 'much'", "min_free: 'much' is not a size", id="no size"),
        pytest.param("output = 'xml'", "output: 'xml' is neither json nor text", id="no output"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_by_file_and_key(
    tmp_path: Path, text: str, told: str
) -> None:
    """With what would be right."""
    (fault,) = faults(tmp_path, text)

    assert fault.startswith(f"FILE: {told}")


def test_an_unknown_key_is_told_with_those_there_are(tmp_path: Path) -> None:
    """A slip of the pen is not passed over."""
    assert [f"FILE: 'max_runing' is no setting: there are {', '.join(NAMES)}"] == faults(
        tmp_path, "max_runing = 3"
    )


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """The variables' and the file's, also of what another one overrules."""
    told = faults(tmp_path, "max_running = 'x'\nhome = '/'", {"OUTLAST_MAX_RUNNING": "-1"})

    assert [
        "FILE: max_running: 'x' is not a whole number above 0",
        "OUTLAST_MAX_RUNNING: '-1' is not a whole number above 0",
        f"FILE: 'home' is no setting: there are {', '.join(NAMES)}",
    ] == told


@pytest.mark.parametrize("data", [b"max_running: 3", b"output = '\xff'"], ids=["YAML", "no UTF-8"])
def test_what_is_no_toml_is_told(tmp_path: Path, data: bytes) -> None:
    """It is never passed over, and never taken for an empty one."""
    (tmp_path / CONFIG).write_bytes(data)

    with pytest.raises(InvalidRequest, match=r"config\.toml is not TOML: "):
        load_settings({"OUTLAST_HOME": str(tmp_path)})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, say."""
    (tmp_path / CONFIG).mkdir()

    with pytest.raises(InvalidRequest, match=r"config\.toml cannot be read: Is a directory"):
        load_settings({"OUTLAST_HOME": str(tmp_path)})


def test_the_clocks_of_hosts_have_names_of_their_own(tmp_path: Path) -> None:
    """`JOB_..._SEC` says what `OUTLAST_JOB_..._SEC` says, which wins where both are there."""
    short = {"JOB_CONNECT_TIMEOUT_SEC": "5", "JOB_COMMAND_TIMEOUT_SEC": "50"}
    both = {**short, "OUTLAST_JOB_CONNECT_TIMEOUT_SEC": "7"}

    assert (5, 50) == clocks(load(tmp_path, "", short))
    assert (7, 50) == clocks(load(tmp_path, "", both))
    assert (30, 600) == clocks(load(tmp_path, "", {}))


def clocks(settings: Settings) -> tuple[int, int]:
    return (settings.connect_timeout_s, settings.command_timeout_s)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        pytest.param({"JOB_CONNECT_TIMEOUT_SEC": "0"}, "'0' is not a whole number above 0", id="0"),
        pytest.param({"JOB_COMMAND_TIMEOUT_SEC": "1.5"}, "'1.5' is not a whole", id="a fraction"),
        pytest.param({"JOB_COMMAND_TIMEOUT_SEC": "-1"}, "'-1' is not a whole", id="negative"),
        pytest.param({"JOB_COMMAND_TIMEOUT_SEC": "29"}, "is below", id="less than to connect"),
    ],
)
def test_the_clocks_of_hosts_make_sense(tmp_path: Path, environ: dict[str, str], told: str) -> None:
    """Positive whole seconds, and to run takes no less than to connect."""
    with pytest.raises(InvalidRequest, match=re.escape(told)):
        load(tmp_path, "", environ)


def test_a_server_is_meant_unless_a_home_is_named(tmp_path: Path) -> None:
    """An argument wins over the environment, as everywhere; both as arguments are too many."""
    environ = {"OUTLAST_SERVER": "http://127.0.0.1:1/"}

    assert "http://127.0.0.1:1" == load_settings(environ).server
    assert load_settings(environ, home=str(tmp_path)).server is None
    assert "https://x" == load_settings(environ, server="https://x").server
    with pytest.raises(InvalidRequest, match="home and server exclude each other"):
        load_settings({}, home=str(tmp_path), server="https://x")


def test_an_address_of_no_server_is_told(tmp_path: Path) -> None:
    """With what would be right."""
    told = faults(tmp_path, "server = 'jobs.example'\nallow_plain_http = 'perhaps'")

    assert [
        (
            "FILE: server: 'jobs.example' is no address of a server: write http://HOST:PORT,"
            " https://HOST or unix:///PATH"
        ),
        "FILE: allow_plain_http: 'perhaps' is neither yes nor no",
    ] == told


def test_a_token_is_in_the_environment_or_in_a_file(tmp_path: Path) -> None:
    """The file is for this user's eyes alone; what is wrong with it is told without it."""
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    settings = load_settings({"OUTLAST_TOKEN_FILE": str(path)})

    with pytest.raises(InvalidRequest, match="others can read") as caught:
        read_token(settings, {})
    assert "s3cret" not in str(caught.value)
    path.chmod(0o600)
    assert "s3cret" == read_token(settings, {})
    assert "other" == read_token(settings, {"OUTLAST_TOKEN": "other"})
    assert read_token(load_settings({}), {}) is None
    path.unlink()
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        read_token(settings, {})
    assert "s3cret" not in repr(settings)

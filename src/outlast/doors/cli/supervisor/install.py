"""`outlast supervisor install`: queues go on after a reboot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from ....framework.lazy import verb
from ....framework.tool import program

if TYPE_CHECKING:
    from ....framework.caller import Caller

NAME: Final = "outlast.service"
ENABLE: Final = f"systemctl --user daemon-reload && systemctl --user enable --now {NAME}"
LINGER: Final = "loginctl enable-linger"
UNIT: Final = """\
[Unit]
Description=Outlast: carries on with the jobs in {home}

[Service]
ExecStart={command}
# The supervisor leaves this service's cgroup for a scope of its own, and its jobs run there: they go
# on when it is stopped or replaced, and may have limits.
KillMode=process
Restart=on-failure

[Install]
WantedBy=default.target
"""


@verb(
    "install",
    here=True,
    epilog="""
    outlast supervisor install
    outlast supervisor install --print
    """,
)
@click.option("--print", "print_only", is_flag=True, help="Print the unit, and write nothing.")
def install(caller: Caller, print_only: bool) -> int:
    """
    Write a systemd user unit, so that queued jobs go on after a reboot.

    Writes that one file and does nothing else; tells the command that enables it.
    """
    from ....errors import Unavailable
    from ....wiring import SCOPE

    home = caller.settings.home
    run = [*_absolute(program()), "supervisor", "run", "--home", home]
    argv = [*_absolute(SCOPE), *run]
    unit = UNIT.format(home=home.replace("%", "%%"), command=" ".join(map(_quoted, argv)))
    if print_only:
        caller.answer(lambda: {"path": None, "unit": unit}, lambda: unit)
        return 0
    path = unit_path()
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(unit)
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written: {error.strerror}",
            suggestion="Print it, and put it where it belongs: outlast supervisor install --print",
        ) from None
    caller.answer(
        lambda: {"path": path, "unit": unit, "enable_command": ENABLE, "linger_command": LINGER},
        lambda: path,
    )
    if not caller.is_json:
        caller.say(f"enable it: {ENABLE}")
        caller.say(f"to have it started at boot, not at your first login: {LINGER}")
    return 0


def unit_path() -> str:
    """Return where the unit belongs."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(folder, "systemd", "user", NAME)


def _absolute(argv: tuple[str, ...]) -> list[str]:
    """Return *argv* with the program's whole path: a unit has its own PATH."""
    import shutil

    return [shutil.which(argv[0]) or argv[0], *argv[1:]]


def _quoted(word: str) -> str:
    """Quote a word as systemd.service(5) takes command lines apart."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(c in word for c in " \t\"'\\;") else escaped

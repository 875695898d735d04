"""Servers of MCP that run commands, in their usual way: ours, and those that come nearest."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from outlast.testing.sshd import SSHD, Farm, user

from .figure import OURS
from .harness import clean_environment
from .ours import Ours
from .peers import program

NPM = Path(__file__).resolve().parent / "work" / "npm"
"""Where packages of npm are kept from run to run."""


class Peer(ABC):
    """One server: `begin`, as often as you like `argv` and `call`, `end`."""

    name: ClassVar[str]
    note: ClassVar[str] = ""
    why_lost: ClassVar[str] = ""
    """What is known of calls that it loses in a crowd."""

    env: Mapping[str, str]

    @abstractmethod
    def missing(self) -> str | None:
        """Return why it cannot be measured here, or None."""

    @abstractmethod
    def begin(self, folder: Path) -> None:
        """Make what it needs in *folder*, and start what is up before an agent comes."""

    @property
    @abstractmethod
    def argv(self) -> list[str]:
        """How it is started."""

    @abstractmethod
    def call(self, *command: str) -> tuple[str, Mapping[str, Any]]:
        """Return the tool that runs a command and waits for its end, and what it is given."""

    @abstractmethod
    def is_done(self, result: Mapping[str, Any]) -> bool:
        """Whether a tool's answer says that the command is over, and well."""

    @abstractmethod
    def version(self) -> str:
        """Return which it is."""

    @abstractmethod
    def end(self) -> None:
        """Stop what `begin` has started."""


class Outlast(Peer):
    """Ours, its supervisor up."""

    name = f"{OURS} mcp"

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once

    def missing(self) -> str | None:
        there = importlib.util.find_spec("mcp") and importlib.util.find_spec("outlast.doors.mcp")
        return None if there else "the extra mcp is not installed"

    def begin(self, folder: Path) -> None:
        self._ours = Ours(folder, max_running=self._at_once)
        self._ours.__enter__()
        self.env = self._ours.env

    @property
    def argv(self) -> list[str]:
        return self._ours.argv("mcp")

    def call(self, *command: str) -> tuple[str, Mapping[str, Any]]:
        return "job_run", {"command": list(command)}

    def is_done(self, result: Mapping[str, Any]) -> bool:
        return bool(result["structuredContent"]["status"] == "complete")

    def version(self) -> str:
        return version("outlast")

    def end(self) -> None:
        self._ours.__exit__(None, None, None)


class Awaitless(Peer):
    """awaitless-runner: jobs that outlive their caller, by a CLI and an MCP server."""

    name = "awaitless-mcp"

    def missing(self) -> str | None:
        return None if shutil.which(program("awaitless-mcp")) else "not installed"

    def begin(self, folder: Path) -> None:
        kept = {n: v for n, v in clean_environment().items() if not n.startswith("XDG_")}
        self.env = {**kept, "HOME": str(folder)}
        # Two that make its database at once meet a lock, and one of them fails.
        argv = [program("awaitless"), "run", program("true")]
        subprocess.run(argv, env=self.env, cwd=folder, capture_output=True, check=True)

    @property
    def argv(self) -> list[str]:
        return [program("awaitless-mcp")]

    def call(self, *command: str) -> tuple[str, Mapping[str, Any]]:
        return "run", {"command": list(command)}

    def is_done(self, result: Mapping[str, Any]) -> bool:
        return '"succeeded"' in json.dumps(result).replace('\\"', '"').lower()

    def version(self) -> str:
        return version("awaitless-runner")

    def end(self) -> None:
        """Nothing of it is up."""


class SshMcp(Peer):
    """
    ssh-mcp, the npm package of that name: of the servers there that run commands by SSH the one that is most
    used. It runs a command on a connection and keeps nothing: a floor, for work that nobody needs to find again.
    """

    name = "ssh-mcp"
    note = "on a host, by SSH; keeps nothing"
    why_lost = "all on one connection, where sshd lets ten commands run at once (MaxSessions)"
    release = "2.11.0"

    def missing(self) -> str | None:
        for each in ("node", "npm"):
            if shutil.which(each) is None:
                return f"there is no {each} here"
        if SSHD is None:
            return "there is no sshd here"
        if self._installed() == self.release:
            return None
        print(f"Installing ssh-mcp {self.release}", file=sys.stderr)
        NPM.mkdir(parents=True, exist_ok=True)
        argv = ["npm", "install", "--prefix", str(NPM), "--ignore-scripts", "--no-audit"]
        argv += ["--no-fund", "--no-package-lock", f"ssh-mcp@{self.release}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else done.stderr.strip()[-200:]

    @property
    def _package(self) -> Path:
        return NPM / "node_modules" / "ssh-mcp"

    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self._package / "package.json").read_text())
        return described

    def _installed(self) -> str | None:
        try:
            return str(self._described()["version"])
        except (OSError, ValueError):
            return None

    def begin(self, folder: Path) -> None:
        self._farm = Farm(folder / "farm", 1)
        self._farm.start()
        port = re.search(r"Port (\d+)", self._farm.config.read_text())
        assert port is not None
        own = folder / "config" / "ssh-mcp"
        own.mkdir(parents=True)
        own.chmod(0o700)
        (own / "config.toml").write_text(
            f"""
            [defaults]
            defaultProfile = "host"
            [[profiles]]
            name = "host"
            host = "{self._farm.hosts[0]}"
            port = {port[1]}
            user = "{user()}"
            auth = "key"
            keyRef = "{self._farm.folder}/user"
            role = "admin"
            approvalPolicy = "auto"
            """
        )
        (own / "config.toml").chmod(0o600)
        self.env = {
            **clean_environment(),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(own.parent),
        }

    @property
    def argv(self) -> list[str]:
        node = shutil.which("node") or ""
        return [node, str(self._package / self._described()["bin"]["ssh-mcp"])]

    def call(self, *command: str) -> tuple[str, Mapping[str, Any]]:
        return "run-command", {"command": " ".join(command)}

    def is_done(self, result: Mapping[str, Any]) -> bool:
        return not result.get("isError")

    def version(self) -> str:
        return self._installed() or ""

    def end(self) -> None:
        self._farm.stop()

"""What the tests of batches share: the command line in a home of its own, and its manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..cli import conftest as tests_of_cli
from ..cli.conftest import Cli, Done


class Folder:
    """A folder with inputs, and batches over it."""

    def __init__(self, cli: Cli, path: Path) -> None:
        self.cli = cli
        self.path = path
        self.inputs = path / "in"
        self.inputs.mkdir()
        self.out = path / "out"
        self.file = path / "M.json"

    def write(self, **texts: str) -> None:
        """Write inputs, such as `a="text"` into `in/a.txt`."""
        for name, text in texts.items():
            (self.inputs / f"{name}.txt").write_text(text)

    def batch(self, *arguments: str, stdin: bytes = b"") -> Done:
        return self.cli("batch", *arguments, stdin=stdin)

    def copy(self, *options: str, line: str = "cat {input} > {output}") -> Done:
        """Run a batch over all inputs, to the end where *options* do not say otherwise."""
        wait = () if "--wait" in options else ("--wait", "none")
        given = ("--manifest", str(self.file), "-o", str(self.out), *wait, *options)
        return self.batch(*given, "--shell", line, str(self.inputs))

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        return {entry["source_file_path"]: entry for entry in self.manifest["entries"]}

    def column(self, key: str) -> dict[str, Any]:
        """One key of each entry, by the input's path."""
        return {path: entry[key] for path, entry in self.entries.items()}


cli = tests_of_cli.cli
terminal = tests_of_cli.terminal


@pytest.fixture
def folder(cli: Cli) -> Folder:
    return Folder(cli, cli.folder)

"""
A client of MCP over stdio, small enough to cost nothing: lines of JSON there and back, one process.

The same for everybody who is measured. It speaks the older handshake, which all servers know.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

VERSION = "2025-06-18"
PATIENCE_S = 120


class Answer:
    """What came back: its *result*, how many bytes it took on the wire, and when it was here."""

    def __init__(self, result: Any, size_bytes: int, at: float) -> None:
        self.result, self.size_bytes, self.at = result, size_bytes, at


class Client:
    """
    One server, started and greeted: `with Client(argv, env, folder) as client`. `greeted_s` and `listed_s` are how
    long after its start it had answered to its name, and what tools it has.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._argv, self._env, self._folder = list(argv), dict(env), folder
        self._lock = threading.Lock()
        self._asked: dict[int, Future[Answer]] = {}
        self._last = 0

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            self._argv,
            env=self._env,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.ask(
            "initialize",
            protocolVersion=VERSION,
            capabilities={},
            clientInfo={"name": "benchmark", "version": "1"},
        )
        self.greeted_s = time.perf_counter() - begun
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.tools = self.ask("tools/list")
        self.listed_s = time.perf_counter() - begun
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._log.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def ask(self, method: str, **params: Any) -> Answer:
        """Ask, and return the answer. Raises RuntimeError for an error, or where none comes."""
        return self.begin(method, **params).result(PATIENCE_S)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool, and return the answer. Raises RuntimeError where it is an error."""
        return checked(self.ask("tools/call", name=tool, arguments=arguments))

    def begin(self, method: str, **params: Any) -> Future[Answer]:
        """Ask, and return what will be the answer."""
        answer: Future[Answer] = Future()
        with self._lock:
            self._last += 1
            self._asked[self._last] = answer
            self._write({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        return answer

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at = time.perf_counter()
            told = json.loads(line)
            answer = self._asked.pop(told.get("id"), None)
            if answer is None:
                continue  # a notification
            if "error" in told:
                answer.set_exception(RuntimeError(told["error"]))
            else:
                answer.set_result(Answer(told["result"], len(line), at))
        self._log.seek(0)
        log = self._log.read()[-2000:].decode(errors="replace")
        for answer in self._asked.values():
            answer.set_exception(RuntimeError(f"{self._argv[0]} has gone: {log}"))


def checked(answer: Answer) -> Answer:
    """Return *answer*, unless the tool says that it is an error."""
    if answer.result.get("isError"):
        raise RuntimeError(answer.result)
    return answer

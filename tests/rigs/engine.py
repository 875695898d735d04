"""A real container engine for tests, of their own: what all of them have, and the image they get."""

from __future__ import annotations

import abc
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from outlast.shim import system

IMAGE = "box:1"
UP_S = 60.0
JSON, TAR = "application/json", "application/x-tar"


def which(name: str) -> str | None:
    """Return where a program is; an administrator's as well."""
    return shutil.which(name, path=PATH)


PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


class Engine(abc.ABC):
    """An engine whose data, socket and containers are all below *folder*; nothing leaves it."""

    programs: ClassVar[tuple[str, ...]]
    packages: ClassVar[str]

    has_digests_of_its_own: ClassVar[bool] = False
    """Whether it gives an image a digest at a registry that it never came from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.address = f"unix://{self.socket}"

    @classmethod
    def missing(cls) -> str | None:
        """Say what keeps an engine from being started here; None if nothing does."""
        if os.geteuid() != 0:
            return "an engine of one's own needs root"
        gone = [name for name in cls.programs if which(name) is None]
        return f"no {', '.join(gone)} here: apt-get install {cls.packages}" if gone else None

    @abc.abstractmethod
    def kill(self) -> None:
        """Kill the service as `kill -9` does. Its containers live on."""

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """Return what serves at the socket, and leaves its pid in the folder's `pid`."""

    def _environment(self) -> Mapping[str, str]:
        """Return the variables of what serves: none of a test's."""
        return {"PATH": PATH}

    def start(self) -> None:
        """Have it run: the first time with the image, later with what it had."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("pid", "s"):
            (self.folder / name).unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            # By way of a shell that leaves at once: it is no child of the tests.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,  # conmon leaves a file where it is
                env=self._environment(),
                check=True,
            )
        self._wait_until_up()
        if not self.ask("GET", "/images/json"):
            self._make_image()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + UP_S
        while True:
            with suppress(OSError):
                self.ask("GET", "/_ping")
                return
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def stop(self) -> None:
        """End it and everything of it."""
        with suppress(OSError):
            for each in self.containers():
                self.ask("DELETE", f"/containers/{each['Id']}?force=1")
        self._end(signal.SIGTERM)
        # What is mounted below would keep whoever cleans up from it.
        with open("/proc/mounts") as file:
            mounts = [line.split()[1] for line in file if f" {self.folder}/" in line]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, signum: int) -> None:
        pid = int((self.folder / "pid").read_text())
        started = system.start_time(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        self._wait_until_gone(pid, started)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it do nothing at all for a while; what it is asked meanwhile, it does after."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def _wait_until_gone(self, pid: int, started: int | None) -> None:
        deadline = time.monotonic() + UP_S
        while system.is_running(pid, started):
            assert time.monotonic() < deadline, "the engine does not end"
            time.sleep(0.02)

    def containers(self) -> list[dict[str, Any]]:
        """
        Return all containers that it has, those that have ended too.

        Its list may go on to name one that it was asked to remove while that was ending: each is
        looked for. Podman has none at all just when a process of one ends: it is asked again.
        """
        return [each for each in self._listed() if self._has(each["Id"])]

    def _listed(self) -> list[dict[str, Any]]:
        deadline = time.monotonic() + UP_S
        while True:
            try:
                return list(self.ask("GET", "/containers/json?all=1"))
            except AssertionError as error:
                if "no such process" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def volumes(self) -> list[dict[str, Any]]:
        """Return all volumes that it has."""
        return list(self.ask("GET", "/volumes")["Volumes"] or ())

    def _has(self, container: str) -> bool:
        try:
            self.ask("GET", f"/containers/{container}/json")
        except AssertionError:
            return False
        return True

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = JSON) -> Any:
        """Ask it something by its API, as its own client would."""
        connection = http.client.HTTPConnection("engine", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(60)
            connection.sock.connect(str(self.socket))
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        assert answer.status < 400, data
        return json.loads(data) if data[:1] in (b"[", b"{") and path != "/_ping" else None

    def _make_image(self) -> None:
        self.ask("POST", f"/images/create?fromSrc=-&repo={IMAGE}", box(), TAR)


def box() -> bytes:
    """Return the root of an image, as a tar: nothing but busybox and the libraries it needs."""
    busybox = which("busybox")
    assert busybox is not None
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700)):
            _add(tar, name, tarfile.DIRTYPE, mode)
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for library in _libraries(busybox):
            tar.add(os.path.realpath(library), library.lstrip("/"))
        names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for name in names.stdout.split():
            if name != "busybox":
                _add(tar, f"bin/{name}", tarfile.SYMTYPE, 0o777, link="busybox")
        _add(tar, "etc/passwd", tarfile.REGTYPE, 0o644, data=b"root:x:0:0::/root:/bin/sh\n")
    return root.getvalue()


def layer(name: str, data: bytes) -> bytes:
    """Return a layer of an image, as a tar: one file."""
    root = io.BytesIO()
    with tarfile.open(fileobj=root, mode="w") as tar:
        _add(tar, name, tarfile.REGTYPE, 0o644, data=data)
    return root.getvalue()


def _add(
    tar: tarfile.TarFile, name: str, kind: bytes, mode: int, *, link: str = "", data: bytes = b""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(data)
    tar.addfile(entry, io.BytesIO(data))


def _libraries(program: str) -> list[str]:
    """Return the libraries that a program is linked to; none for a static one."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    words = [word for line in told.splitlines() for word in line.split()]
    return sorted({word for word in words if word.startswith("/") and os.path.exists(word)})

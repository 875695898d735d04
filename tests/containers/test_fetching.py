"""What an engine may say of /out: archives that lie, break off, never end; told, and kept harmless."""

from __future__ import annotations

import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from outlast.artifacts import Artifact, Collection, pieces, read
from outlast.core.collect import MOST_NAMES, Collect
from outlast.executors.container.collect import Fetching

from ..world import eventually

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_SUCH = b'HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{"message":"no"}'

Entry = tuple[str, bytes, bytes]
"""Name, kind (tarfile's), content; where it is a link, the content is what it leads to."""


def archive(*entries: Entry) -> bytes:
    """Return an archive of /out with these entries, whatever they are called."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, kind, content in (("out", tarfile.DIRTYPE, b""), *entries):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime = kind, 1_700_000_000
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry.linkname = content.decode()
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def file(name: str, content: bytes = b"x") -> Entry:
    """Return an entry that is a regular file."""
    return f"out/{name}", tarfile.REGTYPE, content


def whole(data: bytes) -> bytes:
    """Return an answer as an engine gives it."""
    return HEAD + f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"


def cut(data: bytes, at: int) -> bytes:
    """Return an answer of which the engine goes away in the middle."""
    return HEAD + f"{len(data):x}\r\n".encode() + data[:at]


class Scripted:
    """Listens where an engine would, and gives each caller the next of its answers; the last again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: list[bytes] = []
        self.hangs = False
        """Says nothing more after an answer, and does not hang up either."""

        self.calls = 0
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "s"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            answer = self.answers[min(self.calls, len(self.answers) - 1)]
            self.calls += 1
            self._open.append(peer)
            peer.recv(1 << 16)
            with suppress(OSError):  # where the caller has had enough
                peer.sendall(answer)
            if not self.hangs:
                peer.close()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for peer in self._open:
            peer.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Scripted]:
    scripted = Scripted(tmp_path)
    yield scripted
    scripted.close()


def fetching(
    engine: Scripted, *globs: str, most_names: int = MOST_NAMES, **limits: Any
) -> Fetching:
    """Return what fetches, into the folder `attempt`."""
    folder = engine.folder / "attempt"
    folder.mkdir(exist_ok=True)
    order = {"folder": str(folder), "name": "c", "engine": f"unix://{engine.folder}/s"}
    collect = Collect(globs=globs or ("/out",), **limits)
    return Fetching(order, collect, 0, most_names=most_names)


Fetched = Callable[..., Collection]


@pytest.fixture
def fetched(engine: Scripted) -> Fetched:
    """Fetches, and returns what is here then."""

    def fetched(*answers: bytes, globs: tuple[str, ...] = (), **limits: Any) -> Collection:
        engine.answers = list(answers)
        fetching(engine, *globs, **limits).run()
        known = read(str(engine.folder / "attempt"))
        assert known is not None
        return known

    return fetched


def content(engine: Scripted, artifact: Artifact) -> bytes:
    """Return the bytes of an artifact."""
    return b"".join(pieces(str(engine.folder / "attempt"), artifact))


def test_names_that_lead_outside_are_data(engine: Scripted, fetched: Fetched) -> None:
    """Upwards, absolute, empty, of control characters: everything lies under a number."""
    names = [
        "../../../x",
        "/etc/passwd",
        "a/../../y",
        "new\nline",
        "\udcff",
        "l" * 255,
        "C:",
        "con",
    ]
    known = fetched(whole(archive(*map(file, names))))
    before = {"s", "attempt"}

    assert ("complete", len(names)) == (known.state, len(known.here))
    assert before == {each.name for each in engine.folder.iterdir()}
    assert not any(".." in each.path.split("/") or each.path[0] == "/" for each in known.files)
    assert b"\xff" in {each.name for each in known.files}


def test_what_is_no_file_is_told_and_not_followed(fetched: Fetched) -> None:
    """Links of both kinds, devices and pipes; folders only where they are named."""
    known = fetched(
        whole(
            archive(
                ("out/link", tarfile.SYMTYPE, b"/etc/passwd"),
                ("out/hard", tarfile.LNKTYPE, b"../../etc/passwd"),
                ("out/char", tarfile.CHRTYPE, b""),
                ("out/block", tarfile.BLKTYPE, b""),
                ("out/pipe", tarfile.FIFOTYPE, b""),
                ("out/folder", tarfile.DIRTYPE, b""),
                file("folder/x"),
            )
        ),
        globs=("*", "folder"),
    )
    why = {each.path: each.error for each in known.files}

    assert {"link", "hard", "char", "block", "pipe", "folder"} == set(why)
    assert [] == list(known.here)
    assert "/**" in str(why["folder"])


def test_an_archive_that_breaks_off_is_asked_for_again(engine: Scripted, fetched: Fetched) -> None:
    """What is here is not fetched again, and what was half here goes on."""
    small, big = file("a", b"small"), file("b", bytes(range(256)) * 4096)
    data = archive(small, big)
    known = fetched(cut(data, 600_000), b"", cut(data, 900_000), whole(data))

    assert ("complete", None, 4) == (known.state, known.error, engine.calls)
    assert [small[2], big[2]] == [content(engine, each) for each in known.here]


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"no archive at all, and yet so long that it could be one" * 20),
        cut(archive(file("a")), 0),
        b'HTTP/1.1 500 Error\r\nContent-Length: 20\r\n\r\n{"message":"broken"}',
    ],
    ids=["no archive", "nothing", "refused"],
)
def test_what_never_comes_is_given_up(engine: Scripted, fetched: Fetched, answer: bytes) -> None:
    """After some tries in vain, and with words."""
    known = fetched(answer)

    assert ("incomplete", 0, 3) == (known.state, len(known.here), engine.calls)
    assert "/out" in str(known.error)


def test_a_container_that_is_gone(fetched: Fetched) -> None:
    """Nothing will ever come of it, and that is told at once."""
    assert "the container was removed by somebody else" == fetched(NO_SUCH).error


def test_files_are_limited(fetched: Fetched) -> None:
    """What is over the limit is left out, and told."""
    known = fetched(whole(archive(*(file(f"{n}") for n in range(5)))), max_files=2)

    assert (2, 3, "complete") == (len(known.here), known.skipped, known.state)
    assert {None, "over the limit of 2 files"} == {each.error for each in known.files}


def test_no_more_names_are_looked_at_than_fit_in_memory(engine: Scripted) -> None:
    """Whether they are wanted or not."""
    engine.answers = [whole(archive(*(file(f"{n}") for n in range(5))))]
    fetching(engine, "0", most_names=3).run()
    known = read(str(engine.folder / "attempt"))

    assert known is not None
    assert ("incomplete", 1) == (known.state, len(known.here))
    assert "/out has too many files, and not all were looked at" == known.error


def test_bytes_are_limited(fetched: Fetched) -> None:
    """A file that does not fit is left out whole; a smaller one behind it is not."""
    known = fetched(
        whole(archive(file("a", b"x" * 600), file("b", b"x" * 600), file("c", b"x" * 300))),
        max_bytes=1000,
    )

    assert ["a", "c"] == [each.path for each in known.here]
    assert ("over the limit of 1000 in all", 1) == (known.files[1].error, known.skipped)


def test_what_nobody_wants_is_not_read_without_end(fetched: Fetched) -> None:
    """Behind sixteen times the limit nothing is looked at, and that is told."""
    known = fetched(whole(archive(file("a"), file("b", b"x" * 16_001), file("c"))), max_bytes=1000)

    assert ["a"] == [each.path for each in known.here]
    assert "incomplete" == known.state


@pytest.mark.parametrize("why", [None, "it was cancelled"])
def test_it_can_be_stopped_while_the_engine_says_nothing(engine: Scripted, why: str | None) -> None:
    """For good, with words; or to be gone on with, by whoever comes next."""
    data = archive(file("a", b"x" * 600_000))
    engine.answers, engine.hangs = [cut(data, 400_000)], True
    first = fetching(engine)
    thread = threading.Thread(target=first.run)
    thread.start()
    begun = engine.folder / "attempt" / "artifacts" / "1"
    eventually(begun.exists, "its first bytes")
    first.stop(why)
    thread.join()
    stopped = read(str(engine.folder / "attempt"))
    engine.answers, engine.hangs = [whole(data)], False
    if why is None:
        fetching(engine).run()
    known = read(str(engine.folder / "attempt"))

    assert stopped is not None
    assert known is not None
    assert ("collecting" if why is None else "incomplete") == stopped.state
    assert ((1, None) if why is None else (0, why)) == (len(known.here), known.error)

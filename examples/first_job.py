"""
A job that outlives its caller's patience and its supervisor, told line by line.

Takes a copy of this Python's own standard library, and has `inventory.py` hash and byte-compile
it as a job. We wait for it too briefly, kill the supervisor with `kill -9` while it runs, ask for
it again by its id, and check its result against our own. Everything is in a temporary folder,
which is removed at the end. Exits with 1 if anything is not as told.

    python examples/first_job.py
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

import inventory

NOT_COPIED = ("site-packages", "dist-packages", "__pycache__", "config-*")
LONGEST_S = 600


def main() -> None:
    """Tell the story."""
    with tempfile.TemporaryDirectory(prefix="outlast-first-job-") as folder:
        story = Story(Path(folder))
        try:
            story.tell()
        finally:
            story.clean_up()


class Story:
    """Calls `outlast` as anybody would: by its command line, reading its JSON."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "library"
        # A home of its own, so that this touches no job of yours.
        self.env = os.environ | {"OUTLAST_HOME": str(folder / "home")}
        self.env.pop("OUTLAST_OUTPUT", None)
        self.job_id = ""

    def tell(self) -> None:
        """Do it all, in order."""
        say(
            "Some real work: a copy of this Python's own standard library, to be hashed and compiled."
        )
        shutil.copytree(
            sysconfig.get_path("stdlib"),
            self.library,
            ignore=shutil.ignore_patterns(*NOT_COPIED),
            symlinks=True,
        )
        files = inventory.modules(self.library)
        expected = inventory.digest(files, self.library)
        say(f"{len(files)} modules. What their digest must be, we know; now it becomes a job.")

        job = self.submit()
        self.wait_too_briefly(job)
        self.kill_the_supervisor()
        self.ask_again()
        self.read_the_result(len(files), expected)

    def submit(self) -> dict[str, Any]:
        """Step 1."""
        chapter(1, "Submit it. The answer comes at once, and the job is on disk by then.")
        script = Path(__file__).with_name("inventory.py")
        work = [sys.executable, "-W", "ignore", str(script), str(self.library)]
        code, job = self.outlast("submit", "--name", "inventory", "--timeout", "10m", "--", *work)
        check(code == 0 and not job["terminal"], "it was accepted, and has not ended")
        self.job_id = job["job_id"]
        say(f"It is {self.job_id}. With that id anybody on this machine can ask for it.")
        return job

    def wait_too_briefly(self, job: dict[str, Any]) -> None:
        """Step 2."""
        chapter(2, "Wait for it, too briefly: for half a second.")
        code, job = self.outlast("job", "wait", "--timeout", "0.5s", self.job_id)
        check(code == 3 and job["status"] in ("queued", "running"), "exit code 3: it still runs")
        say("Only the waiting is over. An agent's shell that gives up would change nothing either.")

    def kill_the_supervisor(self) -> None:
        """Step 3."""
        chapter(3, "Kill the supervisor, the process that looks after all jobs, with kill -9.")
        _, supervisor = self.outlast("supervisor", "status")
        pid = supervisor["pid"]
        say(f"$ kill -9 {pid}")
        os.kill(pid, signal.SIGKILL)
        while is_alive(pid):
            time.sleep(0.01)
        say(f"Process {pid} is gone. The job's own parent is another one, a shim, and lives on.")

    def ask_again(self) -> None:
        """Step 4."""
        chapter(4, "Come back, with nothing but the id.")
        code, job = self.outlast("job", "status", self.job_id)
        check(code == 3 and job["status"] == "running", "it runs, and was not started again")
        check(job["attempt"] == 1, "this is still the first attempt")
        say(f"{job['progress_pct'] or 0:.0f} % done: {job['message']}")
        _, supervisor = self.outlast("supervisor", "status")
        check(bool(supervisor["pid"]), "asking has started another supervisor, which took it over")
        deadline = time.monotonic() + LONGEST_S
        while not job["terminal"] and time.monotonic() < deadline:
            code, job = self.outlast("job", "wait", "--timeout", "30s", self.job_id)
            if not job["terminal"]:
                say(f"{job['progress_pct'] or 0:.0f} % done: {job['message']}")
        check(code == 0 and job["status"] == "complete", "exit code 0: it is complete")

    def read_the_result(self, modules: int, expected: str) -> None:
        """Step 5."""
        chapter(5, "Read its result, and see whether it is the truth.")
        code, job = self.outlast("job", "result", self.job_id)
        result = job["result"]
        for line in result["stdout"].splitlines():
            say(f"  | {line}")
        begun = result["stdout"].count(f"begins with {modules} modules")
        check((code, result["exit_code"]) == (0, 0), "its exit code is 0")
        check(begun == 1, "it was started once")
        check(f"digest {expected}" in result["stdout"], "its digest is the one that we know")
        compiled = sum(1 for _ in self.library.rglob("*.pyc"))
        check(
            f"{compiled} files compiled" in result["stdout"], f"{compiled} compiled files are there"
        )
        say("")
        say(
            "Its caller had left and its supervisor was killed; the job ended with its true result."
        )
        say("Next: docs/index.md, or  outlast --help")

    def outlast(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Call `outlast`. Returns its exit code and the `data` of its answer."""
        say(f"$ {shorten(shlex.join(['outlast', *arguments]))}")
        done = subprocess.run(
            [sys.executable, "-m", "outlast", *arguments],
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            fail(f"that is no answer: {done.stdout!r}")
        if not answer["ok"]:
            fail(f"{answer['error']['message']}. {answer['error']['suggestion'] or ''}")
        return done.returncode, answer["data"]

    def clean_up(self) -> None:
        """Leave nothing running, whatever happened."""
        for arguments in (
            ["job", "cancel", "--grace", "0", "--wait-stopped", "10s", self.job_id],
            ["supervisor", "stop"],
        ):
            if self.job_id:
                subprocess.run(
                    [sys.executable, "-m", "outlast", *arguments],
                    env=self.env,
                    stdout=subprocess.DEVNULL,
                    check=False,
                )


def say(line: str) -> None:
    """Tell a line."""
    print(f"   {line}".rstrip(), flush=True)


def chapter(number: int, title: str) -> None:
    """Begin a step."""
    print(f"\n{number}. {title}", flush=True)


def check(is_so: bool, what: str) -> None:
    """Tell what holds, or end with 1 where it does not."""
    if not is_so:
        fail(f"this should hold, and does not: {what}")
    say(f"✓ {what}")


def fail(why: str) -> NoReturn:
    """End the story where it went wrong."""
    say(f"✗ {why}")
    sys.exit(1)


def shorten(line: str) -> str:
    """Return a command that fits on a line."""
    return line if len(line) <= 90 else f"{line[:60]} ... {line[-25:]}"


def is_alive(pid: int) -> bool:
    """Whether there is such a process that is not a dead one's shell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    main()

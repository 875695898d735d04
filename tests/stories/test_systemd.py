"""Under a real systemd, on a machine of its own: logging out, losing power, and limits that hold."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..rigs import guest
from ..rigs.guest import Guest
from ..world import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # emulated: a boot takes a minute

PROGRAMS = f"export PATH={Path(sys.executable).parent}:$PATH OUTLAST_OUTPUT=json\n"
MACHINE_S = 400.0

EATS_MEMORY = f"{sys.executable} -S -c 'bytearray(200 << 20)'"
BOMB = f"""{sys.executable} -S -c '
import os, time
first = os.getpid()
while True:
    try:
        os.fork()
    except BlockingIOError:
        break
if os.getpid() != first:
    time.sleep(1000)
here = "/sys/fs/cgroup" + open("/proc/self/cgroup").read().strip().removeprefix("0::")
print(len(open(here + "/cgroup.procs").read().split()))
'"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Guest]:
    """A machine on which a session's processes end with it, and whose user lingers."""
    if platform.machine() != "x86_64":
        pytest.skip("the emulated machine is an x86_64 one")
    try:
        guest.install()
    except OSError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="outlast-guest-") as folder:
        machine = Guest(Path(folder))
        try:
            machine.start()
            machine.log_in(f"loginctl enable-linger {guest.USER}", user="root")
            yield machine
        finally:
            machine.stop()


def ask(machine: Guest, command: str) -> Any:
    """Log in, and return the data of Outlast's answer; its exit code may tell of a failed job."""
    return json.loads(machine.log_in(f"{PROGRAMS}{command} || true"))["data"]


def submit(machine: Guest, arguments: str) -> str:
    """Log in, submit a job, log out; return its id."""
    id_: str = ask(machine, f"outlast submit {arguments}")["job_id"]
    return id_


def end(machine: Guest, arguments: str) -> dict[str, Any]:
    """Return a job's one node once it has ended, with what it printed in `printed`."""
    job_id = submit(machine, arguments)
    node = ask(machine, f"outlast job wait --timeout 60s {job_id}")["nodes"][0]
    assert isinstance(node, dict)
    printed = machine.log_in(f"{PROGRAMS}outlast job logs --text {job_id}")
    return node | {"printed": printed}


def test_a_job_survives_the_logout(machine: Guest) -> None:
    """
    systemd kills what a session leaves behind, in whatever session of its own; not the job, nor
    the supervisor that was only just started for it.
    """
    job_id = submit(machine, "--shell 'until [ -e go ]; do sleep 0.1; done; exit 37'")
    session = machine.log_in(
        "setsid sleep 4711 </dev/null >/dev/null 2>&1 & echo $XDG_SESSION_ID"
    ).strip()
    machine.log_in(f"loginctl terminate-session {session} || true", user="root")
    eventually(
        lambda: not machine.log_in("pgrep -f 'sleep 471[1]' || true", user="root"),
        "the end of the session's process",
        within_s=MACHINE_S,
    )
    assert machine.log_in("pgrep -f 'outlast.wirin[g]'", user="root")
    before = eventually(
        lambda: (
            job
            if (job := ask(machine, f"outlast job status {job_id}"))["status"] != "queued"
            else None
        ),
        "the command's start",
        within_s=MACHINE_S,
    )
    machine.log_in("touch go")
    node = ask(machine, f"outlast job wait --timeout 60s {job_id}")["nodes"][0]

    assert "running" == before["status"]
    assert ("exit_nonzero", 37) == (node["reason"], node["exit_code"])
    assert ("logout", "cgroup") == (node["survives"], node["containment"])


def test_doctor_speaks_of_where_jobs_run(machine: Guest) -> None:
    """Not of the session that it is asked in, where no cgroup can be made."""
    data = ask(machine, "outlast doctor")
    checks = {each["check"]: each["status"] for each in data["checks"]}

    assert "logout" == data["survives"]
    assert ("ok", "ok") == (checks["containment"], checks["limits"])


def test_want_of_memory_is_told_from_a_plain_kill(machine: Guest) -> None:
    """Both end by SIGKILL, under the same limit; the kernel's own counter tells them apart."""
    ends = [
        end(machine, f'--memory 40m --shell "{command}"')
        for command in (f"exec {EATS_MEMORY}", r"kill -9 \$\$")
    ]

    assert [("oom_killed", None), ("signal", None)] == [
        (node["reason"], node["exit_code"]) for node in ends
    ]


def test_a_fork_bomb_stays_within_its_limit(machine: Guest) -> None:
    """It forks until it is refused, at twenty processes; nothing of it is left."""
    machine.log_in(f"cat > bomb <<'END'\n{BOMB}\nEND")
    node = end(machine, "--pids 20 -- /bin/sh bomb")

    assert (0, "20") == (node["exit_code"], node["printed"].strip())
    assert "" == machine.log_in("pgrep -f 'os.for[k]' || true")


def test_processors_are_shared_out_by_the_kernel(machine: Guest) -> None:
    """Half a processor is half of each period, in the job's own cgroup."""
    look = "cat /sys/fs/cgroup/$(cut -d: -f3 /proc/self/cgroup)/cpu.max"

    assert "50000 100000" == end(machine, f"--cpus 0.5 --shell '{look}'")["printed"].strip()


def test_a_service_carries_the_queue_over_a_power_cut(machine: Guest) -> None:
    """
    Its unit may be restarted, and its supervisor killed, while jobs run. After the power is back
    nobody logs in, and what was queued runs; what ran is told as it is.
    """
    machine.log_in(f"{PROGRAMS}outlast supervisor stop; outlast supervisor install")
    machine.log_in("systemctl --user daemon-reload; systemctl --user enable --now outlast.service")
    eventually(lambda: serves(machine), "the service's supervisor", within_s=MACHINE_S)
    running = submit(machine, "--queue q --cpus 1 -- sleep 1000")
    queued = submit(machine, "--queue q --shell 'touch ran; sync'")
    seen = []
    for how in ("restart", "kill --signal=KILL"):
        machine.log_in(f"systemctl --user {how} outlast.service")
        eventually(lambda: serves(machine), "the service's next supervisor", within_s=MACHINE_S)
        seen.append(ask(machine, f"outlast job status {running}")["status"])
    machine.reset()
    eventually(
        lambda: (
            machine.log_in(f"ls ~{guest.USER}/ran 2>&1 || true", user="root")
            == f"/home/{guest.USER}/ran\n"
        ),
        "the queued job",
        within_s=MACHINE_S,
    )

    assert ["running", "running"] == seen
    assert "host_rebooted" == ask(machine, f"outlast job status {running}")["reason"]
    assert "complete" == ask(machine, f"outlast job wait --timeout 60s {queued}")["status"]


def serves(machine: Guest) -> bool:
    """Whether the home's supervisor is the process that systemd takes for the service."""
    pid = machine.log_in("systemctl --user show --value -p MainPID outlast.service")
    return bool(ask(machine, "outlast supervisor status")["pid"] == int(pid))

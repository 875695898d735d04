"""Sessions, through the library and the command line, on real hosts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from outlast import Client, Conflict, InvalidRequest, Job, NotFound, NotTerminal
from outlast.settings import load_settings
from outlast.testing.sshd import Farm, user
from outlast.wiring import make_link

pytestmark = pytest.mark.slow

PATIENCE = "60s"
PATIENCE_S = 60.0
LEAVE = timedelta(seconds=15)


@pytest.fixture
def farm(farm: Farm, client: Client) -> Iterator[Farm]:
    """The hosts; at the end, what the test is not about any more is waited for."""
    yield farm
    for job in client.list():
        gone(client, job.id)


def run(client: Client, name: str, shell: str, **spec: object) -> str:
    """Return what a line prints in a session."""
    job = client.wait(client.submit(shell=shell, session=name, **spec).id, timeout=PATIENCE)
    return client.output(job.id).decode()


def gone(client: Client, job_id: str | None) -> Job:
    """Return a job once nothing of it is left."""
    assert job_id is not None
    deadline = time.monotonic() + PATIENCE_S
    while not (job := client.get(job_id)).is_settled:
        assert time.monotonic() < deadline, client.describe(job)
        time.sleep(0.05)
    return job


def printed(client: Client, job: Job) -> None:
    """Return once a job has printed."""
    deadline = time.monotonic() + PATIENCE_S
    while not client.output(job.id):
        assert time.monotonic() < deadline, client.describe(client.get(job.id))
        time.sleep(0.05)


def kill_supervisor(home: Path) -> None:
    """Kill the home's supervisor, as the kernel would."""
    deadline = time.monotonic() + PATIENCE_S
    while (status := make_link(load_settings(home=home)).status()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(int(status["pid"]), signal.SIGKILL)


def kept(farm: Farm, host: str) -> list[Path]:
    """What a host keeps of sessions."""
    folder = farm.home / host / ".outlast" / "sessions"
    return list(folder.iterdir()) if folder.exists() else []


def test_a_session_goes_on_where_it_was(client: Client, farm: Farm, home: Path) -> None:
    """Whoever asks, and though the supervisor is killed between two commands and in one."""
    one, two = farm.hosts
    client.open_session("web", on=one)
    client.open_session("db", on=two)
    run(client, "web", "cd /usr; export A=1")
    kill_supervisor(home)
    assert "/usr 1\n" == run(client, "web", 'echo "$PWD $A"')

    job = client.submit(session="web", shell="cd /tmp; echo up; sleep 1; export A=2; exit 7")
    printed(client, job)
    kill_supervisor(home)
    with Client() as other:
        assert 7 == other.wait(job.id, timeout=PATIENCE).exit_code
        assert "/tmp 2\n" == run(other, "web", 'echo "$PWD $A"')
        assert f"{farm.home / two} -\n" == run(other, "db", 'echo "$PWD ${A:--}"')
    assert [one] == [node.name for node in client.get(job.id).nodes]


def test_commands_run_one_after_another(client: Client, farm: Farm, tmp_path: Path) -> None:
    """In the order of their submission, whoever submits them, also after a kill."""
    client.open_session("web", on=farm.hosts[0])
    line = f"echo b >> {tmp_path}/log; sleep 0.1; export N=$((N + 1)); echo $N >> {tmp_path}/log"
    program = (
        "import sys; from outlast import Client\n"
        "for _ in range(3):\n"
        "    print(Client().submit(session='web', shell=sys.argv[1]).id)"
    )

    def submit(_: int) -> list[str]:
        argv = [sys.executable, "-c", program, line]
        return subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout.split()

    with ThreadPoolExecutor(3) as pool:
        jobs = [job for some in pool.map(submit, range(3)) for job in some]
    kill_supervisor(Path(os.environ["OUTLAST_HOME"]))
    ended = client.wait_all(jobs, timeout=PATIENCE)

    assert "".join(f"b\n{number}\n" for number in range(1, 10)) == (tmp_path / "log").read_text()
    in_order = [job.id for job in reversed(client.list().jobs)]
    assert in_order == [
        job.id for job in sorted(ended, key=lambda job: job.started_at or job.created_at)
    ]


def test_a_cancel_ends_one_and_the_next_goes_on(client: Client, farm: Farm, tmp_path: Path) -> None:
    """One that waits never runs; after one that runs, the next begins when it is gone."""
    client.open_session("web", on=farm.hosts[0])
    run(client, "web", "export A=old")
    line = f"trap 'sleep 0.5; echo gone > {tmp_path}/gone; exit 0' TERM; echo up; export A=new; while :; do sleep 0.05; done"
    runs = client.submit(session="web", shell=line)
    waits = client.submit(session="web", shell="export A=never")
    last = client.submit(session="web", shell=f'cat {tmp_path}/gone; echo "$A"')
    printed(client, runs)

    session = client.session("web")
    assert ("running", runs.id, (waits.id, last.id)) == (
        session.state,
        session.running,
        session.queued,
    )
    assert "queued" == client.get(waits.id).status
    client.cancel(waits.id)
    client.cancel(runs.id)
    client.wait(last.id, timeout=PATIENCE)
    assert b"gone\nold\n" == client.output(last.id)
    assert "idle" == client.session("web").state


def test_a_limit_leaves_the_session_as_it_was(client: Client, farm: Farm) -> None:
    """And the next command has its turn."""
    client.open_session("web", on=farm.hosts[0])
    run(client, "web", "export A=old")
    job = client.submit(session="web", shell="export A=new; sleep 1000", timeout=1, grace=0)

    assert "timeout" == client.wait(job.id, timeout=PATIENCE).reason
    assert "old\n" == run(client, "web", 'echo "$A"')


def test_a_session_is_closed(client: Client, farm: Farm) -> None:
    """One in use only if that is wanted; nothing of it is kept on the host, and its name is free."""
    host = farm.hosts[0]
    client.open_session("web", on=host)
    with pytest.raises(Conflict, match="web"):
        client.open_session("web", on=farm.hosts[1])
    run(client, "web", "export A=old")
    assert 1 == len(kept(farm, host))
    job = client.submit(session="web", shell="echo up; sleep 1000", grace=0)
    printed(client, job)
    waits = client.submit(session="web", shell="true")
    with pytest.raises(NotTerminal, match=job.id):
        client.close_session("web")

    closed = client.close_session("web", cancel=True)
    assert "closed" == closed.state
    assert ["cancelled"] * 2 == [client.get(each.id).status for each in (job, waits)]
    assert "complete" == gone(client, closed.last_job).status
    assert [] == kept(farm, host)
    with pytest.raises(NotFound):
        client.session("web")
    with pytest.raises(InvalidRequest, match="no open session"):
        client.submit(["true"], session="web")
    client.open_session("web", on=host)
    assert "-\n" == run(client, "web", 'echo "${A:--}"')
    with pytest.raises(InvalidRequest, match="another one now"):
        client.retry(job.id)


def test_what_a_host_that_is_away_keeps_is_removed_later(client: Client, farm: Farm) -> None:
    """The last job of a session fails as any other would, and can be tried again as any other."""
    host = farm.hosts[0]
    client.open_session("web", on=host)
    run(client, "web", "export A=1")
    gone(client, client.session("web").last_job)
    farm.stop(host)
    closed = client.close_session("web")
    assert "failed" == gone(client, closed.last_job).status
    assert 1 == len(kept(farm, host))

    farm.start(host)
    assert "complete" == gone(client, client.retry(str(closed.last_job)).id).status
    assert [] == kept(farm, host)


def test_two_homes_have_nothing_in_common(
    client: Client, farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions of the same name on the same host are two."""
    client.open_session("web", on=farm.hosts[0])
    run(client, "web", "export A=1")
    with Client(home=tmp_path / "other") as other:
        other.open_session("web", on=farm.hosts[0])
        assert "-\n" == run(other, "web", 'echo "${A:--}"')
        gone(other, other.session("web").last_job)
    assert 2 == len(kept(farm, farm.hosts[0]))
    make_link(load_settings(home=tmp_path / "other")).leave(LEAVE)


def test_a_session_whose_directory_is_gone_says_so(
    client: Client, farm: Farm, tmp_path: Path
) -> None:
    """Nothing runs elsewhere; a command that names a directory goes on from there."""
    client.open_session("web", on=farm.hosts[0])
    run(client, "web", f"mkdir {tmp_path}/there; cd {tmp_path}/there; rmdir ../there")
    job = client.submit(session="web", shell="echo ran")
    job = client.wait(job.id, timeout=PATIENCE)

    assert ("spawn_failed", b"") == (job.reason, client.output(job.id))
    assert "directory is not there any more" in str(job.nodes[0].error)
    assert "/usr\n" == run(client, "web", "pwd", cwd="/usr")
    assert "/usr\n" == run(client, "web", "pwd")


def test_a_host_that_cannot_keep_anything_is_told(client: Client, farm: Farm) -> None:
    """The command fails with the reason, as every command there does, and the session stays."""
    home = farm.home / farm.hosts[0]
    (home / ".outlast").write_text("in the way")
    client.open_session("web", on=farm.hosts[0])
    job = client.submit(session="web", shell="true")

    assert "spawn_failed" == client.wait(job.id, timeout=PATIENCE).reason
    (home / ".outlast").unlink()
    assert "ran\n" == run(client, "web", "echo ran")


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"on": "h"}, "on and session exclude each other"),
        ({"queue": "q"}, "queue and session exclude each other"),
        ({"max_parallel": 2}, "max_parallel and session exclude each other"),
        ({"container": "alpine"}, "container and session exclude each other"),
        ({"clean_env": True}, "clean_env"),
        ({"limits": {"pids": 3}}, "limits.pids"),
        ({"session": "a b"}, "no name for a session"),
        ({"session": 7}, "no name for a session"),
        ({"session": "nobody"}, "no open session 'nobody'"),
        ({"dialogue": [{"prompt": "x", "answer": "y"}]}, "dialogue and session exclude"),
    ],
)
def test_what_a_session_cannot_have_is_refused(
    client: Client, spec: dict[str, object], told: str
) -> None:
    """Before anything is stored."""
    client.open_session("web", on="h")
    with pytest.raises(InvalidRequest, match=told):
        client.submit(["true"], **{"session": "web", **spec})
    assert () == client.list().jobs


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "\0"], ids=repr)
def test_a_bad_name_and_a_bad_host_are_told_together(client: Client, name: str) -> None:
    """Both faults at once, and no session is there."""
    with pytest.raises(InvalidRequest) as told:
        client.open_session(name, on="web1,web2")

    assert 2 == len(told.value.faults)
    assert () == client.sessions()


def test_the_way_to_its_host_is_the_session_s(
    client: Client, farm: Farm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the inventory and the caller say of it when it is opened holds until it is closed."""
    farm.config.write_text(f"UserKnownHostsFile {farm.known_hosts}\n")
    host = farm.hosts[0]
    home.mkdir(exist_ok=True)
    inventory = home / "hosts.toml"
    inventory.write_text(f'[hosts.web1]\naddress = "{host}"\ntimeout = "1s"\n')
    key = os.path.relpath(farm.folder / "user")
    hosts = {"web1": {"port": farm.port, "user": user(), "key": key, "passphrase": "env:WORDS"}}
    with pytest.raises(InvalidRequest, match="env:WORDS"):
        client.open_session("web", on="web1", hosts=hosts)
    monkeypatch.setenv("WORDS", "")
    client.open_session("web", on="web1", hosts=hosts)
    inventory.unlink()
    monkeypatch.chdir("/")

    assert "ran\n" == run(client, "web", "sleep 1.1; echo ran")
    monkeypatch.delenv("WORDS")
    with pytest.raises(InvalidRequest, match="env:WORDS"):
        client.submit(["true"], session="web")
    monkeypatch.setenv("WORDS", "")
    closed = client.close_session("web")
    assert "complete" == gone(client, closed.last_job).status
    assert [] == kept(farm, host)


def test_a_group_is_no_host_of_a_session(client: Client, home: Path) -> None:
    """One that means one host is; what is wrong besides is told with it."""
    home.mkdir(exist_ok=True)
    (home / "hosts.toml").write_text(
        '[hosts.a]\n[hosts.b]\n[groups.both]\nmembers = ["a", "b"]\n[groups.one]\nmembers = ["b"]\n'
    )
    with pytest.raises(InvalidRequest) as told:
        client.open_session("a b", on="both", hosts={"a": {"port": 0}})
    assert 3 == len(told.value.faults)
    assert "b" == client.open_session("web", on="one").host

"""The way to a host and who is let in: what is known of it, secrets by reference, jumps, agents."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from outlast import Client
from outlast.core.job import Job
from outlast.executors.ssh.keys import open_key
from outlast.testing.sshd import PATIENCE_S, Farm

from .test_many_hosts import fates, over, running, until_phase

PASSWORD = "correct horse 'battery\" staple"
WORDS = "open sesame"

ACCOUNTS = """
perl -e 'printf "ops:%s:19000:0:99999:7:::\\n", crypt($ENV{{PW}}, "\\$6\\$salt\\$")' >{folder}/shadow.$$
cat /etc/shadow >>{folder}/shadow.$$
{{ echo 'ops:x:0:0::/root:/bin/sh'; cat /etc/passwd; }} >{folder}/passwd.$$
mount --bind {folder}/shadow.$$ /etc/shadow
mount --bind {folder}/passwd.$$ /etc/passwd
"""
"""A world in which there is a user `ops`, who has a password. Nowhere else is there one."""

BY_PASSWORD = {
    "PubkeyAuthentication": "no",
    "PasswordAuthentication": "yes",
    "PermitRootLogin": "yes",
    "UsePAM": "yes",
}
BY_QUESTION = {
    **BY_PASSWORD,
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "yes",
}


def test_what_is_known_of_a_host_leads_there(client: Client, farm: Farm) -> None:
    """A name of the caller's own: its address, port, user and key are in none of SSH's files."""
    farm.config.write_text(f"UserKnownHostsFile {farm.known_hosts}\n")
    known = {
        "address": farm.hosts[0],
        "port": farm.port,
        "user": getpass.getuser(),
        "key": str(farm.folder / "user"),
    }
    wrong = known | {"key": str(farm.folder / "other")}
    job = over(client, client.submit(on="web1", hosts={"web1": known}, shell="true"))
    assert "complete" == job.status

    # There is a connection by now, which is somebody else's.
    job = over(client, client.submit(on="web1", hosts={"web1": wrong}, shell="true"))
    assert "auth_failed" == job.reason


def test_a_host_s_own_clocks_are_in_force_there(client: Client, farm: Farm) -> None:
    """And its words say their seconds; the other runs on under its job's."""
    one, two = farm.hosts
    line = f'[ "$HOME" = {farm.home / two} ] || exec sleep 1000'
    hosts = {one: {"timeout": "1s", "connect_timeout": "20s"}}
    job = over(client, client.submit(on=farm.hosts, hosts=hosts, shell=line, grace=0))

    assert {one: "timeout", two: "complete"} == fates(job)
    assert "TimeoutError: Timed out after 1s" == job.nodes[0].error


# Passwords ------------------------------------------------------------------------------------


@pytest.fixture
def asking(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Farm:
    """The hosts want a password: the one asks for it in its way, the other in its own words."""
    if os.getuid() != 0 and not os.environ.get("CI"):
        pytest.skip("only root can make users who are nowhere else")
    monkeypatch.setenv("PW", PASSWORD)
    farm.stop()
    for host, options in zip(farm.hosts, (BY_PASSWORD, BY_QUESTION), strict=True):
        farm.world[host] = ACCOUNTS.format(folder=farm.folder)
        farm.options[host] = options
    farm.start()
    return farm


def with_password(farm: Farm, reference: str) -> dict[str, dict[str, str]]:
    return {host: {"user": "ops", "password": reference} for host in farm.hosts}


def holders(folder: Path, secret: str) -> set[str]:
    """The files below *folder* in which *secret* stands, as it is or as JSON has it."""
    words = {secret.encode(), secret.replace('"', '\\"').encode()}
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in words)
    }


def test_a_password_lets_in_and_is_nowhere_to_be_found(
    client: Client, asking: Farm, home: Path, tmp_path: Path
) -> None:
    """In both ways of asking; while it runs, a private file holds it, and nothing afterwards."""
    line = f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    hosts = with_password(asking, "env:PW")
    job = running(client, client.submit(on=asking.hosts, hosts=hosts, shell=line))
    assert {"login"} == holders(home, PASSWORD)
    assert {0o600} == {path.stat().st_mode & 0o777 for path in home.rglob("login")}
    (tmp_path / "go").touch()
    job = over(client, job)

    assert "complete" == job.status
    assert set() == holders(home, PASSWORD)
    assert PASSWORD not in repr(job) + str(client.describe(job))


def test_a_wrong_password_is_told_and_not_shown(
    client: Client, asking: Farm, tmp_path: Path
) -> None:
    """As that of a file: its last line break is no part of it."""
    (tmp_path / "pw").write_text("wrong\n")
    hosts = with_password(asking, f"file:{tmp_path}/pw")
    job = over(client, client.submit(on=asking.hosts, hosts=hosts, shell="true"))

    assert ("failed", "auth_failed") == (job.status, job.reason)
    assert "wrong" not in str(job.nodes[0].error)


@pytest.mark.slow
def test_who_takes_over_can_log_in_again(
    client: Client, asking: Farm, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of sshd and the death of the supervisor, though the variable is gone."""
    line = f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.05; done; exit 37"
    hosts = with_password(asking, "env:PW")
    job = running(client, client.submit(on=asking.hosts, hosts=hosts, shell=line))
    asking.stop()
    until_phase(client, job, "unreachable")
    kill_supervisor(home)
    asking.start()
    monkeypatch.delenv("PW")
    (tmp_path / "go").touch()
    job = over(client, job)

    assert [37, 37] == [node.exit_code for node in job.nodes]


def kill_supervisor(home: Path) -> None:
    os.kill(int((home / "supervisor.lock").read_text().split()[0]), signal.SIGKILL)


def test_a_secret_that_is_gone_when_it_is_needed_is_told(
    client: Client, black_hole: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes over finds no file: nothing was begun, and nothing is."""
    monkeypatch.setenv("PW", PASSWORD)
    hosts = {black_hole: {"password": "env:PW"}}
    job = client.submit(on=black_hole, hosts=hosts, shell="true", connect_timeout="1h")
    until_phase(client, job, "connecting")
    kill_supervisor(home)
    (held,) = home.rglob("login")
    held.unlink()
    job = over(client, job)

    assert ("failed", "secret_unavailable") == (job.status, job.reason)
    assert "SecretUnavailable: env:PW is gone, and the login needs it" == job.nodes[0].error


# Keys and agents ------------------------------------------------------------------------------


@pytest.fixture
def locked(farm: Farm) -> Path:
    """The user's key, locked by WORDS, in a file of its own."""
    path = farm.folder / "locked"
    path.write_bytes((farm.folder / "user").read_bytes())
    path.chmod(0o600)
    tool("ssh-keygen", "-q", "-p", "-N", WORDS, "-f", str(path))
    return path


def tool(*argv: str, **more: str) -> str:
    done = subprocess.run(
        argv,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=os.environ | more,
    )
    return done.stdout


def test_a_locked_key_is_opened_by_its_words(
    client: Client, farm: Farm, locked: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them, or with others, nobody is let in, and it is told what would help."""
    monkeypatch.setenv("WORDS", WORDS)
    monkeypatch.setenv("OTHERS", "open barley")
    one, two = farm.hosts
    key = {"key": str(locked)}
    hosts = {one: key | {"passphrase": "env:WORDS"}, two: key | {"passphrase": "env:OTHERS"}}
    job = over(client, client.submit(on=farm.hosts, hosts=hosts, shell="true"))
    without = over(client, client.submit(on=one, hosts={one: key}, shell="true"))

    assert {one: "complete", two: "auth_failed"} == fates(job)
    assert "auth_failed" == without.reason
    assert "give the key's passphrase" in str(job.nodes[1].error)
    assert "give the key's passphrase" in str(without.nodes[0].error)
    assert set() == holders(home, WORDS)


def test_a_locked_key_is_opened_once_for_all(locked: Path) -> None:
    """It takes its time, on purpose: twenty hosts would have waited twenty times as long."""

    async def opened() -> list[object]:
        one, other = await asyncio.gather(*(open_key(str(locked), WORDS) for _ in range(2)))
        tool("ssh-keygen", "-q", "-p", "-P", WORDS, "-N", "others", "-f", str(locked))
        with pytest.raises(ValueError, match="passphrase"):
            await open_key(str(locked), WORDS)
        return [one is other, (await open_key(str(locked), "others")) is one]

    assert [True, False] == asyncio.run(opened())


def test_a_key_that_is_gone_by_now_is_told(client: Client, farm: Farm, locked: Path) -> None:
    """It was there when the job was submitted, and is not when its turn comes."""
    one = farm.hosts[0]
    first = client.submit(on=one, shell="sleep 1000", queue="q", queue_width=1)
    second = client.submit(
        on=one, hosts={one: {"key": str(locked)}}, shell="true", queue="q", queue_width=1
    )
    locked.unlink()
    client.cancel(first.id, grace=0, wait_stopped="60s")
    job = over(client, second)

    assert ("failed", "auth_failed") == (job.status, job.reason)
    assert f"AuthFailed: the key {locked} cannot be read" == job.nodes[0].error


def test_a_file_that_is_no_key_is_told_as_that(client: Client, farm: Farm) -> None:
    """And not as a host that refuses whoever comes."""
    one, junk = farm.hosts[0], farm.folder / "junk"
    junk.write_text("no key\n")
    job = over(client, client.submit(on=one, hosts={one: {"key": str(junk)}}, shell="true"))

    assert ("auth_failed", f"AuthFailed: {junk} is no private key") == (
        job.reason,
        job.nodes[0].error,
    )


@pytest.fixture
def agent(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An agent that holds the user's key last, behind more than a host has patience for."""
    path = str(farm.folder / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        for _ in range(600):
            if os.path.exists(path):
                break
            signal.sigtimedwait([], 0.05)
        for number in range(7):
            farm._make_key(f"of_agent{number}")
            tool("ssh-add", "-q", str(farm.folder / f"of_agent{number}"), SSH_AUTH_SOCK=path)
        tool("ssh-add", "-q", str(farm.folder / "user"), SSH_AUTH_SOCK=path)
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        yield path
        process.terminate()


def test_an_agent_is_asked_as_ssh_asks_it(
    client: Client, farm: Farm, locked: Path, agent: str
) -> None:
    """All its keys are shown, or only the one that is named, which it may hold alone."""
    one, two = farm.hosts
    farm.config.write_text(
        farm.config.read_text()
        .replace("  IdentitiesOnly yes\n", "")
        .replace(f"  IdentityFile {farm.folder / 'user'}\n", "")
    )
    hosts = {one: {"key": str(locked)}}
    job = over(client, client.submit(on=farm.hosts, hosts=hosts, shell="true"))
    assert {one: "complete", two: "connect_failed"} == fates(job)
    assert "Too many authentication failures" in str(job.nodes[1].error)

    farm.config.write_text(
        farm.config.read_text()
        + f"  IdentitiesOnly yes\n  IdentityFile {farm.folder / 'user.pub'}\n"
    )
    assert "complete" == over(client, client.submit(on=two, shell="true")).status
    farm.config.write_text(farm.config.read_text() + "  IdentityAgent none\n")
    again = f"{getpass.getuser()}@{two}"  # by this name there is no connection yet
    assert "auth_failed" == over(client, client.submit(on=again, shell="true")).reason


def test_no_agent_is_handed_on_to_a_host(client: Client, farm: Farm, agent: str) -> None:
    """Whatever the configuration says: root there could use it, and the command outlives it."""
    farm.configure(more="  ForwardAgent yes\n")
    job = client.submit(on=farm.hosts[0], shell="echo ${SSH_AUTH_SOCK-none}")

    assert ("complete", b"none\n") == (over(client, job).status, client.output(job.id))


def test_a_command_has_nothing_of_the_supervisor_s_environment(client: Client, farm: Farm) -> None:
    """Whatever the configuration would have ssh send; what it sets is set."""
    one = farm.hosts[0]
    farm.stop(one)
    farm.options[one] = {"AcceptEnv": "OUTLAST_* GIVEN"}
    farm.start(one)
    farm.configure(more="  SendEnv OUTLAST_*\n  SetEnv GIVEN=this\n")
    job = over(client, client.submit(on=one, shell="echo ${OUTLAST_HOME-none} $GIVEN"))

    assert b"none this\n" == client.output(job.id)


# Known hosts ----------------------------------------------------------------------------------


def test_known_hosts_are_read_as_ssh_reads_them(client: Client, farm: Farm) -> None:
    """Names that are hashed; authorities; a file that is not there. A revoked key is never taken."""
    one, two = farm.hosts
    tool("ssh-keygen", "-q", "-H", "-f", str(farm.known_hosts))
    assert one not in farm.known_hosts.read_text()
    farm.config.write_text(
        farm.config.read_text().replace(
            f"UserKnownHostsFile {farm.known_hosts}",
            f"UserKnownHostsFile {farm.folder}/none {farm.known_hosts}",
        )
    )
    assert "complete" == over(client, client.submit(on=farm.hosts, shell="true")).status

    key = " ".join((farm.folder / "host.pub").read_text().split()[:2])
    farm.known_hosts.write_text(farm.known_hosts.read_text() + f"@revoked [{two}]:* {key}\n")
    farm._make_key("authority")
    words = ["-s", str(farm.folder / "authority"), "-I", "h", "-h", "-n", one]
    tool("ssh-keygen", "-q", *words, str(farm.folder / "host.pub"))
    authority = " ".join((farm.folder / "authority.pub").read_text().split()[:2])
    farm.stop()
    farm.options[one] = {"HostCertificate": str(farm.folder / "host-cert.pub")}
    farm.start()
    farm.known_hosts.write_text(
        f"@cert-authority * {authority}\n[{two}]:{farm.port} {key}\n@revoked * {key}\n"
    )
    job = over(client, client.submit(on=farm.hosts, shell="true"))

    assert {one: "host_key_rejected", two: "host_key_rejected"} == fates(job)
    farm.known_hosts.write_text(f"@cert-authority * {authority}\n")
    job = over(client, client.submit(on=farm.hosts, shell="true"))
    assert {one: "complete", two: "host_key_rejected"} == fates(job)


# Hosts on the way -----------------------------------------------------------------------------


def logins(farm: Farm, host: str) -> int:
    return (farm.folder / f"{host}.log").read_text().count("Accepted publickey")


def finished(client: Client, on: str, **spec: object) -> Job:
    return over(client, client.submit(on=on, shell="echo $SSH_CONNECTION", **spec))


def test_a_host_is_reached_by_way_of_another(client: Client, farm: Farm) -> None:
    """As it is said, or as the configuration has it, which can be told to be wrong."""
    gate, inner = farm.hosts
    hosts: dict[str, dict[str, object]] = {inner: {"jump": gate}}
    assert "complete" == finished(client, inner, hosts=hosts).status
    assert (1, 1) == (logins(farm, gate), logins(farm, inner))

    farm.config.write_text(f"Host *\n  ProxyJump {gate}\n{farm.config.read_text()}")
    assert "complete" == finished(client, inner).status
    assert (2, 2) == (logins(farm, gate), logins(farm, inner))
    hosts = {inner: {"jump": "none"}}
    assert "complete" == finished(client, inner, hosts=hosts).status
    assert (2, 3) == (logins(farm, gate), logins(farm, inner))
    assert "complete" == finished(client, gate).status, "which is not behind itself"


def test_a_way_that_leads_nowhere_is_told(client: Client, farm: Farm) -> None:
    """Two hosts that are behind each other; one that is none; one that refuses."""
    one, two = farm.hosts
    for gates, told in (
        ((two, one), "is on the way to itself"),
        (("a/b", one), "ProxyJump: 'a/b' is no host"),
        (("127.0.0.9:1", one), "127.0.0.9:1, on the way: "),
    ):
        farm.configure(
            more=f"Host {one}\n  ProxyJump {gates[0]}\nHost {two}\n  ProxyJump {gates[1]}\n"
        )
        job = finished(client, one)
        assert "connect_failed" == job.reason
        assert told in str(job.nodes[0].error)


def test_what_is_known_of_a_host_on_the_way_holds_there(client: Client, farm: Farm) -> None:
    """Its port, user and key; and it has to be trusted as any other."""
    gate, inner = farm.hosts
    known = {"address": gate, "port": farm.port, "key": str(farm.folder / "user")}
    hosts = {inner: {"jump": "gate"}, "gate": known}
    assert "complete" == finished(client, inner, hosts=hosts).status

    lines = farm.known_hosts.read_text().splitlines(keepends=True)
    farm.known_hosts.write_text("".join(line for line in lines if f"[{gate}]" not in line))
    hosts = {f"x@{inner}": {"jump": "gate"}, "gate": known}
    job = finished(client, f"x@{inner}", hosts=hosts)
    assert "host_key_rejected" == job.reason
    assert "HostKeyRejected: gate, on the way: " in str(job.nodes[0].error)
    assert f"outlast hosts trust {gate}:{farm.port}" in str(job.nodes[0].error)


@pytest.mark.slow
def test_a_host_on_the_way_may_fall_and_rise(client: Client, farm: Farm, tmp_path: Path) -> None:
    """The command behind it goes on, and is found again."""
    gate, inner = farm.hosts
    line = f"echo up; until [ -e {tmp_path}/go ]; do sleep 0.05; done; echo last; exit 37"
    hosts = {inner: {"jump": gate}}
    job = running(client, client.submit(on=inner, hosts=hosts, shell=line), 1)
    farm.stop(gate)
    until_phase(client, job, "unreachable")
    (tmp_path / "go").touch()
    farm.start(gate)
    job = over(client, job)

    assert (37, b"up\nlast\n") == (job.nodes[0].exit_code, client.output(job.id))

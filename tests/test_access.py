"""Who is let in, and what they may do, over a real home."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from outlast import Client
from outlast.access import Access, is_loopback, public_token
from outlast.audit import KEPT, Audit
from outlast.core.hostspec import HostSpec
from outlast.core.job import JobSpec
from outlast.core.principal import Scope
from outlast.core.token import LOCAL, is_token
from outlast.engine.secrets import resolve_secrets
from outlast.errors import Conflict, Forbidden, InvalidRequest, Unauthorized
from outlast.network import make_access
from outlast.settings import load_settings
from outlast.testing import FakeClock

POLICY = """
[web]
executors = ["ssh", "local"]
hosts = ["web"]
commands = ["true"]
"""
HOSTS = """
[hosts.web1]
key = "~/.ssh/web"
[groups.web]
members = ["web1"]
"""


def settled(home: Path) -> None:
    """Write a policy and an inventory into *home*."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "policy.toml").write_text(POLICY)
    (home / "hosts.toml").write_text(HOSTS)


@pytest.fixture
def access(home: Path) -> Iterator[Access]:
    settled(home)
    with closing(make_access(load_settings(home=home))) as access:
        yield access


def test_a_token_is_told_once(access: Access, home: Path) -> None:
    """Its name, scope and policy are kept, and what is shown of it lets nobody in."""
    kept, text = access.create("ci", expires=timedelta(days=1), policy="web")

    assert is_token(text)
    assert "ci" == access.authenticate(text.encode()).name
    shown = json.dumps(public_token(kept, kept.created_at))
    assert text not in shown
    assert text not in repr(kept)
    assert kept.digest.hex() not in shown
    assert "valid" == json.loads(shown)["state"]


@pytest.mark.parametrize("token", [b"", b"outlast_", b"\xff" * 100, b"x" * 100_000])
def test_what_is_no_token_lets_nobody_in(access: Access, token: bytes) -> None:
    """Whatever bytes they are."""
    with pytest.raises(Unauthorized):
        access.authenticate(token)


def test_faults_of_a_new_token_are_told_at_once(access: Access) -> None:
    """Its name, its policy, its time; and none is made."""
    with pytest.raises(InvalidRequest) as told:
        access.create("a b", expires=timedelta(), policy="wep")

    assert 3 == len(told.value.faults)
    assert "there are web" in told.value.faults[-1]
    assert () == access.find()


def test_a_name_that_is_taken_is_told(access: Access) -> None:
    """With what would help."""
    access.create("ci")
    with pytest.raises(Conflict, match="there is a token ci already"):
        access.create("ci")


def test_a_policy_is_asked_before_anything_is_read(access: Access) -> None:
    """A group's hosts are allowed by its name; what the inventory knows of one is not refused."""
    _, text = access.create("ci", policy="web")
    principal = access.authenticate(text.encode())
    key = os.path.expanduser("~/.ssh/web")
    job = JobSpec(command=("true",), on=("web1",), hosts={"web1": HostSpec(key=key)})

    access.admit(principal, [job])
    for refused in (
        replace(job, command=("id",)),
        replace(job, on=("db1",)),
        replace(job, hosts={"web1": HostSpec(key="/etc/other")}),
        replace(job, secret_env={"A": "file:/etc/shadow"}),
    ):
        with pytest.raises(Forbidden, match=r"web|administrator"):
            access.admit(principal, [job, refused])


def test_a_section_that_is_gone_allows_nothing(home: Path, access: Access) -> None:
    """A token whose policy was removed reads, and runs nothing."""
    _, text = access.create("ci", policy="web")
    (home / "policy.toml").write_text("")
    with closing(make_access(load_settings(home=home))) as later:
        principal = later.authenticate(text.encode())
        with pytest.raises(Forbidden, match="policy web: a local job is not allowed: none is"):
            later.admit(principal, [JobSpec(command=("true",))])


def test_a_default_is_for_whoever_names_none(home: Path, access: Access) -> None:
    """Where there is such a section; administrators are under none."""
    tokens = [access.create(str(scope), scope)[1] for scope in Scope]
    (home / "policy.toml").write_text("[default]\nexecutors = []\n" + POLICY)
    with closing(make_access(load_settings(home=home))) as later:
        found = [later.authenticate(text.encode()).policy for text in tokens]

    assert [None, "default", None] == [policy and policy.name for policy in found]


def test_a_faulty_policy_lets_nobody_in(home: Path) -> None:
    """All its faults are told, and there is no access at all."""
    settled(home)
    (home / "policy.toml").write_text('[a]\nexecutors = ["x"]\n[b]\n')
    with pytest.raises(InvalidRequest) as told:
        make_access(load_settings(home=home))
    assert 2 == len(told.value.faults)

    (home / "policy.toml").write_text("[")
    with pytest.raises(InvalidRequest, match="is not TOML"):
        make_access(load_settings(home=home))
    with pytest.raises(InvalidRequest, match="cannot be read"):
        make_access(replace(load_settings(home=home), policy=f"{home}/nowhere.toml"))


def test_what_somebody_else_ran_is_asked_for_again(access: Access, client: Client) -> None:
    """To repeat a job needs what to submit it would need; a job of one's own is no other."""
    allowed = client.wait(client.submit(["true"], stdin_data=b"x").id)
    refused = client.wait(client.submit(["echo"]).id)
    _, text = access.create("ci", policy="web")
    principal = access.authenticate(text.encode())

    access.admit_again(principal, allowed, cwd=str(allowed.spec.cwd))
    with pytest.raises(Forbidden, match="begins with true"):
        access.admit_again(principal, refused, cwd=str(refused.spec.cwd))
    with pytest.raises(Forbidden, match="cwd"):
        access.admit_again(principal, allowed, cwd="/elsewhere")


def test_the_home_has_a_token_for_who_owns_it(access: Access, home: Path) -> None:
    """Made once, for that user's eyes alone; an administrator's, and the same at the next start."""
    text = access.local_token()

    assert text == access.local_token()
    assert 0o600 == (home / "token").stat().st_mode & 0o777
    principal = access.authenticate(text.encode())
    assert (LOCAL, Scope.ADMIN) == (principal.name, principal.scope)


@pytest.mark.parametrize("what", ["gone", "revoked", "another's", "no text", "a link"])
def test_a_token_of_the_home_that_is_no_good_makes_way(
    access: Access, home: Path, tmp_path: Path, what: str
) -> None:
    """A new one is made, and the old one lets nobody in any more."""
    old = access.local_token()
    path = home / "token"
    if what == "revoked":
        access.revoke(LOCAL)
    elif what == "no text":
        path.write_bytes(b"\xff\xfe")
    elif what == "another's":
        path.write_text("outlast_other\n")
    else:
        path.rename(tmp_path / "elsewhere")
        if what == "a link":
            path.symlink_to(tmp_path / "elsewhere")
    new = access.local_token()

    assert new != old
    assert new == path.read_text().strip()
    assert not path.is_symlink()
    with pytest.raises(Unauthorized):
        access.authenticate(old.encode())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_what_others_reach_needs_a_token(access: Access, host: str, expected: bool) -> None:
    """Of their own: the home's does not count. On loopback a server may listen at any time."""
    access.local_token()
    assert expected == is_loopback(host)
    if not expected:
        with pytest.raises(InvalidRequest, match="no token for them"):
            access.check_address(host)
        access.create("ci")
    access.check_address(host)


def test_a_named_secret_is_the_server_s_to_read(home: Path, tmp_path: Path) -> None:
    """By the table in its settings; a name that is not there is told, a value never is."""
    home.mkdir()
    (tmp_path / "key").write_text("hunter2\n")
    (home / "config.toml").write_text(f'[secrets]\nKEY = "file:{tmp_path}/key"\nVAR = "env:X"\n')
    named = load_settings(home=home).secrets
    spec = JobSpec(command=("true",), secret_env={"A": "secret:KEY", "B": "secret:VAR"})

    assert {"secret:KEY": "hunter2", "secret:VAR": "y"} == (
        resolve_secrets([spec], {"X": "y"}, named=named)
    )
    with pytest.raises(InvalidRequest, match="secret:NONE: the server has none"):
        resolve_secrets([JobSpec(secret_env={"A": "secret:NONE"})], {}, named=named)
    with pytest.raises(InvalidRequest, match="named secrets are a server's"):
        resolve_secrets([spec], {"X": "y"})


@pytest.mark.parametrize(
    "said", ["KEY = 'hunter2'", "KEY = 'file:key'", "KEY = 3", "'a b' = 'env:X'"]
)
def test_a_table_of_secrets_has_no_value(home: Path, said: str) -> None:
    """Nor a path that is relative, nor an odd name; what was written is not shown."""
    home.mkdir()
    (home / "config.toml").write_text(f"[secrets]\n{said}\n")
    with pytest.raises(InvalidRequest) as told:
        load_settings(home=home)
    assert "hunter2" not in str(told.value)


def test_the_audit_log_stays_of_a_size(tmp_path: Path) -> None:
    """The newest lines are in it, older ones beside it, and the oldest go."""
    path = tmp_path / "audit.log"
    audit = Audit(str(path), FakeClock().now, max_bytes=1000)
    for number in range(200):
        audit.write("event", number=number, text="x" * 2000 if number == 199 else None)

    files = sorted(tmp_path.iterdir())
    assert KEPT + 1 == len(files)
    assert all(each.stat().st_size <= 1000 for each in files)
    last = json.loads(path.read_text().splitlines()[-1])
    assert (199, 503) == (last["number"], len(last["text"]))
    assert "2026-01-01T00:00:00.000Z" == last["at"]
    assert {0o600} == {each.stat().st_mode & 0o777 for each in files}


def test_an_audit_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What would have been written is in the server's own log instead."""
    Audit(str(tmp_path / "nowhere" / "audit.log"), FakeClock().now).write("job.cancel", job_id="j")

    assert "cannot be written" in caplog.text
    assert "job.cancel" in caplog.text


def test_who_runs_what_they_like_is_known(access: Access, home: Path) -> None:
    """Tokens that run jobs without a policy; neither administrators, nor what is good no more."""
    for name in ("a", "b", "gone"):
        access.create(name)
    access.create("reader", Scope.READ)
    access.create("root", Scope.ADMIN)
    access.revoke("gone")
    assert ("a", "b") == access.unbounded()

    (home / "policy.toml").write_text('[default]\nexecutors = ["local"]\n')
    with closing(make_access(load_settings(home=home))) as later:
        assert () == later.unbounded()

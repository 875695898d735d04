"""What is known of hosts: read, refused, kept as JSON, and in force at each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outlast.core.hostspec import HostSpec
from outlast.core.job import JobSpec
from outlast.core.parse import parse_spec, read_spec
from outlast.core.spec import spec_from_json, spec_to_json

WHOLE: dict[str, Any] = {
    "address": "10.0.0.7",
    "user": "ops",
    "port": 2222,
    "key": "/keys/ops",
    "jump": ["gate", "ops@inner:22"],
    "password": "env:PW",
    "passphrase": "file:/keys/words",
    "connect_timeout": "5s",
    "timeout_ms": 1500,
}


def asked(hosts: object, on: object = ("web1",)) -> dict[str, Any]:
    return {"command": ["true"], "on": on, "hosts": hosts}


def test_what_is_known_of_a_host_is_read_and_kept() -> None:
    """Every setting; the same again from its JSON, where clocks are milliseconds."""
    spec = parse_spec(asked({"web1": WHOLE}))
    host = spec.hosts["web1"]

    assert (
        HostSpec(
            address="10.0.0.7",
            user="ops",
            port=2222,
            key="/keys/ops",
            jump="gate,ops@inner:22",
            password="env:PW",
            passphrase="file:/keys/words",
            connect_timeout=timedelta(seconds=5),
            timeout=timedelta(seconds=1.5),
        )
        == host
    )
    assert (("gate", "ops@inner:22"), ("env:PW", "file:/keys/words")) == (
        host.jumps,
        host.references,
    )
    assert 5000 == spec_to_json(spec)["hosts"]["web1"]["connect_timeout_ms"]
    assert spec == spec_from_json(spec_to_json(spec)) == parse_spec(spec_to_json(spec))
    assert spec == parse_spec(asked(spec.hosts)), "and as it is, from a spec"


def test_a_host_s_own_clocks_come_before_its_job_s() -> None:
    """Each by itself; where nothing is known of a host, the job's are in force."""
    spec = parse_spec(
        asked({"web1": {"timeout": 5}, "web2": {"connect_timeout": 2}}, ["web1", "web2", "web3"])
        | {"timeout": 60, "connect_timeout": 9}
    )

    assert [(5, 9), (60, 2), (60, 9)] == [
        (at.timeout.total_seconds(), at.connect_timeout.total_seconds())
        for at in map(spec.at, spec.on)
    ]
    assert spec is spec.at("web3")


def test_a_job_refers_to_all_its_secrets() -> None:
    """Those of its variables, and those of its logins."""
    spec = JobSpec(secret_env={"A": "env:A"}, hosts={"a": HostSpec(password="env:B")})

    assert {"env:A", "env:B"} == spec.references


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        pytest.param({"address": "a@b"}, "address: 'a@b' is no address", id="user in it"),
        pytest.param({"address": "a:22"}, "address: 'a:22' is no address", id="port in it"),
        pytest.param({"address": "-x"}, "address: '-x' is no address", id="an option"),
        pytest.param({"user": "-l"}, "user: '-l' is no user's name", id="no user"),
        pytest.param({"port": 0}, "port: 0 is no port", id="no port"),
        pytest.param({"port": True}, "port: True is no port", id="no number"),
        pytest.param({"port": "22"}, "port: '22' is no port", id="text"),
        pytest.param({"jump": "a b"}, "jump: 'a b' is no host", id="no host on the way"),
        pytest.param({"jump": []}, "jump: '' is no host", id="nobody on the way"),
        pytest.param({"jump": 5}, "jump is a host, or hosts with commas, not 5", id="no way"),
        pytest.param({"key": 5}, "key is not text but 5", id="no file"),
        pytest.param({"timeout": 0}, "timeout: this is no time at all", id="no time"),
        pytest.param({"prot": 22}, "'prot' is no setting of a host: did you mean port?", id="near"),
        pytest.param({"zzz": 22}, "'zzz' is no setting of a host: there are address,", id="far"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(settings: dict[str, Any], told: str) -> None:
    """By the host's name, with what would be right."""
    _, (fault,) = read_spec(asked({"web1": settings}))

    assert fault.startswith(f"hosts.web1: {told}")


@pytest.mark.parametrize("value", ["hunter2", "secret:x", "env:", 5])
def test_a_password_that_is_no_reference_is_never_shown(value: object) -> None:
    """What stands there may be the secret itself."""
    _, (fault,) = read_spec(asked({"web1": {"password": value}}))

    assert "hosts.web1: password is not a reference: write env:NAME or file:PATH" == fault


@pytest.mark.parametrize("address", ["::1", "fe80::1%eth0", "web-1.example", "10.0.0.7"])
def test_an_address_is_a_name_or_a_number(address: str) -> None:
    """IPv6 without brackets, since there is no port beside it."""
    assert address == parse_spec(asked({"web1": {"address": address}})).hosts["web1"].address


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        pytest.param(5, "hosts is a mapping of hosts to what is known of them, not 5", id="none"),
        pytest.param({"web1": 5}, "hosts.web1 is not the name of a host and", id="nothing known"),
        pytest.param({5: {}}, "hosts.5 is not the name of a host and", id="no name"),
        pytest.param({"web2": {}}, "hosts.web2: on does not name it", id="another"),
        pytest.param(
            {"web1": {"jump": "a"}, "a": {"jump": "b"}, "b": {"jump": "a"}},
            "hosts.a: its jump leads back to itself",
            id="circle",
        ),
    ],
)
def test_what_is_no_word_about_these_hosts_is_told(hosts: object, told: str) -> None:
    """A word about a host on the way is one."""
    _, faults = read_spec(asked(hosts))

    assert any(fault.startswith(told) for fault in faults), faults


def test_hosts_are_known_for_a_job_that_has_some() -> None:
    """For one of this machine they would mean nothing."""
    _, faults = read_spec({"command": ["true"], "hosts": {"web1": {}}})

    assert "hosts says what is known of hosts, and on names none" in faults

"""The inventory: what is in force for each host, whom a selection means, and what is refused."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.core.hostspec import KEYS, HostSpec
from outlast.core.inventory import NONE, Inventory, merged, read_inventory
from outlast.core.parse import read_spec

FILE = """
[defaults]
user = "ops"
connect_timeout = "5s"
labels = { site = "north" }

[hosts.web1]
address = "10.0.0.1"

[hosts.web2]
user = "root"
timeout = 90
labels = { site = "south", role = "web" }

[hosts.db1]
key = "keys/db"
password = "file:db.password"

[groups.web]
members = ["web1", "web2"]
port = 2222
timeout = "1m"

[groups.all-of-it]
members = ["db1", "web", "web1"]
port = 22
jump = "gate"
labels = { role = "any" }
"""


def read(text: str) -> Inventory:
    inventory, faults = read_inventory(tomllib.loads(text), "/etc/outlast/hosts.toml")
    assert [] == faults
    return inventory


def faults_of(text: str) -> list[str]:
    _, faults = read_inventory(tomllib.loads(text), "FILE")
    return [fault.removeprefix("FILE: ") for fault in faults]


def test_the_nearest_that_says_something_is_in_force() -> None:
    """The host, then its groups, then the groups that these are in, then what is said of all."""
    hosts = read(FILE).hosts
    five = timedelta(seconds=5)

    assert {
        "web1": HostSpec(
            address="10.0.0.1", user="ops", port=2222, jump="gate",
            connect_timeout=five, timeout=timedelta(minutes=1),
        ),
        "web2": HostSpec(
            user="root", port=2222, jump="gate",
            connect_timeout=five, timeout=timedelta(seconds=90),
        ),
        "db1": HostSpec(
            user="ops", port=22, jump="gate", connect_timeout=five,
            key="/etc/outlast/keys/db", password="file:/etc/outlast/db.password",
        ),
    } == hosts  # fmt: skip


def test_labels_and_groups_are_each_host_s() -> None:
    """A label is a setting by itself; a host is in the groups of its groups."""
    inventory = read(FILE)

    assert {"site": "south", "role": "web"} == inventory.labels["web2"]
    assert {"site": "north", "role": "any"} == inventory.labels["db1"]
    assert [("web", "all-of-it"), ("all-of-it",)] == [
        inventory.groups_of(host) for host in ("web2", "db1")
    ]


@pytest.mark.parametrize(
    ("names", "hosts"),
    [
        pytest.param(["all"], ["web1", "web2", "db1"], id="all"),
        pytest.param(["web"], ["web1", "web2"], id="a group"),
        pytest.param(["all-of-it"], ["db1", "web1", "web2"], id="a group in a group"),
        pytest.param(["web2", "web", "all"], ["web2", "web1", "db1"], id="met again"),
        pytest.param(["label:role=web"], ["web2"], id="a label's value"),
        pytest.param(["label:role"], ["web1", "web2", "db1"], id="a label of any value"),
        pytest.param(["other", "ops@web1:22"], ["other", "ops@web1:22"], id="not known by it"),
        pytest.param(["web1", "web1"], ["web1", "web1"], id="named twice: told by others"),
        pytest.param(["web1", 5], ["web1", 5], id="no name: told by others"),
    ],
)
def test_a_selection_means_hosts(names: list[object], hosts: list[object]) -> None:
    """Each once, in the order in which they were met."""
    assert (hosts, []) == read(FILE).select(names)


def test_a_selection_of_nobody_is_refused() -> None:
    """Rather than taken for a name, or for nothing to be done."""
    _, faults = read(FILE).select(["label:role=db", "label:x"])
    _, alone = NONE.select(["all"])
    _, empty = read("[groups.none]\nmembers = []\n[hosts.a]\n").select(["none"])

    assert [f"{name} means no host of /etc/outlast/hosts.toml" for name in
            ("label:role=db", "label:x")] == faults  # fmt: skip
    assert ["none means no host of /etc/outlast/hosts.toml"] == empty
    assert [
        "all means hosts of an inventory, and there is none: name hosts, or an --inventory"
    ] == alone


def test_a_host_is_known_whoever_logs_in() -> None:
    """By its name alone, and with it those on the way to it."""
    inventory = read(FILE + "[hosts.gate]\nport = 7\njump = 'none'\n[hosts.lone]\njump = 'none'\n")

    assert {"root@web1:7", "gate"} == set(inventory.known(["root@web1:7", "other"]))
    assert {"lone"} == set(inventory.known(["lone"]))


def test_the_way_of_all_ends_before_the_hosts_on_it() -> None:
    """Who says of all that they are behind two hosts need not say of these that they are not."""
    hosts = read("[defaults]\njump = 'a,ops@b'\n[hosts.a]\n[hosts.b]\n[hosts.c]\n").hosts

    assert [None, "a", "a,ops@b"] == [hosts[name].jump for name in "abc"]


def test_what_a_caller_says_of_a_host_comes_first() -> None:
    """A clock is the same in both spellings; what is not said is as it was written down."""
    known = HostSpec(user="ops", port=22, timeout=timedelta(seconds=1))

    assert {"user": "root", "port": 22, "timeout": "2s"} == merged(
        known, {"user": "root", "timeout": "2s", "port": None}
    )
    assert 1000 == merged(known, {})["timeout_ms"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[host.a]", "'host' is no setting of an inventory: did you mean hosts?", id="table"),
        pytest.param("hosts = 5", "[hosts] is a table of tables", id="no tables"),
        pytest.param("[hosts]\na = 5", "[hosts.a] is a table, not 5", id="no table"),
        pytest.param("[hosts.'a b']", "[hosts.a b] is no name for a host", id="no host"),
        pytest.param("[hosts.all]", "[hosts.all] is no name for a host: it means all", id="all"),
        pytest.param("[groups.all]\nmembers=[]", "[groups.all] is no name for a group", id="group"),
        pytest.param("[groups.a]", "[groups.a] members is a list of hosts and groups", id="empty"),
        pytest.param("[hosts.a]\nprot = 1", "[hosts.a] 'prot' is no setting of hosts: did you mean port?", id="near"),
        pytest.param("[hosts.a]\nport = 0", "[hosts.a] port: 0 is no port", id="port"),
        pytest.param("[hosts.a]\nlabels = 5", "[hosts.a] labels is a mapping", id="labels"),
        pytest.param("[defaults]\nmembers = []", "[defaults] 'members' is no setting", id="members"),
        pytest.param("[hosts.a]\n[groups.a]\nmembers=[]", "a is a host and a group", id="both"),
        pytest.param("[hosts.web1]\n[groups.g]\nmembers=['wbe1']", "[groups.g] 'wbe1' is neither a host nor a group of this file: did you mean web1?", id="nobody"),
        pytest.param("[groups.a]\nmembers=['b']\n[groups.b]\nmembers=['a']", "[groups.a] is a member of itself", id="circle"),
        pytest.param("[hosts.a]\njump='ops@b'\n[hosts.b]\njump='a'", "[hosts.a] jump leads back", id="way"),
        pytest.param(
            "[hosts.h]\n[groups.a]\nmembers=['h']\nport=1\n[groups.b]\nmembers=['h']\nport=2",
            "[hosts.h] port: its groups a and b say different things", id="two minds",
        ),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_by_its_place(text: str, told: str) -> None:
    """With what would be right."""
    assert any(fault.startswith(told) for fault in faults_of(text)), faults_of(text)


def test_everything_is_told_at_once_and_no_secret_is() -> None:
    """A password that stands there itself is not repeated."""
    told = faults_of("[hosts.a]\npassword = 'hunter2'\nport = 0\n[groups.g]\nmembers = ['b']\n")

    assert 3 == len(told)
    assert "[hosts.a] password is not a reference: write env:NAME or file:PATH" in told
    assert "hunter2" not in str(told)


NAMES = st.sampled_from(["a", "b", "g", "h", "all", "a b", "", "ops@a"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
KEYS_OF_A_TABLE = st.sampled_from(
    [*KEYS, "members", "labels", "timeout_ms", "connect_timeout_ms", "prot"]
)
TABLE = st.dictionaries(KEYS_OF_A_TABLE, ANYTHING, max_size=4) | ANYTHING
GROUP = st.fixed_dictionaries({"members": st.lists(NAMES, max_size=4)}, optional={"port": ANYTHING})
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "defaults": TABLE,
        "hosts": st.dictionaries(NAMES, TABLE, max_size=3) | ANYTHING,
        "groups": st.dictionaries(NAMES, GROUP | TABLE, max_size=4) | ANYTHING,
        "host": ANYTHING,
    },
)


@given(TABLES)
def test_whatever_stands_in_a_file_is_read_or_told(data: dict[str, Any]) -> None:
    """It raises nothing; and of a file without faults, every host is in the groups that have it."""
    inventory, faults = read_inventory(data, "/etc/outlast/hosts.toml")

    if not faults:
        for group, hosts in inventory.groups.items():
            chosen, _ = inventory.select([group])
            assert list(hosts) == chosen
            assert all(group in inventory.groups_of(host) for host in hosts)
        known = inventory.known(inventory.hosts)
        if known:
            _, wrong = read_spec({"shell": ":", "on": list(known), "hosts": known})
            assert [] == wrong

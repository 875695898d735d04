"""Which addresses a message may go to: the world's, and those that somebody has named."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from outlast.core.addresses import is_allowed, is_named, read_networks

OWN = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1"),
    *("127.255.0.9", "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::10.0.0.1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1"),
    *("fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1"),
]
WORLD = [
    *("1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1"),
    *("168.63.129.17", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::200e"),
    *("::ffff:8.8.8.8", "64:ff9b::808:808"),
]


@pytest.mark.parametrize("address", OWN)
def test_what_is_somebody_s_own_is_not_for_messages(address: str) -> None:
    """A machine's, a network's, a cloud's, nobody's, or one of these as another kind writes it."""
    assert not is_allowed(address)


@pytest.mark.parametrize("address", WORLD)
def test_the_world_s_addresses_are(address: str) -> None:
    """Also one that leads to such a one of the other kind."""
    assert is_allowed(address)


@pytest.mark.parametrize(
    ("address", "network", "expected"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("64:ff9b::a01:203", "10.1.0.0/16", True),
        ("127.0.0.1", "127.0.0.1/32", True),
        ("::1", "127.0.0.0/8", False),
        ("::1", "::1/128", True),
        ("fd12::1", "fd12::/16", True),
        ("fe80::1%eth0", "fe80::/10", True),
    ],
)
def test_what_is_named_is_allowed(address: str, network: str, expected: bool) -> None:
    """And nothing beside it, in the other kind of address neither."""
    assert (expected, expected) == (
        is_allowed(address, [ip_network(network)]),
        is_named(address, [ip_network(network)]),
    )


def test_a_world_s_address_is_named_only_where_somebody_has() -> None:
    """What may be sent by TLS may not be sent for all to read."""
    assert not is_named("8.8.8.8", read_networks(["10.0.0.0/8"]))
    assert is_named("8.8.8.8", read_networks(["10.0.0.0/8", "8.8.8.0/24"]))


@pytest.mark.parametrize("wrong", ["10.0.0.0/8", [8], ["10.0.0.1/8"], ["lan"], [None]])
def test_what_is_no_network_is_told(wrong: object) -> None:
    """As are bits beside it: which of the two was meant is not guessed."""
    with pytest.raises(ValueError, match="network"):
        read_networks(wrong)

"""Which addresses are the whole world's, and which are somebody's own: a machine's, a network's."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_OWN: Final = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # shared by a provider's customers, and a cloud's metadata (RFC 6598)
        "168.63.129.16/32",  # public by its number; in Azure every machine's own host
        "192.0.0.0/24",  # of protocols, and another cloud's metadata (RFC 6890)
        "192.88.99.0/24",  # relays of 6to4, given up (RFC 7526)
        "2001::/23",  # of protocols: Teredo, ORCHID, benchmarks
        "2002::/16",  # 6to4, given up
        "3fff::/20",  # for examples (RFC 9637)
    )
)
"""Besides those that Python knows to be none of the world's, whatever version it is of."""

_WORLD: Final = IPv6Network("2000::/3")
"""All of IPv6 that was ever given to the world (RFC 4291, 2.4)."""

_CARRIES: Final = (
    IPv6Network("::ffff:0:0/96"),  # mapped: the system itself speaks IPv4 then
    IPv6Network("64:ff9b::/96"),  # NAT64: what a network without IPv4 is told of all the world's
)
"""What ends in an IPv4 address, and leads there (RFC 4291, RFC 6052)."""


def is_allowed(address: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether a message may be sent to *address*: one of the world's, or in a network of *allowed*."""
    return is_named(address, allowed) or _is_the_worlds(_meant(address))


def is_named(address: str, networks: Iterable[Network]) -> bool:
    """Whether *address*, or the IPv4 one that it leads to, is in one of *networks*."""
    some = tuple(networks)
    return _is_in(_meant(address), some) or _is_in(_written(address), some)


def read_networks(value: object) -> tuple[Network, ...]:
    """
    Return the networks of a list of texts.

    Raises:
        ValueError: It is none, and what would be right.
    """
    if not isinstance(value, list):
        raise ValueError('is a list of networks, such as ["10.0.0.0/8", "::1"]')  # noqa: TRY004 told with all that is wrong
    networks = []
    for each in value:
        try:
            networks.append(ip_network(str(each)))
        except ValueError as error:
            raise ValueError(f"no network: {error}") from None
    return tuple(networks)


def _written(address: str) -> Address:
    return ip_address(address.partition("%")[0])


def _meant(address: str) -> Address:
    """Return *address*; where it leads to an IPv4 one, that."""
    at = _written(address)
    if isinstance(at, IPv6Address) and any(at in each for each in _CARRIES):
        return IPv4Address(int(at) & 0xFFFFFFFF)
    return at


def _is_the_worlds(at: Address) -> bool:
    if not at.is_global or at.is_multicast or at.is_reserved or _is_in(at, _OWN):
        return False
    return isinstance(at, IPv4Address) or at in _WORLD


def _is_in(at: Address, networks: Iterable[Network]) -> bool:
    return any(at.version == each.version and at in each for each in networks)

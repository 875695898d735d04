"""What of a job's spec is an administrator's to ask for, whatever a policy says."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from .container import Container
from .hostspec import HostSpec
from .inventory import Inventory
from .job import JobSpec
from .secret import MEMORY

SECRET: Final = "secret:"
"""What stands before the name of a secret of the server's own table."""

CAGE_FREE: Final = frozenset({"image", "pull", "files", "tmpfs"})
"""What anybody may say of a container: all else would widen the cage, or reach out of it."""

CAGE_BY_POLICY: Final = frozenset({"network"})
"""What a policy may allow there."""

SERVERS_OWN: Final = frozenset(
    {"OUTLAST_SSH_CONFIG", "SSH_AUTH_SOCK", "HOME", "PATH"}
    | {"OUTLAST_CONTAINER_ENGINE", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR"}
)
"""
Variables that tell the server's own side how hosts and engines are reached. One that a job for
those brings along would stand in their place: a configuration of SSH names programs to run here.
"""


def reserved_faults(spec: JobSpec, inventory: Inventory) -> list[str]:
    """Return what *spec* asks for that only an administrator may, each with what others do."""
    faults: list[str] = []
    if spec.stdin is not None:
        faults.append(
            "stdin names a file of the server's, which is an administrator's: send the data itself"
        )
    faults += [
        f"the reference {reference.partition(':')[0]}: reads what is the server's, which is an"
        " administrator's: others use secret:NAME"
        for reference in sorted(own_references(spec, inventory))
        if not reference.startswith((SECRET, MEMORY))  # of the latter, the login is told below
    ]
    faults += _host_faults(spec, inventory)
    if spec.is_remote or spec.container is not None:
        faults += [
            f"env {name} says how the server reaches hosts and engines, which is an"
            " administrator's: leave it out"
            for name in sorted({*spec.env, *spec.secret_env} & SERVERS_OWN)
        ]
    if spec.container is not None:
        faults += _container_faults(spec.container)
    return list(dict.fromkeys(faults))


def own_references(spec: JobSpec, inventory: Inventory) -> frozenset[str]:
    """Return the secrets that *spec* refers to by itself, and not by way of the inventory."""
    known = inventory.known(spec.hosts)
    logins = {
        reference
        for name, host in spec.hosts.items()
        for reference in host.references
        if reference not in known.get(name, HostSpec()).references
    }
    answers = {rule.answer_from for rule in spec.dialogue if rule.answer_from is not None}
    return frozenset({*spec.secret_env.values(), *answers, *logins, *spec.signing})


def _host_faults(spec: JobSpec, inventory: Inventory) -> list[str]:
    """Return whose way, user, key or password was said otherwise than the server has it."""
    known = inventory.known(spec.hosts)
    faults = []
    for name, host in spec.hosts.items():
        there = known.get(name, HostSpec())
        said = [
            each.name
            for each in fields(HostSpec)
            if each.name not in ("timeout", "connect_timeout")
            and getattr(host, each.name) != getattr(there, each.name)
        ]
        if said:
            faults.append(
                f"hosts.{name:.80}: {', '.join(said)}: how a host is reached is an administrator's"
                " to say: name one as the server's inventory has it"
            )
    return faults


def _container_faults(container: Container) -> list[str]:
    plain = Container(image=container.image)
    return [
        f"container.{name} reaches out of the cage, or widens it, which is an administrator's:"
        " leave it out"
        for name, value in vars(container).items()
        if name not in CAGE_FREE | CAGE_BY_POLICY and value != getattr(plain, name)
    ]

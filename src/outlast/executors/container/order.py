"""What the shim of a container is told: the container as the engine is to make it, and its clocks."""

from __future__ import annotations

from typing import Any, Final

from ...core.container import INSIDE, SCRIPT, Container, Mount, parse_mount, parse_tmpfs
from ...core.job import JobSpec, Limits
from ...core.limits import to_ms
from ...ports.executor import Launch
from .address import find_engine
from .outbox import add_outbox

FOR_LOGIN: Final = (
    *("HOME", "PATH", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"),
)
"""What of the caller's environment tells where its logins at registries are."""

NANO: Final = 1_000_000_000
NO_NEW_PRIVILEGES: Final = "no-new-privileges"
TMPFS: Final = "rw,nosuid,nodev,noexec,mode=1777,size={size}"
EMPTY: Final = "ro,nosuid,nodev,noexec,mode=755"
PODMANS_OWN: Final = ("/run", "/tmp", "/var/tmp")  # noqa: S108 the container's own
"""Where Podman adds folders in memory to a root that cannot be written to: writable, without a size."""


def order_of(launch: Launch, home: str, floor_bytes: int) -> dict[str, Any]:
    """Return what the shim is told of *launch*: all that it needs, since it asks nobody."""
    spec = launch.spec
    container = spec.container
    if container is None:  # pragma: no cover - whoever launches has looked
        raise ValueError("this job has no container")
    folder = f"{home}/jobs/{launch.key}"
    labels = {
        "outlast.home": home,
        "outlast.job": launch.key.partition("/")[0],
        "outlast.attempt": launch.key,
    }
    files = dict(container.files)
    if spec.script is not None:
        files[SCRIPT] = spec.script
    engine, no_engine = "", None
    try:
        engine = find_engine(launch.captured.env)
    except LookupError as error:
        no_engine = str(error.args[0])
    name = "outlast-" + launch.key.replace("/", ".")
    order = {
        "home": home,
        "key": launch.key,
        "folder": folder,
        "name": name,
        "engine": engine,
        "no_engine": no_engine,
        "labels": labels,
        "image": _tagged(container.image),
        "program": _argv(spec)[0],
        "pull": container.pull,
        "login_env": {
            name: value for name, value in launch.captured.env.items() if name in FOR_LOGIN
        },
        "pull_timeout_ms": to_ms(spec.pull_timeout),
        "timeout_ms": to_ms(spec.timeout),
        "grace_ms": to_ms(spec.grace),
        "idle_timeout_ms": None if spec.idle_timeout is None else to_ms(spec.idle_timeout),
        "output_bytes": spec.limits.output_bytes,
        "on_output_limit": spec.on_output_limit,
        "floor_bytes": floor_bytes,
        "files": files,
        "stdin": spec.stdin,
        "podmans_own": _podmans_own(container),
        "body": _body(launch, container, labels, f"{folder}/in" if files else None),
    }
    if spec.collect is not None:
        add_outbox(order, spec.collect)
    return order


def _tagged(image: str) -> str:
    """Return *image* with its tag: without one, an engine would pull all that there are."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def _body(
    launch: Launch, container: Container, labels: dict[str, str], inside: str | None
) -> dict[str, Any]:
    """Return the container as the engine's API has it."""
    spec = launch.spec
    return {
        "Image": _tagged(container.image),
        # Not as Cmd: what the image would put before it is no part of what was asked for.
        "Entrypoint": _argv(spec),
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in _environment(launch).items()],
        "User": container.user,
        "WorkingDir": spec.cwd or "",
        "Labels": labels,
        "Tty": False,
        "OpenStdin": spec.stdin is not None,
        "StdinOnce": spec.stdin is not None,  # it has an end
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": container.network,
            "CapDrop": ["ALL"],
            "CapAdd": list(container.cap_add),
            "SecurityOpt": [] if container.new_privileges else [NO_NEW_PRIVILEGES],
            "ReadonlyRootfs": container.read_only,
            "Tmpfs": _tmpfs(container),
            "Mounts": _mounts(container, inside),
            "Init": True,
            "Privileged": False,
            "AutoRemove": False,
            "RestartPolicy": {"Name": "no"},
            **_limits(spec.limits, container.swap_bytes),
        },
    }


def _argv(spec: JobSpec) -> list[str]:
    if spec.script is not None:
        return [*(spec.runtime or "").split(), f"{INSIDE}/{SCRIPT}", *spec.command]
    return list(spec.command) or ["/bin/sh", "-c", spec.shell or ""]


def _environment(launch: Launch) -> dict[str, str]:
    """Return the variables that were asked for; nothing of the caller's own goes along."""
    spec = launch.spec
    held = launch.captured.secrets
    secrets = {name: held.get(reference, "") for name, reference in spec.secret_env.items()}
    own = {
        "OUTLAST_JOB_ID": launch.key.partition("/")[0],
        "OUTLAST_ATTEMPT": launch.key,
    }
    return {"HOME": "/tmp", **spec.env, **secrets, **own}  # noqa: S108 the container's own


def _tmpfs(container: Container) -> dict[str, str]:
    return {path: TMPFS.format(size=size) for path, size in map(parse_tmpfs, container.tmpfs)}


def _podmans_own(container: Container) -> dict[str, str]:
    """Return empty folders in memory for where Podman would have some that can be written to."""
    if not container.read_only:
        return {}
    there = [*_tmpfs(container), *(parse_mount(each).target for each in container.mounts)]
    # Below what is mounted, a folder for it might have to be made: in one of this machine's.
    free = [own for own in PODMANS_OWN if not any(f"{own}/".startswith(f"{at}/") for at in there)]
    return dict.fromkeys(free, EMPTY)


def _mounts(container: Container, inside: str | None) -> list[dict[str, Any]]:
    mounts = [parse_mount(each) for each in container.mounts]
    if inside is not None:
        mounts.append(Mount(inside, INSIDE))
    # ReadOnly is of the top alone: what is mounted below could be written to, and stays outside.
    to_read = {"ReadOnly": True, "BindOptions": {"NonRecursive": True}}
    return [
        {
            "Type": "bind",
            "Source": mount.source,
            "Target": mount.target,
            **({"ReadOnly": False} if mount.writable else to_read),
        }
        for mount in mounts
    ]


def _limits(limits: Limits, swap_bytes: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if limits.memory_bytes is not None:
        found["Memory"] = limits.memory_bytes
        found["MemorySwap"] = limits.memory_bytes + swap_bytes
    if limits.cpus is not None:
        found["NanoCpus"] = round(limits.cpus * NANO)
    if limits.pids is not None:
        found["PidsLimit"] = limits.pids
    return found

"""The folder /out of a container: how it is ordered of the engine, and of the shim."""

from __future__ import annotations

from typing import Any, Final

from ...core.collect import Collect, collect_to_json
from ...core.container import OUT, Container, parse_mount

VARIABLE: Final = "OUTLAST_OUT"


def add_outbox(order: dict[str, Any], collect: Collect, container: Container) -> None:
    """Have the container that *order* is for find a folder at /out that it can write to."""
    name = f"{order['name']}.out"
    mount = {
        "Type": "volume",
        "Source": name,
        "Target": OUT,
        # What the image has there is the image's.
        "VolumeOptions": {"NoCopy": True, "Labels": order["labels"]},
    }
    body, host = order["body"], order["body"]["HostConfig"]
    body["Env"].append(f"{VARIABLE}={OUT}")
    host["Mounts"].append(mount)
    if is_all_it_writes(container):
        # What is larger is not collected anyway, and a hole in it takes long to read.
        limit = collect.max_bytes
        host["Ulimits"] = [{"Name": "fsize", "Soft": limit, "Hard": limit}]
    helper = {
        "Image": body["Image"],
        "Entrypoint": ["/never"],
        "Cmd": [],
        "Labels": order["labels"],
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount]},
    }
    order["collect"] = collect_to_json(collect)
    order["outbox"] = {"name": name, "body": helper}


def is_all_it_writes(container: Container) -> bool:
    """Whether the container can write files nowhere else, but in memory."""
    writable = any(parse_mount(each).writable for each in container.mounts)
    return container.read_only and not writable

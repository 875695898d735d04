"""The folder /out of a container: how it is ordered of the engine, and of the shim."""

from __future__ import annotations

from typing import Any, Final

from ...core.collect import Collect, collect_to_json
from ...core.container import OUT

VARIABLE: Final = "OUTLAST_OUT"


def add_outbox(order: dict[str, Any], collect: Collect) -> None:
    """Have the container that *order* is for find a folder at /out that it can write to."""
    name = f"{order['name']}.out"
    mount = {
        "Type": "volume",
        "Source": name,
        "Target": OUT,
        # What the image has there is the image's.
        "VolumeOptions": {"NoCopy": True, "Labels": order["labels"]},
    }
    body = order["body"]
    body["Env"].append(f"{VARIABLE}={OUT}")
    body["HostConfig"]["Mounts"].append(mount)
    helper = {
        "Image": body["Image"],
        "Entrypoint": ["/never"],
        "Cmd": [],
        "Labels": order["labels"],
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount]},
    }
    order["collect"] = collect_to_json(collect)
    order["outbox"] = {"name": name, "body": helper}

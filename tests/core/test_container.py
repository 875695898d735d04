"""A job's container as a caller asks for it, as JSON, and with the limits that it has of its own."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from outlast.core.container import Container, parse_mount, parse_tmpfs
from outlast.core.job import JobSpec, Limits, nodes_of
from outlast.core.parse import parse_spec, read_spec
from outlast.core.spec import spec_from_json, spec_to_json

WIDE = {
    "image": "registry.example:5000/team/tool:1.2@sha256:" + "0" * 64,
    "pull": "always",
    "network": "bridge",
    "mounts": ["/data:/data", "/out:/results:rw"],
    "user": "1000:1000",
    "read_only": False,
    "tmpfs": ["/tmp:64m", "/work:1g"],
    "cap_add": ["NET_RAW"],
    "new_privileges": True,
    "swap_bytes": 1 << 20,
    "files": {"a.txt": "a\n"},
}


def test_an_image_is_enough() -> None:
    """It is locked down then, and has clocks and limits of its own."""
    spec = parse_spec({"shell": "true", "container": "alpine"})

    assert Container(image="alpine") == spec.container
    assert (timedelta(seconds=300), timedelta()) == (spec.timeout, spec.grace)
    assert Limits(memory_bytes=512 << 20, pids=256) == spec.limits
    assert [("alpine", "container")] == [(node.name, node.executor) for node in nodes_of(spec)]


def test_each_key_can_be_widened() -> None:
    """What is written as JSON is read as the same spec, by us and as a caller's request."""
    spec = parse_spec({"command": ["true"], "container": WIDE, "pull_timeout": "1m"})
    written = json.loads(json.dumps(spec_to_json(spec)))

    assert WIDE == written["container"]
    assert spec == spec_from_json(written) == parse_spec(written)


def test_a_limit_is_lifted_by_saying_so() -> None:
    """Null says that there is none; not to say anything leaves the container's own."""
    spec = parse_spec({"shell": "true", "container": "a", "limits": {"memory_bytes": None}})

    assert (None, 256) == (spec.limits.memory_bytes, spec.limits.pids)
    assert spec == parse_spec(json.loads(json.dumps(spec_to_json(spec))))
    spoken = parse_spec({"shell": "true", "container": "a", "limits": Limits(cpus=1.0)})
    assert (512 << 20, 1.0) == (spoken.limits.memory_bytes, spoken.limits.cpus)


@pytest.mark.parametrize(
    ("container", "word"),
    [
        (7, "not 7"),
        ({}, "which image"),
        ({"image": "-rm"}, "'-rm' is no image"),
        ({"image": "Box:1"}, "'Box:1' is no image"),
        ({"image": "a:b:c"}, "'a:b:c' is no image"),
        ({"image": "a//b"}, "'a//b' is no image"),
        ({"image": "a", "pull": "often"}, "missing or always or never"),
        ({"image": "a", "network": "container:x"}, "network: 'container:x'"),
        ({"image": "a", "user": "a b"}, "user: 'a b'"),
        ({"image": "a", "mounts": "/a:/b"}, "mounts is a list"),
        ({"image": "a", "mounts": ["/a"]}, "'/a' is no mount"),
        ({"image": "a", "mounts": ["/a:b"]}, "absolute path"),
        ({"image": "a", "mounts": ["/a:/in/"]}, "neither / nor /in"),
        ({"image": "a", "mounts": ["/a:/b:rx"]}, "SOURCE:TARGET"),
        ({"image": "a", "tmpfs": ["/t"]}, "PATH:SIZE"),
        ({"image": "a", "tmpfs": ["/t:0"]}, "no room"),
        ({"image": "a", "tmpfs": ["/t/../in/:1m"]}, "nor what is in that"),
        ({"image": "a", "tmpfs": ["/./:1m"]}, "neither / nor /in"),
        ({"image": "a", "mounts": ["/t:/in/here"]}, "nor what is in that"),
        ({"image": "a", "files": {"x" * 201: ""}}, "200 letters"),
        ({"image": "a", "tmpfs": [1]}, "is not text"),
        ({"image": "a", "cap_add": ["a b"]}, "no capability"),
        ({"image": "a", "read_only": "no"}, "true or false"),
        ({"image": "a", "files": {"../x": ""}}, "no name for a file"),
        ({"image": "a", "files": {"script": ""}}, "no name for a file"),
        ({"image": "a", "files": {"x": 1}}, "is not text"),
        ({"image": "a", "files": {"x": "y" * (1 << 20 | 1)}}, "mount a folder"),
        ({"image": "a", "files": []}, "files is a mapping"),
        ({"image": "a", "privileged": True}, "'privileged' is not a key"),
    ],
)
def test_what_is_wrong_is_told(container: Any, word: str) -> None:
    """By its key, and with what would be right."""
    spec, faults = read_spec({"shell": "true", "container": container})

    assert any(fault.startswith("container") and word in fault for fault in faults), faults
    assert spec.container is not None, "what is asked of a container is no fault of this machine's"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"on": ["h"]}, "not on hosts"),
        ({"clean_env": True}, "goes anyway"),
        ({"collect": ["/etc/*"]}, "not below /out"),
        ({"leftovers": "wait"}, "ends with its command"),
        ({"cwd": "here"}, "not absolute"),
        ({"limits": {"memory_bytes": (6 << 20) - 1}}, "6m is the least"),
        ({"limits": {"memory_bytes": 0, "cpus": 1}}, "no memory at all"),
        ({"limits": {"cpus": 0.009}}, "0.01, the least"),
        ({"on_output_limit": "discard"}, "raise limits.output_bytes"),
    ],
)
def test_what_a_container_cannot_have(more: dict[str, Any], word: str) -> None:
    """It is refused, not ignored."""
    _, faults = read_spec({"shell": "true", "container": "a", **more})

    assert any(word in fault for fault in faults), faults


def test_only_a_container_s_image_is_pulled() -> None:
    """Its clock means nothing elsewhere."""
    _, faults = read_spec({"shell": "true", "pull_timeout": "1m"})

    assert ["pull_timeout is a container's, and there is none"] == faults


def test_mounts_and_memory_are_read_as_written() -> None:
    """Read only, unless it says otherwise."""
    assert ["/a:/b", "/a:/b", "/a:/b:rw"] == [
        str(parse_mount(text)) for text in ("/a:/b", "/a:/b/:ro", "/a:/b:rw")
    ]
    assert ("/tmp", 64 << 20) == parse_tmpfs("/tmp:64m") == parse_tmpfs("//tmp/./:64m")
    assert ("/t", "/in/old") == (parse_mount("/a://t").target, parse_mount("/a:/in/old").target)


def test_a_job_without_one_has_none() -> None:
    """And nothing of it in its JSON."""
    assert {"command": ["true"]} == spec_to_json(JobSpec(command=("true",)))

"""Where a login at a registry is looked for, as `docker login` and `podman login` leave it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from outlast.shim.login import HEADER, LoginUnreadable, header_for

HUB = "https://index.docker.io/v1/"
AUTH = {"auth": base64.b64encode(b"user:pass:word").decode()}
WORDS = {"username": "user", "password": "pass:word"}
TOKEN = {"identitytoken": "token"}


def keep(path: Path, config: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config if isinstance(config, str) else json.dumps(config))


def login(image: str, env: dict[str, str]) -> dict[str, str] | None:
    """Return what an engine is told for *image*; None if nothing."""
    header = header_for(image, env)
    if not header:
        return None
    told: dict[str, str] = json.loads(base64.urlsafe_b64decode(header[HEADER]))
    return told


FOUND: dict[str, tuple[str, dict[str, Any], dict[str, str], str]] = {
    "by the registry's name": ("r.example/box:1", {"r.example": AUTH}, WORDS, "r.example"),
    "with a port": ("r.example:5000/a/box", {"r.example:5000": AUTH}, WORDS, "r.example:5000"),
    "by its address": ("r.example/box", {"https://r.example/v2/": AUTH}, WORDS, "r.example"),
    "of the hub": ("box:1", {HUB: AUTH}, WORDS, HUB),
    "of the hub, by name": ("docker.io/a/box", {"docker.io": AUTH}, WORDS, HUB),
    "a token": ("r.example/box", {"r.example": TOKEN}, TOKEN, "r.example"),
    "in plain words": ("r.example/box", {"r.example": WORDS}, WORDS, "r.example"),
    "of a folder first": (
        "r.example/a/b/box",
        {"r.example": TOKEN, "r.example/a": AUTH, "r.example/b": TOKEN},
        WORDS,
        "r.example",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_login_is_found(name: str, tmp_path: Path) -> None:
    """However the file calls its registry; and the engine is told whose it is."""
    image, auths, expected, address = FOUND[name]
    keep(tmp_path / ".docker" / "config.json", {"auths": auths})

    assert {**expected, "serveraddress": address} == login(image, {"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        {"auths": {"other.example": AUTH}},
        {"auths": {"r.example": {}}},
        {"auths": {"r.example": {"auth": "no base64"}}},
        {"auths": {"r.example": 7}},
        {"auths": 7, "credHelpers": 7, "credsStore": 7},
    ],
)
def test_no_login_is_made_up(config: object, tmp_path: Path) -> None:
    """Whatever else stands in the file."""
    keep(tmp_path / "config.json", config)

    assert None is login("r.example/box", {"DOCKER_CONFIG": str(tmp_path), "HOME": "/none"})


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("REGISTRY_AUTH_FILE", "{}/auth.json", "auth.json"),
        ("DOCKER_CONFIG", "{}", "config.json"),
        ("XDG_RUNTIME_DIR", "{}", "containers/auth.json"),
        ("XDG_CONFIG_HOME", "{}", "containers/auth.json"),
        ("HOME", "{}", ".config/containers/auth.json"),
    ],
)
def test_where_it_is_kept(variable: str, value: str, path: str, tmp_path: Path) -> None:
    """Docker's file and Podman's, each where its variable says."""
    keep(tmp_path / path, {"auths": {"r.example": AUTH}})

    found = login("r.example/box", {"HOME": "/none", variable: value.format(tmp_path)})
    assert {**WORDS, "serveraddress": "r.example"} == found


HELPERS = {
    "a password": ('echo \'{"Username": "user", "Secret": "pass:word"}\'', WORDS),
    "a token": ('echo \'{"Username": "<token>", "Secret": "token"}\'', TOKEN),
    "none": ("echo credentials not found in native keychain; exit 1", None),
}


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_asked(name: str, tmp_path: Path) -> None:
    """By what the caller's PATH has; the one of this registry comes before the general one."""
    answer, expected = HELPERS[name]
    helper = tmp_path / "docker-credential-mine"
    helper.write_text(f'#!/bin/sh\ntest "$1 $(cat)" = "get r.example" || exit 2\n{answer}\n')
    helper.chmod(0o755)
    config = {"credHelpers": {"r.example": "mine"}, "credsStore": "other"}
    keep(tmp_path / "config.json", config)
    env = {"DOCKER_CONFIG": str(tmp_path), "HOME": "/none", "PATH": f"{tmp_path}:/usr/bin:/bin"}

    found = login("r.example/box", env)
    assert (expected and {**expected, "serveraddress": "r.example"}) == found


BROKEN = {
    "no JSON": ("{secret", "is no JSON"),
    "no such helper": ({"credsStore": "gone"}, "docker-credential-gone does not tell a login"),
    "no name": ({"credsStore": "../../bin/sh"}, "no name of a credential helper"),
    "a helper that fails": ({"credsStore": "fails"}, "ended with exit code 3"),
    "a helper that babbles": ({"credsStore": "babbles"}, "does not tell a login as JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_told(name: str, tmp_path: Path) -> None:
    """Which file or program it was, and nothing of what is in it."""
    config, words = BROKEN[name]
    keep(tmp_path / "config.json", config)
    for helper, line in {"fails": "echo secret; exit 3", "babbles": "echo secret"}.items():
        path = tmp_path / f"docker-credential-{helper}"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    env = {"DOCKER_CONFIG": str(tmp_path), "HOME": "/none", "PATH": f"{tmp_path}:/usr/bin:/bin"}

    with pytest.raises(LoginUnreadable, match=words) as caught:
        header_for("r.example/box", env)
    assert "secret" not in str(caught.value)

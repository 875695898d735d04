"""
The user's login at an image's registry, from where `docker login` and `podman login` keep it.

Read when an image is to be pulled, by the process that pulls it, and passed to the engine alone:
what is found here stands in no record, log or argument.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

HEADER = "X-Registry-Auth"

HELPER_S = 30.0
"""How long the program that keeps a login may take to tell it."""

HUB = "docker.io"
HUB_KEY = "https://index.docker.io/v1/"
"""What the registry of images without a registry in their name is called in files and helpers."""

_HUBS = ("index.docker.io", "registry-1.docker.io", HUB)
_HELPER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_TOKEN = "<token>"
"""What a helper says in place of a user, where it has a token instead of a password."""

_NONE = "credentials not found"
"""What a helper says that keeps none for a registry."""

Login = dict[str, str]


class LoginUnreadable(Exception):
    """There may be a login, and it cannot be had; the words hold nothing of it."""


def header_for(image: str, env: Mapping[str, str]) -> dict[str, str]:
    """
    Return the field of a pull's head with the login of *image*'s registry; none if there is none.

    *env* is the environment of who asks for the pull: where the files are, and the helpers.

    Raises:
        LoginUnreadable: A file or a helper that may have it is no use.
    """
    names = list(_names_of(image))
    for path in _files(env):
        config = _read(path)
        if (login := _login_in(config, names, env)) is not None:
            data = json.dumps({**login, "serveraddress": _asked(names[-1])}).encode()
            return {HEADER: base64.urlsafe_b64encode(data).decode()}
    return {}


def _names_of(image: str) -> Iterator[str]:
    """Yield what a login for *image* may be kept for: the registry last, its folders before."""
    name = image.partition("@")[0]
    registry, slash, rest = name.partition("/")
    if not slash or not ({".", ":"} & set(registry) or registry == "localhost"):
        registry, rest = HUB, name
    if registry in _HUBS:
        registry = HUB
    folders = rest.split("/")[:-1]
    for count in range(len(folders), -1, -1):
        yield "/".join([registry, *folders[:count]])


def _asked(registry: str) -> str:
    return HUB_KEY if registry == HUB else registry


def _files(env: Mapping[str, str]) -> Iterator[str]:
    """Yield where logins are kept."""
    home = env.get("HOME") or os.path.expanduser("~")
    if path := env.get("REGISTRY_AUTH_FILE"):
        yield path
    yield f"{env.get('DOCKER_CONFIG') or f'{home}/.docker'}/config.json"
    if runtime := env.get("XDG_RUNTIME_DIR"):
        yield f"{runtime}/containers/auth.json"
    yield f"{env.get('XDG_CONFIG_HOME') or f'{home}/.config'}/containers/auth.json"


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            config = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise LoginUnreadable(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise LoginUnreadable(f"{path} is no JSON") from None  # whose words would show some of it
    return config if isinstance(config, dict) else {}


def _login_in(config: dict[str, Any], names: list[str], env: Mapping[str, str]) -> Login | None:
    registry = names[-1]
    own = _by_name(config.get("credHelpers")).get(registry)
    helper = own or config.get("credsStore")
    if isinstance(helper, str) and helper:
        login = _from_helper(helper, _asked(registry), env)
        if login is not None:
            return login
    auths = _by_name(config.get("auths"))
    for name in names:
        if isinstance(entry := auths.get(name), dict) and (login := _login_of(entry)) is not None:
            return login
    return None


def _by_name(table: object) -> dict[str, Any]:
    """Return a table of a file's under plain names: they may be written as addresses."""
    found: dict[str, Any] = {}
    for key, value in table.items() if isinstance(table, dict) else ():
        name = str(key).partition("://")[2] or str(key)
        name = name.rstrip("/").removesuffix("/v1").removesuffix("/v2")
        found[HUB if name in _HUBS else name] = value
    return found


def _login_of(entry: dict[str, Any]) -> Login | None:
    token, auth = entry.get("identitytoken"), entry.get("auth")
    if isinstance(token, str) and token:
        return {"identitytoken": token}
    if isinstance(auth, str) and auth:
        try:
            user, colon, password = base64.b64decode(auth).decode().partition(":")
        except ValueError:
            return None
        return {"username": user, "password": password.rstrip("\0")} if colon else None
    name, word = entry.get("username"), entry.get("password")
    if isinstance(name, str) and name and isinstance(word, str):
        return {"username": name, "password": word}
    return None


def _from_helper(helper: str, registry: str, env: Mapping[str, str]) -> Login | None:
    """Ask the program that keeps it, as docker-credential-helpers has it."""
    import subprocess  # only where there is one: it takes as long as all the rest of a shim

    program = f"docker-credential-{helper}"
    if not _HELPER.fullmatch(helper):
        raise LoginUnreadable("this is no name of a credential helper")
    try:
        done = subprocess.run(
            [program, "get"],
            input=registry.encode(),
            capture_output=True,
            timeout=HELPER_S,
            env={**os.environ, **env},
            check=False,
        )
        told = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "strerror", None) or "it took too long"
        raise LoginUnreadable(f"{program} does not tell a login: {why}") from None
    except ValueError:
        raise LoginUnreadable(f"{program} does not tell a login as JSON") from None
    if done.returncode != 0:
        if _NONE in done.stdout.decode("utf-8", "replace"):
            return None
        raise LoginUnreadable(f"{program} ended with exit code {done.returncode}")
    if not isinstance(told, dict):
        return None
    user, secret = told.get("Username"), told.get("Secret")
    if not isinstance(user, str) or not isinstance(secret, str) or not secret:
        return None
    return {"identitytoken": secret} if user == _TOKEN else {"username": user, "password": secret}

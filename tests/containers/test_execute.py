"""`execute_script`, the command line's `--container`, `containers prune` and what doctor says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import outlast
from outlast import Client, Limits
from outlast.doors.cli.schemas import SCHEMAS
from outlast.errors import InvalidRequest

from ..cli.test_manifest import fits
from ..rigs.engine import IMAGE, Engine
from ..world import POWERLESS, eventually
from .conftest import Run, over

pytestmark = pytest.mark.slow  # each has a container made


def cli(*words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `outlast` as a caller without a terminal, with words *before* that."""
    return subprocess.run(
        [*before, sys.executable, "-m", "outlast", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_script_is_executed(engine: Engine) -> None:
    """With its arguments, variables and files; the answer has names, and can be taken apart."""
    result = outlast.execute_script(
        '#!/bin/sh\necho "$1 $2 $NAME"; cat /in/note; echo err >&2; exit 3\n',
        image=IMAGE,
        args=("a b", "c"),
        env={"NAME": "value"},
        files={"note": "note\n"},
    )

    assert (3, "a b c value\nnote\n", "err\n") == tuple(result)
    assert ("exit_nonzero", None) == (result.reason, result.error)


def test_a_script_of_the_command_line_has_arguments(engine: Engine, tmp_path: Path) -> None:
    """What stands behind `--`, as it stands there; and so for every door, since it is the spec's."""
    script = tmp_path / "script.sh"
    script.write_text('#!/bin/sh\necho "$# $1 $2"\n')
    done = cli("run", "--container", IMAGE, "--script", str(script), "--", "a b", "--c")

    assert (0, "2 a b --c\n") == (done.returncode, done.stdout)
    refused = cli("run", "--script", str(script), "--", "a")
    assert "command and script exclude each other" in refused.stderr


def test_what_else_is_said_of_its_container_is_added(engine: Engine) -> None:
    """Files as well: none stands in for the script; and limits, however they are written."""
    script = "#!/bin/sh\ncat /in/a /in/b; pwd\n"
    more = {"files": {"a": "a\n", "b": "no\n"}, "tmpfs": ["/work:1m"]}
    made, written = (
        outlast.execute_script(
            script, image=IMAGE, files={"b": "b\n"}, container=more, limits=limits, cwd="/work"
        )
        for limits in (Limits(output_bytes=1 << 20), {"output_bytes": "1m", "pids": None})
    )

    with Client() as client:
        kept = [client.get(each.job_id).spec.limits for each in (made, written)]
    assert [(0, "a\nb\n/work\n", "")] * 2 == [tuple(each) for each in (made, written)]
    expected = Limits(output_bytes=1 << 20, memory_bytes=512 << 20, pids=256)
    assert [expected, replace(expected, pids=None)] == kept


def test_a_script_is_killed_after_its_seconds(engine: Engine) -> None:
    """Memory and processors limited as well: the limit of time is told as that."""
    result = outlast.execute_script(
        "echo begun; while :; do :; done", 1, image=IMAGE, runtime="sh", memory="64m", cpus=0.5
    )

    assert (-1, "begun\n", "Execution timeout (1s)\n") == tuple(result)
    assert ("timeout", "Execution timeout (1s)") == (result.reason, result.error)


def test_five_minutes_are_the_default(engine: Engine) -> None:
    """Of the function as of the command line."""
    result = outlast.execute_script("#!/bin/sh\n", image=IMAGE)
    with Client() as client:
        assert 300 == client.get(result.job_id).spec.timeout.total_seconds()


def test_a_script_that_nobody_can_run(home: Path) -> None:
    """Told before anything happens."""
    with pytest.raises(InvalidRequest, match="no #! line"):
        outlast.execute_script("echo", image=IMAGE)
    with pytest.raises(InvalidRequest, match="the script's own name"):
        outlast.execute_script("#!/bin/sh", image=IMAGE, files={"main": ""})
    with pytest.raises(InvalidRequest, match="a carriage return"):
        outlast.execute_script("#!/bin/sh\r\necho\r\n", image=IMAGE)
    with pytest.raises(InvalidRequest, match="the script's own name"):
        outlast.execute_script("#!/bin/sh", image=IMAGE, container={"files": {"main": ""}})
    with pytest.raises(InvalidRequest, match="files is a mapping"):
        outlast.execute_script("#!/bin/sh", image=IMAGE, container={"files": ["a"]})
    with pytest.raises(InvalidRequest, match="limits is a mapping"):
        outlast.execute_script("#!/bin/sh", image=IMAGE, limits=7)


def test_every_option(engine: Engine, client: Client, tmp_path: Path) -> None:
    """From the shell: what is run, what it finds, what it may."""
    (tmp_path / "script.sh").write_text(
        "#!/bin/sh\ncat /in/note /data; id -u; grep CapEff /proc/self/status\n"
    )
    (tmp_path / "note").write_text("note\n")
    done = cli(
        *("run", "--container", IMAGE, "--script", str(tmp_path / "script.sh"), "--wait", "60s"),
        *("--file", f"note={tmp_path}/note", "--mount", f"{tmp_path}/note:/data:ro"),
        *("--user", "0", "--cap-add", "net_raw", "--pull", "never", "--network", "none"),
        *("--memory", "64m", "--cpus", "1", "--pids", "none", "--read-only", "no"),
        *("--tmpfs", "/tmp:1m", "--new-privileges", "yes", "--swap", "1m", "--pull-timeout", "9s"),
    )
    over(client, *client.list().jobs)

    assert (0, "note\nnote\n0\nCapEff:\t0000000000002000\n") == (done.returncode, done.stdout)


def test_what_a_lost_home_left_is_removed_when_asked(engine: Engine, tmp_path: Path) -> None:
    """Only with --yes, where there is nobody to ask."""
    labels = {"outlast.home": str(tmp_path / "gone"), "outlast.attempt": "job_a/0/1"}
    body: dict[str, Any] = {"Image": IMAGE, "Cmd": ["true"], "Labels": labels}
    volume = {"Name": "outlast-old.out", "Labels": labels}
    engine.ask("POST", "/volumes/create", json.dumps(volume).encode())
    mount = {"Type": "volume", "Source": "outlast-old.out", "Target": "/out"}
    body["HostConfig"] = {"Mounts": [mount]}
    engine.ask("POST", "/containers/create?name=outlast-old", json.dumps(body).encode())
    shown, removed = cli("containers", "prune"), cli("containers", "prune", "--yes")

    told = [json.loads(done.stdout)["data"] for done in (shown, removed)]
    kinds = [(each["kind"], each["state"]) for each in told[0]["containers"]]
    assert [("container", "left"), ("volume", "left")] == kinds
    assert [[False] * 2, [True] * 2] == [
        [each["removed"] for each in data["containers"]] for data in told
    ]
    assert all(fits(data, SCHEMAS["containers"], SCHEMAS) is None for data in told)
    assert [] == engine.containers()


def test_what_a_job_needs_is_not_removed(engine: Engine, client: Client, submit: Run) -> None:
    """Whoever asks."""
    job = submit("echo out; exec sleep 1000")
    eventually(lambda: client.output(job.id), "its output")
    done = cli("containers", "prune", "--yes")
    client.cancel(job.id)
    over(client, job)

    (container,) = json.loads(done.stdout)["data"]["containers"]
    assert ("needed", False) == (container["state"], container["removed"])


def test_doctor_tells_which_engine_there_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Or what was looked for, and how to get one."""

    def check() -> dict[str, str]:
        checks = json.loads(cli("doctor", before=POWERLESS).stdout)["data"]["checks"]
        (found,) = (each for each in checks if each["check"] == "containers")
        return dict(found)

    assert ("ok", True) == (check()["status"], engine.address in check()["message"])
    assert type(engine).__name__ in check()["message"]
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", f"unix://{tmp_path}/none")
    there_is_none = check()
    assert "warn" == there_is_none["status"]
    assert f"{tmp_path}/none" in there_is_none["message"]
    assert "Podman" in there_is_none["remedy"]
    engine.socket.chmod(0)
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", engine.address)
    try:
        not_mine, pruned = check(), cli("containers", "prune", before=POWERLESS)
    finally:
        engine.socket.chmod(0o600)
    assert not_mine["message"].endswith("is not this user's to use")
    assert "Join its group" in not_mine["remedy"]
    assert not_mine["message"] in (error := json.loads(pruned.stdout)["error"])["message"]
    assert error["suggestion"] in not_mine["remedy"]
    monkeypatch.setenv("OUTLAST_CONTAINER_ENGINE", "tcp://elsewhere:2375")
    assert "only an engine of this machine" in check()["message"]
    assert os.environ["OUTLAST_CONTAINER_ENGINE"].startswith("tcp")

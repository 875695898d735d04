"""Batches as their users meet them: real files, real processes, and callers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from outlast import Client

from ..cli.conftest import Terminal
from ..world import eventually, kill, supervisor_of
from .conftest import Folder

pytestmark = pytest.mark.slow  # whole lives, made of what shorter tests cover

SLOW = "cat {input} > {output}; until [ -e go ]; do sleep 0.02; done"
"""A command that has made its output, and ends once it is let go."""


def test_each_file_is_a_job(folder: Folder) -> None:
    """Outputs stand in the same folders, and the manifest says so."""
    folder.write(a="1", b="2")
    (folder.inputs / "sub").mkdir()
    (folder.inputs / "sub" / "a.txt").write_text("3")
    done = folder.copy("-r", "--ext", "md")

    assert 0 == done.code, done
    assert "3" == (folder.out / "sub" / "a.md").read_text()
    assert {"a.txt": "a.md", "b.txt": "b.md", "sub/a.txt": "sub/a.md"} == folder.column(
        "output_path"
    )
    assert (str(folder.inputs), str(folder.out)) == (
        folder.manifest["source_root"],
        folder.manifest["output_root"],
    )
    assert {"entries", "output_root", "schema_version", "source_root"} == set(folder.manifest)
    assert (3, 3, 0) == tuple(done.data[name] for name in ("total", "complete", "failed"))


def test_the_same_again_attaches_and_gives_the_same_bytes(folder: Folder) -> None:
    """Also with another width, another patience and another manifest."""
    folder.write(a="1", b="2")
    folder.copy()
    before = folder.file.read_bytes()
    again = folder.copy("--max-parallel", "1", "--wait", "1s")
    other = folder.path / "N.json"
    folder.copy("--manifest", str(other))

    assert (0, 2) == (again.data["submitted"], again.data["attached"])
    assert before == folder.file.read_bytes() == other.read_bytes()


def test_only_what_is_new_or_changed_is_submitted(folder: Folder) -> None:
    """A content that changed, a file that came, an output that went; the rest stays as it is."""
    folder.write(a="1", b="2", c="3")
    folder.copy()
    before = folder.column("job_id")
    folder.write(b="changed", d="new")
    (folder.out / "c.txt").unlink()
    done = folder.copy()
    after = folder.column("job_id")

    assert 3 == done.data["submitted"]
    assert {"a.txt"} == {path for path in before if before[path] == after[path]}
    assert "changed" == (folder.out / "b.txt").read_text()
    assert "3" == (folder.out / "c.txt").read_text()


def test_what_was_changed_back_is_done_again(folder: Folder) -> None:
    """The old job is complete, but what stands there is another one's."""
    for text in ("1", "2", "1"):
        folder.write(a=text)
        done = folder.copy()
        assert 1 == done.data["submitted"]

    assert "1" == (folder.out / "a.txt").read_text()


def test_a_changed_input_ends_the_job_that_still_writes(folder: Folder) -> None:
    """Else the old one would write over what the new one made."""
    folder.write(a="1")
    folder.copy("--wait", "0", line=SLOW)
    (old,) = folder.column("job_id").values()
    folder.write(a="2")
    folder.copy("--wait", "0", line=SLOW)
    (folder.path / "go").touch()
    folder.batch("collect", "--wait", "60s", str(folder.file))

    assert "cancelled" == folder.cli("job", "status", old).data["status"]
    assert "2" == (folder.out / "a.txt").read_text()


def test_what_still_runs_is_no_failure(folder: Folder) -> None:
    """The wait ends: exit code 0, `running`, its id, `job_timeout`, no output; and it goes on."""
    folder.write(a="1", b="2")
    folder.copy("--wait", "0", "--max-parallel", "1", line=SLOW)
    eventually(lambda: folder.batch("status", str(folder.file)).data["running"])
    done = folder.copy("--wait", "0.1s", "--max-parallel", "1", line=SLOW)

    assert 0 == done.code
    assert {"a.txt": "running", "b.txt": "queued"} == folder.column("status")
    assert {"job_timeout"} == set(folder.column("error_code").values())
    assert {None} == set(folder.column("output_path").values())
    assert all(folder.column("job_id").values())

    (folder.path / "go").touch()
    collected = folder.batch("collect", "--wait", "60s", str(folder.file))
    assert (0, True) == (collected.code, collected.data["terminal"])
    assert {"a.txt": "a.txt", "b.txt": "b.txt"} == folder.column("output_path")


def test_no_more_than_the_width_run_at_once(folder: Folder) -> None:
    """Also when nobody is there any more who submitted them: the supervisor keeps it."""
    folder.write(**{name: name for name in "abcdef"})
    count = f"{folder.path}/running"
    os.mkdir(count)
    line = f"mkdir {count}/$$; ls {count} | wc -l > {{output}}; sleep 0.2; rmdir {count}/$$"
    folder.copy("--wait", "0", "--max-parallel", "2", line=line)
    folder.batch("collect", "--wait", "60s", str(folder.file))

    widths = {int(path.read_text()) for path in folder.out.glob("*.txt")}
    assert 6 == len(list(folder.out.glob("*.txt")))
    assert widths <= {1, 2}


def test_a_failure_is_told_and_retried_if_asked(folder: Folder) -> None:
    """Exit code 1; the same again attaches to it; --retry-failed submits it again."""
    folder.write(a="1", b="2")
    line = "test -e fixed || test $(cat {input}) != 2 && cat {input} > {output}"
    first = folder.copy(line=line)
    again = folder.copy(line=line)
    (folder.path / "fixed").touch()
    retried = folder.copy("--retry-failed", line=line)

    assert (1, 1, 0) == (first.code, again.code, retried.code)
    assert (0, 1) == (again.data["submitted"], retried.data["submitted"])
    assert ["exit_nonzero"] == [entry["error_code"] for entry in first.data["failures"]]
    assert 0 == folder.copy(line=line).data["submitted"]


def test_a_stalled_job_is_told_from_a_slow_one(folder: Folder) -> None:
    """One prints nothing, one prints and takes its time, one is merely too long."""
    folder.write(stalled="sleep 60", slow="for i in 1 2 3 4 5 6; do sleep 0.5; echo .; done")
    done = folder.batch(
        *("--manifest", str(folder.file), "--idle-timeout", "2s", "--wait", "none"),
        *(str(folder.inputs), "--", "sh", "{input}"),
    )

    assert 1 == done.code
    assert {"slow.txt": None, "stalled.txt": "idle_timeout"} == folder.column("error_code")


def test_an_output_that_was_not_made_is_no_success(folder: Folder) -> None:
    """The command ended well and left nothing: the next run does it again."""
    folder.write(a="1")
    done = folder.copy(line="true {output}")

    assert (1, {"a.txt": "complete"}) == (done.code, folder.column("status"))
    assert {"a.txt": "artifacts_missing"} == folder.column("error_code")
    assert 1 == folder.copy(line="true {output}").data["submitted"]


def test_too_many_errors_stop_the_submission(folder: Folder) -> None:
    """What was not submitted has no id; what failed is named; a later call goes on."""
    folder.write(**{f"f{number:02}": str(number) for number in range(40)})
    done = folder.copy("--max-errors", "3", "--max-parallel", "1", line="false {input}")
    codes = list(folder.column("error_code").values())

    assert 1 == done.code
    assert 3 <= codes.count("exit_nonzero") < 40
    assert codes.count("not_submitted") == 40 - done.data["submitted"] > 0
    assert 40 == len(folder.entries)
    later = folder.copy("--max-errors", "3", "--retry-failed")
    assert (0, 40) == (later.code, later.data["complete"])


def test_a_retry_that_is_stopped_loses_no_id(folder: Folder) -> None:
    """What failed before, and was not tried again, is still the job that failed."""
    folder.write(**{f"f{number:02}": str(number) for number in range(20)})
    folder.copy(line="false {input}")
    before = folder.column("job_id")
    options = ("--retry-failed", "--max-errors", "1", "--max-parallel", "1")
    done = folder.copy(*options, line="false {input}")
    kept = [path for path, job_id in folder.column("job_id").items() if job_id == before[path]]

    assert 20 - done.data["submitted"] == len(kept) > 0
    assert {"exit_nonzero"} == set(folder.column("error_code").values())


def test_errors_are_counted_while_the_caller_stays_and_all_is_submitted_when_it_leaves(
    folder: Folder,
) -> None:
    """Walking away must not lose what was not submitted yet."""
    folder.write(**{f"f{number:02}": str(number) for number in range(20)})
    done = folder.copy("--max-errors", "5", "--max-parallel", "1", "--wait", "0.2s", line=SLOW)

    assert (0, 20) == (done.code, done.data["submitted"])
    (folder.path / "go").touch()
    assert 20 == folder.batch("collect", "--wait", "60s", str(folder.file)).data["complete"]


def test_cancel_ends_what_has_not_ended(folder: Folder) -> None:
    """And the manifest says so; what was complete stays so."""
    folder.write(a="1")
    folder.copy()
    folder.write(b="2")
    folder.copy("--wait", "0", line="cat {input} > {output}")
    folder.batch("collect", "--wait", "60s", str(folder.file))
    folder.write(c="3", d="4")
    folder.copy("--wait", "0", "--max-parallel", "1", line="sleep 60; cat {input} > {output}")
    done = folder.batch("cancel", str(folder.file))

    assert 0 == done.code
    assert {"cancelled"} == set(folder.column("status").values())
    assert 1 == folder.batch("status", str(folder.file)).code


def test_odd_names_are_names(folder: Folder) -> None:
    """Spaces, quotes, line breaks, dashes; and one that is no UTF-8 is told, and nothing else."""
    names = [b"a b", b"-rf", b"it's", b"new\nline", "caf\u00e9".encode(), b"$(touch x)", b"bad\xff"]
    for name in names:
        Path(os.fsdecode(bytes(folder.inputs) + b"/" + name)).write_text("1")
    listed = b"\0".join(bytes(folder.inputs) + b"/" + name for name in names)
    given = ("--manifest", str(folder.file), "-o", str(folder.out), "--wait", "none", "-0", "-")
    done = folder.batch(*given, "--", "cp", "{input}", "{output}", stdin=listed)

    assert (1, 6) == (done.code, done.data["complete"])
    assert {"bad\udcff": "invalid_request"} == {
        path: code for path, code in folder.column("error_code").items() if code
    }
    assert {os.fsdecode(name) for name in names[:-1]} == set(os.listdir(folder.out))


def test_nothing_happens_where_anything_is_wrong(folder: Folder) -> None:
    """Exit code 2, every fault told, no job, no manifest, no folder."""
    folder.write(a="1")
    (folder.inputs / "a.md").write_text("2")
    done = folder.copy("--ext", "html", "--timeout", "soon", "--max-errors", "none")

    assert 2 == done.code
    assert 3 == len(done.error["faults"])
    assert 2 == folder.copy("--ext", "html", "--keep-name", "--max-errors", "").code
    assert not folder.out.exists()
    assert not folder.file.exists()
    assert [] == folder.cli("job", "list").data["items"]
    assert 2 == folder.batch("--manifest", "M.json", "in", "--", "no-such-program").code
    assert [] == folder.cli("job", "list").data["items"]


def test_a_dry_run_does_nothing(folder: Folder) -> None:
    """It tells what would be submitted, and what would be attached to."""
    folder.write(a="1")
    folder.copy()
    folder.write(b="2")
    before = folder.file.read_bytes()
    plan = folder.copy("--dry-run").data["plan"]

    assert [("a.txt", None), ("b.txt", "new")] == [
        (item["source_file_path"], item["submit"]) for item in plan
    ]
    assert before == folder.file.read_bytes()
    assert not (folder.out / "b.txt").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_caller_that_is_ended_loses_nothing(folder: Folder, number: signal.Signals) -> None:
    """The manifest names every job, and they go on; collecting picks them up."""
    folder.write(**{name: name for name in "abc"})
    arguments = ("--manifest", str(folder.file), "-o", str(folder.out), "--wait", "none")
    process = folder.cli.start("batch", *arguments, "--shell", SLOW, str(folder.inputs))
    eventually(lambda: folder.file.exists() and len(folder.entries) == 3)
    process.send_signal(number)
    process.communicate()

    assert {"job_timeout"} == set(folder.column("error_code").values())
    (folder.path / "go").touch()
    assert 3 == folder.batch("collect", "--wait", "60s", str(folder.file)).data["complete"]
    again = folder.copy(line=SLOW)
    assert (0, 3) == (again.data["submitted"], again.data["attached"])


@pytest.mark.slow
def test_everything_is_killed_in_the_middle(folder: Folder, client: Client) -> None:
    """Caller and supervisor, again and again: each input is done once, and the manifest is true."""
    folder.write(**{f"f{number:03}": str(number) for number in range(150)})
    ran = folder.path / "ran"
    line = f"echo {{stem}} >> {ran}; cat {{input}} > {{output}}"
    arguments = ("--manifest", str(folder.file), "-o", str(folder.out), "--wait", "none")
    for _ in range(4):
        process = folder.cli.start("batch", *arguments, "--shell", line, str(folder.inputs))
        before = outputs(folder)
        make_progress(folder, process, before)
        kill(supervisor_of(client))
        process.kill()
        process.communicate()
        if folder.file.exists():
            assert all(folder.column("job_id").values())
    done = folder.copy(line=line)

    assert (0, 150) == (done.code, done.data["complete"])
    assert sorted(ran.read_text().split()) == sorted(f"f{number:03}" for number in range(150))
    assert [] == [path.name for path in folder.path.glob(".M.json*")]


def outputs(folder: Folder) -> int:
    return len(list(folder.out.glob("*"))) if folder.out.exists() else 0


def make_progress(folder: Folder, process: subprocess.Popen[bytes], before: int) -> None:
    """Stay until there is another output, or the process has ended."""
    eventually(lambda: process.poll() is not None or outputs(folder) > before)


def test_a_deleted_job_makes_way_for_the_next(folder: Folder) -> None:
    """Its tombstone keeps its key, and the same work gets another."""
    folder.write(a="1")
    folder.copy()
    (job_id,) = folder.column("job_id").values()
    folder.cli.settled(job_id)
    assert 0 == folder.cli("job", "delete", job_id).code
    done = folder.copy()

    assert (0, 1) == (done.code, done.data["submitted"])


def test_a_job_that_expired_is_told_when_it_is_collected(folder: Folder) -> None:
    """Nobody knows how it ended: it is no success."""
    folder.write(a="1")
    folder.copy("--wait", "0")
    (job_id,) = folder.column("job_id").values()
    folder.cli.settled(job_id)
    folder.cli("job", "delete", job_id)
    done = folder.batch("collect", str(folder.file))

    assert (1, {"a.txt": "expired"}) == (done.code, folder.column("error_code"))


def test_the_inputs_can_come_by_stdin_to_each_command(folder: Folder) -> None:
    """`--stdin {input}` needs no place in the command."""
    folder.write(a="1\n2\n")
    done = folder.batch(
        *("--manifest", "M.json", "--stdin", "{input}", "--wait", "none"),
        *(str(folder.inputs), "--", "wc", "-l"),
    )
    job_id = folder.column("job_id")["a.txt"]

    assert 0 == done.code, done
    assert b"2\n" == folder.cli("job", "logs", job_id).out


def test_a_command_gets_its_files_by_variables_too(folder: Folder) -> None:
    """For scripts that would rather not quote."""
    folder.write(a="1")
    done = folder.copy(line='cat "$OUTLAST_BATCH_INPUT" > "$OUTLAST_BATCH_OUTPUT"; : {}')

    assert (0, "1") == (done.code, (folder.out / "a.txt").read_text())


def test_exit_codes_can_have_names(folder: Folder) -> None:
    """As the manifest's error code."""
    folder.write(a="1")
    folder.copy("--exit-code", "65=broken", line="exit 65; {input}")

    assert {"a.txt": "broken"} == folder.column("error_code")


def test_the_default_place_of_outputs_is_beside_the_manifest(folder: Folder) -> None:
    """Where {output} is asked for and no folder is named."""
    folder.write(a="1")
    given = ("--manifest", str(folder.file), "--wait", "none", str(folder.inputs))
    folder.batch(*given, "--", "cp", "{input}", "{output}")

    assert "1" == (folder.path / "output" / "a.txt").read_text()


def test_a_terminal_shows_how_far_it_is(folder: Folder, terminal: Callable[..., Terminal]) -> None:
    """Done of all, what runs; Ctrl-C leaves, and says how to come back."""
    folder.write(a="1", b="2")
    given = ("--manifest", str(folder.file), "--max-parallel", "1", str(folder.inputs))
    shown = terminal("batch", *given, "--", "sh", "-c", "until [ -e go ]; do sleep 0.02; done")
    shown.until("0 of 2, 1 running")
    shown.interrupt()
    shown.until("batch collect")

    assert 0 == shown.end()
    assert {"job_timeout"} == set(folder.column("error_code").values())
    (folder.path / "go").touch()


def test_a_manifest_of_somebody_else_is_refused(folder: Folder) -> None:
    """By every command that takes one."""
    folder.file.write_text(json.dumps({"name": "a web app"}))

    for verb in ("status", "collect", "cancel"):
        assert 2 == folder.batch(verb, str(folder.file)).code
    folder.write(a="1")
    assert 2 == folder.copy().code


def test_what_no_queue_takes_is_refused(folder: Folder) -> None:
    """Whatever key its job might have: it was asked for again and again, without end."""
    folder.write(a="a")
    assert 0 == folder.cli("queue", "create", "disk").code
    assert 0 == folder.cli("queue", "drain", "disk").code
    refused = folder.copy("--queue", "disk")

    assert (2, True) == (refused.code, "is being drained" in refused.error["message"]), refused
    assert {"a.txt": None} == folder.column("job_id")


def test_a_batch_may_wait_in_a_queue_with_others(folder: Folder) -> None:
    """How many run at once that queue says; asked again, wherever it is to wait, nothing is done twice."""
    folder.write(a="a", b="b")
    assert 0 == folder.cli("queue", "create", "disk", "--width", "1").code
    assert 0 == folder.copy("--queue", "disk").code
    listed = folder.cli("job", "list", "--queue", "disk").data["items"]
    first = folder.column("job_id")
    assert set(first.values()) == {each["job_id"] for each in listed}

    assert 0 == folder.copy("--queue", "dsik", "--priority", "5").code
    assert first == folder.column("job_id")
    folder.write(c="c")
    slip = folder.copy("--queue", "dsik")
    assert (0, True) == (slip.code, "outlast job move --queue disk -" in slip.talk), slip
    both = folder.copy("--queue", "a b", "--max-parallel", "0")
    assert (2, 2) == (both.code, both.error["message"].count(";") + 1), both
    both = folder.copy("--queue", "disk", "--max-parallel", "3")
    assert "outlast queue set disk --width 3" in both.error["message"]

"""Wrong usage is told before anything happens, all of it at once, with what would be right."""

from __future__ import annotations

import pytest

from .conftest import Cli


def test_alone_it_tells_the_five_commands_that_matter(cli: Cli) -> None:
    """`outlast` without a word."""
    done = cli()

    assert (0, b"") == (done.code, done.err)
    for words in ("outlast run", "outlast submit", "job status", "job logs", "job list"):
        assert words in done.text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("submit", "-h"),
        ("job", "--help"),
        ("job", "list", "--help"),
        ("supervisor", "--help"),
    ],
)
def test_help_ends_with_examples(cli: Cli, arguments: tuple[str, ...]) -> None:
    """Every command's help is on stdout, with a line to copy."""
    done = cli(*arguments)

    assert (0, b"") == (done.code, done.err)
    assert "\nExamples:\n  outlast " in done.text


def test_every_fault_is_told_at_once(cli: Cli) -> None:
    """Options, spec and machine: nobody fixes one only to meet the next."""
    done = cli(
        *("submit", "--timeout", "soon", "--grace", "-1", "--memory", "much", "--pids", "0"),
        *("--cpus", "all", "--env", "FOO", "--label", "x", "--cwd", "/nonexistent"),
        *("--secret-env", "PW=hunter2", "--stdin", "missing", "--", "no-such-program"),
    )
    told = "\n".join(done.error["faults"])

    assert (2, 11) == (done.code, len(done.error["faults"])), told
    for words in (
        "timeout:",
        "grace:",
        "--memory: ",
        "--pids: ",
        "--cpus: ",
        "--env is NAME=VALUE",
        "--label is NAME=VALUE",
        "cwd /nonexistent",
        "secret_env PW",
        "stdin",
        "'no-such-program'",
    ):
        assert words in told
    assert "hunter2" not in told
    assert [] == cli("job", "list").data["items"]


def test_a_fault_names_the_option_where_the_spec_s_key_is_another(cli: Cli) -> None:
    """Of a submission, a schedule and a batch; what somebody has written stays as it is."""
    given = ("--at", "limits.cpus", "--memory", "-1", "--collect-limit", "x", "--", "true")
    size = "is not a size: write bytes, or a number with k, m, g or t"
    assert [
        f"--memory: '-1' {size}",
        f"--collect-limit: 'x' {size}",
        "--collect is a list of patterns, and names none",
        "--at: 'limits.cpus' is not a time: write it as 2026-12-01T08:00Z",
    ] == cli("submit", *given).error["faults"][:4]
    each = ("schedule", "add", "each", "--every", "1m"), ("batch", "run", __file__)
    for before in each:
        told = cli(*before, "--pids", "0", "--", "true").error
        assert told["message"].startswith("--pids: "), before


def test_faults_for_people_are_lines(cli: Cli) -> None:
    """On stderr, one each; a single one is one line."""
    one = cli("submit", "--text", "--timeout", "soon", "--", "true")
    two = cli("submit", "--text", "--timeout", "soon", "--", "no-such-program")

    assert (b"", 1) == (one.out, one.talk.count("\n"))
    assert two.talk.startswith("outlast: 2 things are wrong:\noutlast:   timeout:")


def test_a_commands_own_options_are_its_own(cli: Cli) -> None:
    """With -- and without it; behind the command nothing is ours any more."""
    for separator in ((), ("--",)):
        done = cli("run", "--wait", "60s", *separator, "echo", "--json", "-n", "--", "--home", "x")
        assert (0, "--json -n -- --home x\n") == (done.code, done.text)


def test_an_unknown_option_before_the_command_is_explained(cli: Cli) -> None:
    """It may have been meant for the command: then -- goes before that."""
    done = cli("submit", "--jobs", "8", "make")

    assert (2, True) == (done.code, "No such option '--jobs'." in done.error["message"])
    assert "outlast submit [OPTIONS] -- COMMAND" in done.error["suggestion"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("jbo",), "Did you mean: outlast job?"),
        (("job", "statsu", "x"), "Did you mean: outlast job status?"),
        (("sleep",), "To run a program: outlast run -- sleep ..."),
        (("status", "x"), "Did you mean: outlast job status?"),
        (("job", "submit", "true"), "Did you mean: outlast submit?"),
        (("ls",), "Did you mean: outlast job list? To run a program: outlast run -- ls ..."),
        (("show", "x"), "Did you mean: outlast job status?"),
        (("job", "rm", "x"), "Did you mean: outlast job delete?"),
        (("Run", "true"), "Did you mean: outlast run?"),
        (("add", "--", "true"), "Did you mean: outlast submit?"),
        (("pause", "x"), "Did you mean: outlast schedule pause or outlast queue pause?"),
        (("restart", "x"), "Did you mean: outlast job retry?"),
        (("queue", "start", "x"), "Did you mean: outlast queue resume?"),
        (("schedule", "rm", "x"), "Did you mean: outlast schedule remove?"),
        (("job", "add", "x"), "Did you mean: outlast submit?"),
        (("help",), "Did you mean: outlast --help?"),
        (("version",), "Did you mean: outlast --version?"),
        (("-v",), "See: outlast --help"),
        (("submit",), "Put it behind --, as in: outlast submit -- make -j8"),
        (("batch",), "See: outlast batch --help"),
        (("summon",), "See: outlast --help"),
        (("job",), "See: outlast job --help"),
        (("supervisor",), "See: outlast supervisor --help"),
        (("job", "logs", "--json", "--stream", "stdin", "x"), "See: outlast job logs --help"),
    ],
)
def test_a_slip_is_met_with_what_was_meant(
    cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    """The suggestion of the error."""
    done = cli(*arguments)

    assert (2, words) == (done.code, done.error["suggestion"])


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--tiemout", "--timeout"),
        ("--mem", "--memory"),
        ("--queu", "--queue"),
        ("--idletimeout", "--idle-timeout"),
        ("--dependency", "--after"),
        ("--daemon", None),
        ("--zebra", None),
    ],
)
def test_a_guess_is_a_near_one(cli: Cli, option: str, meant: str | None) -> None:
    """What is no slip of an option's name is told as no option, and nothing else is named."""
    done = cli("submit", option, "x", "true")
    after_all = cli("submit", option, "x", "--", "true")
    guess = f" Did you mean '{meant}'?" if meant else ""

    assert f"No such option '{option}'.{guess}" == done.error["message"]
    assert done.error["suggestion"].startswith(f"Is {option} an option of your command? Put --")
    assert "See: outlast submit --help" == after_all.error["suggestion"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("submit",), "nothing to run"),
        (("submit", "--", ""), "the program, is empty"),
        (("submit", "--shell", "true", "--", "true"), "exclude each other"),
        (("submit", "--runtime", "sh", "--", "true"), "runtime is for a script"),
        (("submit", "--script", "missing"), "--script missing"),
        (("submit", "--on-output-limit", "explode", "--", "true"), "stop or discard"),
        (("submit", "--leftovers", "explode", "--", "true"), "stop or wait"),
        (("submit", "--key", "k", "--name", "a\tb", "--", "true"), "control characters"),
        (("submit", "--env", "A=1", "--env", "A=2", "--", "true"), "given twice"),
        (("submit", "--", "ls -la"), "--shell"),
        (("submit", "--secret-env", "A=env:NOT_THERE", "--", "true"), "no such variable"),
        (("run", "--wait", "long", "--", "true"), "--wait: 'long' is not a duration"),
        (("job", "wait", "--any", "--all", "x"), "exclude each other"),
        (("job", "wait", "--timeout", "-3", "x"), "--timeout"),
        (("job", "logs", "--json", "x", "y"), "2 ids were given"),
        (("job", "logs", "--json", "--since-byte", "1", "--tail", "1", "x"), "exclude each other"),
        (("job", "logs", "--json", "--tail", "-1", "x"), "--tail is 0 or more"),
        (("job", "logs", "--json", "--follow", "x"), "raw bytes"),
        (("job", "list", "--status", "dead"), "'dead' is none of"),
        (("job", "list", "--since", "ever", "--label", "x"), "--since"),
        (("job", "list", "--limit", "0"), "limit is from 1 to 1,000,000,000"),
        (("job", "list", "--limit", "9" * 30), "limit is from 1 to 1,000,000,000"),
        (("job", "completions", "--limit", "9" * 30), "limit is from 1 to 1,000,000,000"),
        (("webhook", "list", "--limit", "9" * 30), "limit is from 1 to 1,000,000,000"),
        (("job", "list", "--cursor", "zzz"), "is no cursor"),
        (
            (
                "job",
                "delete",
            ),
            "nothing is named",
        ),
        (("job", "delete", "--label", "a=b", "x"), "goes with --older-than"),
        (("job", "cancel", "--grace", "x", "y"), "--grace"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    """With exit code 2, and the words that say what."""
    done = cli(*arguments, "--json") if arguments[0] == "job" else cli("--json", *arguments)

    assert (2, "invalid_request") == (done.code, done.error["code"])
    assert words in done.error["message"]


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (("--script", "nope"), ["--script nope: No such file or directory"]),
        (
            ("--script", "nope", "--timeout", "none"),
            [
                "--script nope: No such file or directory",
                "timeout: every job has one, and 3650d is the longest",
            ],
        ),
        (
            ("--script", "nope", "--", "true"),
            [
                "--script nope: No such file or directory",
                "command and script exclude each other: give one",
            ],
        ),
        (
            ("--webhook", "https://u:p@ci.example", "--", "true"),
            [
                (
                    "--webhook takes --webhook-secret, a reference to the key that what is sent is"
                    " signed with: file:PATH, env:NAME or secret:NAME"
                ),
                "webhooks[0]: url has a user or a password in it, which every log would show: leave it out",
            ],
        ),
        (
            ("--on", "web1", "--container", "alpine", "--", "true"),
            ["on: a container is on this machine, and not on hosts: leave one of the two out"],
        ),
    ],
    ids=["alone", "beside another", "beside a command", "a key that is missing", "two places"],
)
def test_only_true_faults_are_told(cli: Cli, arguments: tuple[str, ...], faults: list[str]) -> None:
    """A script that cannot be read is that, and not an empty one besides; what nobody said is no fault."""
    error = cli("submit", *arguments).error

    assert faults == error.get("faults", [error["message"]])


def test_clocks_that_need_not_be_there_can_be_switched_off(cli: Cli) -> None:
    """By the word that --wait takes as well."""
    clocks = ("--idle-timeout", "none", "--queue-timeout", "none")

    assert 0 == cli("run", "--wait", "none", *clocks, "--", "true").code


def test_a_node_that_is_not_there_is_refused(cli: Cli) -> None:
    """By index or by name; what there is, is said."""
    job_id = cli.ended("--", "true")
    for verb in ("logs", "cancel"):
        done = cli("job", verb, "--json", "--node", "1", job_id)
        assert (2, f"{job_id} has no node '1': it has 0 (local)") == (
            done.code,
            done.error["message"],
        )
        assert 0 == cli("job", verb, "--node", "local", job_id).code


def test_a_key_that_stands_for_another_spec_is_a_conflict(cli: Cli) -> None:
    """The same spec gives the same job; another one is refused, with the id of that job."""
    first = cli.submit("--key", "k", "--", "true")

    assert first == cli.submit("--key", "k", "--", "true")
    done = cli("submit", "--key", "k", "--", "false")
    assert (2, "conflict", first) == (done.code, done.error["code"], done.error["job_id"])

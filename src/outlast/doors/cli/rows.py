"""The options that a job's spec has, in the sections of a command's help."""

from __future__ import annotations

from typing import Final, NamedTuple


class Row(NamedTuple):
    """One option. *key* is the spec's, with a dot where it is inside of `limits`, say."""

    option: str
    key: str
    metavar: str
    says: str
    many: bool = False
    flag: bool = False


YES_NO: Final = "yes|no"
ON_HOSTS: Final = "On hosts"
AGAIN: Final = "If it fails"
AFTERWARDS: Final = "Once it has ended"
FILES: Final = "Files from hosts"

SECTIONS: Final = {
    "What it runs": (
        Row("--shell", "shell", "LINE", "Run a line by /bin/sh -c instead of a command."),
        Row("--script", "script", "FILE|-", "Run a script's text as it is now, by its #! line."),
        Row("--runtime", "runtime", "PROGRAM", "What runs the script, if not its #! line."),
        Row("--stdin", "stdin", "FILE|-", "What it reads; - passes our own stdin on."),
        Row("--cwd", "cwd", "DIR", "Where to run it.  [default: here]"),
        Row(
            "--env", "env", "K=V", "A variable to set; may be repeated. Not for secrets.", many=True
        ),
        Row(
            "--secret-env",
            "secret_env",
            "K=REF",
            "A variable from env:NAME or file:PATH, stored nowhere; may be repeated.",
            many=True,
        ),
        Row(
            "--clean-env",
            "clean_env",
            "",
            "Do not pass this environment on, but for PATH and such.",
            flag=True,
        ),
    ),
    "Clocks": (
        Row(
            "--timeout",
            "timeout",
            "D",
            "End it after so long a run.  [default: 24h; on hosts 10m; in a container 5m]",
        ),
        Row(
            "--idle-timeout",
            "idle_timeout",
            "D",
            "End it after so long without output.  [default: none]",
        ),
        Row(
            "--queue-timeout",
            "queue_timeout",
            "D",
            "Give up if it could not start for so long.  [default: none]",
        ),
        Row(
            "--grace", "grace", "D", "Between SIGTERM and SIGKILL when it is ended.  [default: 10s]"
        ),
        Row("--retention", "retention", "D", "Keep record and output so long.  [default: 30d]"),
    ),
    "Names and order": (
        Row("--name", "name", "TEXT", "A name for people."),
        Row("--label", "labels", "K=V", "A label to find it by; may be repeated.", many=True),
        Row("--key", "key", "TEXT", "Asked again with the same key, it is the same job."),
        Row("--queue", "queue", "NAME", "Wait for the other jobs of this queue, first come first."),
        Row("--queue-width", "queue_width", "N", "At most so many of the queue run at once."),
        Row("--priority", "priority", "N", "Before those of a lower one, -20 to 20.  [default: 0]"),
        Row("--delay", "delay", "D", "Begin it no sooner than so long from now."),
        Row("--at", "start_at", "TIME", "Begin it no sooner than then, such as 2026-12-01T08:00Z."),
        Row(
            "--after",
            "after",
            "[COND:]ID",
            "Begin it once this job is complete, or failed:, or any: end; may be repeated.",
            many=True,
        ),
        Row("--hold", "hold", "", "Begin it only once it is released: job release.", flag=True),
    ),
    "Limits": (
        Row("--output-limit", "limits.output_bytes", "SIZE", "Of each stream.  [default: 1g]"),
        Row(
            "--on-output-limit", "on_output_limit", "stop|discard", "End it there, or keep the end."
        ),
        Row(
            "--leftovers",
            "leftovers",
            "stop|wait",
            "Background processes that outlive the command.  [default: stop]",
        ),
        Row("--memory", "limits.memory_bytes", "SIZE", "At most so much memory."),
        Row("--cpus", "limits.cpus", "N", "At most so many processors, such as 1.5."),
        Row("--pids", "limits.pids", "N", "At most so many processes."),
        Row(
            "--resource",
            "resources",
            "NAME[=N]",
            "While it runs it takes N (1) of what the machine has of this; may be repeated.",
            many=True,
        ),
    ),
    AGAIN: (
        Row("--retries", "retries", "N", "Try it again, up to so often.  [default: 0]"),
        Row("--retry-delay", "retry_delay", "D", "Between two tries.  [default: 1s]"),
        Row("--retry-backoff", "retry_backoff", "X", "Each wait X times the one before."),
        Row("--retry-jitter", "retry_jitter", "F", "Up to F of a wait more, by chance: 0 to 1."),
        Row(
            "--retry-on",
            "retry_on",
            "WHAT,..",
            "Only after these: exit, exit:75, timeout, signal, ...; may be repeated.",
            many=True,
        ),
        Row(
            "--if-lost",
            "if_lost",
            "fail|restart",
            "Whether what is lost, and may still run, is tried again.  [default: fail]",
        ),
    ),
    AFTERWARDS: (
        Row("--on-end", "on_end", "LINE", "Run this here, by /bin/sh -c, as a job of its own."),
        Row(
            "--webhook",
            "webhooks",
            "URL",
            "Tell this receiver that it has ended; may be repeated. Takes --webhook-secret.",
            many=True,
        ),
    ),
    ON_HOSTS: (
        Row(
            "--on",
            "on",
            "HOST,..",
            "Run it on these hosts, side by side, over SSH; may be repeated.",
            many=True,
        ),
        Row(
            "--host",
            "hosts",
            "NAME/KEY=V",
            "What is known of one of them, such as web1/timeout=90s; may be repeated.",
            many=True,
        ),
        Row("--max-parallel", "max_parallel", "N", "At most so many hosts at once.  [default: 32]"),
        Row(
            "--connect-timeout",
            "connect_timeout",
            "D",
            "Each host must have let us in by then.  [default: 30s]",
        ),
        Row(
            "--reconnect-timeout",
            "reconnect_timeout",
            "D",
            "How long past its limit a host out of reach is waited for.  [default: 1h]",
        ),
        Row("--session", "session", "NAME", "Run it in this session, after what came before."),
        Row(
            "--dialogue",
            "dialogue",
            "FILE",
            "What to answer to hosts that ask: rules, TOML or JSON.",
        ),
        Row(
            "--connection-bound",
            "connection_bound",
            "",
            "For hosts without a POSIX shell: it ends with its connection.",
            flag=True,
        ),
    ),
    "In a container": (
        Row("--container", "container.image", "IMAGE", "Run it in a container, locked down."),
        Row(
            "--pull",
            "container.pull",
            "missing|always|never",
            "When its image is pulled.  [default: missing]",
        ),
        Row(
            "--pull-timeout",
            "pull_timeout",
            "D",
            "The image must be there by then.  [default: 10m]",
        ),
        Row(
            "--network", "container.network", "NAME", "A network of the engine's.  [default: none]"
        ),
        Row(
            "--mount",
            "container.mounts",
            "SRC:DST[:rw]",
            "A folder or file for it, to be read only unless rw; may be repeated.",
            many=True,
        ),
        Row("--file", "container.files", "NAME=PATH", "A text to find as /in/NAME.", many=True),
        Row("--user", "container.user", "USER", "Whom it runs as.  [default: 65534:65534, nobody]"),
        Row(
            "--read-only", "container.read_only", YES_NO, "Its image as it stands.  [default: yes]"
        ),
        Row(
            "--tmpfs",
            "container.tmpfs",
            "PATH:SIZE",
            "A folder in memory; may be repeated.  [default: /tmp:64m]",
            many=True,
        ),
        Row("--cap-add", "container.cap_add", "NAME", "A capability to have back.", many=True),
        Row(
            "--new-privileges",
            "container.new_privileges",
            YES_NO,
            "Whether setuid programs work.  [default: no]",
        ),
        Row("--swap", "container.swap_bytes", "SIZE", "On top of the memory.  [default: 0]"),
    ),
    FILES: (
        Row(
            "--collect",
            "collect.globs",
            "GLOB",
            "Fetch these files from each host, or a container's /out, afterwards; may be repeated.",
            many=True,
        ),
        Row(
            "--collect-on",
            "collect.on",
            "complete|end",
            "Where the command ended well, or however it did.  [default: complete]",
        ),
        Row("--collect-limit", "collect.max_bytes", "SIZE", "Of one node's files.  [default: 1g]"),
        Row("--collect-files", "collect.max_files", "N", "So many of one node.  [default: 10000]"),
        Row("--collect-timeout", "collect.timeout", "D", "To fetch them in.  [default: 1h]"),
        Row(
            "--require-artifacts",
            "collect.required",
            "",
            "A node of which no file was fetched has failed.",
            flag=True,
        ),
    ),
}
"""Those of `run` and `submit`. What is not of a spec stands before them."""

ROWS: Final = tuple(row for rows in SECTIONS.values() for row in rows)

LISTS: Final = (
    "after",
    "collect.globs",
    "container.mounts",
    "container.tmpfs",
    "container.cap_add",
)
"""Keys whose option may be repeated, and is no K=V."""


def by_option(fault: str) -> str:
    """Return a fault of a spec's with the option in the place of a key that is named otherwise."""
    import re  # here: most commands have no fault

    for row in ROWS:
        same = row.option[2:].replace("-", "_") == row.key
        if not same and ("." in row.key or "_" in row.key):  # others are words of any sentence
            group, _, name = row.key.rpartition(".")
            either = rf"{re.escape(row.key)}(?!\w)|{group}: {name}(?=:| is )"
            # What stands in quotes, or belongs to a host, was not said by this option.
            fault = re.sub(rf"(?<![\w.'\"/-])(?:{either})", row.option, fault)
    return fault

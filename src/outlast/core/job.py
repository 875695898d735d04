"""What a job, its spec and its nodes are. How they change is in `transition`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NewType

from . import limits
from .frozen import frozen
from .limits import RETRY_DELAY
from .state import TERMINAL, TERMINAL_JOB, JobStatus, NodeStatus

if TYPE_CHECKING:
    from .attempt import Attempt
    from .collect import Collect
    from .container import Container
    from .dialogue import Rule
    from .hindrance import Hindrance
    from .hostspec import HostSpec
    from .needs import Need
    from .webhook import Webhook

JobId = NewType("JobId", str)
SessionId = NewType("SessionId", str)

LOCAL = "local"
"""The executor of this machine, and the name of its one node."""

SSH = "ssh"
"""The executor of hosts; a node there is named as the host was given."""

CONTAINER = "container"
"""The executor of containers; a node there is named after its image."""

DEFAULT_QUEUE = "default"
"""The queue of the jobs that name none. It is always there."""


@frozen
class Limits:
    """What one attempt may use. None is no limit of ours."""

    output_bytes: int | None = limits.OUTPUT_BYTES
    """Of each of the two output streams."""

    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None


@frozen
class JobSpec:
    """What to run, and under which clocks. Exactly one of *command*, *shell*, *script* is set."""

    command: tuple[str, ...] = ()
    shell: str | None = None
    """A line for `/bin/sh -c`."""

    script: str | None = None
    """A program's text, run by its `#!` line or by *runtime*."""

    runtime: str | None = None
    on: tuple[str, ...] = ()
    """The hosts to run it on, each a node; none is this machine."""

    hosts: Mapping[str, HostSpec] = field(default_factory=dict)
    """What is known of those of them, and of hosts on the way there, of which anything is."""

    container: Container | None = None
    """The container to run it in; None runs it as any process."""

    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    """Set on top of the captured environment. Stored and shown: not for secrets."""

    secret_env: Mapping[str, str] = field(default_factory=dict)
    """Variable to reference: `env:NAME`, `file:PATH`, `secret:NAME`. Never a value."""

    clean_env: bool = False
    """Start from a minimal environment instead of the caller's."""

    cwd: str | None = None
    stdin: str | None = None
    """A file to read from; None reads nothing."""

    timeout: timedelta = limits.TIMEOUT
    idle_timeout: timedelta | None = None
    queue_timeout: timedelta | None = None
    connect_timeout: timedelta = limits.CONNECT_TIMEOUT
    """Of each host: to be connected and let in."""

    reconnect_timeout: timedelta = limits.RECONNECT_TIMEOUT
    """How long past limit and grace a host that is out of reach is waited for."""

    pull_timeout: timedelta = limits.PULL_TIMEOUT
    """How long the image of a container may take to be pulled."""

    grace: timedelta = limits.GRACE
    retention: timedelta = limits.RETENTION
    limits: Limits = Limits()
    resources: Mapping[str, int] = field(default_factory=dict)
    """How many of what this machine has each node needs while it runs, by name."""

    on_output_limit: str = "stop"
    """`stop` ends the job at its output limit; `discard` keeps the newest output and goes on."""

    leftovers: str = "stop"
    """Background processes that outlive the command: `stop` them after a moment, or `wait`."""

    collect: Collect | None = None
    """Files to be fetched from each host once the command has ended there."""

    max_parallel: int | None = None
    """At most so many of the hosts at once; None: as many as is usual."""

    dialogue: tuple[Rule, ...] = ()
    """What to answer to hosts that ask, over a terminal."""

    connection_bound: bool = False
    """Begun without our shim, for hosts without a POSIX shell: it ends with its connection."""

    queue: str | None = None
    """The name of those jobs that wait for each other; None waits for the machine alone."""

    queue_width: int | None = None
    """At most so many nodes of the queue run at once; the job that came last says how many."""

    priority: int = 0
    """Before those of its queue whose own is lower, -20 to 20."""

    delay: timedelta | None = None
    """It may begin so long after its submission, and not before."""

    start_at: datetime | None = None
    """It may begin at this time, UTC, and not before. Not with *delay*."""

    after: tuple[Need, ...] = ()
    """The jobs whose end it waits for."""

    hold: bool = False
    """It waits until somebody releases it."""

    retries: int = 0
    """How often an attempt that failed is followed by another one."""

    retry_delay: timedelta = RETRY_DELAY
    """Between the end of an attempt and the next one, at the least."""

    retry_backoff: float = 1.0
    """Each wait is so many times as long as the one before."""

    retry_jitter: float = 0.0
    """By up to so much of itself a wait is made longer, by chance."""

    retry_on: tuple[str, ...] = ()
    """The failures that are tried again: `exit:75`, `timeout`; none is any, but see `retries`."""

    if_lost: str = "fail"
    """`restart` also tries again what is `lost`, and may still run."""

    session: str | None = None
    """The session in which it runs: on its host, in its turn, with what it carries."""

    session_id: SessionId | None = None
    """That session's id, once the name was looked up."""

    webhooks: tuple[Webhook, ...] = ()
    """Who is told over HTTP that it has ended."""

    on_end: str | tuple[str, ...] | None = None
    """What runs on this machine once it has ended, as a job of its own: a shell line or a list."""

    on_end_of: JobId | None = None
    """The job by whose end this one was begun."""

    retry_of: JobId | None = None
    """The job that this one repeats."""

    def at(self, node: str) -> JobSpec:
        """Return the spec in force at *node*: a host's own clocks come before its job's."""
        if (host := self.hosts.get(node)) is None:
            return self
        connect_timeout = host.connect_timeout or self.connect_timeout
        return replace(self, timeout=host.timeout or self.timeout, connect_timeout=connect_timeout)

    @property
    def references(self) -> frozenset[str]:
        """All secrets that it refers to, save those that come after it (`signing`)."""
        logins = (each for host in self.hosts.values() for each in host.references)
        answers = (rule.answer_from for rule in self.dialogue)
        return frozenset((*self.secret_env.values(), *logins, *filter(None, answers)))

    @property
    def signing(self) -> frozenset[str]:
        """The secrets that what its webhooks are sent is signed with: no command gets them."""
        return frozenset(each.secret for each in self.webhooks)

    @property
    def is_remote(self) -> bool:
        """Whether it runs on hosts, those of its session included."""
        return bool(self.on or self.session)


@frozen
class Node:
    """One place where the job's command runs, as last recorded."""

    index: int = 0
    name: str = LOCAL
    executor: str = LOCAL
    status: NodeStatus = NodeStatus.PENDING
    reason: str | None = None
    attempt: int = 0
    """Attempts begun so far; 0 before the first claim."""

    earlier: tuple[Attempt, ...] = ()
    """Those that failed and are, or were, tried again, in order."""

    retry_at: datetime | None = None
    """When the next attempt may begin at the earliest; None while there is one."""

    boot_id: str | None = None
    """The boot under which the current attempt was claimed."""

    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    claimed_at: datetime | None = None
    """When the current attempt was begun: its place is prepared from then on."""

    started_at: datetime | None = None
    """When its command was."""

    completed_at: datetime | None = None
    stopped_at: datetime | None = None
    """When every process of the node was seen to be gone."""

    stop_error: str | None = None
    late_exit_code: int | None = None
    containment: str | None = None
    survives: str | None = None
    """What its command outlives, by where its shim lives: `logout`, `session` or `container`."""

    image_id: str | None = None
    """Of a container: the image that it was made of, `sha256:...`, as its engine names it."""

    image_digest: str | None = None
    """What that image is at its registry, `NAME@sha256:...`; None where it comes from none."""

    degraded: bool = False
    """Its shim was killed; the command lives on under the supervisor's eyes."""

    stdout_bytes: int = 0
    stderr_bytes: int = 0
    progress_pct: float | None = None
    message: str | None = None
    phase: str | None = None
    """What is going on, for people: `connecting`, `unreachable`. Known to who reads its folder."""

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def has_put_away(self) -> bool:
        """Whether its current attempt is among the earlier ones: no other has begun since."""
        return bool(self.earlier) and self.earlier[-1].number == self.attempt

    @property
    def is_between(self) -> bool:
        """Whether it waits for its next attempt."""
        return self.has_put_away and not self.is_terminal

    @property
    def is_claimed(self) -> bool:
        """Whether its current attempt was begun, and has not been followed by a wait."""
        return self.attempt > 0 and not self.has_put_away

    @property
    def is_gone(self) -> bool:
        """Whether no process of its current attempt is left, as far as anybody looks."""
        return (self.earlier[-1] if self.is_between else self).stopped_at is not None

    @property
    def may_begin(self) -> bool:
        """Whether nothing but its turn, and the time, keeps an attempt from being begun."""
        if self.status != NodeStatus.PENDING:
            return False
        return self.earlier[-1].lets_go if self.has_put_away else self.attempt == 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left for a supervisor to do."""
        return self.stopped_at is not None

    @property
    def is_silent(self) -> bool:
        """
        Whether its output is all there: no process of it is left, or none that can be ended. A
        container whose end was seen took all of its processes along, and is only to be removed.
        """
        if self.executor == CONTAINER and self.status in (NodeStatus.COMPLETE, NodeStatus.FAILED):
            return True
        return self.is_settled or self.stop_error is not None


@frozen
class Job:
    """One submission, as last recorded. Times are UTC."""

    id: JobId
    spec: JobSpec
    nodes: tuple[Node, ...]
    status: JobStatus = JobStatus.QUEUED
    reason: str | None = None
    queue: str | None = None
    """Where it waits for its turn: as its spec says, or where it was moved. None: in `default`."""

    priority: int = 0
    """Before whom, there: as its spec says, or as it was moved."""

    held: bool = False
    """It does not begin before it is released: as its spec says, or since somebody wanted that."""

    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    stopped_at: datetime | None = None
    capture: str | None = None
    """Names the file that holds the captured environment, until the job has started."""

    traceparent: str | None = None
    """The span of whoever submitted it, as https://www.w3.org/TR/trace-context/ has it."""

    version: int = 0
    """Counts the writes: a write names the version it read."""

    waiting_for: tuple[Hindrance, ...] = field(default=(), compare=False)
    """What keeps it from beginning, as far as somebody has asked: no part of the record."""

    @property
    def name(self) -> str | None:
        """The name that it was given for people."""
        return self.spec.name

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL_JOB

    @property
    def is_settled(self) -> bool:
        return self.is_terminal and all(node.is_settled for node in self.nodes)

    @property
    def is_silent(self) -> bool:
        """Whether all that it will ever print is there."""
        return all(node.is_silent for node in self.nodes)

    @property
    def exit_code(self) -> int | None:
        """The command's exit code; None while there is none, it is not known, or not one's alone."""
        return self.nodes[0].exit_code if len(self.nodes) == 1 else None

    @property
    def begins_at(self) -> datetime:
        """When it may begin at the earliest."""
        if self.spec.delay is not None:
            return self.created_at + self.spec.delay
        return max(self.created_at, self.spec.start_at or self.created_at)

    @property
    def expires_at(self) -> datetime | None:
        """When the record becomes a tombstone; None before the end."""
        return None if self.completed_at is None else self.completed_at + self.spec.retention


def queue_of(spec: JobSpec) -> str | None:
    """Return the queue that a new job stands in; None is `default`."""
    return named_queue(spec.queue)


def named_queue(name: str | None) -> str | None:
    """Return the queue of that name as a job has it: None for `default`."""
    return None if name == DEFAULT_QUEUE else name


def nodes_of(spec: JobSpec) -> tuple[Node, ...]:
    """Return the nodes of a new job: one for each host, or its container's, or this machine's."""
    if spec.container is not None:
        return (Node(name=spec.container.image, executor=CONTAINER),)
    hosts = tuple(Node(index=i, name=host, executor=SSH) for i, host in enumerate(spec.on))
    return hosts or (Node(),)


def attempt_key(job_id: JobId, index: int, attempt: int) -> str:
    """Return the name of one attempt, which is also its folder below the home's `jobs`."""
    return f"{job_id}/{index}/{attempt}"

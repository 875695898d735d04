// What the model's words mean, for people. Never more certain than the job itself.

import { at, duration, now } from "./time.js";

export const STATUSES = ["queued", "running", "complete", "partial", "failed", "cancelled"];
export const TERMINAL = new Set(["complete", "partial", "failed", "cancelled"]);

const REASONS = {
  timeout: "its run limit passed, and it was killed",
  idle_timeout: "it printed nothing for too long, and was killed",
  queue_timeout: "it was not started in time, and never will be",
  dependency_failed: "a job that it waits for did not end as it had to",
  connect_timeout: "its host did not let us in within its time",
  connect_failed: "its host could not be reached, or refused",
  auth_failed: "its host does not let this user in",
  host_key_rejected: "its host’s key is not known, or another one",
  spawn_failed: "it could not begin",
  image_unavailable: "the image is not there, and could not be pulled",
  pull_timeout: "pulling the image took too long",
  engine_unavailable: "no container engine answers",
  engine_error: "the container engine refused",
  secret_unavailable: "a secret or its environment was gone before the start",
  disk_full: "too little disk was left",
  oom_killed: "the kernel killed it for want of memory",
  output_limit: "it printed more than it may",
  prompt_unanswered: "its host asked, and no rule answered",
  artifacts_missing: "of the files it had to leave, none could be collected",
  exception: "its Python function raised",
  lost: "nothing is left that knows how it ended, and nobody guesses",
  host_rebooted: "the machine was started anew while it ran",
  cancelled: "somebody asked for its end",
  mixed: "its nodes ended in different ways",
};

const SHORT = {
  timeout: "timed out",
  idle_timeout: "timed out, silent",
  queue_timeout: "timed out in the queue",
  dependency_failed: "its need failed",
  connect_timeout: "connect timed out",
  connect_failed: "no connection",
  auth_failed: "not let in",
  host_key_rejected: "host key rejected",
  spawn_failed: "could not begin",
  image_unavailable: "no image",
  pull_timeout: "pull timed out",
  engine_unavailable: "no engine",
  engine_error: "engine refused",
  secret_unavailable: "secret gone",
  disk_full: "disk full",
  oom_killed: "out of memory",
  output_limit: "output limit",
  prompt_unanswered: "prompt unanswered",
  artifacts_missing: "artifacts missing",
  exception: "raised",
  lost: "lost",
  host_rebooted: "host rebooted",
};

const PHASES = {
  held: "held back",
  delayed: "waiting for its time",
  waiting: "waiting for another job",
  retrying: "waiting to be tried again",
  starting: "starting",
  stopping: "stopping",
  connecting: "connecting",
  pulling_image: "pulling its image",
  collecting: "collecting files",
  unreachable: "its host is out of reach",
};

const CONTAINMENT = {
  cgroup: "all of its processes can be ended for certain: they are in a cgroup of their own",
  subreaper: "its processes can be ended, daemons included: its parent inherits those that break away",
  marker: "its processes are found on the host by a mark; one that wipes its environment escapes",
  group: "its process group can be ended; what breaks away from it may escape",
  process: "only the command itself can be ended for certain",
  connection: "it ends with its connection",
  container: "its container ends whole",
};

/** A status and how it ended, in a few words. Of a job, a row, or a node. */
export function brief(it) {
  const { status, reason } = it;
  if (status === "cancelled") return isStopping(it) ? "cancelled, still stopping" : "cancelled";
  if (status === "failed") {
    if (reason === "exit_nonzero") return it.exit_code === null || it.exit_code === undefined ? "failed" : `failed, exit ${it.exit_code}`;
    if (reason === "signal") return it.signal ? `failed, signal ${it.signal}` : "failed, signal";
    return SHORT[reason] ?? "failed";
  }
  if (status === "running" || status === "pending" || status === "queued") {
    return PHASES[it.phase] ?? status;
  }
  return status;
}

/** The same as a sentence, or nothing where the status says it all. */
export function reasonOf(it) {
  if (it.status === "complete") return "";
  if (it.reason === "exit_nonzero") return "the command’s own verdict";
  if (it.reason === "signal") return "ended by a signal that was not ours";
  return REASONS[it.reason] ?? "";
}

/** Whether it has ended and some of its processes have not been seen to be gone. */
export const isStopping = (it) =>
  !it.stopped_at && (TERMINAL.has(it.status) || it.status === "cancelled") && it.status !== "complete";

export const containment = (word) => CONTAINMENT[word] ?? word;

export const isLive = (it) => !TERMINAL.has(it.status);

const rank = (it) => (TERMINAL.has(it.status) ? 2 : it.status === "running" ? 1 : 0);

/**
 * Whether what was told of a job is from before what is known of it: an answer may be overtaken by
 * an event. A job only ever goes on.
 */
export const isOlder = (told, known) =>
  rank(told) < rank(known) || Boolean(known.stopped_at && !told.stopped_at);

/** How long it ran, or has run so far, in milliseconds; null where it never began. */
export function ranFor(it) {
  const began = at(it.started_at);
  return began === null ? null : (at(it.completed_at) ?? now()) - began;
}

/** One sentence on a job, for somebody who hears it. */
export function spoken(row) {
  const ran = ranFor(row);
  const took = !isLive(row) && ran !== null ? ` after ${duration(ran)}` : "";
  return `${row.name || row.title || row.job_id}: ${brief(row)}${took}`;
}

/** Sizes in powers of 1024, as people read them. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** With a capital first. */
export const sentence = (text) => text[0].toUpperCase() + text.slice(1);

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

/** How a command is written for a shell. */
export const shellJoin = (argv) =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(" ");

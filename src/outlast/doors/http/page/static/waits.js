// What keeps a job from beginning, in words, with the jobs that it waits for as links.

import { html } from "./vendor/preact.js";
import { visible } from "./ansi.js";
import { Glyph } from "./parts.js";
import { absolute, at, now, relative, useSeconds } from "./time.js";
import { many } from "./words.js";

const AS = { complete: "to complete", failed: "to fail", any: "to end" };

export const JobLink = ({ job }) => html`<a class="other" href=${`#/jobs/${job.job_id}`}>
  ${job.status && html`<${Glyph} status=${job.status} />`}${visible(job.name || job.title || job.job_id)}${
    job.status ? html`<span class="unseen">, ${job.status}</span>` : ""}</a>`;

/** The jobs that are waited for, each with how it has to end. */
export const Needs = ({ needs }) => needs.map((need, i) => html`${i > 0 && ", "}<${JobLink} job=${need} /> ${AS[need.on]}`);

const When = ({ iso }) => html`<time datetime=${iso} title=${absolute(iso)}>${relative(iso)}</time>`;

/** Why a job waits. `ahead` is how many begin before it, where that is known. */
export function Why({ it, ahead = null, isPaused = false }) {
  useSeconds(Boolean(it.start_at || it.next_attempt_at));
  if (it.held) return "held, until it is released";
  if (it.after?.length) return html`waits for <${Needs} needs=${it.after} />`;
  if (it.phase === "waiting") return "waits for another job";
  if (it.next_attempt_at) {
    return at(it.next_attempt_at) > now() ? html`tries again <${When} iso=${it.next_attempt_at} />` : "tries again in its turn";
  }
  if (it.start_at && at(it.start_at) > now()) return html`begins <${When} iso=${it.start_at} /> at the earliest`;
  if (isPaused) return "its queue is paused";
  if (it.session) return `its turn in the session ${it.session}`;
  if (it.has_own_turns) return "its turn on its hosts";
  if (ahead === null) return "its turn";
  return ahead ? `its turn, after ${many(ahead, "other")}` : "its turn comes next";
}

/** Whether nothing but its turn keeps it from beginning. */
export const isInLine = (it) =>
  !it.held && !it.after?.length && it.phase !== "waiting" && !it.next_attempt_at && !(it.start_at && at(it.start_at) > now()) &&
  !it.session && !it.has_own_turns;

/** By whose turn comes first: by priority, and then by submission, as ids sort. Those that wait for more come last. */
export const inOrder = (jobs) =>
  [...jobs].sort((a, b) => isInLine(b) - isInLine(a) || b.priority - a.priority || (a.job_id < b.job_id ? -1 : 1));

// What keeps a job from beginning, in words, with the jobs that it waits for as links.

import { html } from "./vendor/preact.js";
import { visible } from "./ansi.js";
import { Glyph } from "./parts.js";
import { absolute, relative, useSeconds } from "./time.js";
import { many, size } from "./words.js";

const AS = { complete: "to complete", failed: "to fail", any: "to end" };

export const JobLink = ({ job }) => html`<a class="other" href=${`#/jobs/${job.job_id}`}>
  ${job.status && html`<${Glyph} status=${job.status} />`}${visible(job.name || job.title || job.job_id)}${
    job.status ? html`<span class="unseen">, ${job.status}</span>` : ""}</a>`;

/** The jobs that are waited for, each with how it has to end. */
export const Needs = ({ needs }) => needs.map((need, i) => html`${i > 0 && ", "}<${JobLink} job=${need} /> ${AS[need.on]}`);

const When = ({ iso }) => html`<time datetime=${iso} title=${absolute(iso)}>${relative(iso)}</time>`;

/** What has to be free for it to begin, as declared: `gpu=2`, processors, memory. */
export const neededBy = (needs) => Object.entries(needs ?? {}).map(([name, amount]) =>
  name === "cpus" ? many(amount, "processor") : name === "memory_bytes" ? `${size(amount)} of memory` : `${name}=${amount}`).join(", ");

/** Why a job waits, as the service tells it: its words, with links and with times that go on. */
export function Why({ it }) {
  const reasons = it.waiting_for ?? [];
  useSeconds(reasons.some((each) => each.at));
  return reasons.length ? reasons.map((each, i) => html`${i > 0 && "; "}${inWords(each, it)}`) : "its turn comes next";
}

function inWords({ kind, at, message }, it) {
  if (kind === "jobs" && it.after?.length) return html`waits for <${Needs} needs=${it.after} />`;
  if (kind === "time") return html`begins <${When} iso=${at} /> at the earliest`;
  if (kind === "retry") return html`tries again <${When} iso=${at} />`;
  return message;
}

const BEFORE_ITS_TURN = ["held", "jobs", "time", "retry", "session"];

/** Whether nothing but its turn keeps it from beginning. */
export const isInLine = (it) => !it.has_own_turns && !(it.waiting_for ?? []).some(({ kind }) => BEFORE_ITS_TURN.includes(kind));

/** By whose turn comes first: by priority, and then by submission, as ids sort. Those that wait for more come last. */
export const inOrder = (jobs) =>
  [...jobs].sort((a, b) => isInLine(b) - isInLine(a) || b.priority - a.priority || (a.job_id < b.job_id ? -1 : 1));

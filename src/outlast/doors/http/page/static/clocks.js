// The clocks of a job against their limits, as thin bars with times.

import { html } from "./vendor/preact.js";
import { Time } from "./parts.js";
import { at, duration, now, ticking, useSeconds } from "./time.js";
import { isLive } from "./words.js";

/** `limits` are the spec's, in milliseconds; `heardAt` is when it last printed something, as far as is known here. */
export function Clocks({ job, node, limits, heardAt }) {
  const live = isLive(node.status === "pending" ? { status: "queued" } : node);
  useSeconds(live);
  const created = at(job.created_at);
  const began = at(node.started_at);
  const ended = at(node.completed_at);
  const clocks = [];
  const queueLimit = limits.queue_timeout_ms ?? null;
  clocks.push({ name: "queue", took: (began ?? ended ?? now()) - created, limit: queueLimit, isRunning: live && began === null, word: "waited" });
  if (began !== null) {
    clocks.push({ name: "run", took: (ended ?? now()) - began, limit: node.timeout_ms ?? job.timeout_ms, isRunning: live, word: "ran",
      isOver: node.reason === "timeout" });
  }
  if (limits.idle_timeout_ms && began !== null) {
    clocks.push({ name: "idle", took: live ? now() - Math.max(heardAt, began) : null, limit: limits.idle_timeout_ms, isRunning: live,
      isOver: node.reason === "idle_timeout", word: "silent, at least" });
  }
  return html`<div class="clocks" role="group" aria-label="Clocks">
    ${clocks.map((clock) => html`<${Clock} ...${clock} />`)}
    ${job.expires_at && html`<p class="fine">Its record and files are kept until <${Time} iso=${job.expires_at} />.</p>`}
  </div>`;
}

function Clock({ name, took, limit, isRunning, isOver, word }) {
  const part = limit && took !== null ? Math.min(1, took / limit) : 0;
  const told = took === null ? "" : isRunning ? ticking(took) : duration(took);
  const kind = isOver ? "over" : !isRunning ? "still" : part > 0.9 ? "late" : "";
  return html`<div class=${`clock-line ${kind}`}>
    <span class="name">${name}</span>
    <span class="bar" aria-hidden="true"><i style=${{ transform: `scaleX(${(isOver ? 1 : part).toFixed(4)})` }}></i></span>
    <span class="told"><span class="unseen">${word} </span>${told}${limit ? html`<span class="limit">${told && " of "}${duration(limit)}</span>` : html`<span class="limit"> no limit</span>`}</span>
  </div>`;
}

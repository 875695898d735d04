// The last day: how many jobs ran, how many waited, and when some failed.

import { html, useMemo, useState } from "./vendor/preact.js";
import { at, hourOf, now, useSeconds } from "./time.js";
import { many } from "./words.js";

const DAY_MS = 864e5;
const BIN_MS = 3e5;
const BINS = DAY_MS / BIN_MS;
const LANES = [
  { key: "running", top: 0, height: 34 },
  { key: "waiting", top: 39, height: 16 },
  { key: "failed", top: 60, height: 13 },
];
const HEIGHT = 74;

/** Count, for each five minutes of the last day: the most that ran and waited at once; who failed. */
export function countDay(rows, end) {
  const start = end - DAY_MS;
  const day = { start, end, running: new Float64Array(BINS), waiting: new Float64Array(BINS), failed: new Float64Array(BINS) };
  const running = new Float64Array(BINS + 1);
  const waiting = new Float64Array(BINS + 1);
  const bin = (time) => Math.max(0, Math.min(BINS - 1, Math.floor((time - start) / BIN_MS)));
  const span = (lane, from, to) => {
    if (to < start || from > end) return;
    lane[bin(from)] += 1;
    lane[bin(to) + 1] -= 1;
  };
  for (const row of rows) {
    const created = at(row.created_at);
    const began = at(row.started_at);
    const ended = at(row.completed_at);
    span(waiting, created, began ?? ended ?? end);
    if (began !== null) span(running, began, ended ?? end);
    if ((row.status === "failed" || row.status === "partial") && ended >= start) day.failed[bin(ended)] += 1;
  }
  for (const [key, lane] of [["running", running], ["waiting", waiting]]) {
    let sum = 0;
    for (let i = 0; i < BINS; i += 1) day[key][i] = sum += lane[i];
  }
  // Whoever waited for less than a bin was not waiting: most jobs begin at once.
  for (const row of rows) {
    const created = at(row.created_at);
    const until = at(row.started_at) ?? at(row.completed_at) ?? end;
    if (until - created < 2000 && created >= start) for (let i = bin(created); i <= bin(until); i += 1) day.waiting[i] -= 1;
  }
  return day;
}

function area(values, { top, height }) {
  const most = Math.max(1, ...values);
  const y = (value) => (top + height - (value ? Math.max(3, Math.sqrt(value / most) * height) : 0)).toFixed(1);
  let path = `M0 ${top + height}`;
  values.forEach((value, i) => {
    path += `V${y(value)}H${i + 1}`;
  });
  return `${path}V${top + height}Z`;
}

function ticks(values, { top, height }) {
  const most = Math.max(1, ...values);
  let path = "";
  values.forEach((value, i) => {
    if (value) path += `M${i + 0.5} ${top + height}v${-(5 + (value / most) * (height - 5)).toFixed(1)}`;
  });
  return path;
}

export function Timeline({ rows, version, isWhole, span, onSpan }) {
  useSeconds();
  const end = Math.ceil(now() / BIN_MS) * BIN_MS;
  const day = useMemo(() => countDay(rows(), end), [version, end]);
  const [pointed, point] = useState(null);
  const i = pointed ?? (span ? Math.floor((span.from - day.start) / BIN_MS) : BINS - 1);
  const counts = (bin) => `${day.running[bin]} running, ${day.waiting[bin]} waiting, ${day.failed[bin]} failed`;
  const timeOf = (bin) => hourOf(day.start + bin * BIN_MS);
  const failures = day.failed.reduce((sum, count) => sum + count, 0);
  const busiest = day.running.indexOf(Math.max(...day.running));
  const summary = `The last 24 hours${isWhole ? "" : ", as far as loaded"}: at most ${day.running[busiest]} running at once${
    day.running[busiest] ? `, at ${timeOf(busiest)}` : ""}; ${many(failures, "failure")}.`;

  const choose = (bin) => {
    const from = day.start + bin * BIN_MS;
    onSpan(span?.from === from ? null : { from, to: from + BIN_MS, words: `${hourOf(from)} to ${hourOf(from + BIN_MS)}` });
  };
  const binAt = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(BINS - 1, Math.floor(((event.clientX - box.left) / box.width) * BINS)));
  };
  const press = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -BINS, End: BINS }[event.key];
    if (by) point(Math.max(0, Math.min(BINS - 1, i + by)));
    else if (event.key === "Enter" || event.key === " ") choose(i);
    else return;
    event.preventDefault();
  };
  const hours = [];
  for (let bin = 0; bin < BINS; bin += 1) {
    const date = new Date(day.start + bin * BIN_MS);
    if (date.getMinutes() === 0 && date.getHours() % 3 === 0) hours.push([bin, hourOf(date)]);
  }
  return html`<section class="timeline" aria-label="The last 24 hours">
    <p class="unseen">${summary}</p>
    <div class="lanes" aria-hidden="true">${LANES.map(({ key }) => html`<span class=${`lane ${key}`}>${key}</span>`)}</div>
    <div class="strip" role="slider" tabindex="0" aria-label="A time of the last 24 hours. Enter shows the jobs of then"
      aria-valuemin="0" aria-valuemax=${BINS - 1} aria-valuenow=${i} aria-valuetext=${`${timeOf(i)}: ${counts(i)}`}
      onPointerMove=${(event) => point(binAt(event))} onPointerLeave=${() => point(null)} onBlur=${() => point(null)}
      onClick=${(event) => choose(binAt(event))} onKeyDown=${press}>
      <svg viewBox=${`0 0 ${BINS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
        ${hours.map(([bin]) => html`<path class="hour" d=${`M${bin} 0V${HEIGHT}`} />`)}
        ${LANES.map(({ top, height }) => html`<path class="base" d=${`M0 ${top + height}H${BINS}`} />`)}
        <path class="running" d=${area(day.running, LANES[0])} />
        <path class="waiting" d=${area(day.waiting, LANES[1])} />
        <path class="failed" d=${ticks(day.failed, LANES[2])} />
        ${span && html`<rect class="chosen" x=${(span.from - day.start) / BIN_MS - 0.5} width="2" y="0" height=${HEIGHT} />`}
        ${pointed !== null && html`<path class="pointed" d=${`M${pointed + 0.5} 0V${HEIGHT}`} />`}
      </svg>
      <div class="hours" aria-hidden="true">
        ${hours.map(([bin, text]) => html`<span style=${{ left: `${(bin / BINS) * 100}%` }}>${text}</span>`)}
      </div>
      ${pointed !== null && html`<div class=${pointed > BINS * 0.7 ? "tip left" : "tip"} aria-hidden="true" style=${{ left: `${(pointed / BINS) * 100}%` }}>
        <b>${timeOf(pointed)}</b> ${counts(pointed)}</div>`}
    </div>
  </section>`;
}

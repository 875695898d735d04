// Small parts that every view is made of.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { absolute, relative } from "./time.js";
import { brief } from "./words.js";

const SHAPES = {
  mark: html`<circle cx="3.5" cy="8" r="2.6" fill="currentColor" stroke="none" /><path d="M3.5 8H15" stroke-width="2.2" /><path d="M11 2.5v11" class="tick" />`,
  plus: html`<path d="M8 3v10M3 8h10" />`,
  light: html`<circle cx="8" cy="8" r="3" /><path d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.4 1.4M11.6 11.6L13 13M13 3l-1.4 1.4M4.4 11.6L3 13" />`,
  dark: html`<path d="M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z" />`,
  system: html`<circle cx="8" cy="8" r="5.5" /><path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" />`,
  offline: html`<path d="M2 6a9 9 0 0 1 12 0M4.5 8.7a5.3 5.3 0 0 1 7 0M7 11.3a1.8 1.8 0 0 1 2 0M2 2l12 12" />`,
  search: html`<circle cx="7" cy="7" r="4.3" /><path d="M10.3 10.3L14 14" />`,
  copy: html`<rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />`,
  back: html`<path d="M9.5 3L4.5 8l5 5" />`,
  down: html`<path d="M8 2.5v8M4.5 7.5L8 11l3.5-3.5M3 13.5h10" />`,
  retry: html`<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3" />`,
  trash: html`<path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9" />`,
  stop: html`<rect x="4" y="4" width="8" height="8" rx="1" />`,
  up: html`<path d="M3.5 10L8 5.5l4.5 4.5" />`,
  queues: html`<path d="M2.5 4h11M2.5 8h7M2.5 12h4" />`,
  schedules: html`<circle cx="8" cy="8" r="5.7" /><path d="M8 4.6V8l2.4 1.6" />`,
  pause: html`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  play: html`<path d="M5 3l7.5 5L5 13z" />`,
  next: html`<path d="M3.5 6L8 10.5 12.5 6" />`,
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;

// Each status has a shape of its own, so that no colour has to be told from another.
const GLYPHS = {
  queued: html`<circle cx="8" cy="8" r="5" class="hollow dotted" />`,
  pending: html`<circle cx="8" cy="8" r="5" class="hollow dotted" />`,
  running: html`<circle cx="8" cy="8" r="5" class="hollow" /><path d="M8 3a5 5 0 0 1 5 5" class="hand" /><circle cx="8" cy="8" r="1.8" />`,
  complete: html`<path d="M3.5 8.5l3 3 6-7" class="hollow" />`,
  partial: html`<circle cx="8" cy="8" r="5" class="hollow" /><path d="M8 3a5 5 0 0 1 0 10z" />`,
  failed: html`<path d="M4 4l8 8M12 4l-8 8" class="hollow" />`,
  cancelled: html`<circle cx="8" cy="8" r="5" class="hollow" /><path d="M4.5 11.5l7-7" class="hollow" />`,
};

export const Glyph = ({ status }) => html`
  <svg class=${`glyph s-${status}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">${GLYPHS[status]}</svg>`;

export const Status = ({ it }) => html`<span class=${`status s-${it.status}`}><${Glyph} status=${it.status} /> ${brief(it)}</span>`;

/** A time, near and exact: the exact one where one points at it, or hears it. */
export const Time = ({ iso }) => (iso ? html`<time datetime=${iso} title=${`${absolute(iso)}\n${iso}`}>${relative(iso)}</time>` : null);

export function Copy({ text, label = "Copy" }) {
  const [done, setDone] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setDone("Copied");
    } catch {
      setDone("Select it, and copy by hand"); // a browser gives the clipboard to secure places only
    }
    setTimeout(() => setDone(""), 2500);
  }
  return html`<button type="button" class="button bare small" onClick=${copy} aria-label=${label} title=${label}>
    <${Icon} name="copy" /><span aria-live="polite">${done}</span></button>`;
}

/** A question over the page, in a dialog of the browser's own: it keeps the keyboard, Escape leaves it. */
export function Dialog({ title, children, onClose }) {
  const element = useRef(null);
  useEffect(() => {
    element.current.showModal();
  }, []);
  return html`<dialog ref=${element} aria-labelledby="dialog-title" onClose=${onClose}
      onClick=${(event) => event.target === element.current && element.current.close()}>
    <div class="sheet">
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </div>
  </dialog>`;
}

export function Confirm({ title, action, kind = "danger", children, onDo, onClose }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  async function act(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await onDo(new FormData(event.target));
      onClose();
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  }
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${act}>
      ${children}
      <${Trouble} problem=${problem} />
      <div class="actions">
        <button type="button" class="button" onClick=${onClose}>Leave it</button>
        <button class=${`button ${kind}`} disabled=${isBusy} autofocus>${action}</button>
      </div>
    </form>
  </${Dialog}>`;
}

/** What went wrong, every fault of it, and what would help. */
export function Trouble({ problem }) {
  if (!problem) return null;
  const faults = problem.faults?.length > 1 ? problem.faults : null;
  return html`<div class="trouble" role="alert">
    ${faults ? html`<ul>${faults.map((fault) => html`<li>${fault}</li>`)}</ul>` : html`<p>${problem.message}</p>`}
    ${problem.suggestion && html`<p>${problem.suggestion}</p>`}
    ${problem.requestId && html`<p class="fine">Request ${problem.requestId}</p>`}
  </div>`;
}

const KEYS = [
  ["j  k", "the next job, the one before"],
  ["Enter", "open it"],
  ["/", "find: jobs in the list, text in an output"],
  ["c", "submit a job"],
  ["g", "all jobs"],
  ["q", "queues"],
  ["s", "schedules"],
  ["x", "cancel the job that is open"],
  ["f", "follow its output"],
  ["Escape", "back, or clear what was typed"],
  ["?", "this"],
];

export function Help({ me, onClose }) {
  return html`<${Dialog} title="Keys" onClose=${onClose}>
    <dl class="keys">${KEYS.map(([keys, what]) => html`
      <div><dt>${keys.split("  ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${what}</dd></div>`)}</dl>
    <p class="fine">In the list, type words of a name, a command, a host or an error; <code>env=prod</code> finds a label.
      ${me && html` Outlast ${me.version}.`}</p>
    <div class="actions"><button class="button" autofocus onClick=${onClose}>Close</button></div>
  </${Dialog}>`;
}

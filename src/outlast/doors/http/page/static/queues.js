// The queues: how wide each is, what runs in it, and what waits, in order and for what.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { send } from "./api.js";
import { visible } from "./ansi.js";
import { useKeys } from "./keys.js";
import { useLooks } from "./looks.js";
import { Confirm, Glyph, Icon, Trouble } from "./parts.js";
import { at, now, ticking, useSeconds } from "./time.js";
import { inOrder, isInLine, Why } from "./waits.js";
import { brief, many, ranFor, size } from "./words.js";

const SETTLE_MS = 300; // a width is sent once it has come to rest

const NAMED = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/; // what a queue that is made may be called
const OF_SCHEDULE = "schedule:"; // where the runs of one wait for each other

const STATES = {
  paused: "Paused: it takes jobs, and begins none.",
  draining: "Draining: what is in it runs, and it takes no more.",
};

export function Queues({ jobs, me, chosen, announce }) {
  const { items: queues, problem, put, look } = useLooks("page/queues", jobs);
  const [asking, setAsking] = useState(null);
  const heading = useRef(null);

  useEffect(() => {
    document.title = "Queues · Outlast";
    heading.current.focus({ preventScroll: true }); // what is fetched first is there too late for the page to do it
    return () => { document.title = "Outlast"; };
  }, []);
  useEffect(() => {
    if (chosen && queues) document.getElementById(`queue-${chosen}`)?.scrollIntoView();
  }, [chosen, queues === null]);
  useKeys({ Escape: () => { location.hash = "#/"; } });
  useSeconds(Boolean(queues?.some((queue) => queue.running || queue.waiting)));

  const mayChange = me.scopes.includes("admin");
  const change = (queue) => put((all) => all.map((each) => (each.queue === queue.queue ? { ...each, ...queue } : each)));
  return html`
    <header class="title cards-title">
      <a class="button bare" href="#/" aria-label="All jobs" title="All jobs (Escape)"><${Icon} name="back" /></a>
      <h1 tabindex="-1" ref=${heading}>Queues</h1>
      <span class="grow"></span>
      ${mayChange && html`<button class="button" onClick=${() => setAsking({ what: "create" })}><${Icon} name="plus" />New queue</button>`}
    </header>
    <${Trouble} problem=${problem?.status ? problem : null} />
    ${!queues && !problem && html`<p class="empty" aria-busy="true">Asking for the queues…</p>`}
    <div class="cards">${queues?.map((queue) => html`<${Queue} key=${queue.queue} queue=${queue} me=${me} mayChange=${mayChange}
      onChange=${change} onAsk=${setAsking} onLook=${look} announce=${announce} />`)}</div>
    ${asking?.what === "create" && html`<${Create} name=${asking.name} onClose=${() => setAsking(null)} onDone=${(queue) => { announce(`The queue ${queue.queue} is there`); look(); }} />`}
    ${asking?.what === "delete" && html`<${Delete} name=${asking.name} onClose=${() => setAsking(null)} onDone=${() => { announce(`The queue ${asking.name} is gone`); look(); }} />`}
    ${asking?.what === "move" && html`<${Move} job=${asking.job} queue=${asking.queue} queues=${queues} onClose=${() => setAsking(null)}
      onDone=${(job) => { announce(`Moved to ${job.queue ?? "default"}`); look(); }} />`}`;
}

function Queue({ queue, me, mayChange, onChange, onAsk, onLook, announce }) {
  const [problem, setProblem] = useState(null);
  const name = queue.queue;
  const path = `queues/${encodeURIComponent(name)}`;
  const isMade = name === "default" || queue.created_at !== null;

  async function act(work, told) {
    try {
      await work();
      setProblem(null);
      announce(told);
      return true;
    } catch (error) {
      setProblem(error);
      return false;
    }
  }
  const become = (verb, told) => act(async () => onChange(await send("POST", `${path}/${verb}`, {})), `The queue ${name} ${told}`);
  const setWidth = (width) => act(async () => onChange(await send("POST", `${path}/set`, { width })),
    `The queue ${name} runs ${width === null ? "as many as there is room for" : `at most ${width}`} at once`);

  const mayRun = me.scopes.includes("run");
  const isPaused = queue.state === "paused";
  const isDraining = queue.state === "draining";
  const limits = [queue.max_cpus !== null && many(queue.max_cpus, "processor"), queue.max_memory_bytes !== null && size(queue.max_memory_bytes)].filter(Boolean);
  const waits = inOrder(queue.waits);
  const left = queue.waiting - waits.length;
  let place = 0;
  return html`<section class=${`card is-${queue.state}`} id=${`queue-${name}`} aria-label=${`Queue ${name}`}>
    <div class="head">
      <h2>${name}</h2>
      <p class="tallies"><span><b>${queue.running.toLocaleString("en")}</b> running</span> <span><b>${queue.waiting.toLocaleString("en")}</b> waiting</span></p>
      <span class="grow"></span>
      ${mayChange && isMade && html`<div class="does">
        <button class="button small" onClick=${() => (isPaused ? become("resume", "goes on") : become("pause", "is paused"))}
          aria-label=${`${isPaused ? "Resume" : "Pause"} ${name}`} title=${isPaused ? "Begin jobs again" : "Begin nothing more; what runs goes on"}>
          <${Icon} name=${isPaused ? "play" : "pause"} />${isPaused ? "Resume" : "Pause"}</button>
        ${name !== "default" && html`<button class="button small" onClick=${() => (isDraining ? become("resume", "takes jobs again") : become("drain", "takes no more jobs"))}
          aria-label=${isDraining ? `Stop draining ${name}` : `Drain ${name}`} title=${isDraining ? "Take jobs again" : "Take no more jobs; what is in it runs"}>
          ${isDraining ? "Stop draining" : "Drain"}</button>
        ${queue.running + queue.waiting + queue.runs.length === 0 && html`<button class="button small bare" onClick=${() => onAsk({ what: "delete", name })}
          aria-label=${`Delete ${name}`} title="Forget this queue"><${Icon} name="trash" /></button>`}`}
      </div>`}
      ${mayChange && !isMade && NAMED.test(name) && html`<button class="button small" onClick=${() => onAsk({ what: "create", name })}>Keep it</button>`}
    </div>
    ${STATES[queue.state] && html`<p class="state">${STATES[queue.state]}</p>`}
    ${!isMade && html`<p class="fine">${name.startsWith(OF_SCHEDULE)
      ? html`The runs of the schedule <a href=${`#/schedules/${encodeURIComponent(name.slice(OF_SCHEDULE.length))}`}>${name.slice(OF_SCHEDULE.length)}</a>, one at a time.`
      : "Nobody has made it: it is as wide as its jobs say, and gone with them."}</p>`}
    ${isMade && (mayChange ? html`<${Width} name=${name} width=${queue.width} onSet=${setWidth} />`
      : html`<p class="fine">${queue.width === null ? "Runs as many at once as there is room for." : `Runs at most ${queue.width} at once.`}</p>`)}
    ${limits.length > 0 && html`<p class="fine">What runs in it has ${limits.join(" and ")} together.</p>`}
    <${Trouble} problem=${problem} />
    ${queue.runs.length > 0 && html`<ul class=${mayRun ? "turns may" : "turns"} aria-label=${`Running in ${name}`}>
      ${queue.runs.map((job) => html`<${Turn} key=${job.job_id} job=${job}>
        ${job.next_attempt_at && !job.counts.running ? html`<${Why} it=${job} />` : brief({ ...job, phase: job.nodes === 1 ? job.phase : null })}</${Turn}>`)}</ul>`}
    ${queue.runs.length >= queue.most && html`<p class="fine more">These were submitted first; others may run besides.</p>`}
    ${waits.length > 0 && html`<ol class=${mayRun ? "turns may" : "turns"} aria-label=${`Waiting in ${name}, in order`}>
      ${waits.map((job) => html`<${Turn} key=${job.job_id} job=${job} place=${isInLine(job) ? (place += 1) : null} mayRun=${mayRun}
        onMove=${() => onAsk({ what: "move", job, queue: name })} act=${act} onLook=${onLook}>
        <${Why} it=${job} /></${Turn}>`)}</ol>`}
    ${left > 0 && waits.length >= queue.most && html`<p class="fine more">And ${many(left, "more job")}, submitted later.</p>`}
  </section>`;
}

function Turn({ job, place, mayRun, onMove, act, onLook, children }) {
  const title = visible(job.title ?? "");
  const words = job.name || job.title || job.job_id;
  const ran = ranFor(job);
  const isWaiting = onMove !== undefined;
  const mayMove = mayRun && job.started_at === null && !job.session;
  const set = (verb, told) => act(async () => { await send("POST", `jobs/${job.job_id}/${verb}`, {}); onLook(); }, `${words} ${told}`);
  return html`<li class=${`turn s-${job.status}`}>
    <span class="place">${place ? html`<span class="unseen">Number </span>${place}` : html`<${Glyph} status=${job.phase === "retrying" ? "queued" : job.status} />`}</span>
    <a href=${`#/jobs/${job.job_id}`}>${job.name && html`<b>${visible(job.name)}</b> `}<code>${title}</code></a>
    <span class="why">${children}${job.priority ? html` <span class="chip">priority ${job.priority}</span>` : ""}</span>
    <span class="clock">${isWaiting ? ticking(now() - at(job.created_at)) : ran !== null ? ticking(ran) : ""}</span>
    ${isWaiting && mayMove && html`<span class="does">
      <button class="button small" onClick=${() => (job.held ? set("release", "is released") : set("hold", "is held"))}
        aria-label=${`${job.held ? "Release" : "Hold"} ${words}`} title=${job.held ? "Let it begin in its turn" : "Have it wait until it is released"}>${job.held ? "Release" : "Hold"}</button>
      <button class="button small" onClick=${onMove} aria-label=${`Move ${words}`}>Move</button></span>`}
  </li>`;
}

/** How many run at once: drawn, or typed. The last step of the bar, and an empty field, are no limit. */
function Width({ name, width, onSet }) {
  const [draft, setDraft] = useState(undefined); // what is not sent yet, or not answered
  const [typed, setTyped] = useState(null); // what stands in the field and is not done yet
  const timer = useRef(null);
  const sent = useRef(Promise.resolve()); // one after another: the last one is to hold
  const most = useRef(16);
  if (draft === undefined) while (width !== null && width > most.current) most.current *= 2;
  const shown = draft === undefined ? width : draft;
  const end = most.current + 1;
  useEffect(() => () => clearTimeout(timer.current), []);

  function choose(next) {
    setDraft(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = sent.current.then(() => onSet(next)).then(() => setDraft((drawn) => (drawn === next ? undefined : drawn)));
    }, SETTLE_MS);
  }
  function take(text) {
    setTyped(null);
    const next = text === "" ? null : Math.round(Number(text));
    if (next === null || next >= 1) choose(next);
  }
  const words = shown === null ? "no limit" : `${shown} at once`;
  return html`<div class="width" role="group" aria-label=${`Width of ${name}`}>
    <label for=${`width-${name}`}>At most</label>
    <input type="range" min="1" max=${end} step="1" value=${shown === null ? end : Math.min(shown, most.current)} aria-label=${`Width of ${name}, drawn`}
      aria-valuetext=${words} onInput=${(event) => choose(Number(event.target.value) === end ? null : Number(event.target.value))} />
    <input type="number" id=${`width-${name}`} min="1" max="1000000" step="1" inputmode="numeric" placeholder="no limit" value=${typed ?? shown ?? ""}
      onInput=${(event) => setTyped(event.target.value)} onChange=${(event) => take(event.target.value)} onBlur=${() => setTyped(null)} />
    <span aria-hidden="true">at once</span>
  </div>`;
}

const widthOf = (form) => (form.get("width") ? { width: Number(form.get("width")) } : {});

function Create({ name, onClose, onDone }) {
  return html`<${Confirm} title=${name ? `Keep the queue ${name}?` : "A new queue"} action=${name ? "Keep it" : "Create"} kind="primary" onClose=${onClose}
    onDo=${async (form) => onDone(await send("POST", "queues", { name: name ?? form.get("name"), ...widthOf(form) }))}>
    ${!name && html`<label class="field"><span>Name</span><input name="name" required spellcheck=${false} autocapitalize="off" autocomplete="off" maxlength="64" /></label>`}
    <label class="field"><span>At most so many at once</span><input type="number" name="width" min="1" max="1000000" step="1" placeholder="no limit" /></label>
    <p class="fine">A job waits in it that names it: <code>outlast submit --queue ${name ?? "NAME"}</code>.</p>
  </${Confirm}>`;
}

function Delete({ name, onClose, onDone }) {
  return html`<${Confirm} title=${`Delete the queue ${name}?`} action="Delete" onClose=${onClose}
    onDo=${async () => { await send("DELETE", `queues/${encodeURIComponent(name)}`); onDone(); }}>
    <p>Nothing is in it. Its width and its other limits go.</p></${Confirm}>`;
}

function Move({ job, queue, queues, onClose, onDone }) {
  return html`<${Confirm} title="Where does it wait?" action="Move it" kind="primary" onClose=${onClose} onDo=${async (form) => onDone(
    await send("POST", `jobs/${job.job_id}/move`, { queue: form.get("queue"), priority: Number(form.get("priority")) }))}>
    <p><b>${visible(job.name || job.title || job.job_id)}</b> goes where it would be, had it been submitted so.</p>
    <label class="field"><span>Queue</span><select name="queue">${queues.map((each) => html`
      <option value=${each.queue} selected=${each.queue === queue}>${each.queue}</option>`)}</select></label>
    <label class="field"><span>Priority, from -20 to 20: the highest first</span>
      <input type="number" name="priority" min="-20" max="20" step="1" required defaultValue=${job.priority} /></label>
  </${Confirm}>`;
}

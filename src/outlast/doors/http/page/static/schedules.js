// The schedules: when each is due, how its last run ended, and what was missed.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { send } from "./api.js";
import { visible } from "./ansi.js";
import { useKeys } from "./keys.js";
import { useLooks } from "./looks.js";
import { Confirm, Glyph, Icon, Time, Trouble } from "./parts.js";
import { absolute, absoluteIn, at, duration, now, relative, useSeconds } from "./time.js";
import { warnings } from "./warnings.js";
import { brief, isLive, many, ranFor, sentence } from "./words.js";

export function Schedules({ jobs, me, chosen, announce }) {
  const { items: schedules, problem, put, look } = useLooks("page/schedules", jobs);
  const [removing, setRemoving] = useState(null);
  const heading = useRef(null);

  useEffect(() => {
    document.title = "Schedules · Outlast";
    heading.current.focus({ preventScroll: true }); // what is fetched first is there too late for the page to do it
    return () => { document.title = "Outlast"; };
  }, []);
  const isThere = schedules?.some((each) => each.name === chosen);
  useEffect(() => {
    if (isThere) document.getElementById(`schedule-${chosen}`).scrollIntoView();
  }, [chosen, isThere]);
  useKeys({ Escape: () => { location.hash = "#/"; } });
  useSeconds(Boolean(schedules?.length));

  const change = (told) => put((all) => all.map((each) => (each.name === told.name ? { ...each, ...told } : each)));
  const mayAdd = me.scopes.includes("run");
  return html`
    <header class="title cards-title">
      <a class="button bare" href="#/" aria-label="All jobs" title="All jobs (Escape)"><${Icon} name="back" /></a>
      <h1 tabindex="-1" ref=${heading}>Schedules</h1>
      <span class="grow"></span>
      ${mayAdd && html`<a class="button" href="#/new/schedule"><${Icon} name="plus" />New schedule</a>`}
    </header>
    <${Trouble} problem=${problem?.status ? problem : null} />
    ${!schedules && !problem && html`<p class="empty" aria-busy="true">Asking for the schedules…</p>`}
    ${chosen && schedules && !isThere && html`<p class="band warn" role="status">There is no schedule ${chosen} any more.</p>`}
    ${schedules?.length === 0 && html`<${Nothing} mayAdd=${mayAdd} machine=${me.machine} />`}
    <div class="cards">${schedules?.map((each) => html`<${Schedule} key=${each.schedule_id} it=${each} onChange=${change} onLook=${look}
      onRemove=${() => setRemoving(each.name)} announce=${announce} />`)}</div>
    ${removing && html`<${Remove} name=${removing} onClose=${() => setRemoving(null)} onDone=${() => {
      announce(`The schedule ${removing} is gone`);
      put((all) => all.filter((each) => each.name !== removing));
      heading.current.focus();
    }} />`}`;
}

function Schedule({ it, onChange, onLook, onRemove, announce }) {
  const [problem, setProblem] = useState(null);
  const path = `schedules/${encodeURIComponent(it.name)}`;
  const isPaused = it.state === "paused";

  async function act(verb, told, take) {
    try {
      take(await send("POST", `${path}/${verb}`, {}));
      setProblem(null);
      announce(`${it.name} ${told}`);
    } catch (error) {
      setProblem(error);
    }
  }
  const become = (verb, told) => act(verb, told, ({ job: _, ...stands }) => onChange(stands));
  const run = () => act("run", "runs now", (job) => onChange({ name: it.name, last: job, last_job_id: job.job_id, last_at: job.created_at }));

  return html`<section class=${`card is-${it.state}`} id=${`schedule-${it.name}`} aria-label=${`Schedule ${it.name}`}>
    <div class="head">
      <h2>${it.name}</h2>
      <p class="tallies">${it.cron ? html`<span><code>${it.cron}</code></span><span>${it.tz}</span>` : html`<span>every ${duration(it.every_ms)}</span>`}</p>
      <span class="grow"></span>
      ${it.may_change && html`<div class="does">
        <button class="button small" onClick=${run} aria-label=${`Run ${it.name} now`} title="Submit a job of it now; its times stay as they are">Run now</button>
        <button class="button small" onClick=${() => (isPaused ? become("resume", "goes on") : become("pause", "is paused"))}
          aria-label=${`${isPaused ? "Resume" : "Pause"} ${it.name}`} title=${isPaused ? "Have its times count again" : "Have none of its times count; what runs goes on"}>
          <${Icon} name=${isPaused ? "play" : "pause"} />${isPaused ? "Resume" : "Pause"}</button>
        <button class="button small bare" onClick=${onRemove} aria-label=${`Remove ${it.name}`} title="Forget this schedule"><${Icon} name="trash" /></button>
      </div>`}
    </div>
    ${isPaused && html`<p class="state">Paused: none of its times count.</p>`}
    <p class="what" title=${visible(it.title)}><code>${visible(it.title)}</code>${it.where && ` on ${it.where}`}</p>
    ${warnings.has(it.schedule_id) && html`<p class="band warn" role="status">${sentence(warnings.get(it.schedule_id))}</p>`}
    ${it.error && html`<p class="warn">When it was last due, no job began: ${visible(it.error)}.</p>`}
    <${Trouble} problem=${problem} />
    <dl class="due">
      <div><dt>next run</dt><dd>${isPaused ? "none while it is paused" : html`<${Next} it=${it} />`}</dd></div>
      <div><dt>last run</dt><dd><${Last} it=${it} /></dd></div>
      ${it.missed_count > 0 && html`<div><dt>missed</dt><dd>${many(it.missed_count, "time")}, as nobody was there or none might begin; the last <${Time} iso=${it.missed_at} />${
        it.missed === "once" && html` <span class="fine">one run makes up for all while nobody was there</span>`}</dd></div>`}
      ${it.skipped_count > 0 && html`<div><dt>left out</dt><dd>${many(it.skipped_count, "time")}, as the run before had not ended; the last <${Time} iso=${it.skipped_at} /></dd></div>`}
    </dl>
    <p class="fine"><a href=${`#/?find=${encodeURIComponent(`schedule=${it.name}`)}`}>its jobs<span class="unseen"> of ${it.name}</span></a>, added by ${it.principal} <${Time} iso=${it.created_at} />${
      it.overlap === "queue" && "; a run waits until those before it have ended"}</p>
  </section>`;
}

function Next({ it }) {
  if (!it.next_at) return "never again";
  const soon = at(it.next_at) - now() < 5000 ? "now" : relative(it.next_at);
  return html`<time datetime=${it.next_at} title=${absolute(it.next_at)}>${soon} <span class="fine">${absoluteIn(it.next_at, it.tz)}</span></time>`;
}

function Last({ it }) {
  const { last } = it;
  if (!last) return "none yet";
  if (!last.status) return html`<span class="mono">${last.job_id}</span>, which is kept no more`;
  const ran = ranFor(last);
  return html`<${Glyph} status=${last.status} /> <a class=${`status s-${last.status}`} href=${`#/jobs/${last.job_id}`} aria-label=${`${brief(last)}: the last run of ${it.name}`}>${brief(last)}</a>${
    ran !== null && html` <span class="fine">${isLive(last) ? "for" : "after"} ${duration(isLive(last) ? Math.floor(ran / 1000) * 1000 : ran)},</span>`} <span class="fine"><${Time} iso=${it.last_at} /></span>`;
}

function Remove({ name, onClose, onDone }) {
  return html`<${Confirm} title=${`Remove the schedule ${name}?`} action="Remove" onClose=${onClose}
    onDo=${async () => { await send("DELETE", `schedules/${encodeURIComponent(name)}`); onDone(); }}>
    <p>It is due no more, and what its jobs inherit is forgotten. Jobs that it has begun go on, and stay in the list.</p></${Confirm}>`;
}

function Nothing({ mayAdd, machine }) {
  return html`<div class="empty">
    <p class="big">Nothing runs by itself here.</p>
    <p>A schedule submits a job whenever its time comes. ${mayAdd && html`<a href="#/new/schedule">Add one</a>, or from`}${!mayAdd && "From"} a shell on ${machine}:</p>
    <pre tabindex="0"><code>outlast schedule add report --cron '0 8 * * mon-fri' -- ./report.sh</code></pre>
  </div>`;
}

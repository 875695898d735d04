// A new job, or a schedule of such jobs: what, where, for how long, and when; and the same for a shell.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { get, send } from "./api.js";
import { useKeys } from "./keys.js";
import { Copy, Icon } from "./parts.js";
import { asCurl, asOutlast, fieldOf, readForm, readSchedule, ROOM, scheduleWords, TURN } from "./request.js";
import { absoluteIn } from "./time.js";
import { warnings } from "./warnings.js";

const EMPTY = {
  kind: "shell", text: "", place: "here", on: "", image: "", name: "", labels: "", env: "", cwd: "",
  timeout: "", idle_timeout: "", queue_timeout: "", grace: "", queue: "", priority: "", after: "", retries: "",
  cpus: "", memory: "", resources: "", delay: "", hold: false, on_end: "",
};
const NEVER = { ...EMPTY, when: "cron", cron: "", every: "", tz: "", missed: "skip", overlap: "skip", replace: false };
const WHENS = [["cron", "By a cron expression"], ["every", "Every so often"]];
const MISSED = [["skip", "Tell how many"], ["once", "Run once for all"]];
const OVERLAP = [["skip", "Leave it out"], ["queue", "Have it wait"]];
const TYPING_MS = 300;
const KINDS = [["shell", "Shell line"], ["command", "Command"], ["script", "Script"]];
const PLACES = [["here", "This machine"], ["hosts", "Hosts"], ["container", "A container"]];
const DEFAULT_TIMEOUT = { here: "24h", hosts: "10m", container: "5m" };
const WHAT = {
  shell: "make test && ./deploy.sh",
  command: "pg_dump --format custom --file 'nightly backup.dump' app",
  script: "#!/usr/bin/env python3\nprint('hello')",
};

// What was typed is there when one comes back.
const drafts = { job: EMPTY, schedule: NEVER };

export function Submit({ me, isSchedule, announce }) {
  const kind = isSchedule ? "schedule" : "job";
  const [form, setForm] = useState(drafts[kind]);
  const [faults, setFaults] = useState([]); // [field or null, sentence]
  const [isBusy, setBusy] = useState(false);
  const [way, setWay] = useState("outlast");
  const top = useRef(null);
  const key = useRef(null);
  const [isTaken, setTaken] = useState(false);
  const times = useTimes(isSchedule && form.when === "cron" ? form.cron : "", form.tz);
  const back = isSchedule ? "#/schedules" : "#/";
  useKeys({ Escape: () => { location.hash = back; } });

  const change = (name, value, shown = name) => {
    drafts[kind] = { ...form, [name]: value };
    setForm(drafts[kind]);
    if (name === "name") setTaken(false);
    setFaults(faults.filter(([field]) => field !== shown));
    key.current = null; // another payload is another job
  };
  const schedule = isSchedule ? readSchedule(form) : null;
  const spec = isSchedule ? schedule.body.job : readForm(form).spec;

  async function submit(event) {
    event.preventDefault();
    const read = schedule ?? readForm(form);
    if (read.faults.length) return complain(read.faults);
    setBusy(true);
    setFaults([]);
    try {
      await (isSchedule ? add(read) : begin(read));
      drafts[kind] = isSchedule ? NEVER : EMPTY;
    } catch (problem) {
      if (problem.code === "conflict") setTaken(true);
      complain((problem.faults?.length ? problem.faults : [problem.message]).map((fault) => [fieldOf(fault), fault]));
      setBusy(false);
    }
    return undefined;
  }
  async function begin(read) {
    // An answer that is lost on its way does not start the job twice.
    key.current ??= `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    const job = await heeding("job_id", "POST", "jobs", read.spec, { "Idempotency-Key": key.current });
    location.hash = `#/jobs/${job.job_id}`;
  }
  async function add(read) {
    // Asked for again, since the answer was lost, it is the same schedule.
    const { name } = await heeding("schedule_id", "PUT", `schedules/${encodeURIComponent(read.name)}`, read.body);
    announce(`The schedule ${name} is there`);
    location.hash = `#/schedules/${encodeURIComponent(name)}`;
  }
  function complain(found) {
    setFaults(found);
    requestAnimationFrame(() => top.current.querySelector("[aria-invalid=true], .trouble")?.focus());
  }
  const wrong = (name) => faults.filter(([field]) => field === name).map(([, fault]) => fault).join("; ");
  const elsewhere = faults.filter(([field]) => field === null);
  const field = (name, label, props = {}) => html`<${Field} name=${name} label=${label} value=${form[name]} fault=${wrong(name)}
    onInput=${(value) => change(name, value)} ...${props} />`;

  const same = isSchedule
    ? way === "outlast" ? asOutlast(spec, scheduleWords(schedule.name, schedule.body)) : asCurl(schedule.body, `${location.origin}/schedules/${encodeURIComponent(schedule.name || "NAME")}`, "PUT")
    : way === "outlast" ? asOutlast(spec) : asCurl(spec, `${location.origin}/jobs`);
  const isMore = ["idle_timeout", "queue_timeout", "grace", "cwd", "env", "delay", "hold", "on_end", ...TURN, ...ROOM].some((name) => form[name] || wrong(name));
  return html`<form class="submit" onSubmit=${submit} ref=${top} noValidate>
    <header class="title"><a class="button bare" href=${back} aria-label=${isSchedule ? "Schedules" : "All jobs"}><${Icon} name="back" /></a><h1 tabindex="-1">New ${kind}</h1></header>
    ${elsewhere.length > 0 && html`<div class="trouble" role="alert" tabindex="-1"><ul>${elsewhere.map(([, fault]) => html`<li>${fault}</li>`)}</ul></div>`}
    <div class="columns">
      <div class="fields">
        ${isSchedule && html`${field("name", "Name", { placeholder: "nightly-backup", isFirst: true, hint: "Its jobs are called so, and labelled schedule=NAME." })}
          ${(isTaken || form.replace) && html`<label class="check"><input type="checkbox" name="replace" checked=${form.replace} onChange=${(event) => change("replace", event.target.checked, "name")} /> Put it in the place of the one that is there</label>`}
          <${Choice} label="When" name="when" choices=${WHENS} value=${form.when} onChange=${(value) => change("when", value)} />
          ${form.when === "cron"
            ? html`<div class="row2">${field("cron", "Expression", { placeholder: "0 8 * * mon-fri", hint: times ?? "Minute, hour, day, month, weekday; or @daily" })}
                ${field("tz", "Time zone", { placeholder: "this machine’s", list: "zones", hint: "Europe/Berlin, say, or UTC" })}</div>
              <datalist id="zones">${ZONES.map((zone) => html`<option value=${zone} />`)}</datalist>`
            : field("every", "Every", { placeholder: "15m", hint: "90, 90s, 5m, 1h30m; counted from now" })}`}
        <${Choice} label="What" name="kind" choices=${KINDS} value=${form.kind} onChange=${(value) => change("kind", value)} />
        ${field("text", KINDS.find(([kind]) => kind === form.kind)[1], { isLong: true, rows: form.kind === "script" ? 10 : 3, placeholder: WHAT[form.kind], isFirst: !isSchedule,
          hint: form.kind === "command" ? "Words, as a shell would take them apart; no shell runs it." : form.kind === "shell" ? "For /bin/sh -c." : "Begins with #! and the program that runs it." })}
        <${Choice} label="Where" name="place" choices=${PLACES} value=${form.place} onChange=${(value) => change("place", value)} />
        ${form.place === "hosts" && html`${field("on", "Hosts", { list: "places", placeholder: "web1, web2, group…", hint: "Names, groups, label:NAME=VALUE; with commas or blanks between." })}
          <datalist id="places">${me.places.map((place) => html`<option value=${place} />`)}</datalist>`}
        ${form.place === "container" && field("container", "Image", { value: form.image, onInput: (value) => change("image", value, "container"), placeholder: "python:3.13-slim" })}
        ${isSchedule
          ? html`<div class="row2">${field("timeout", "Run limit", { placeholder: DEFAULT_TIMEOUT[form.place], hint: "One that hangs keeps all others waiting" })}${field("labels", "Labels", { placeholder: "env=prod team=data" })}</div>
            <${Choice} label="Times that pass while nobody is there" name="missed" choices=${MISSED} value=${form.missed} onChange=${(value) => change("missed", value)} />
            <${Choice} label="A time that comes while the last run has not ended" name="overlap" choices=${OVERLAP} value=${form.overlap} fault=${wrong("overlap")} onChange=${(value) => change("overlap", value)} />`
          : html`<div class="row2">${field("name", "Name", { placeholder: "nightly backup" })}${field("timeout", "Run limit", { placeholder: DEFAULT_TIMEOUT[form.place], hint: "90, 90s, 5m, 1h30m" })}</div>
            ${field("labels", "Labels", { placeholder: "env=prod team=data" })}`}
        <details open=${isMore}><summary>More</summary>
          <div class="row2">${field("queue", "Queue", { placeholder: "default" })}${field("priority", "Priority", { placeholder: "0", hint: "-20 to 20, the highest first" })}
            ${!isSchedule && field("after", "After", { placeholder: "job_…, failed:job_…", hint: "Ids of jobs that must complete first; failed:ID, any:ID" })}
            ${!isSchedule && field("delay", "Delay", { placeholder: "none", hint: "No sooner than so long from now" })}
            ${field("retries", "Retries", { placeholder: "0", inputmode: "numeric", hint: "More tries, if it fails" })}
            ${field("resources", "Resources", { placeholder: "gpu=1", hint: "What it needs of the machine’s while it runs" })}
            ${field("cpus", "Processors", { placeholder: "no limit", inputmode: "decimal", hint: "At most; a queue adds them up" })}${field("memory", "Memory", { placeholder: "no limit", hint: "At most; 512m, 2g" })}
            ${field("idle_timeout", "Idle limit", { placeholder: "none", hint: "Without output" })}${field("queue_timeout", "Queue limit", { placeholder: "none", hint: "Until it begins" })}
            ${field("grace", "Grace", { placeholder: form.place === "container" ? "0s" : "10s", hint: "From SIGTERM to SIGKILL" })}${field("cwd", "Directory", { placeholder: "/srv/app" })}</div>
          ${field("on_end", "At its end", { placeholder: "notify-send \"$OUTLAST_ENDED_STATUS\"", hint: "A shell line that runs here then, as a job of its own, however it ends" })}
          ${field("env", "Environment", { isLong: true, rows: 3, placeholder: "NAME=value", hint: "A line each. Stored and shown: not for secrets." })}
          ${!isSchedule && html`<label class="check"><input type="checkbox" name="hold" checked=${form.hold} onChange=${(event) => change("hold", event.target.checked)} /> Hold it until it is released</label>`}
        </details>
        <div class="actions"><button class="button primary" disabled=${isBusy}>${isSchedule ? (isBusy ? "Adding…" : "Add schedule") : isBusy ? "Submitting…" : "Submit"}</button></div>
      </div>
      <section class="same" aria-label="The same for a shell">
        <div class="bar"><div class="tabs" role="group" aria-label="The same with">${["outlast", "curl"].map((each) => html`
          <button type="button" class="tab" aria-pressed=${way === each} onClick=${() => setWay(each)}>${each}</button>`)}</div>
          <span class="grow"></span><${Copy} text=${same} label="Copy" /></div>
        <pre tabindex="0" aria-label="Command"><code>${same}</code></pre>
      </section>
    </div>
  </form>`;
}

const ZONES = Intl.supportedValuesOf?.("timeZone") ?? [];

/** The next times of an expression while it is typed, or what is wrong with it; null: nothing is typed. */
function useTimes(cron, tz) {
  const [told, setTold] = useState(null);
  useEffect(() => {
    setTold(null);
    if (!cron.trim()) return undefined;
    let isGone = false;
    const timer = setTimeout(async () => {
      try {
        const { faults, tz: zone, times } = await get(`page/times?${new URLSearchParams({ cron: cron.trim(), tz: tz.trim() })}`);
        if (!isGone) setTold(faults.length ? faults.join("; ") : `Next: ${times.map((each) => absoluteIn(each, zone).replace(`, ${zone}`, "")).join("; ")} (${zone})`);
      } catch {
        // it is told when it is added
      }
    }, TYPING_MS);
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [cron, tz]);
  return told;
}

function Choice({ label, name, choices, value, fault, onChange }) {
  return html`<fieldset class="choice" aria-describedby=${fault ? `${name}-fault` : undefined}><legend>${label}</legend>
    ${choices.map(([key, words]) => html`<label><input type="radio" name=${name} value=${key} checked=${value === key} onChange=${() => onChange(key)} /><span>${words}</span></label>`)}
    ${fault && html`<p class="fault" id=${`${name}-fault`}>${fault}</p>`}
  </fieldset>`;
}

function Field({ name, label, value, fault, onInput, hint, isLong, isFirst, ...more }) {
  const about = [fault && `${name}-fault`, hint && `${name}-hint`].filter(Boolean).join(" ") || undefined;
  const shared = {
    id: `field-${name}`, name, value, "aria-invalid": fault ? "true" : undefined, "aria-describedby": about,
    spellcheck: false, autocapitalize: "off", autocomplete: "off", onInput: (event) => onInput(event.target.value), ...more,
  };
  return html`<div class=${fault ? "field wrong" : "field"}>
    <label for=${shared.id}>${label}</label>
    ${isLong ? html`<textarea ...${shared} autofocus=${isFirst}></textarea>` : html`<input type="text" ...${shared} autofocus=${isFirst} />`}
    ${fault && html`<p class="fault" id=${`${name}-fault`}>${fault}</p>`}
    ${hint && html`<p class="fine" id=${`${name}-hint`}>${hint}</p>`}
  </div>`;
}

/** What is asked for, as it is answered; what the service warns of is kept by that `id` for where it is shown. */
async function heeding(id, method, path, body, headers) {
  let warning = null;
  const told = await send(method, path, body, headers, (sent) => { warning = sent.get("X-Warning"); });
  if (warning) warnings.set(told[id], warning);
  return told;
}

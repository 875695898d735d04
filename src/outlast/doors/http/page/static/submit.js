// A new job: what, where, for how long; and the same for a shell.

import { html, useRef, useState } from "./vendor/preact.js";
import { send } from "./api.js";
import { useKeys } from "./keys.js";
import { Copy, Icon } from "./parts.js";
import { asCurl, asOutlast, fieldOf, readForm, TURN } from "./request.js";

const EMPTY = {
  kind: "shell", text: "", place: "here", on: "", image: "", name: "", labels: "", env: "", cwd: "",
  timeout: "", idle_timeout: "", queue_timeout: "", grace: "", queue: "", priority: "", after: "", retries: "",
};
const KINDS = [["shell", "Shell line"], ["command", "Command"], ["script", "Script"]];
const PLACES = [["here", "This machine"], ["hosts", "Hosts"], ["container", "A container"]];
const DEFAULT_TIMEOUT = { here: "24h", hosts: "10m", container: "5m" };
const WHAT = {
  shell: "make test && ./deploy.sh",
  command: "pg_dump --format custom --file 'nightly backup.dump' app",
  script: "#!/usr/bin/env python3\nprint('hello')",
};

// What was typed is there when one comes back.
let draft = EMPTY;

export function Submit({ me }) {
  const [form, setForm] = useState(draft);
  const [faults, setFaults] = useState([]); // [field or null, sentence]
  const [isBusy, setBusy] = useState(false);
  const [way, setWay] = useState("outlast");
  const top = useRef(null);
  const key = useRef(null);
  useKeys({ Escape: () => { location.hash = "#/"; } });

  const change = (name, value, shown = name) => {
    draft = { ...form, [name]: value };
    setForm(draft);
    setFaults(faults.filter(([field]) => field !== shown));
    key.current = null; // another payload is another job
  };
  const { spec } = readForm(form);

  async function submit(event) {
    event.preventDefault();
    const read = readForm(form);
    if (read.faults.length) return complain(read.faults);
    setBusy(true);
    setFaults([]);
    // An answer that is lost on its way does not start the job twice.
    key.current ??= `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    try {
      const job = await send("POST", "jobs", read.spec, { "Idempotency-Key": key.current });
      draft = EMPTY;
      location.hash = `#/jobs/${job.job_id}`;
    } catch (problem) {
      complain((problem.faults?.length ? problem.faults : [problem.message]).map((fault) => [fieldOf(fault), fault]), problem);
      setBusy(false);
    }
    return undefined;
  }
  function complain(found) {
    setFaults(found);
    requestAnimationFrame(() => top.current.querySelector("[aria-invalid=true], .trouble")?.focus());
  }
  const wrong = (name) => faults.filter(([field]) => field === name).map(([, fault]) => fault).join("; ");
  const elsewhere = faults.filter(([field]) => field === null);
  const field = (name, label, props = {}) => html`<${Field} name=${name} label=${label} value=${form[name]} fault=${wrong(name)}
    onInput=${(value) => change(name, value)} ...${props} />`;

  const same = way === "outlast" ? asOutlast(spec) : asCurl(spec, location.origin);
  return html`<form class="submit" onSubmit=${submit} ref=${top} noValidate>
    <header class="title"><a class="button bare" href="#/" aria-label="All jobs"><${Icon} name="back" /></a><h1 tabindex="-1">New job</h1></header>
    ${elsewhere.length > 0 && html`<div class="trouble" role="alert" tabindex="-1"><ul>${elsewhere.map(([, fault]) => html`<li>${fault}</li>`)}</ul></div>`}
    <div class="columns">
      <div class="fields">
        <${Choice} label="What" name="kind" choices=${KINDS} value=${form.kind} onChange=${(value) => change("kind", value)} />
        ${field("text", KINDS.find(([kind]) => kind === form.kind)[1], { isLong: true, rows: form.kind === "script" ? 10 : 3, placeholder: WHAT[form.kind], isFirst: true,
          hint: form.kind === "command" ? "Words, as a shell would take them apart; no shell runs it." : form.kind === "shell" ? "For /bin/sh -c." : "Begins with #! and the program that runs it." })}
        <${Choice} label="Where" name="place" choices=${PLACES} value=${form.place} onChange=${(value) => change("place", value)} />
        ${form.place === "hosts" && html`${field("on", "Hosts", { list: "places", placeholder: "web1, web2, group…", hint: "Names, groups, label:NAME=VALUE; with commas or blanks between." })}
          <datalist id="places">${me.places.map((place) => html`<option value=${place} />`)}</datalist>`}
        ${form.place === "container" && field("container", "Image", { value: form.image, onInput: (value) => change("image", value, "container"), placeholder: "python:3.13-slim" })}
        <div class="row2">${field("name", "Name", { placeholder: "nightly backup" })}${field("timeout", "Run limit", { placeholder: DEFAULT_TIMEOUT[form.place], hint: "90, 90s, 5m, 1h30m" })}</div>
        ${field("labels", "Labels", { placeholder: "env=prod team=data" })}
        <details open=${["idle_timeout", "queue_timeout", "grace", "cwd", "env", ...TURN].some((name) => form[name] || wrong(name))}><summary>More</summary>
          <div class="row2">${field("queue", "Queue", { placeholder: "default" })}${field("priority", "Priority", { placeholder: "0", hint: "-20 to 20, the highest first" })}</div>
          <div class="row2">${field("after", "After", { placeholder: "job_…, failed:job_…", hint: "Ids of jobs that must complete first; failed:ID, any:ID" })}${field("retries", "Retries", { placeholder: "0", inputmode: "numeric", hint: "More tries, if it fails" })}</div>
          <div class="row2">${field("idle_timeout", "Idle limit", { placeholder: "none", hint: "Without output" })}${field("queue_timeout", "Queue limit", { placeholder: "none", hint: "Until it begins" })}</div>
          <div class="row2">${field("grace", "Grace", { placeholder: form.place === "container" ? "0s" : "10s", hint: "From SIGTERM to SIGKILL" })}${field("cwd", "Directory", { placeholder: "/srv/app" })}</div>
          ${field("env", "Environment", { isLong: true, rows: 3, placeholder: "NAME=value", hint: "A line each. Stored and shown: not for secrets." })}
        </details>
        <div class="actions"><button class="button primary" disabled=${isBusy}>${isBusy ? "Submitting…" : "Submit"}</button></div>
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

function Choice({ label, name, choices, value, onChange }) {
  return html`<fieldset class="choice"><legend>${label}</legend>
    ${choices.map(([key, words]) => html`<label><input type="radio" name=${name} value=${key} checked=${value === key} onChange=${() => onChange(key)} /><span>${words}</span></label>`)}
  </fieldset>`;
}

function Field({ name, label, value, fault, onInput, hint, isLong, isFirst, ...more }) {
  const about = [fault && `${name}-fault`, hint && `${name}-hint`].filter(Boolean).join(" ") || undefined;
  const shared = {
    id: `field-${name}`, name, value, "aria-invalid": fault ? "true" : undefined, "aria-describedby": about,
    spellcheck: "false", autocapitalize: "off", autocomplete: "off", onInput: (event) => onInput(event.target.value), ...more,
  };
  return html`<div class=${fault ? "field wrong" : "field"}>
    <label for=${shared.id}>${label}</label>
    ${isLong ? html`<textarea ...${shared} autofocus=${isFirst}></textarea>` : html`<input type="text" ...${shared} />`}
    ${fault && html`<p class="fault" id=${`${name}-fault`}>${fault}</p>`}
    ${hint && html`<p class="fine" id=${`${name}-hint`}>${hint}</p>`}
  </div>`;
}

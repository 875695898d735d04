// One job: how it stands, where, under which clocks, and what it prints.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { follow, get, Problem, send } from "./api.js";
import { visible } from "./ansi.js";
import { Clocks } from "./clocks.js";
import { useKeys } from "./keys.js";
import { Nodes } from "./nodes.js";
import { Output } from "./output.js";
import { Confirm, Copy, Icon, Status, Time, Trouble } from "./parts.js";
import { duration, now } from "./time.js";
import { JobLink, neededBy, Needs, Why } from "./waits.js";
import { warnings } from "./warnings.js";
import { brief, containment, isLive, isOlder, isStopping, many, reasonOf, sentence, shellJoin, size, spoken } from "./words.js";

const LOOK_MS = 3000; // how often a running job is asked for its progress and sizes

export function JobView({ id, query, me, announce }) {
  const [job, setJob] = useState(null);
  const [spec, setSpec] = useState(null);
  const [problem, setProblem] = useState(null);
  const [index, setIndex] = useState(Number(query.get("node") ?? 0) || 0);
  const [attempt, setAttempt] = useState(Number(query.get("attempt")) || null); // null: the current one, and then the next
  const [asking, setAsking] = useState(null);
  const [needs, setNeeds] = useState(null);
  const [refusal, setRefusal] = useState(null);
  const heardAt = useRef(now());
  const feed = useRef(() => {});
  const last = useRef(null);
  const path = `jobs/${encodeURIComponent(id)}`;

  function take(told) {
    const before = last.current;
    if (before && isOlder(told, before)) return;
    last.current = told;
    setJob(told);
    document.title = `${told.name || told.job_id} · ${brief(told)} · Outlast`;
    if (before && isLive(before) && !isLive(told)) announce(spoken(told));
  }
  const lookAround = () => get(`page/jobs/${encodeURIComponent(id)}/needs`).then(setNeeds, () => {});
  useEffect(() => () => { document.title = "Outlast"; }, []);
  useEffect(() => {
    setIndex(Number(query.get("node") ?? 0) || 0); // the address names another
    setAttempt(Number(query.get("attempt")) || null);
    if (query.has("attempt")) document.querySelector(".output")?.scrollIntoView({ block: "nearest" });
  }, [query]);
  useEffect(() => {
    get(`page/jobs/${encodeURIComponent(id)}/spec`).then(setSpec, () => {});
  }, [id]);
  useEffect(() => {
    const leaving = new AbortController();
    const hear = (name, data) => {
      if (name === "output") {
        heardAt.current = now();
        if (data.node === index) feed.current(data);
      } else if (name === "status" || name === "end") take(data);
    };
    // From here on what is printed is told; what was printed before, is fetched where it is seen.
    follow(`${path}/events?node=${index}&tail=0`, hear, leaving.signal).catch(setProblem);
    return () => leaving.abort();
  }, [id, index]);
  const live = job !== null && isLive(job);
  useEffect(() => {
    // Who waits for whom changes as they do: it is looked at with each change of this one.
    if (job) lookAround();
  }, [id, job?.status, job?.nodes[0].phase, job?.message]);
  const isAwaiting = live && !job.started_at; // the state of its queue is told by no stream
  const isAnyLive = isAwaiting || (needs !== null && [...needs.after, ...needs.before, needs.on_end, needs.on_end_of].some((each) => each?.status && isLive(each)));
  useEffect(() => {
    if (!isAnyLive) return undefined;
    const timer = setInterval(() => document.hidden || lookAround(), LOOK_MS);
    return () => clearInterval(timer);
  }, [id, isAnyLive]);
  useEffect(() => {
    if (!live) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) get(path).then((told) => isLive(last.current) && take(told), () => {});
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [live]);
  useKeys({ x: () => live && mayRun && setAsking("cancel") });

  if (problem && !job) return html`<${Missing} problem=${problem} id=${id} />`;
  if (!job) return html`<p class="empty" aria-busy="true">Asking for the job…</p>`;
  const mayRun = me.scopes.includes("run");
  const node = job.nodes[Math.min(index, job.nodes.length - 1)];
  const choose = (next, tried = null) => {
    setIndex(next);
    setAttempt(tried);
    history.replaceState(null, "", `#/jobs/${encodeURIComponent(id)}?node=${next}${tried === null ? "" : `&attempt=${tried}`}`);
  };
  const hold = async (verb) => {
    try {
      await send("POST", `${path}/${verb}`, {});
      setRefusal(null);
      announce(verb === "hold" ? "Held" : "Released");
    } catch (error) {
      setRefusal(error); // it has begun meanwhile, say
    }
    get(path).then(take, () => {});
  };
  const isOver = job.terminal && job.nodes.every((each) => each.stopped_at || each.stop_error);

  return html`<article class=${`job s-${job.status}`}>
    <header class="title">
      <a class="button bare" href="#/" aria-label="All jobs" title="All jobs (Escape)"><${Icon} name="back" /></a>
      <div class="names">
        <h1 tabindex="-1">${visible(job.name || spec?.title || job.job_id)}</h1>
        <p class="fine mono">${job.job_id} <${Copy} text=${job.job_id} label="Copy the job’s id" /></p>
      </div>
      <div class="actions">
        ${live && mayRun && !job.started_at && (job.held || node.status === "pending") && html`<button class="button" onClick=${() => hold(job.held ? "release" : "hold")}
          title=${job.held ? "Let it begin in its turn" : "Have it wait until it is released"}><${Icon} name=${job.held ? "play" : "pause"} />${job.held ? "Release" : "Hold"}</button>`}
        ${live && mayRun && html`<button class="button danger" onClick=${() => setAsking("cancel")} title="Cancel (x)"><${Icon} name="stop" />Cancel</button>`}
        ${!live && mayRun && html`<button class="button" onClick=${() => setAsking("retry")}><${Icon} name="retry" />Retry</button>`}
        ${!live && mayRun && html`<button class="button" onClick=${() => setAsking("delete")}><${Icon} name="trash" />Delete</button>`}
        ${job.result?.artifacts?.length > 0 && html`<a class="button" href=${`${path}/artifacts/download`} download=${`${id}.zip`}><${Icon} name="down" />Artifacts</a>`}
      </div>
    </header>
    ${warnings.has(id) && html`<p class="band warn" role="status">${sentence(warnings.get(id))}</p>`}
    <${Trouble} problem=${refusal} />
    <div class="columns">
      <div class="side">
        <${Standing} job=${job} waits=${isAwaiting ? needs?.waits : null} />
        ${spec && html`<${Command} spec=${spec} />`}
        <${Clocks} job=${job} node=${node} limits=${spec?.clocks ?? {}} heardAt=${heardAt.current} />
        ${job.nodes.length > 1 && html`<${Nodes} nodes=${job.nodes} chosen=${index} choose=${choose} />`}
        <${NodeFacts} job=${job} node=${node} index=${index} path=${path} mayRun=${mayRun} onCancel=${() => setAsking("cancel node")} />
        <${JobFacts} job=${job} spec=${spec} needs=${needs} />
      </div>
      <${Output} job=${job} node=${node} index=${index} feed=${feed} isLive=${!isOver} chosen=${attempt} choose=${(tried) => choose(index, tried)} />
    </div>
    ${asking && html`<${Asking} what=${asking} job=${job} node=${node} index=${index} path=${path} spec=${spec} onClose=${() => setAsking(null)}
      onTold=${(told) => get(path).then(take).then(() => announce(told), () => {})} />`}
  </article>`;
}

function Standing({ job, waits }) {
  const why = reasonOf(job);
  const node = job.nodes.length === 1 ? job.nodes[0] : null;
  const stopping = isStopping(job) || job.nodes.some((each) => each.phase === "stopping");
  const stopError = job.nodes.find((each) => each.stop_error)?.stop_error;
  const status = node?.phase === "retrying" ? "queued" : job.status; // between two attempts nothing of it runs
  const facts = node ? { ...job, status, phase: node.phase, signal: node.signal } : job;
  return html`<div class="standing">
    <p class="big"><${Status} it=${facts} />${job.started_at && !isLive(job) && html` <span class="fine">after ${duration(Date.parse(job.completed_at) - Date.parse(job.started_at))}</span>`}</p>
    ${waits?.waiting_for && html`<p class="why"><${Why} it=${waits} /></p>`}
    ${why && html`<p>${sentence(why)}.</p>`}
    ${job.error && html`<p class="error mono">${visible(job.error)}</p>`}
    ${stopping && !stopError && html`<p class="warn">Its status is final; some of its processes have not been seen to be gone yet.</p>`}
    ${stopError && html`<p class="warn">Its end could not be confirmed: ${stopError}</p>`}
    ${isLive(job) && job.progress_pct !== null && html`<div class="progress"><progress max="100" value=${job.progress_pct} aria-label="Progress"></progress>
      <span>${Math.round(job.progress_pct)} %</span></div>`}
    ${job.message && job.nodes[0].phase !== "waiting" && html`<p class="message">${visible(job.message)}</p>`}
    ${job.result?.value !== undefined && job.result?.value !== null && html`<details open><summary>Value</summary><pre class="value">${JSON.stringify(job.result.value, null, 2)}</pre></details>`}
  </div>`;
}

function Command({ spec }) {
  const text = spec.script ?? spec.shell ?? shellJoin(spec.command ?? []);
  const kind = spec.script ? "script" : spec.shell ? "shell" : "command";
  return html`<div class="command"><div class="head"><span class="fine">${kind}${spec.cwd ? html` in <code>${spec.cwd}</code>` : ""}</span><${Copy} text=${text} label="Copy the command" /></div>
    <pre tabindex="0" aria-label=${`The ${kind}`}><code>${text}</code></pre></div>`;
}

function NodeFacts({ job, node, index, path, mayRun, onCancel }) {
  const isOne = job.nodes.length === 1;
  const isRunning = node.status === "running" || node.status === "pending";
  return html`<section class="facts" aria-label=${`Node ${node.node}`}>
    ${!isOne && html`<h2>${node.node} <span class="fine">${index + 1} of ${job.nodes.length}</span></h2>
      <p><${Status} it=${node} /></p>
      ${reasonOf(node) && html`<p>${reasonOf(node)}</p>`}
      ${node.error && html`<p class="error mono">${visible(node.error)}</p>`}
      ${isRunning && mayRun && html`<button class="button small" onClick=${onCancel}>Cancel this node</button>`}`}
    <dl>
      ${isOne && html`<${Fact} name="where">${node.node === "local" ? "this machine" : node.node}</${Fact}>`}
      <${Fact} name="exit code">${node.exit_code ?? (isRunning ? null : "not known")}</${Fact}>
      <${Fact} name="late exit code">${node.late_exit_code}</${Fact}>
      <${Fact} name="began">${node.started_at && html`<${Time} iso=${node.started_at} />`}</${Fact}>
      <${Fact} name="ended">${node.completed_at && html`<${Time} iso=${node.completed_at} />`}</${Fact}>
      <${Fact} name="all gone">${node.stopped_at && node.stopped_at !== node.completed_at && html`<${Time} iso=${node.stopped_at} />`}</${Fact}>
      <${Fact} name="next attempt">${node.next_attempt_at && html`<${Time} iso=${node.next_attempt_at} />`}</${Fact}>
      <${Fact} name="tried before">${node.attempts?.length > 0 && html`<ol class="attempts">${node.attempts.map((each) => html`<${Attempt} of=${each} job=${job} index=${index} />`)}</ol>`}</${Fact}>
      <${Fact} name="containment">${node.containment && html`<span title=${containment(node.containment)}>${node.containment}</span><span class="fine why">${containment(node.containment)}</span>`}</${Fact}>
      <${Fact} name="outlives">${node.survives}</${Fact}>
      <${Fact} name="image">${node.image?.digest ?? node.image?.id}</${Fact}>
      <${Fact} name="minded by">${node.degraded && "the supervisor: its own parent was killed"}</${Fact}>
      <${Fact} name="printed">${size(node.output.stdout_bytes)}${node.output.stderr_bytes ? `, and ${size(node.output.stderr_bytes)} of errors` : ""}</${Fact}>
    </dl>
    ${!isOne && job.result?.artifacts?.some((each) => each.node === node.node) && html`<a class="button small" href=${`${path}/nodes/${index}/download`} download><${Icon} name="down" />Artifacts of this node</a>`}
  </section>`;
}

/** An attempt that failed and was followed by another one, or is to be. */
function Attempt({ of, job, index }) {
  const ran = of.started_at && of.completed_at ? Date.parse(of.completed_at) - Date.parse(of.started_at) : null;
  return html`<li value=${of.attempt} title=${visible(of.error ?? "")}><span class="status s-failed">${brief({ ...of, status: "failed" })}</span>
    <span class="fine">${ran !== null && ` after ${duration(ran)}`}, <${Time} iso=${of.completed_at} />, </span><a href=${`#/jobs/${encodeURIComponent(job.job_id)}?node=${index}&attempt=${of.attempt}`}
      aria-label=${`output of try ${of.attempt}`} title=${size(of.output.stdout_bytes + of.output.stderr_bytes)}>output</a></li>`;
}

function JobFacts({ job, spec, needs }) {
  const labels = Object.entries(job.labels);
  return html`<section class="facts" aria-label="The job"><dl>
    <${Fact} name="submitted"><${Time} iso=${job.created_at} /></${Fact}>
    <${Fact} name="queue">${(job.queue || !job.started_at) && html`<a href=${`#/queues/${encodeURIComponent(job.queue ?? "default")}`}>${job.queue ?? "default"}</a>`}</${Fact}>
    <${Fact} name="priority">${job.priority}</${Fact}>
    <${Fact} name="needs">${neededBy({ ...spec?.resources, ...declared(spec?.limits) })}</${Fact}>
    <${Fact} name="not before">${job.start_at && html`<${Time} iso=${job.start_at} />`}</${Fact}>
    <${Fact} name=${isLive(job) && !job.started_at ? "waits for" : "waited for"}>${needs?.after.length > 0 && html`<${Needs} needs=${needs.after} />${needs.left_out > 0 && html` and ${needs.left_out} more`}`}</${Fact}>
    <${Fact} name="at the end of">${needs?.on_end_of && html`<${JobLink} job=${needs.on_end_of} />`}</${Fact}>
    <${Fact} name="at its end">${needs?.on_end ? html`<${JobLink} job=${needs.on_end} />` : spec?.on_end && !job.terminal && html`<code>${typeof spec.on_end === "string" ? spec.on_end : shellJoin(spec.on_end)}</code>`}</${Fact}>
    <${Fact} name="schedule">${needs?.schedule && html`<a href=${`#/schedules/${encodeURIComponent(needs.schedule)}`}>${needs.schedule}</a>`}</${Fact}>
    <${Fact} name="awaited by">${needs?.before.length > 0 && needs.before.map((each, i) => html`${i > 0 && ", "}<${JobLink} job=${each} />`)}</${Fact}>
    <${Fact} name="session">${job.session}</${Fact}>
    <${Fact} name="repeats">${job.retry_of && html`<a href=${`#/jobs/${job.retry_of}`}>${job.retry_of}</a>`}</${Fact}>
    <${Fact} name="labels">${labels.length > 0 && labels.map(([name, value]) => html`<span class="chip">${name}=${value}</span> `)}</${Fact}>
    <${Fact} name="grace">${spec?.clocks?.grace_ms !== undefined && duration(spec.clocks.grace_ms)}</${Fact}>
    <${Fact} name="env">${spec?.env && Object.entries(spec.env).map(([name, value]) => html`<code>${name}=${value}</code> `)}</${Fact}>
    <${Fact} name="from a shell"><code class="invocation">${job.status_command}</code> <${Copy} text=${job.status_command} label="Copy the status command" /></${Fact}>
  </dl></section>`;
}

/** Of a spec's limits, those that queues and the machine add up. */
const declared = (limits) => Object.fromEntries(["cpus", "memory_bytes"].filter((name) => limits?.[name]).map((name) => [name, limits[name]]));

/** A line of facts, or nothing where there is nothing to tell. */
function Fact({ name, children }) {
  const told = [children].flat().filter((each) => each !== null && each !== undefined && each !== false && each !== "");
  return told.length ? html`<div><dt>${name}</dt><dd>${told}</dd></div>` : null;
}

function Asking({ what, job, node, index, path, spec, onClose, onTold }) {
  const grace = spec?.clocks?.grace_ms;
  if (what === "retry") {
    return html`<${Confirm} title="Run it again?" action="Run again" kind="primary" onClose=${onClose} onDo=${async () => {
      const again = await send("POST", `${path}/retry`, {});
      location.hash = `#/jobs/${again.job_id}`;
    }}><p>A new job with the same spec, which names this one.</p></${Confirm}>`;
  }
  if (what === "delete") {
    return html`<${Confirm} title="Delete this job?" action="Delete" onClose=${onClose} onDo=${async () => {
      await send("DELETE", path);
      location.hash = "#/";
    }}><p>Its record, its output and its files go, now and for good.</p></${Confirm}>`;
  }
  const isNode = what === "cancel node";
  const open = job.nodes.filter((each) => each.status === "running" || each.status === "pending").length;
  const what_ = isNode ? html`<b>${node.node}</b>` : job.nodes.length > 1 ? html`<b>${many(open, "node")}</b> that ${open === 1 ? "has" : "have"} not ended` : html`<b>${job.name || job.job_id}</b>`;
  return html`<${Confirm} title=${isNode ? "Cancel this node?" : "Cancel this job?"} action="Cancel it" onClose=${onClose} onDo=${async (form) => {
    const body = {};
    if (isNode) body.nodes = [index];
    if (form.get("now")) body.grace_ms = 0;
    const told = await send("POST", `${path}/cancel`, body);
    onTold(told.cancelled ? "Cancelled" : "It had ended already");
  }}>
    <p>The end of ${what_}: final at once. Its processes are asked to end${grace ? ` and killed ${duration(grace)} later` : ", and killed"}.</p>
    ${grace > 0 && html`<label class="check"><input type="checkbox" name="now" /> Kill it at once</label>`}
  </${Confirm}>`;
}

function Missing({ problem, id }) {
  const isGone = problem instanceof Problem && problem.code === "expired";
  return html`<div class="empty"><h1 tabindex="-1">${isGone ? "This job was here, and is no more" : problem.status === 404 ? "There is no such job" : "This job cannot be shown"}</h1>
    <p class="mono">${id}</p><${Trouble} problem=${problem} /><a class="button" href="#/">All jobs</a></div>`;
}

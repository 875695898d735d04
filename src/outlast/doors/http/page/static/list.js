// All jobs, as they change: found by words, statuses, labels and time; walked by keys.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { get } from "./api.js";
import { matcher } from "./jobs.js";
import { useKeys } from "./keys.js";
import { visible } from "./ansi.js";
import { Glyph, Icon, Time, Trouble } from "./parts.js";
import { at, duration, now, ticking, useSeconds } from "./time.js";
import { Timeline } from "./timeline.js";
import { brief, isLive, many, ranFor, STATUSES } from "./words.js";

const AROUND = 8; // rows drawn above and below what is seen
const LOOK_MS = 4000; // how often what runs and is seen is asked for its progress

// What was looked for stays while one looks at a job and comes back.
const kept = { text: "", statuses: new Set(), span: null, id: null, top: 0 };

export function List({ jobs, me, query }) {
  const [version, setVersion] = useState(jobs.version);
  const [text, setText] = useState(kept.text);
  const [statuses, setStatuses] = useState(kept.statuses);
  const [span, setSpan] = useState(kept.span);
  const [selected, setSelected] = useState(kept.id);
  const field = useRef(null);
  Object.assign(kept, { text, statuses, span });
  const select = (id) => {
    kept.id = id; // at once: keys come faster than rows are drawn
    setSelected(id);
  };

  useEffect(() => jobs.watch(setVersion), [jobs]);
  useEffect(() => {
    if (!query.has("find")) return;
    clear();
    setText(query.get("find"));
    history.replaceState(null, "", "#/"); // from here on it is as if it had been typed
  }, [query]);
  useLayoutEffect(() => {
    window.scrollTo(0, kept.top);
    return () => {
      kept.top = window.scrollY;
    };
  }, []);

  const rows = () => jobs.order.map((id) => jobs.rows.get(id));
  const found = useMemo(() => {
    const matches = matcher(text, statuses);
    return rows().filter((row) => matches(row) && (!span || isThen(row, span)));
  }, [version, text, statuses, span]);
  const counts = useMemo(() => {
    const count = Object.fromEntries(STATUSES.map((status) => [status, 0]));
    for (const row of jobs.rows.values()) count[row.status] += 1;
    return count;
  }, [version]);
  const isSearching = Boolean(text.trim() || statuses.size || span);

  const toggle = (status) => {
    const next = new Set(statuses);
    if (!next.delete(status)) next.add(status);
    setStatuses(next);
  };
  const clear = () => {
    setText("");
    setStatuses(new Set());
    setSpan(null);
  };
  useKeys({
    "/": () => { field.current.focus(); field.current.select(); },
    Escape: () => {
      if (document.activeElement === field.current && text) setText("");
      else if (document.activeElement === field.current) field.current.blur();
      else clear();
    },
  });

  return html`
    <h1 class="unseen" tabindex="-1">Jobs</h1>
    <${Timeline} rows=${rows} version=${version} isWhole=${jobs.cursor === null || jobs.order.length < 10000} span=${span} onSpan=${setSpan} />
    <search class="filters" aria-label="Find jobs">
      <label class="find"><${Icon} name="search" /><span class="unseen">Words, or label=value</span>
        <input ref=${field} type="search" placeholder="Words, or label=value" value=${text} spellcheck=${false} autocomplete="off"
          onInput=${(event) => setText(event.target.value)} /><kbd aria-hidden="true">/</kbd></label>
      <div class="statuses" role="group" aria-label="Statuses">
        ${STATUSES.map((status) => html`<button class=${`toggle s-${status}`} aria-pressed=${statuses.has(status)} onClick=${() => toggle(status)}>
          <${Glyph} status=${status} />${status}<span class="count">${counts[status].toLocaleString("en")}</span></button>`)}
      </div>
      ${span && html`<button class="toggle" aria-pressed="true" onClick=${() => setSpan(null)}>${span.words} ×</button>`}
    </search>
    <${Trouble} problem=${jobs.problem?.status ? jobs.problem : null} />
    <p class="unseen" role="status">${isSearching ? `${many(found.length, "job")} found` : ""}</p>
    ${found.length
      ? html`<${Rows} found=${found} jobs=${jobs} selected=${selected} select=${select} onLabel=${setText} isSearching=${isSearching} />`
      : html`<${Nothing} jobs=${jobs} isSearching=${isSearching} clear=${clear} me=${me} />`}
    <${Older} jobs=${jobs} count=${found.length} isSearching=${isSearching} />`;
}

/** Whether it waited or ran then. */
const isThen = (row, { from, to }) => at(row.created_at) < to && (at(row.completed_at) ?? now()) >= from;

function Rows({ found, jobs, selected, select, onLabel, isSearching }) {
  const list = useRef(null);
  const [view, setView] = useState({ first: 0, last: 40, height: 46 });
  const isWalking = useRef(false);

  function measure() {
    if (!list.current) return;
    const height = matchMedia("(max-width: 720px)").matches ? 72 : 46;
    const top = list.current.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / height) - AROUND);
    const last = Math.ceil((innerHeight - top) / height) + AROUND;
    setView((old) => (old.first === first && old.last === last && old.height === height ? old : { first, last, height }));
    if (!isSearching && last > found.length - 30) jobs.more();
  }
  useLayoutEffect(measure, [found.length]);
  useLayoutEffect(() => {
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  });

  const shown = found.slice(view.first, view.last);
  const live = shown.filter(isLive);
  useSeconds(live.length > 0);
  useEffect(() => {
    // How far a command is, is written to no database: it is asked for, of what is seen.
    const asked = live.filter((row) => row.status === "running").map((row) => row.job_id).join(",");
    if (!asked) return undefined;
    const timer = setInterval(async () => {
      if (document.hidden) return;
      try {
        (await get(`page/jobs?ids=${asked}`)).items.forEach((row) => jobs.rows.has(row.job_id) && jobs.put(row));
      } catch {
        // the link's state says it
      }
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [live.map((row) => row.job_id).join()]);

  function walk(by) {
    const from = found.findIndex((row) => row.job_id === kept.id);
    const next = from < 0 ? (by > 0 ? view.first && Math.min(view.first + AROUND, found.length - 1) : 0) : Math.max(0, Math.min(found.length - 1, from + by));
    isWalking.current = true;
    select(found[next].job_id);
    const top = list.current.getBoundingClientRect().top + next * view.height;
    const head = 64;
    if (top < head) scrollBy(0, top - head - view.height);
    else if (top + view.height > innerHeight) scrollBy(0, top + 2 * view.height - innerHeight);
    measure();
  }
  useKeys({
    j: () => walk(1),
    k: () => walk(-1),
    Enter: (event) => {
      if (event.target !== document.body && event.target.id !== "main") return false;
      if (found.some((row) => row.job_id === selected)) location.hash = `#/jobs/${selected}`;
      return true;
    },
  });
  useEffect(() => {
    if (!isWalking.current) return;
    const link = list.current?.querySelector(`[data-id="${CSS.escape(selected)}"]`);
    if (link) {
      link.focus({ preventScroll: true });
      isWalking.current = selected !== kept.id;
    }
  });

  return html`<ul class="rows" ref=${list} aria-label="Jobs, newest first" style=${{ height: `${found.length * view.height}px` }}>
    ${shown.map((row, i) => html`<${Row} key=${row.job_id} row=${row} at=${view.first + i} of=${found.length} height=${view.height}
      isSelected=${row.job_id === selected} onSelect=${(id) => !isWalking.current && select(id)} onLabel=${onLabel} />`)}
  </ul>`;
}

function Row({ row, at: position, of, height, isSelected, onSelect, onLabel }) {
  const labels = Object.entries(row.labels ?? {});
  return html`<li class=${`row s-${row.status}${isSelected ? " selected" : ""}`} aria-setsize=${of} aria-posinset=${position + 1}
      style=${{ transform: `translateY(${position * height}px)` }}>
    <${Glyph} status=${row.status} />
    <span class="what">
      <a href=${`#/jobs/${row.job_id}`} data-id=${row.job_id} onFocus=${() => onSelect(row.job_id)}>
        ${row.name ? html`<b>${row.name}</b>` : null} <code>${visible(row.title ?? (row.name ? "" : row.job_id))}</code></a>
      ${labels.slice(0, 3).map(([name, value]) => html`<button class="chip" tabindex="-1" onClick=${() => onLabel(`${name}=${value}`)}
        aria-label=${`Jobs with the label ${name}=${value}`}>${name}=${value}</button>`)}
      ${labels.length > 3 && html`<span class="chip more">+${labels.length - 3}</span>`}
    </span>
    <span class="where">${row.where ?? ""}</span>
    <span class="how">${outcome(row)}</span>
    <span class="clock">${clockOf(row)}</span>
    <span class="when"><${Time} iso=${row.created_at} /></span>
    <${Wick} row=${row} />
  </li>`;
}

/** How it stands: its own words about its progress, or how it ended. */
function outcome(row) {
  const words = brief(row);
  if (row.status === "running" && row.progress_pct !== null && row.progress_pct !== undefined) {
    return html`<span class="words">${Math.round(row.progress_pct)} % <span class="message">${visible(row.message ?? "")}</span></span>`;
  }
  const told = row.nodes > 1 ? ` ${row.counts.complete ?? 0} of ${row.nodes}` : "";
  return html`<span class="words">${words}${told && html`<span class="message">${told}</span>`}</span>`;
}

function clockOf(row) {
  const ran = ranFor(row);
  if (row.status === "queued") return `waiting ${ticking(now() - at(row.created_at))}`;
  if (ran === null) return "";
  if (!isLive(row)) return duration(ran);
  return row.timeout_ms ? `${ticking(ran)} of ${duration(row.timeout_ms)}` : ticking(ran);
}

/** The line under a job that runs: how much of its run limit has burnt down. */
function Wick({ row }) {
  if (row.status !== "running" || !row.timeout_ms) return null;
  const part = Math.min(1, Math.max(0, (ranFor(row) ?? 0) / row.timeout_ms));
  const kind = part > 0.9 ? "wick late" : "wick";
  return html`<i class=${kind} aria-hidden="true" style=${{ transform: `scaleX(${part.toFixed(4)})` }}></i>`;
}

function Older({ jobs, count, isSearching }) {
  const [wants, setWants] = useState(true);
  useEffect(() => setWants(true), [isSearching]);
  // A search looks on through what is not loaded yet, until there is a screen full of what it finds.
  useEffect(() => {
    if (isSearching && wants && jobs.cursor && !jobs.isLoading && count < 40) jobs.more();
  });
  if (!jobs.isReady) return html`<p class="empty" aria-busy="true">Asking for jobs…</p>`;
  if (!isSearching) return jobs.cursor && jobs.isLoading ? html`<p class="fine foot" aria-busy="true">Loading older jobs…</p>` : null;
  const looked = `Looked through ${many(jobs.order.length, "job")}`;
  if (!jobs.cursor) return html`<p class="fine foot">${looked}: all there are.</p>`;
  return html`<p class="fine foot">${looked}${jobs.isLoading && wants ? "…" : "."}
    ${count < 40 && wants
      ? html` <button class="button small" onClick=${() => setWants(false)}>Stop</button>`
      : html` <button class="button small" onClick=${() => { setWants(true); jobs.more(); }}>Look on</button>`}</p>`;
}

function Nothing({ jobs, isSearching, clear, me }) {
  if (!jobs.isReady) return null;
  if (isSearching) {
    return html`<div class="empty"><p>No job is like that.</p><button class="button" onClick=${clear}>Show all jobs</button></div>`;
  }
  return html`<div class="empty">
    <p class="big">Nothing runs here, and nothing has.</p>
    <p>Submit a job with <kbd>c</kbd>, or from a shell on ${me.machine}:</p>
    <pre><code>outlast submit --name hello -- sh -c 'echo hello; sleep 60'</code></pre>
  </div>`;
}

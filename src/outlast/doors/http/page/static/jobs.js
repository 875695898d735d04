// The jobs that this page knows, newest first, kept true by the service's stream of changes.

import { follow, get } from "./api.js";
import { at, now } from "./time.js";
import { isLive, isOlder, spoken } from "./words.js";

const FIRST = 200;
const PAGE = 500;
const DAY_MS = 864e5;
const MOST_OF_A_DAY = 10000; // so many rows are loaded for the timeline without being asked

/** What a list shows of a job, from the job itself. */
export function rowOf(job, known = {}) {
  const counts = {};
  for (const node of job.nodes) counts[node.status] = (counts[node.status] ?? 0) + 1;
  const one = job.nodes.length === 1 ? job.nodes[0] : null;
  return {
    ...known,
    job_id: job.job_id,
    name: job.name,
    status: job.status,
    reason: job.reason,
    exit_code: job.exit_code,
    signal: one?.signal ?? null,
    error: job.error,
    phase: one?.phase ?? null,
    progress_pct: job.progress_pct,
    message: job.message,
    created_at: job.created_at,
    started_at: job.started_at,
    completed_at: job.completed_at,
    stopped_at: job.stopped_at,
    timeout_ms: job.timeout_ms,
    labels: job.labels,
    nodes: job.nodes.length,
    counts,
  };
}

export class Jobs {
  constructor(announce) {
    this.announce = announce;
    this.rows = new Map();
    this.order = []; // ids, newest first: ids sort by time
    this.cursor = undefined; // where older jobs begin; null: there are none
    this.isLoading = false;
    this.isReady = false;
    this.version = 0;
    this.watchers = new Set();
    this.untitled = new Set();
    this.problem = null;
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Keep the jobs true until `signal` is aborted. */
  async keep(signal) {
    this.signal = signal;
    this.isReady = false;
    try {
      await follow("events", (name, data) => this.hear(name, data), signal);
    } catch (problem) {
      this.problem = problem;
      this.changed();
    }
  }

  hear(name, data) {
    // `ready` is told when what happens from then on will be told: what is listed now misses nothing.
    if (name === "ready" || name === "reset") this.load();
    else if (name === "job") this.put(rowOf(data, this.rows.get(data.job_id)), true);
    else if (name === "gone") this.drop(data.job_id);
  }

  async load() {
    const live = this.order.filter((id) => isLive(this.rows.get(id)));
    const isFirst = this.cursor === undefined;
    const known = new Set(this.order);
    await this.fill(async () => {
      const page = await get(`page/jobs?limit=${FIRST}`);
      page.items.forEach((row) => this.put(row));
      if (isFirst) this.cursor = page.next_cursor;
      this.isReady = true;
      // What was live when the stream broke, and is not on the first page, may have ended since.
      const there = new Set(page.items.map((row) => row.job_id));
      const missing = live.filter((id) => !there.has(id));
      // More jobs than a page holds may have come as well: look on until what is known begins.
      let next = page.next_cursor;
      if (isFirst || page.items.some((row) => known.has(row.job_id))) next = null;
      while (next) {
        const older = await get(`page/jobs?limit=${PAGE}&cursor=${encodeURIComponent(next)}`);
        const had = older.items.some((row) => known.has(row.job_id));
        older.items.forEach((row) => this.put(row));
        next = had ? null : older.next_cursor;
      }
      for (let i = 0; i < missing.length; i += PAGE) {
        const ids = missing.slice(i, i + PAGE);
        const found = await get(`page/jobs?ids=${ids.join(",")}`);
        const still = new Set(found.items.map((row) => row.job_id));
        found.items.forEach((row) => this.put(row));
        ids.filter((id) => !still.has(id)).forEach((id) => this.drop(id));
      }
    });
    if (isFirst) await this.fillDay();
  }

  /** Load what the timeline of the last day shows. */
  async fillDay() {
    const since = now() - DAY_MS;
    while (this.cursor && this.order.length < MOST_OF_A_DAY && !this.signal.aborted) {
      const oldest = this.rows.get(this.order[this.order.length - 1]);
      if (!oldest || at(oldest.created_at) < since) return;
      if (!(await this.more())) return;
    }
  }

  /** Load a page of older jobs. Returns whether there was one. */
  async more() {
    if (!this.cursor || this.isLoading) return false;
    return this.fill(async () => {
      const page = await get(`page/jobs?limit=${PAGE}&cursor=${encodeURIComponent(this.cursor)}`);
      page.items.forEach((row) => this.put(row));
      this.cursor = page.next_cursor;
    });
  }

  async fill(work) {
    this.isLoading = true;
    this.changed();
    try {
      await work();
      this.problem = null;
      return true;
    } catch (problem) {
      this.problem = problem;
      return false;
    } finally {
      this.isLoading = false;
      this.changed();
    }
  }

  put(row, isNews = false) {
    const before = this.rows.get(row.job_id);
    if (before && isOlder(row, before)) return;
    if (!before) insert(this.order, row.job_id);
    this.rows.set(row.job_id, before ? { ...before, ...row } : row);
    if (row.title === undefined) this.entitle(row.job_id);
    if (isNews && before && isLive(before) && !isLive(row)) this.announce(spoken({ ...before, ...row }));
    this.changed();
  }

  drop(id) {
    if (this.rows.delete(id)) this.order.splice(this.order.indexOf(id), 1);
    this.changed();
  }

  /** Ask what a new job runs: changes do not tell it. Those that came together are asked together. */
  entitle(id) {
    if (!this.untitled.size) {
      setTimeout(async () => {
        const ids = [...this.untitled].slice(0, PAGE);
        this.untitled.clear();
        try {
          const { items } = await get(`page/jobs?ids=${ids.join(",")}`);
          for (const { job_id, title, where, kind } of items) {
            if (this.rows.has(job_id)) this.put({ ...this.rows.get(job_id), title, where, kind });
          }
        } catch {
          // their names will do until the next look
        }
      }, 60);
    }
    this.untitled.add(id);
  }

  /** Tell the watchers, once a frame. */
  changed() {
    this.version += 1;
    if (this.frame) return;
    this.frame = setTimeout(() => {
      this.frame = null;
      for (const watcher of [...this.watchers]) watcher(this.version);
    }, 30);
  }
}

/** Put an id where it belongs: newest first. */
function insert(order, id) {
  let low = 0;
  let high = order.length;
  if (high && id < order[high - 1]) low = high; // older pages come in order
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order[middle] > id) low = middle + 1;
    else high = middle;
  }
  order.splice(low, 0, id);
}

/** What is typed to find jobs: words, all of which must be there; `name=value` is a label. */
export function matcher(text, statuses) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    if (statuses.size && !statuses.has(row.status)) return false;
    const hay = haystack(row);
    return words.every((word) => hay.includes(word.includes("=") ? `\n${word}` : word) || isOfId(word, row));
  };
}

/** A piece of an id that is long enough to be no accident. */
const isOfId = (word, row) => word.length > 5 && row.job_id.toLowerCase().includes(word);

function haystack(row) {
  if (row.hay?.of === row.status + row.title) return row.hay.text;
  const labels = Object.entries(row.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const text = [row.name, row.title, row.where, row.status, row.reason, row.error, ...labels]
    .filter(Boolean)
    .join("\n")
    .toLowerCase();
  row.hay = { of: row.status + row.title, text };
  return text;
}

// The service, as this page asks it. All that comes back is data; nothing of it is ever markup.

/** An answer that is not what was asked for: an RFC 9457 problem, or no answer at all. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail, faults = [], suggestion, request_id }) {
    super(detail || code);
    Object.assign(this, { status, code, faults, suggestion, requestId: request_id });
  }
}

// Whether the service answers: `asking`, `live`, `offline`, or `shut` (no valid session).
let state = "asking";
const watchers = new Set();

export const linkState = () => state;

export function onLink(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function setLink(next) {
  if (next === state) return;
  state = next;
  for (const watcher of [...watchers]) watcher(next);
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    setLink("offline");
    throw new Problem({ detail: "The service does not answer" });
  }
  if (answer.status === 401) setLink("shut");
  else if (state !== "live") setLink("live");
  if (answer.ok || answer.status === 304) return answer;
  throw await problemOf(answer);
}

async function problemOf(answer) {
  const told = { status: answer.status, code: `http_${answer.status}`, detail: answer.statusText };
  try {
    Object.assign(told, await answer.json());
  } catch {
    // whoever stands between us and the service answered in its own words
  }
  return new Problem(told);
}

export async function get(path, options) {
  return (await ask(path, options)).json();
}

/** `hear` is given the headers of the answer. */
export async function send(method, path, body, headers = {}, hear = () => {}) {
  const answer = await ask(path, {
    method,
    // A form of another site can send no header of its own: this one says that it is our page that asks.
    headers: { "X-Outlast": "page", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  hear(answer.headers);
  return answer.status === 204 ? null : answer.json();
}

/** Bytes `first` up to `end` of what a node has printed; fewer where there are no more. */
export async function bytes(path, first, end, signal) {
  const answer = await ask(`${path}&offset=${first}&limit=${end - first}`, { signal });
  return new Uint8Array(await answer.arrayBuffer());
}

/** All from byte `first` on, as it comes: an asynchronous iterator of byte arrays. */
export async function* flow(path, first, signal) {
  const answer = await ask(`${path}&offset=${first}`, { signal });
  const reader = answer.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const SILENCE_MS = 40000; // the service says something every 15 s
const BACK_OFF_MS = [250, 1000, 2000, 4000, 8000];

/**
 * Follow server-sent events until `signal` is aborted, or they end. `on(name, data)` is called for
 * each; a connection that broke is made again, with the id of the last event. While nobody looks at
 * the page there is none: a browser has six for a service, and tabs share them.
 */
export async function follow(path, on, signal) {
  let last = null;
  let failures = 0;
  while (!signal.aborted) {
    await shown(signal);
    if (signal.aborted) return;
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    const hide = () => document.hidden && attempt.abort();
    signal.addEventListener("abort", stop);
    document.addEventListener("visibilitychange", hide);
    window.addEventListener("offline", stop);
    let silence = setTimeout(stop, SILENCE_MS);
    try {
      const headers = last === null ? {} : { "Last-Event-ID": last };
      const answer = await ask(path, { signal: attempt.signal, headers });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const lines = new Events((name, data, id) => {
        if (id !== null) last = id;
        if (name !== "restart") on(name, data);
        return name;
      });
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        failures = 0;
        clearTimeout(silence);
        silence = setTimeout(stop, SILENCE_MS);
        if (lines.take(value) === "end") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status >= 400 && error.status !== 429 && error.status < 500) {
        throw error;
      }
      if (!document.hidden) setLink("offline");
    } finally {
      clearTimeout(silence);
      attempt.abort();
      signal.removeEventListener("abort", stop);
      document.removeEventListener("visibilitychange", hide);
      window.removeEventListener("offline", stop);
    }
    if (!document.hidden) await pause(BACK_OFF_MS[Math.min(failures, BACK_OFF_MS.length - 1)], signal);
    failures += 1;
  }
}

/** Takes a stream of server-sent events apart (WHATWG HTML, 9.2.6). */
export class Events {
  constructor(tell) {
    this.tell = tell;
    this.rest = "";
    this.clear();
  }

  clear() {
    this.name = "message";
    this.data = [];
    this.id = null;
  }

  /** Take more of it. Returns what `tell` said of the last whole event. */
  take(text) {
    let said;
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.data.length) said = this.tell(this.name, JSON.parse(this.data.join("\n")), this.id);
        this.clear();
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") this.name = value;
      else if (field === "data") this.data.push(value);
      else if (field === "id") this.id = value;
    }
    return said;
  }
}

/** Until the page is to be seen. */
function shown(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      done();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
  });
}

/** For so long, or until the machine says that it is on a network again. */
function pause(ms, signal) {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      window.removeEventListener("online", over);
      signal.removeEventListener("abort", over);
      done();
    };
    const timer = setTimeout(over, ms);
    window.addEventListener("online", over);
    signal.addEventListener("abort", over);
  });
}

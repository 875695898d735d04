// From what is typed into the form to a job's spec; and the command lines that ask for the same.

import { parseDuration } from "./time.js";
import { shellJoin } from "./words.js";

/** Take a command line apart as a shell does: quotes and backslashes, no variables. */
export function shellSplit(text) {
  const words = [];
  let word = null;
  let quote = null;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (quote === "'") {
      if (char === "'") quote = null;
      else word += char;
    } else if (quote === '"') {
      if (char === '"') quote = null;
      else if (char === "\\" && '"\\$`'.includes(text[i + 1])) word += text[(i += 1)];
      else word += char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\" && i + 1 < text.length) {
      word = (word ?? "") + text[(i += 1)];
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote) throw new Error(`a ${quote} is never closed`);
  if (word !== null) words.push(word);
  return words;
}

const listOf = (text) => text.split(/[\s,]+/).filter(Boolean);

/** Read `name=value` lines. What is none is a fault. */
function pairs(text, separator, name, faults) {
  const read = {};
  for (const line of text.split(separator).map((each) => each.trim()).filter(Boolean)) {
    const equals = line.indexOf("=");
    if (equals < 1) faults.push([name, `${line}: write name=value`]);
    else read[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return read;
}

export const CLOCKS = ["timeout", "idle_timeout", "queue_timeout", "grace"];
export const TURN = ["queue", "priority", "after", "retries"];
export const ROOM = ["cpus", "memory", "resources"];
export const TIMES = ["cron", "every", "tz", "missed", "overlap"];
const WHOLE = { priority: [-20, 20], retries: [0, 100] };

/** Read the form. Returns `{spec, faults}`; a fault is `[field, sentence]`. */
export function readForm(form) {
  const spec = {};
  const faults = [];
  const text = form.text.trim();
  if (!text) faults.push(["text", "say what is to be run"]);
  else if (form.kind === "command") {
    try {
      spec.command = shellSplit(text);
    } catch (error) {
      faults.push(["text", error.message]);
    }
  } else spec[form.kind] = form.kind === "script" ? `${form.text.trimStart()}\n`.replace(/\n+$/, "\n") : text;
  if (form.place === "hosts") {
    spec.on = listOf(form.on);
    if (!spec.on.length) faults.push(["on", "name at least one host or group"]);
  }
  if (form.place === "container") {
    if (form.image.trim()) spec.container = { image: form.image.trim() };
    else faults.push(["container", "name an image"]);
  }
  if (form.name.trim()) spec.name = form.name.trim();
  const labels = pairs(form.labels, /[\s,]+/, "labels", faults);
  if (Object.keys(labels).length) spec.labels = labels;
  const env = pairs(form.env, /\n/, "env", faults);
  if (Object.keys(env).length) spec.env = env;
  if (form.cwd.trim()) spec.cwd = form.cwd.trim();
  for (const clock of CLOCKS) {
    if (!form[clock].trim()) continue;
    const ms = parseDuration(form[clock]);
    if (ms === null) faults.push([clock, `${form[clock]}: write seconds, or 90s, 5m, 1h30m`]);
    else spec[`${clock}_ms`] = ms;
  }
  if (form.queue.trim()) spec.queue = form.queue.trim();
  const after = listOf(form.after);
  if (after.length) spec.after = after;
  for (const [name, [least, most]] of Object.entries(WHOLE)) {
    const typed = form[name].trim();
    if (!typed) continue;
    if (/^[+-]?\d+$/.test(typed) && Number(typed) >= least && Number(typed) <= most) spec[name] = Number(typed);
    else faults.push([name, `${typed}: write a whole number from ${least} to ${most}`]);
  }
  if (form.delay.trim()) {
    const ms = parseDuration(form.delay);
    if (ms === null) faults.push(["delay", `${form.delay}: write seconds, or 90s, 5m, 1h30m`]);
    else spec.delay_ms = ms;
  }
  if (form.hold) spec.hold = true;
  if (form.on_end.trim()) spec.on_end = form.on_end.trim();
  const limits = {};
  if (form.cpus.trim()) {
    if (Number(form.cpus) > 0) limits.cpus = Number(form.cpus);
    else faults.push(["cpus", `${form.cpus}: write a number, such as 2 or 1.5`]);
  }
  if (form.memory.trim()) limits.memory_bytes = form.memory.trim();
  if (Object.keys(limits).length) spec.limits = limits;
  const resources = {};
  for (const each of listOf(form.resources)) {
    const [, name, count = "1"] = /^([^=]+)(?:=(\d+))?$/.exec(each) ?? [];
    if (name) resources[name] = Number(count);
    else faults.push(["resources", `${each}: write gpu, or gpu=2`]);
  }
  if (Object.keys(resources).length) spec.resources = resources;
  return { spec, faults };
}

/** Read the form of a schedule. Returns `{name, body, faults}`: what `PUT /schedules/NAME` takes. */
export function readSchedule(form) {
  const { spec, faults } = readForm({ ...form, name: "", after: "", delay: "", hold: false });
  const name = form.name.trim();
  const body = {};
  if (!name) faults.unshift(["name", "give it a name: letters, digits and ._@-"]);
  if (form.when === "cron") {
    if (form.cron.trim()) body.cron = form.cron.trim();
    else faults.push(["cron", "say when: 0 8 * * mon-fri, or @daily"]);
    if (form.tz.trim()) body.tz = form.tz.trim();
  } else {
    const ms = parseDuration(form.every);
    if (ms === null) faults.push(["every", form.every.trim() ? `${form.every}: write seconds, or 90s, 5m, 1h30m` : "say how often: 15m, 1d"]);
    else body.every_ms = ms;
  }
  for (const choice of ["missed", "overlap"]) if (form[choice] !== "skip") body[choice] = form[choice];
  if (form.replace) body.replace = true;
  return { name, body: { ...body, job: spec }, faults };
}

/** The beginning of the same with `outlast`: all of it but the job. */
export function scheduleWords(name, body) {
  const words = ["outlast", "schedule", "add", name || "NAME"];
  const option = (key, value) => words.push(`--${key}`, String(value));
  if (body.every_ms !== undefined) option("every", milliseconds(body.every_ms));
  for (const key of ["cron", "tz", "missed", "overlap"]) if (body[key]) option(key, body[key]);
  if (body.replace) words.push("--replace");
  return words;
}

/** The same with `outlast`, for a shell. */
export function asOutlast(spec, words = ["outlast", "submit"]) {
  words = [...words];
  const option = (name, value) => words.push(`--${name}`, String(value));
  if (spec.name) option("name", spec.name);
  for (const [name, value] of Object.entries(spec.labels ?? {})) option("label", `${name}=${value}`);
  if (spec.on) option("on", spec.on.join(","));
  if (spec.container) option("container", spec.container.image);
  if (spec.cwd) option("cwd", spec.cwd);
  for (const [name, value] of Object.entries(spec.env ?? {})) option("env", `${name}=${value}`);
  for (const clock of CLOCKS) {
    if (spec[`${clock}_ms`] !== undefined) option(clock.replace("_", "-"), milliseconds(spec[`${clock}_ms`]));
  }
  for (const name of TURN) if (spec[name] !== undefined) option(name, spec[name]);
  if (spec.delay_ms !== undefined) option("delay", milliseconds(spec.delay_ms));
  if (spec.hold) words.push("--hold");
  if (spec.limits?.cpus) option("cpus", spec.limits.cpus);
  if (spec.limits?.memory_bytes) option("memory", spec.limits.memory_bytes);
  for (const [name, count] of Object.entries(spec.resources ?? {})) option("resource", `${name}=${count}`);
  if (spec.on_end) option("on-end", spec.on_end);
  if (spec.shell) return shellJoin([...words, "--shell", spec.shell]);
  const given = spec.script && spec.command?.length ? ["--", ...spec.command] : [];
  if (spec.script) return `${shellJoin([...words, "--script", "-", ...given])} <<'SCRIPT'\n${spec.script}SCRIPT`;
  return shellJoin([...words, "--", ...(spec.command ?? [])]);
}

const milliseconds = (ms) => (ms % 1000 ? `${ms}ms` : `${ms / 1000}s`);

/** The same with curl. The token is a variable: it belongs in no history. */
export const asCurl = (body, url, method = "POST") =>
  `curl -sS${method === "POST" ? "" : ` -X ${method}`} ${shellJoin([url])} \\\n  -H "Authorization: Bearer $OUTLAST_TOKEN" \\\n  --json ${shellJoin([JSON.stringify(body)])}`;

/** Which field a sentence of the service's is about; null: none that is here. */
export function fieldOf(fault) {
  if (/ is no name for a schedule|^there is another schedule /.test(fault)) return "name";
  if (fault.startsWith("the label ")) return "labels";
  const limit = /^(?:policy \S+: )?limits\.(cpus|memory)/.exec(fault);
  if (limit) return limit[1];
  const found = /^(?:policy \S+: )?([a-z_]+)/.exec(fault.replaceAll("'", ""));
  const name = found?.[1].replace(/_ms$/, "");
  const same = { command: "text", shell: "text", script: "text", runtime: "text", host: "on", hosts: "on", group: "on", image: "container", label: "labels" };
  const field = same[name] ?? name;
  return ["text", "on", "container", "name", "labels", "env", "cwd", ...CLOCKS, ...TURN, ...ROOM, ...TIMES, "delay", "on_end"].includes(field) ? field : null;
}

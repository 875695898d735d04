// The page: which view is shown, and what all of them have.

import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { get, linkState, onLink, send } from "./api.js";
import { Jobs } from "./jobs.js";
import { useKeys } from "./keys.js";
import { List } from "./list.js";
import { Help, Icon, Trouble } from "./parts.js";
import { Shut } from "./shut.js";
import { setServerTime } from "./time.js";
import { applyTheme, nextTheme } from "./theme.js";

const said = document.getElementById("said");

/** Have a screen reader say it. Several at once are one sentence. */
function announce(text) {
  announce.queue ??= [];
  announce.queue.push(text);
  announce.timer ??= setTimeout(() => {
    const told = announce.queue;
    announce.queue = [];
    announce.timer = null;
    const line = document.createElement("p");
    line.textContent = told.length > 3 ? `${told.length} jobs have changed` : told.join(". ");
    said.replaceChildren(line);
  }, 700);
}

const jobs = new Jobs(announce);

const AGAIN_MS = 2000;

/** Where the address points: `#/`, `#/?find=WORDS`, `#/new`, `#/new/schedule`, `#/jobs/ID`, `#/queues`, `#/queues/NAME`, `#/schedules`, `#/schedules/NAME`. */
function readRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, id] = path.split("/");
  return { view: view || "list", id: id && decodeURIComponent(id), query: new URLSearchParams(query) };
}

function Page() {
  const [route, setRoute] = useState(readRoute);
  const [link, setLink] = useState(linkState());
  const [me, setMe] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isHelp, setHelp] = useState(false);
  const [theme, setTheme] = useState(applyTheme);
  const main = useRef(null);

  useEffect(() => onLink(setLink), []);
  useEffect(() => {
    const look = () => setRoute(readRoute());
    addEventListener("hashchange", look);
    return () => removeEventListener("hashchange", look);
  }, []);
  useEffect(() => {
    if (link !== "offline") greet();
  }, [link]);
  useEffect(() => {
    // Nothing else asks before it is known who is here: the list's stream begins after that.
    if (me !== null || link !== "offline") return undefined;
    const again = setTimeout(greet, AGAIN_MS);
    return () => clearTimeout(again);
  }, [link, me, problem]);
  // A view of one job has its own stream: a browser has few connections for all of its tabs.
  const wantsList = route.view !== "jobs" && me !== null && link !== "shut";
  useEffect(() => {
    if (!wantsList) return undefined;
    const leaving = new AbortController();
    jobs.keep(leaving.signal);
    return () => leaving.abort();
  }, [wantsList]);
  useLayoutEffect(() => {
    // Whoever hears the page is to hear that there is another view now: before a key takes the focus on.
    main.current?.querySelector("h1")?.focus({ preventScroll: true });
  }, [route.view, route.id]);

  async function greet() {
    await logIn();
    const asked = Date.now();
    try {
      const told = await get("page/me");
      setServerTime(told.now, asked);
      setMe(told);
      setProblem(null);
    } catch (error) {
      setProblem(error); // where nothing answers, or nobody is let in, the state of the link says more
    }
  }

  useKeys({
    "?": () => setHelp(true),
    c: () => go("#/new"),
    n: () => go("#/new"),
    g: () => go("#/"),
    q: () => go("#/queues"),
    s: () => go("#/schedules"),
  });

  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to the content</a>
    <header class="mast">
      <a class="brand" href="#/" aria-label="Outlast: all jobs"><${Icon} name="mark" /><span>outlast</span></a>
      <${LinkState} link=${link} />
      <span class="grow"></span>
      ${me && html`<span class="whose" title=${`Scopes: ${me.scopes.join(", ")}`}>${me.principal} <span class="on">on ${me.machine}</span></span>`}
      <a class="button bare" href="#/queues" aria-current=${route.view === "queues" ? "page" : undefined} title="Queues (q)"><${Icon} name="queues" /><span class="word">Queues</span></a>
      <a class="button bare" href="#/schedules" aria-current=${route.view === "schedules" ? "page" : undefined} title="Schedules (s)"><${Icon} name="schedules" /><span class="word">Schedules</span></a>
      ${(!me || me.scopes.includes("run")) && html`
        <a class="button primary" href="#/new" title="Submit a job (c)"><${Icon} name="plus" /><span>New job</span></a>`}
      <button class="button bare" onClick=${() => setTheme(nextTheme())}
        aria-label=${`Colours: ${theme}. Change`} title=${`Colours: ${theme}`}><${Icon} name=${theme} /></button>
      <button class="button bare" onClick=${() => setHelp(true)} aria-label="Keys and help" title="Keys and help (?)">?</button>
    </header>
    ${link === "offline" && html`<p class="band warn" role="status"><${Icon} name="offline" />
      <span><b>The service does not answer.</b> What you see may have changed; jobs go on. This page takes up again by itself.</span></p>`}
    <main id="main" ref=${main} tabindex="-1">
      ${link === "shut"
        ? html`<${Shut} onOpen=${() => { setLink("asking"); greet(); }} />`
        : !me
          ? problem?.status
            ? html`<div class="empty"><${Trouble} problem=${problem} /><button class="button" onClick=${greet}>Try again</button></div>`
            : html`<p class="empty" aria-busy="true">${link === "offline" ? "Waiting for the service…" : "Asking…"}</p>`
          : route.view === "jobs"
            ? html`<${JobView} key=${route.id} id=${route.id} query=${route.query} me=${me} announce=${announce} />`
            : route.view === "new"
              ? html`<${Submit} key=${route.id} me=${me} isSchedule=${route.id === "schedule"} announce=${announce} />`
              : route.view === "queues"
                ? html`<${Queues} jobs=${jobs} me=${me} chosen=${route.id} announce=${announce} />`
                : route.view === "schedules"
                  ? html`<${Schedules} jobs=${jobs} me=${me} chosen=${route.id} announce=${announce} />`
                  : html`<${List} jobs=${jobs} me=${me} query=${route.query} />`}
    </main>
    ${isHelp && html`<${Help} me=${me} onClose=${() => setHelp(false)} />`}
  `;
}

/** A link of `outlast serve` ends with `#once=CODE`: it becomes a cookie, and is gone. */
async function logIn() {
  const [, code] = /^#once=(.+)$/.exec(location.hash) ?? [];
  if (!code) return;
  history.replaceState(null, "", "#/");
  try {
    await send("POST", "login", { once: code });
  } catch {
    // the session that there may be is asked for next, and what to do without one is told
  }
}

const LINKS = {
  asking: ["asking", "connecting"],
  live: ["live", "live"],
  offline: ["offline", "offline"],
  shut: ["shut", "locked"],
};

// What the list does not need is fetched once it is wanted.
const JobView = lazy(async () => (await import("./job.js")).JobView);
const Queues = lazy(async () => (await import("./queues.js")).Queues);
const Schedules = lazy(async () => (await import("./schedules.js")).Schedules);
const Submit = lazy(async () => (await import("./submit.js")).Submit);

function lazy(load) {
  let Loaded = null;
  return function Lazy(properties) {
    const [isMissed, setMissed] = useState(false);
    const [, draw] = useState(false);
    useEffect(() => {
      if (!Loaded) load().then((found) => { Loaded = found; draw(true); }, () => setMissed(true));
    }, []);
    if (Loaded) return html`<${Loaded} ...${properties} />`;
    // A browser may keep it that a module could not be had until the page is loaded anew.
    return isMissed
      ? html`<div class="empty"><p>This part of the page could not be fetched.</p>
          <button class="button" onClick=${() => location.reload()}>Load it again</button></div>`
      : html`<p class="empty" aria-busy="true">Loading…</p>`;
  };
}

function LinkState({ link }) {
  const [name, word] = LINKS[link];
  return html`<span class=${`link ${name}`}><i aria-hidden="true"></i>${word}</span>`;
}

export function go(hash) {
  location.hash = hash;
}

render(html`<${Page} />`, document.getElementById("page"));

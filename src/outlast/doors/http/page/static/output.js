// What a node prints: live, in colour, searched, and as large as it likes.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";
import { bytes, flow } from "./api.js";
import { useKeys } from "./keys.js";
import { Icon } from "./parts.js";
import { scan } from "./scan.js";
import { Viewer } from "./viewer.js";
import { many, size } from "./words.js";

const STREAMS = ["stdout", "stderr"];
const LARGE = 1 << 20; // from this size on there is a slider over the whole
const encoder = new TextEncoder();

export const outputPath = (id, node, stream, attempt) => `jobs/${encodeURIComponent(id)}/output?node=${node}&stream=${stream}&attempt=${attempt}`;

/** Which attempt a node is at, or was at last; 1 before there is any. */
export const attemptOf = (node) => Math.max(1, (node.attempts?.length ?? 0) + (node.started_at ? 1 : 0));

/** The bytes of an `output` event. */
export function bytesOf(data) {
  if (data.text !== undefined) return encoder.encode(data.text);
  return Uint8Array.from(atob(data.base64), (char) => char.charCodeAt(0));
}

/** `feed` is a ref: whoever hears of output calls `feed.current(data)`. `chosen` is an attempt; null: the current one, and then the next. */
export function Output({ job, node, index, feed, isLive, chosen, choose }) {
  const [stream, setStream] = useState(null);
  const ahead = useRef({}); // how much was told of an attempt before it is shown
  const current = attemptOf(node);
  const attempt = Math.min(chosen ?? current, current);
  const printed = attempt < current ? node.attempts[attempt - 1].output : node.output;
  const sizes = { stdout: printed.stdout_bytes, stderr: printed.stderr_bytes };
  // Where only errors were printed, they are what one wants to see.
  const grows = isLive && attempt === current;
  const shown = stream ?? (!sizes.stdout && sizes.stderr && !grows ? "stderr" : "stdout");
  return html`<section class="output" aria-label="Output">
    ${current > 1 && html`<label class="bar fine">Attempt
      <select value=${attempt} onChange=${(event) => choose(Number(event.target.value) === current ? null : Number(event.target.value))}>
        ${Array.from({ length: current }, (_, i) => html`<option value=${i + 1}>${i + 1}${i + 1 === current ? ", the last" : ""}</option>`)}
      </select></label>`}
    <${Pane} key=${`${index} ${attempt} ${shown}`} id=${job.job_id} index=${index} attempt=${attempt} stream=${shown} sizes=${sizes}
      ahead=${ahead} feed=${feed} isLive=${grows} choose=${setStream} name=${job.name || job.job_id} />
  </section>`;
}

function Pane({ id, index, attempt, stream, sizes, ahead, feed, isLive, choose, name }) {
  const scroller = useRef(null);
  const viewer = useRef(null);
  const seen = useRef({ ...sizes });
  const [, redraw] = useState(0);
  const [isWrapped, setWrapped] = useState(true);
  const path = outputPath(id, index, stream, attempt);

  useLayoutEffect(() => {
    const leaving = new AbortController();
    const view = new Viewer(
      scroller.current,
      (first, end) => bytes(path, first, end, leaving.signal),
      () => redraw((count) => count + 1),
    );
    viewer.current = view;
    feed.current = (data) => {
      if ((data.attempt ?? 1) !== attempt) {
        ahead.current[`${data.attempt} ${data.stream}`] = data.next_offset;
        return;
      }
      seen.current[data.stream] = Math.max(seen.current[data.stream], data.next_offset);
      if (data.stream === stream) view.printed(bytesOf(data), data.offset);
      else redraw((count) => count + 1);
    };
    for (const each of STREAMS) seen.current[each] = Math.max(sizes[each], ahead.current[`${attempt} ${each}`] ?? 0);
    view.grew(seen.current[stream]);
    return () => {
      leaving.abort();
      view.close();
      feed.current = () => {};
    };
  }, [path]);
  useEffect(() => {
    viewer.current.isLive = isLive;
    viewer.current.grew(sizes[stream]);
    for (const each of STREAMS) seen.current[each] = Math.max(seen.current[each], sizes[each]);
  }, [sizes.stdout, sizes.stderr, isLive]);

  const view = viewer.current;
  const total = seen.current[stream];
  const position = view ? view.position : 0;
  useKeys({
    f: () => view?.follow(!view.isFollowing),
    G: () => view?.follow(isLive || view.isFollowing).then(() => view.show(view.size, "end")),
  });

  return html`
    <div class="bar">
      <div class="tabs" role="group" aria-label="Stream">
        ${STREAMS.map((each) => html`<button class="tab" aria-pressed=${each === stream} onClick=${() => choose(each)}>
          ${each} <span class="count">${size(seen.current[each])}</span></button>`)}
      </div>
      <${Search} path=${path} view=${viewer} isLive=${isLive} total=${total} />
      <span class="grow"></span>
      <button class="button small" aria-pressed=${isWrapped} onClick=${() => setWrapped(!isWrapped)}>Wrap</button>
      ${isLive && html`<button class="button small" aria-pressed=${Boolean(view?.isFollowing)} onClick=${() => view.follow(!view.isFollowing)}>Follow</button>`}
      <a class="button small" href=${path} download=${`${name}.${index}.${stream}.txt`}><${Icon} name="down" />Download</a>
    </div>
    ${total > LARGE && html`<label class="whereabouts"><span class="unseen">Where in the output</span>
      <input type="range" min="0" max=${total} step="1024" value=${view?.isFollowing ? total : position}
        aria-valuetext=${`${size(position)} of ${size(total)}`}
        onChange=${(event) => view.show(Number(event.target.value))} />
      <span class="fine">${size(view?.isFollowing ? total : position)} of ${size(total)}</span></label>`}
    <div class=${isWrapped ? "scroll wrapped" : "scroll"} ref=${scroller} tabindex="0" role="log" aria-live="off"
      aria-label=${`${stream} of ${name}`} aria-busy=${Boolean(view?.isBusy)}><div class="lines"></div></div>
    ${!total && html`<p class="empty inside">${isLive ? "Nothing printed yet." : `Nothing was printed to ${stream}.`}</p>`}
    ${view && !view.isFollowing && !view.isAtEnd && html`<button class="button more" onClick=${() => (isLive ? view.follow() : view.show(view.size, "end"))}>
      ${size(view.size - view.end)} more below <${Icon} name="next" /></button>`}`;
}

/** Search through all of it, with its progress; from hit to hit with Enter. */
function Search({ path, view, total }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState(null); // {hits, count, scanned, isOver}
  const [chosen, setChosen] = useState(-1);
  const field = useRef(null);
  const running = useRef(null);

  useEffect(() => () => running.current?.abort(), [path]);
  useKeys({
    "/": () => { field.current.focus(); field.current.select(); },
    Escape: () => {
      if (document.activeElement !== field.current) {
        location.hash = "#/";
        return;
      }
      if (text) look("");
      else field.current.blur();
    },
  });

  async function look(asked) {
    setText(asked);
    running.current?.abort();
    setFound(null);
    setChosen(-1);
    CSS.highlights?.clear();
    view.current.mark?.classList.remove("hit");
    if (asked.length < 2) return;
    const search = new AbortController();
    running.current = search;
    await new Promise((done) => setTimeout(done, 200)); // more may be typed
    if (search.signal.aborted) return;
    const from = view.current.position;
    let isShown = false;
    try {
      const index = view.current.index;
      let drawn = 0;
      for await (const state of scan(flow(path, 0, search.signal), asked, (part, at) => index.take(part, at))) {
        const hit = state.hits.findIndex((at) => at >= from);
        if (!isShown && hit >= 0) {
          isShown = true;
          show(state.hits, hit, asked);
        }
        if (performance.now() - drawn > 100) {
          drawn = performance.now();
          setFound({ ...state, isOver: false });
        }
        running.current.last = state;
      }
      const last = running.current.last ?? { hits: [], count: 0, scanned: 0 };
      setFound({ ...last, hits: [...last.hits], isOver: true });
      if (!isShown && last.hits.length) show(last.hits, last.hits.length - 1, asked);
    } catch (error) {
      if (error.name !== "AbortError") setFound({ hits: [], count: 0, scanned: 0, problem: error });
    }
  }

  async function show(hits, i, asked = text) {
    setChosen(i);
    const line = await view.current.markAt(hits[i]);
    highlight(line, asked);
  }
  const step = (by) => found?.hits.length && show(found.hits, (chosen + by + found.hits.length) % found.hits.length);

  return html`<search class="search" aria-label="Find in this output">
    <label class="find"><${Icon} name="search" /><span class="unseen">Find in this output</span>
      <input ref=${field} type="search" placeholder="Find in output" value=${text} spellcheck=${false} autocomplete="off"
        onInput=${(event) => look(event.target.value)}
        onKeyDown=${(event) => {
          if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
        }} /><kbd aria-hidden="true">/</kbd></label>
    <span class="hits" role="status">${told(found, chosen, total)}</span>
    ${found?.hits.length > 0 && html`
      <button class="button bare small" onClick=${() => step(-1)} aria-label="The hit before"><${Icon} name="up" /></button>
      <button class="button bare small" onClick=${() => step(1)} aria-label="The next hit"><${Icon} name="next" /></button>`}
    ${found && !found.isOver && !found.problem && html`<progress max=${total} value=${found.scanned} aria-label="Looked through"></progress>`}
  </search>`;
}

function told(found, chosen, total) {
  if (!found) return "";
  if (found.problem) return found.problem.message;
  if (!found.isOver) return `${found.count.toLocaleString("en")} in ${size(found.scanned)} of ${size(total)}`;
  if (!found.count) return "not found";
  const of = found.count > found.hits.length ? `${found.hits.length.toLocaleString("en")}, of ${found.count.toLocaleString("en")} in all` : many(found.count, "hit");
  return chosen < 0 ? of : `${(chosen + 1).toLocaleString("en")} of ${of}`;
}

/** Have the browser paint what was looked for in a line; nothing in the document changes. */
function highlight(element, asked) {
  if (!CSS.highlights || !window.Highlight || !element) return;
  const ranges = [];
  const needle = asked.toLowerCase();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const hay = node.data.toLowerCase();
    if (hay.length !== node.data.length) continue;
    for (let i = hay.indexOf(needle); i >= 0; i = hay.indexOf(needle, i + needle.length)) {
      const range = new Range();
      range.setStart(node, i);
      range.setEnd(node, i + needle.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("hit", new Highlight(...ranges));
}

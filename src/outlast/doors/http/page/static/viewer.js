// A window over an output that may be far larger than a page: only what is around what is seen is
// fetched and kept. Lines are drawn as text, whatever they say.

import { draw, pieces, PLAIN } from "./ansi.js";
import { cut, fromLineOn, LineIndex } from "./lines.js";

const CHUNK = 96 * 1024;
const MOST_LINES = 3000; // in the document at once
const MOST_BYTES = 768 * 1024;
const NEAR_PX = 900; // so close to an edge, more is fetched
const FLOOD = 256 * 1024; // of what came between two frames, so much is drawn
const BY_HAND = ["wheel", "touchmove", "pointerdown", "keydown"]; // what may mean "let me look there"
const BY_HAND_MS = 1500; // so long after it, a scroll is taken for its effect
const AGAIN_MS = 1000; // after which what could not be fetched is asked for again

export class Viewer {
  /** `read(first, end)` gives bytes; `onChange()` is called when what can be told has changed. */
  constructor(scroller, read, onChange) {
    this.scroller = scroller;
    this.list = scroller.firstElementChild;
    this.read = read;
    this.onChange = onChange;
    this.index = new LineIndex();
    this.size = 0;
    this.isFollowing = true;
    this.isBusy = false;
    this.pending = [];
    this.pendingBytes = 0;
    this.mark = null;
    this.empty(0);
    this.onScroll = () => this.scrolled();
    scroller.addEventListener("scroll", this.onScroll, { passive: true });
    this.onHand = () => {
      this.movedAt = performance.now();
    };
    for (const name of BY_HAND) scroller.addEventListener(name, this.onHand, { passive: true });
  }

  close() {
    this.isClosed = true;
    this.scroller.removeEventListener("scroll", this.onScroll);
    for (const name of BY_HAND) this.scroller.removeEventListener(name, this.onHand);
    cancelAnimationFrame(this.frame);
  }

  empty(at) {
    this.lines = []; // {at, end, isWhole, after, element}
    this.first = at;
    this.end = at;
    this.style = PLAIN;
    this.list.replaceChildren();
  }

  get isAtEnd() {
    return this.end >= this.size;
  }

  /** Where in the file one looks, in bytes. */
  get position() {
    const top = this.scroller.scrollTop;
    const line = this.lines.find(({ element }) => element.offsetTop + element.offsetHeight > top);
    return line ? line.at : this.first;
  }

  // What comes -----------------------------------------------------------------------------------

  /** The output has `size` bytes by now. */
  grew(size) {
    this.size = Math.max(this.size, size);
    this.soon();
  }

  /** These bytes were printed just now. */
  printed(bytes, at) {
    this.size = Math.max(this.size, at + bytes.length);
    this.index.take(bytes, at);
    const next = this.end + this.pendingBytes;
    const hasRoom = this.isFollowing || this.lines.length < MOST_LINES;
    if (at <= next && at + bytes.length > next && hasRoom) {
      const fresh = bytes.subarray(next - at);
      this.pending.push(fresh);
      this.pendingBytes += fresh.length;
    }
    this.soon();
  }

  soon() {
    if (this.isClosed) return;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.flush();
      this.onChange();
    });
  }

  flush() {
    if (this.isClosed || this.isBusy) return;
    if (!this.pendingBytes) {
      // More was printed than was told here: while the stream was away, or before it began.
      if (this.isFollowing && !this.isAtEnd) this.catchUp();
      return;
    }
    const { pending } = this;
    this.pending = [];
    let skipped = 0;
    let held = this.pendingBytes;
    this.pendingBytes = 0;
    // A flood is not drawn line by line: nobody could read it.
    while (this.isFollowing && pending.length > 1 && held - pending[0].length >= FLOOD) {
      const dropped = pending.shift().length;
      skipped += dropped;
      held -= dropped;
    }
    if (skipped) {
      const [bytes, at] = fromLineOn(pending.shift(), this.end + skipped);
      this.empty(at);
      this.append(bytes);
    }
    for (const bytes of pending) this.append(bytes);
    if (this.isFollowing) this.toBottom();
  }

  // What is shown --------------------------------------------------------------------------------

  /** Put bytes behind the last line. */
  append(bytes) {
    const last = this.lines[this.lines.length - 1];
    let at = this.end;
    if (last && !last.isWhole) {
      // Its beginning is drawn already: it is drawn anew, with what follows.
      const joined = new Uint8Array(last.bytes.length + bytes.length);
      joined.set(last.bytes);
      joined.set(bytes, last.bytes.length);
      this.lines.pop();
      last.element.remove();
      this.style = last.before;
      at = last.at;
      bytes = joined; // eslint-disable-line no-param-reassign
    }
    let fresh = cut(bytes, at);
    if (this.isFollowing && fresh.length > MOST_LINES) {
      // Those before them would be drawn only to be taken away at once.
      fresh = fresh.slice(-MOST_LINES);
      this.empty(fresh[0].at);
    }
    const fragment = document.createDocumentFragment();
    for (const line of fresh) {
      if (!line.isWhole) line.bytes = bytes.slice(line.at - at);
      this.style = this.drawn(line, this.style);
      fragment.append(line.element);
      this.lines.push(line);
    }
    this.end = at + bytes.length;
    this.list.append(fragment);
    this.trimTop();
    this.number();
  }

  drawn(line, before) {
    const { found, style } = pieces(line.text, before);
    line.before = before;
    line.element = document.createElement("div");
    line.element.className = line.isCut ? "line cut" : "line";
    line.element.append(...found.map(draw));
    line.text = undefined;
    return style;
  }

  trimTop() {
    const isTooMany = () => this.lines.length > MOST_LINES || this.end - this.first > MOST_BYTES;
    if (!isTooMany()) return;
    const before = this.scroller.scrollHeight;
    const { scrollTop } = this.scroller;
    while (isTooMany() && this.lines.length > 200) {
      const line = this.lines.shift();
      line.element.remove();
      this.first = line.end;
    }
    if (!this.isFollowing) this.scroller.scrollTop = scrollTop - (before - this.scroller.scrollHeight);
  }

  trimBottom() {
    while ((this.lines.length > MOST_LINES || this.end - this.first > MOST_BYTES) && this.lines.length > 200) {
      const line = this.lines.pop();
      line.element.remove();
      this.end = line.at;
      this.style = line.before;
      this.pending = [];
      this.pendingBytes = 0;
    }
  }

  /** Number the lines, where it is known how many there are before them. */
  number() {
    const mark = this.index.before(this.first);
    let line = null;
    if (this.first === 0) line = 1;
    else if (mark && mark[0] === this.first) line = mark[1] + 1;
    else if (this.numbered && this.lines.length) {
      const known = this.lines.findIndex((each) => each.number);
      if (known >= 0) line = this.lines[known].number - this.lines.slice(0, known).filter((each) => !each.isCut).length;
    }
    this.numbered = line !== null;
    this.list.classList.toggle("numbered", this.numbered);
    let wasCut = false;
    for (const each of this.lines) {
      if (line === null) continue;
      each.number = line;
      const shown = wasCut ? "" : String(line);
      if (each.element.dataset.number !== shown) each.element.dataset.number = shown;
      wasCut = Boolean(each.isCut);
      if (!wasCut) line += 1;
    }
  }

  // Where one looks ------------------------------------------------------------------------------

  /** Show the end, and go on with it. */
  async follow(isWanted = true) {
    this.isFollowing = isWanted;
    if (isWanted) {
      if (!this.isAtEnd) await this.show(this.size, "end");
      this.toBottom();
    }
    this.onChange();
  }

  toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Whether somebody, and not what came in, may have moved the window just now. */
  get isByHand() {
    return performance.now() - (this.movedAt ?? -BY_HAND_MS) < BY_HAND_MS;
  }

  /** Show what is around byte `at`: at the top of the window, at its middle, or at its end. */
  async show(at, where = "top") {
    if (where !== "end") this.isFollowing = false;
    if (!(at >= this.first && at < this.end && this.lines.length)) {
      const first = Math.max(0, at - (where === "end" ? 2 * CHUNK : CHUNK));
      const bytes = await this.fetched(first, Math.min(this.size, at + CHUNK));
      if (bytes === null) return;
      this.index.take(bytes, first);
      const [whole, from] = fromLineOn(bytes, first);
      this.empty(from);
      this.pending = [];
      this.pendingBytes = 0;
      this.append(whole);
    }
    if (where === "end") {
      this.toBottom();
    } else {
      const line = this.lineAt(at);
      if (line) {
        const offset = where === "middle" ? this.scroller.clientHeight / 2 : 0;
        this.scroller.scrollTop = line.element.offsetTop - offset;
      }
    }
    this.onChange();
  }

  lineAt(at) {
    return this.lines.find((line) => line.at <= at && at < line.end);
  }

  /** Mark the line of byte `at`, and show it. */
  async markAt(at) {
    await this.show(at, "middle");
    this.mark?.classList.remove("hit");
    this.mark = this.lineAt(at)?.element ?? null;
    this.mark?.classList.add("hit");
    return this.mark;
  }

  async fetched(first, end) {
    this.isBusy = true;
    this.onChange();
    try {
      return await this.read(first, end);
    } catch {
      return null; // the link's state says it; what is shown stays
    } finally {
      this.isBusy = false;
      if (!this.isClosed) this.onChange();
    }
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const isBottom = scrollHeight - scrollTop - clientHeight < 6;
    if (this.isFollowing && !isBottom) {
      // What comes in moves the bottom as well, also after the end of the job: only who scrolls by
      // hand wants to look elsewhere.
      if (this.isByHand || (!this.isLive && this.isAtEnd)) this.isFollowing = false;
      else this.toBottom();
    } else if (!this.isFollowing && isBottom && this.isAtEnd && this.isLive) {
      this.isFollowing = true;
    }
    if (this.isFollowing) {
      this.soon();
      return;
    }
    if (scrollTop < NEAR_PX && this.first > 0) this.back();
    else if (scrollHeight - scrollTop - clientHeight < NEAR_PX && !this.isAtEnd) this.forth();
    this.soon();
  }

  async forth() {
    if (this.isBusy || this.pendingBytes) return;
    const at = this.end;
    const bytes = await this.fetched(at, Math.min(this.size, at + CHUNK));
    if (bytes === null || this.isClosed || at !== this.end || !bytes.length) return;
    this.index.take(bytes, at);
    this.append(bytes);
    this.forget(bytes.length);
    if (this.pendingBytes) this.flush();
  }

  /** So many bytes of what was told meanwhile were fetched as well: they are drawn once. */
  forget(count) {
    let left = Math.min(count, this.pendingBytes);
    this.pendingBytes -= left;
    while (left) {
      const [first] = this.pending;
      if (first.length > left) this.pending[0] = first.subarray(left);
      else this.pending.shift();
      left -= Math.min(left, first.length);
    }
  }

  async catchUp() {
    const before = this.end;
    if (this.size - this.end > FLOOD) await this.show(this.size, "end");
    else await this.forth();
    if (!this.isFollowing || this.isClosed) return;
    this.toBottom();
    if (this.isAtEnd) return;
    // More was printed meanwhile, of which no word may come any more; or it could not be fetched.
    if (this.end === before) setTimeout(() => this.soon(), AGAIN_MS);
    else this.soon();
  }

  async back() {
    if (this.isBusy) return;
    const end = this.first;
    const first = Math.max(0, end - CHUNK);
    const bytes = await this.fetched(first, end);
    if (bytes === null || this.isClosed || end !== this.first || !bytes.length) return;
    const [whole, from] = fromLineOn(bytes, first);
    if (!whole.length) return;
    const before = this.scroller.scrollHeight;
    const { scrollTop } = this.scroller;
    let style = PLAIN;
    const fresh = cut(whole, from);
    fresh[fresh.length - 1].isWhole = true;
    for (const line of fresh) style = this.drawn(line, style);
    this.list.prepend(...fresh.map((line) => line.element));
    this.lines.unshift(...fresh);
    this.first = from;
    this.scroller.scrollTop = scrollTop + this.scroller.scrollHeight - before;
    this.trimBottom();
    this.number();
    this.onChange();
  }
}

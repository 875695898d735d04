// Bytes as lines. An offset is always one of the file's bytes: whatever is seen can be found again.

const NEWLINE = 10;

/** A line longer than this is shown as several: whoever prints no newline breaks no page. */
export const LONGEST = 8192;

const decoder = new TextDecoder();

/**
 * Cut `bytes`, which begin at byte `at` of the file, into lines `{at, end, text, isWhole}`. The last
 * may have no newline yet; one that was too long is cut, and its pieces but the last are whole.
 */
export function cut(bytes, at) {
  const lines = [];
  let from = 0;
  while (from < bytes.length) {
    let end = bytes.indexOf(NEWLINE, from);
    const hasEnd = end >= 0;
    if (!hasEnd) end = bytes.length;
    if (end - from > LONGEST) {
      let piece = from + LONGEST;
      while (piece > from + LONGEST - 4 && (bytes[piece] & 0xc0) === 0x80) piece -= 1;
      lines.push({ at: at + from, end: at + piece, text: decoder.decode(bytes.subarray(from, piece)), isWhole: true, isCut: true });
      from = piece;
      continue;
    }
    const text = decoder.decode(bytes.subarray(from, end));
    lines.push({ at: at + from, end: at + end + (hasEnd ? 1 : 0), text, isWhole: hasEnd });
    from = end + 1;
  }
  return lines;
}

/** Leave out what stands before the first whole line, where `bytes` begin amid the file. */
export function fromLineOn(bytes, at) {
  if (at === 0) return [bytes, at];
  const newline = bytes.indexOf(NEWLINE);
  // Amid a line without an end it begins where it begins.
  if (newline < 0 || newline > LONGEST) return [bytes, at];
  return [bytes.subarray(newline + 1), at + newline + 1];
}

export function count(bytes) {
  let lines = 0;
  for (let i = bytes.indexOf(NEWLINE); i >= 0; i = bytes.indexOf(NEWLINE, i + 1)) lines += 1;
  return lines;
}

/** Where each 1 MiB of a file begins, in lines: known as far as it was read from the start on. */
export class LineIndex {
  constructor() {
    this.marks = [[0, 0]]; // byte, and how many lines end before it
    this.until = 0;
    this.lines = 0;
  }

  /** Take the bytes that follow those known; others are left out. */
  take(bytes, at) {
    if (at > this.until || at + bytes.length <= this.until) return;
    const fresh = at === this.until ? bytes : bytes.subarray(this.until - at);
    this.lines += count(fresh);
    this.until += fresh.length;
    if (this.until - this.marks[this.marks.length - 1][0] >= 1 << 20) this.marks.push([this.until, this.lines]);
  }

  /** The last mark at or before a byte; null: nothing is known there. */
  before(at) {
    if (at > this.until) return null;
    let low = 0;
    let high = this.marks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.marks[middle][0] <= at) low = middle;
      else high = middle - 1;
    }
    return this.marks[low];
  }
}

// ANSI colour (ECMA-48 SGR) as pieces of text with styles; every other sequence is left out.

const BASE = 30;
const BRIGHT = 90;

// CSI, then the strings that a terminal swallows (OSC, DCS, SOS, PM, APC; an open one to the line's
// end), then two-byte escapes, then the C1 bytes that mean the same.
// eslint-disable-next-line no-control-regex
const SEQUENCE = /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|\x9b([0-?]*)[ -/]*([@-~])|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)/g;

// Invisible or misleading characters are shown as what they are: control characters, and those that
// turn the direction of text round.
// eslint-disable-next-line no-control-regex
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** The style at the beginning: none. */
export const PLAIN = Object.freeze({});

/** Show what would not be seen, or would be seen as something else. */
export const visible = (text) =>
  text.replace(HIDDEN, (char) => {
    const code = char.codePointAt(0);
    if (code < 32) return String.fromCharCode(0x2400 + code);
    return code === 127 ? "\u2421" : `\u27e8${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });

/** Take one line apart. Returns its pieces `{text, style}` and the style behind it. */
export function pieces(line, style = PLAIN) {
  const found = [];
  const add = (text) => {
    if (text) found.push({ text: visible(text), style });
  };
  let from = 0;
  for (const match of overwritten(line).matchAll(SEQUENCE)) {
    add(match.input.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") style = restyled(style, match[1]);
    else if (match[4] === "m") style = restyled(style, match[3]);
  }
  add(overwritten(line).slice(from));
  return { found, style };
}

/** What is left to be seen of a line that went back to its beginning, as progress bars do. */
function overwritten(line) {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const back = text.lastIndexOf("\r");
  if (back < 0) return text;
  // Colours that were set before are still in force behind it.
  const before = text.slice(0, back).match(/\x1b\[[0-9;:]*m/g); // eslint-disable-line no-control-regex
  return (before ?? []).join("") + text.slice(back + 1);
}

function restyled(style, parameters) {
  const next = { ...style };
  const codes = parameters.replaceAll(":", ";").split(";").map((code) => Number(code || 0));
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === 0) for (const key of Object.keys(next)) delete next[key];
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 8) next.hidden = true;
    else if (code === 9) next.strike = true;
    else if (code === 22) { delete next.bold; delete next.dim; }
    else if (code === 23) delete next.italic;
    else if (code === 24) delete next.underline;
    else if (code === 27) delete next.inverse;
    else if (code === 28) delete next.hidden;
    else if (code === 29) delete next.strike;
    else if (code === 39) delete next.fg;
    else if (code === 49) delete next.bg;
    else if (code >= BASE && code < BASE + 8) next.fg = code - BASE;
    else if (code >= BASE + 10 && code < BASE + 18) next.bg = code - BASE - 10;
    else if (code >= BRIGHT && code < BRIGHT + 8) next.fg = code - BRIGHT + 8;
    else if (code >= BRIGHT + 10 && code < BRIGHT + 18) next.bg = code - BRIGHT - 10 + 8;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, i + 1);
      i += used;
      if (colour !== null) next[code === 38 ? "fg" : "bg"] = colour;
    }
  }
  return Object.freeze(next);
}

/** Read `5;N` or `2;R;G;B`: a number below 16, or a CSS colour; and how many codes that took. */
function extended(codes, i) {
  const byte = (value) => Math.min(255, Math.max(0, value | 0));
  if (codes[i] === 5) return [indexed(byte(codes[i + 1])), 2];
  if (codes[i] === 2) return [`rgb(${byte(codes[i + 1])} ${byte(codes[i + 2])} ${byte(codes[i + 3])})`, 4];
  return [null, 0];
}

function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (value) => (value ? 55 + value * 40 : 0);
  const cube = number - 16;
  return `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`;
}

/** Put a piece into an element: as text, whatever it is. */
export function draw({ text, style }) {
  if (style === PLAIN || !Object.keys(style).length) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  let { fg, bg } = style;
  if (style.inverse) [fg, bg] = [bg ?? "back", fg ?? "ink"];
  if (fg !== undefined) paint(span, "fg", "color", fg);
  if (bg !== undefined) paint(span, "bg", "backgroundColor", bg);
  for (const name of ["bold", "dim", "italic", "underline", "strike", "hidden"]) {
    if (style[name]) span.classList.add(`sgr-${name}`);
  }
  return span;
}

function paint(span, prefix, property, colour) {
  if (typeof colour === "string" && colour.startsWith("rgb(")) span.style[property] = colour;
  else span.classList.add(`${prefix}-${colour}`);
}

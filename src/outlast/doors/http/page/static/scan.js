// Search through a whole output as it streams by: nothing of it is kept but where the hits are.

export const MOST_HITS = 5000; // so many are remembered; all are counted

const encoder = new TextEncoder();
// One character a byte, so that where something stands in the text is where it stands in the file.
const bytewise = new TextDecoder("windows-1252");

/** What `text` looks like among bytes. Upper and lower case are one, in ASCII. */
function needleOf(text) {
  const bytes = encoder.encode(text);
  const isPlain = bytes.length === text.length;
  const needle = bytewise.decode(bytes);
  return { needle: isPlain ? needle.toLowerCase() : needle, isPlain, length: bytes.length };
}

/**
 * Look for `text` in a flow of byte arrays. Yields `{hits, count, scanned}` after each: the offsets of
 * the first hits, how many there are, and how many bytes were looked through. `onBytes(bytes, at)`
 * sees all of them.
 */
export async function* scan(flow, text, onBytes = () => {}) {
  const { needle, isPlain, length } = needleOf(text);
  const hits = [];
  let count = 0;
  let scanned = 0;
  let rest = new Uint8Array();
  for await (const bytes of flow) {
    onBytes(bytes, scanned);
    const joined = new Uint8Array(rest.length + bytes.length);
    joined.set(rest);
    joined.set(bytes, rest.length);
    const begin = scanned - rest.length;
    const raw = bytewise.decode(joined);
    const hay = isPlain ? raw.toLowerCase() : raw;
    for (let i = hay.indexOf(needle); i >= 0; i = hay.indexOf(needle, i + length)) {
      count += 1;
      if (hits.length < MOST_HITS) hits.push(begin + i);
    }
    scanned += bytes.length;
    // What may be the beginning of a hit is looked at again, and no whole one twice.
    const last = hay.lastIndexOf(needle);
    const behind = last < 0 ? 0 : last + length;
    rest = joined.slice(Math.max(behind, joined.length - length + 1));
    yield { hits, count, scanned };
  }
}

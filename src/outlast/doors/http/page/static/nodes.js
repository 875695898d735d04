// The places a job runs in, as a grid: each a tile, to be walked with the arrow keys.

import { html, useMemo, useRef, useState } from "./vendor/preact.js";
import { Glyph } from "./parts.js";
import { duration } from "./time.js";
import { brief, many, ranFor } from "./words.js";

const ORDER = ["failed", "cancelled", "running", "pending", "complete"];

export function Nodes({ nodes, chosen, choose }) {
  const grid = useRef(null);
  const [only, setOnly] = useState(null);
  const counts = useMemo(() => {
    const count = new Map();
    for (const node of nodes) count.set(node.status, (count.get(node.status) ?? 0) + 1);
    return ORDER.filter((status) => count.has(status)).map((status) => [status, count.get(status)]);
  }, [nodes]);
  const shown = nodes.map((node, index) => ({ node, index })).filter(({ node }) => !only || node.status === only);

  const press = (event) => {
    const tiles = [...grid.current.querySelectorAll("button")];
    const here = tiles.indexOf(document.activeElement);
    if (here < 0) return;
    const top = tiles[0].offsetTop;
    const columns = tiles.filter((tile) => tile.offsetTop === top).length;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -here, End: tiles.length - 1 - here }[event.key];
    if (by === undefined || !tiles[here + by]) return;
    tiles[here + by].focus();
    event.preventDefault();
  };

  return html`<section class="nodes" aria-label=${many(nodes.length, "node")}>
    <div class="counts" role="group" aria-label="Show nodes by status">
      ${counts.map(([status, count]) => html`<button class=${`toggle s-${status}`} aria-pressed=${only === status} onClick=${() => setOnly(only === status ? null : status)}>
        <${Glyph} status=${status} />${status}<span class="count">${count}</span></button>`)}
    </div>
    <div class=${nodes.length > 24 ? "grid dense" : "grid"} ref=${grid} onKeyDown=${press} role="group" aria-label="Nodes">
      ${shown.map(({ node, index }, i) => html`<${Tile} key=${index} node=${node} index=${index} isChosen=${index === chosen}
        isStop=${shown.some((each) => each.index === chosen) ? index === chosen : i === 0} choose=${choose} />`)}
    </div>
  </section>`;
}

function Tile({ node, index, isChosen, isStop, choose }) {
  const ran = ranFor(node);
  const words = brief(node);
  return html`<button class=${`tile s-${node.status}`} aria-pressed=${isChosen} tabindex=${isStop ? 0 : -1} onClick=${() => choose(index)}
      title=${`${node.node}: ${words}${node.error ? `\n${node.error}` : ""}`}>
    <${Glyph} status=${node.status} /><span class="host">${node.node}</span>
    <span class="fine">${words === node.status && ran !== null ? duration(ran) : words}</span>
  </button>`;
}

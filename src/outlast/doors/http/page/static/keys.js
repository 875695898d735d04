// Keys without a modifier, wherever nothing is typed into.

import { useLayoutEffect, useRef } from "./vendor/preact.js";

const TYPED = "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

/** Do what `keys` has for a key, from when the component is drawn until it is gone: a key pressed before it is painted counts. */
export function useKeys(keys) {
  const current = useRef(keys);
  current.current = keys;
  useLayoutEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (document.querySelector("dialog[open]")) return;
      const isTyping = event.target instanceof Element && event.target.matches(TYPED);
      if (isTyping && event.key !== "Escape") return;
      const act = current.current[event.key];
      if (!act) return;
      if (act(event) !== false) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

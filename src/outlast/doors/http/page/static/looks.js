// What is shown of the service and told by no stream of its own: looked at again as jobs change.

import { useEffect, useRef, useState } from "./vendor/preact.js";
import { get } from "./api.js";

const LOOK_MS = 4000; // what somebody else has changed is told by no stream
const PAUSE_MS = 1000; // changes of jobs that come together are looked at together

/** Keep what `path` lists. `look()` asks at once; `put(change)` shows what was changed here until then. */
export function useLooks(path, jobs) {
  const [items, setItems] = useState(null);
  const [problem, setProblem] = useState(null);
  const look = useRef(() => {});
  const changes = useRef(0);

  useEffect(() => {
    let timer = null;
    let isGone = false;
    const ask = async () => {
      timer = setTimeout(ask, LOOK_MS);
      if (document.hidden) return;
      const before = changes.current;
      try {
        const told = await get(path);
        if (isGone || before !== changes.current) return; // what was changed meanwhile is asked for again
        setItems(told.items);
        setProblem(null);
      } catch (error) {
        if (!isGone) setProblem(error);
      }
    };
    let due = 0;
    const soon = (ms) => {
      const time = Date.now() + ms;
      if (due > Date.now() && due <= time) return;
      due = time;
      clearTimeout(timer);
      timer = setTimeout(ask, ms);
    };
    look.current = () => soon(0);
    const leave = jobs.watch(() => soon(PAUSE_MS));
    ask();
    return () => {
      isGone = true;
      clearTimeout(timer);
      leave();
    };
  }, [path, jobs]);

  const put = (change) => {
    changes.current += 1;
    setItems(change);
    look.current();
  };
  return { items, problem, put, look: () => look.current() };
}

// Times and durations for people. The server's clock is the one that counts.

import { useEffect, useState } from "./vendor/preact.js";

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

let ahead = 0;

/** Learn how far the server's clock is ahead of this one's; `asked` is when it was asked. */
export function setServerTime(iso, asked) {
  const heard = Date.now();
  ahead = Date.parse(iso) - (asked + heard) / 2;
}

/** The server's time, in milliseconds since 1970. */
export const now = () => Date.now() + ahead;

export const at = (iso) => (iso ? Date.parse(iso) : null);

/** At most two units, as the command line writes them: `0.3s`, `42s`, `5m 3s`, `2d 4h`. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "";
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1).replace(/\.0$/, "")}s`;
  const whole = Math.floor(seconds);
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** A running clock: whole seconds only, so that it does not flicker. */
export const ticking = (ms) => duration(Math.floor(Math.max(0, ms) / 1000) * 1000);

/** How long ago, or how soon: `just now`, `3 min ago`, `in 2 d`. */
export function relative(iso) {
  if (!iso) return "";
  const ms = now() - at(iso);
  const far = Math.abs(ms);
  if (far < 5e3) return "just now";
  const [unit, name] =
    far < 6e4 ? [1e3, "s"] : far < 36e5 ? [6e4, "min"] : far < 864e5 ? [36e5, "h"] : [864e5, "d"];
  const count = Math.floor(far / unit);
  return ms > 0 ? `${count} ${name} ago` : `in ${count} ${name}`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

const calendars = new Map();

/** The day of the week, date and time in a time zone, with its name; without one, where the reader is. */
export function absoluteIn(iso, zone) {
  const year = at(iso) - now() > 300 * 864e5 ? "numeric" : undefined; // this one's goes without saying
  const key = `${zone} ${year}`;
  if (!calendars.has(key)) {
    const asked = { weekday: "short", day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    try {
      calendars.set(key, new Intl.DateTimeFormat("en-GB", { ...asked, timeZone: zone ?? undefined }));
    } catch {
      calendars.set(key, null); // a zone that this browser does not know
    }
  }
  const calendar = calendars.get(key);
  return calendar ? `${calendar.format(new Date(iso))}${zone ? `, ${zone}` : ""}` : absolute(iso);
}

/** The date and time where the reader is. */
export const absolute = (iso) => (iso ? local.format(new Date(iso)) : "");

/** Hours and minutes where the reader is. */
export const hourOf = (ms) => clock.format(new Date(ms));

/** Milliseconds of `90`, `90s`, `5m`, `1h30m`; null where it is none of these. */
export function parseDuration(text) {
  const asked = text.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(asked)) return Math.round(Number(asked) * 1000);
  if (!/^(\d+(\.\d+)?(ms|[smhdw])\s*)+$/.test(asked)) return null;
  const parts = asked.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g);
  return Math.round([...parts].reduce((sum, [, count, unit]) => sum + count * UNITS[unit], 0));
}

const tickers = new Set();
let beating = null;

function beat() {
  for (const tick of tickers) tick(Date.now());
}

/** Have a component drawn again each second, while `wanted`: one timer for all of them. */
export function useSeconds(wanted = true) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!wanted) return undefined;
    tickers.add(tick);
    beating ??= setInterval(beat, 1000);
    return () => {
      tickers.delete(tick);
      if (!tickers.size) {
        clearInterval(beating);
        beating = null;
      }
    };
  }, [wanted]);
}

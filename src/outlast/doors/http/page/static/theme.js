// Light, dark, or as the system has it. Remembered in this browser.

const THEMES = ["system", "light", "dark"];
const KEY = "outlast.theme";

function read() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

/** Show the theme that was chosen. Returns its name. */
export function applyTheme() {
  const theme = read();
  document.documentElement.dataset.theme = theme;
  return theme;
}

/** Choose the next one. Returns its name. */
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(read()) + 1) % THEMES.length];
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // not remembered, then
  }
  document.documentElement.dataset.theme = next;
  return next;
}

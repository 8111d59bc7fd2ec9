// Small helpers without any knowledge of the page.

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Builds an element: attributes by name, `style` as an object, `on*` as listeners; null children are left out.
export function h(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.assign(node.style, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function hex(length) {
  const bytes = crypto.getRandomValues(new Uint8Array(length / 2));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}

export const digits = (text) => text.replace(/\D/g, "");

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

// How the list of chats says when a message was: the time of today's, else the day, and after a week the date.
export function daySaid(ms, { yesterday, locale }) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (ms >= midnight) return clock(ms);
  const days = Math.ceil((midnight - ms) / 86400000);
  if (days === 1) return yesterday;
  if (days < 7) return new Date(ms).toLocaleDateString(locale, { weekday: "long" });
  return new Date(ms).toLocaleDateString(locale);
}

// A number from text that is the same on every load: decides which rows hide their preview.
export function hash(text) {
  let sum = 7;
  for (const char of text) sum = (sum * 31 + char.codePointAt(0)) % 1000003;
  return sum;
}

export function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} kB`;
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}

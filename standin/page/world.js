// What this page knows, and its line to the server.

import { hex } from "./util.js";

export const PAGE = hex(8);

export const state = {
  screen: "STARTUP", // as in the app: STARTUP, QR, SYNCING, MAIN, CONFLICT, TEMP_BAN, ...
  switches: {},
  token: null,
  chats: [], // in list order
  chat: null, // the open one
  connected: false,
};

const listeners = {};

export function on(kind, listener) {
  (listeners[kind] ??= []).push(listener);
}

export function tell(kind, detail) {
  for (const listener of listeners[kind] ?? []) listener(detail);
}

export const has = (part) => !state.switches.missing.includes(part);
export const older = () => state.switches.build === "older";
// What a screen reader gets; null where the build names nothing.
export const said = (text) => (state.switches.labels ? text : null);
export const gen = () => state.switches.generation;
// A data-testid that only generation C carries.
export const testid = (name) => (gen() === "C" ? name : null);

export async function post(path, body) {
  const answer = await fetch(`/_standin/api/${path}`, {
    method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

export async function get(path) {
  const answer = await fetch(`/_standin/api/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Reports an event to the tests; never throws, the page must not care.
export function report(event, detail = {}) {
  return post("event", { page: PAGE, event, detail }).catch(() => null);
}

export function violation(what, detail = "") {
  return report("violation", { what, detail });
}

export function setSwitch(name, value) {
  return fetch("/_standin/switches", { method: "POST", body: JSON.stringify({ [name]: value }) }).catch(() => null);
}

// Opens the stream, again and again when the server goes away; resolves when the switches have come.
export function connect() {
  return new Promise((ready) => {
    const open = () => {
      const stream = new EventSource(`/_standin/api/stream?page=${PAGE}`);
      stream.onmessage = (event) => receive(JSON.parse(event.data), ready);
      stream.onerror = () => {
        stream.close();
        setTimeout(open, 300);
        if (!state.connected) return;
        state.connected = false;
        tell("switches", { ...state.switches });
      };
    };
    open();
  });
}

function receive({ kind, detail }, ready) {
  if (kind !== "hello" && kind !== "switches") return tell(kind, detail);
  const before = { ...state.switches };
  const again = kind === "hello" && Object.keys(before).length > 0;
  Object.assign(state.switches, detail);
  state.connected = true;
  ready();
  tell("switches", before);
  if (again) tell("reconnected", {});
}

// Icons the way each generation names them: data-icon in B, only an svg title in C.

import { gen, said } from "./world.js";

const PATHS = {
  send: "M3 4l18 8-18 8 3-8z",
  mic: "M12 14a3 3 0 003-3V6a3 3 0 00-6 0v5a3 3 0 003 3zm5-3a5 5 0 01-10 0H5a7 7 0 006 6.9V21h2v-3.1A7 7 0 0019 11z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  clock: "M12 4a8 8 0 100 16 8 8 0 000-16zm0 2a6 6 0 110 12 6 6 0 010-12zm-1 2v5l4 2 1-1.500-3-1.500V8z",
  check: "M9 17l-5-5 1.500-1.500L9 14 18.500 5 20 6.500z",
  double: "M6 17l-5-5 1.500-1.500L6 14l8-8.500L15.500 7zm6 0l-1.500-1.500L20.500 5 22 6.500z",
  fail: "M11 6h2v8h-2zm0 10h2v2h-2zM12 2a10 10 0 100 20 10 10 0 000-20z",
  chat: "M4 4h16v12H8l-4 4z",
  search: "M10 4a6 6 0 014.700 9.700l5 5-1.400 1.400-5-5A6 6 0 1110 4z",
  file: "M6 2h8l5 5v15H6z",
  more: "M10 4h4v4h-4zm0 6h4v4h-4zm0 6h4v4h-4z",
  alert: "M12 3l10 18H2zM11 10h2v5h-2zm0 6h2v2h-2z",
  tail: "M5 0L0 0 5 6z",
};

const SHAPES = {
  "wds-ic-send-filled": "send", "ic-send-filled": "send", "mic-outlined": "mic", "plus-rounded": "plus",
  "msg-time": "clock", "msg-check": "check", "msg-dblcheck": "double", "message-fail": "fail",
  "ic-chatlist-clock": "clock", "status-check": "check", "status-dblcheck": "double",
  "wds-ic-status-pending": "clock", "wds-ic-delivered": "check", "wds-ic-read": "double", "wds-ic-error": "fail",
  "new-chat-outline": "chat", "more-refreshed": "more", "search-refreshed-thin": "search", "document-refreshed": "file",
  back: "tail", x: "fail", "ic-close": "fail", "alert-computer": "alert", "alert-update": "alert", "tail-out": "tail", "tail-in": "tail",
};

const SVG = "http://www.w3.org/2000/svg";

function svg(name) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", "0 0 24 24");
  node.setAttribute("width", "20");
  node.setAttribute("height", "20");
  const title = document.createElementNS(SVG, "title");
  title.textContent = name;
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[SHAPES[name]] ?? "M4 4h16v16H4z");
  path.setAttribute("fill", "currentColor");
  node.append(title, path);
  return node;
}

// `name` as in B; `nameC` where C says it otherwise. `label` is what a screen reader gets.
export function icon(name, { nameC = name, label = null, color = null } = {}) {
  const node = document.createElement("span");
  if (gen() === "B") {
    node.setAttribute("data-icon", name);
    node.setAttribute("data-testid", name);
  }
  label = said(label);
  if (label === null) node.setAttribute("aria-hidden", "true");
  else node.setAttribute("aria-label", label);
  if (color) node.style.color = color;
  node.className = "icon";
  node.append(svg(gen() === "C" ? nameC : name));
  return node;
}

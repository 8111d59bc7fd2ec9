// Modal dialogs and toasts.

import { h } from "./util.js";
import { older, testid } from "./world.js";

// Shows a modal that covers the page; buttons close it and then do their work. Returns a closing function.
export function dialog(text, buttons, { title = null, spinner = false } = {}) {
  const close = () => backdrop.remove();
  const row = buttons.map(({ label, onclick, main = false, testid: name }) =>
    h("button", { class: main ? "main" : "", "data-testid": older() ? null : name ?? null, onclick: () => { close(); onclick?.(); } }, h("div", {}, label)));
  const backdrop = h("div", { "data-animate-modal-backdrop": "true", class: "backdrop" },
    h("div", { role: "dialog", "aria-modal": "true", "data-animate-modal-popup": "true", class: "dialog", "data-testid": testid("confirm-popup") },
      title ? h("h1", {}, title) : null,
      h("div", { class: "dialog-text", "data-testid": testid("popup-contents") }, spinner ? h("div", { class: "spinner" }) : null, text),
      h("div", { class: "dialog-buttons" }, row)));
  document.getElementById("app").append(backdrop);
  return close;
}

export function toast(text) {
  const node = h("div", { role: "alert", class: "toast" }, text);
  document.getElementById("app").append(node);
  setTimeout(() => node.remove(), 5000);
}

// The menu above the list of chats. Its last entry logs this device out, after a question.

import { dialog } from "./dialogs.js";
import { h } from "./util.js";
import { w } from "./words.js";
import { gen, has, post, report } from "./world.js";

async function logOut() {
  await report("logout.confirmed");
  await post("unlink", {});
}

const ask = () => dialog(w("logOutSure"), [
  { label: w("cancel"), testid: "popup-controls-cancel" }, { label: w("logOut"), main: true, testid: "popup-controls-ok", onclick: () => void logOut() },
], { title: w("logOutTitle") });

// B: list items with a labelled part; C: menu items. A click anywhere else, or Escape, puts it away.
function entry(label, onclick) {
  return gen() === "C"
    ? h("div", { role: "menuitem", "aria-label": label, tabindex: "-1", onclick }, h("span", {}, label))
    : h("li", { role: "button", tabindex: "-1", onclick }, h("div", { "aria-label": label }, label));
}

export function openMenu(button) {
  const open = document.querySelector(".main-menu");
  if (open) return open.dispatchEvent(new Event("close"));
  const list = h(gen() === "C" ? "div" : "ul", { role: gen() === "C" ? "menu" : null },
    entry(w("newGroup"), () => close()), entry(w("selectChats"), () => close()),
    has("logout") ? entry(w("logOut"), () => { close(); ask(); }) : null);
  const node = h("div", { class: "main-menu", role: gen() === "C" ? null : "application", onclose: () => close() }, list);
  const elsewhere = (event) => { if (event.key === "Escape" || (event.type === "click" && !node.contains(event.target) && !button.contains(event.target))) close(); };
  function close() {
    node.remove();
    button.setAttribute("aria-expanded", "false");
    for (const kind of ["click", "keydown"]) window.removeEventListener(kind, elsewhere, true);
  }
  for (const kind of ["click", "keydown"]) window.addEventListener(kind, elsewhere, true);
  button.setAttribute("aria-expanded", "true");
  document.getElementById("app").append(node);
  return null;
}

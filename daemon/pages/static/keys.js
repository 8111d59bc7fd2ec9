// Keys: n begins a campaign, / goes to the search, ? shows which there are. Not while somebody types, nor in a dialog.

import { $ } from "./app.js";

const TYPED_IN = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
const seen = (each) => each.checkVisibility?.() ?? each.offsetParent !== null;
const ways = {
  n: () => {
    const way = document.querySelector("a[data-new]");
    if (way) location.assign(way.href);
    return Boolean(way);
  },
  "/": () => {
    const field = [...document.querySelectorAll("main input[type=search], main [data-search]")].find(seen);
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  "?": () => {
    $("keys").showModal();
    return true;
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.target.closest?.(TYPED_IN) || document.querySelector("dialog[open]")) return;
  if (ways[event.key]?.()) event.preventDefault();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys]")) $("keys").showModal();
  const menu = $("menu");
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = $("menu");
  if (event.key !== "Escape" || !menu?.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

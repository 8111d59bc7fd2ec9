// Writing a message: formatting, emoji, fields with words for where they are empty; and files dropped onto their place.

import { $ } from "./app.js";

const area = $("text");

/** Put text in place of what is selected; typed, so that the browser can undo it. */
function put(text, from = area.selectionStart, to = area.selectionEnd) {
  area.focus();
  area.setSelectionRange(from, to);
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, from, to, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** Put the signs around what is selected, or take them away; with nothing selected, write between them. */
function wrap(sign) {
  const { value, selectionStart, selectionEnd } = area;
  const chosen = value.slice(selectionStart, selectionEnd);
  const from = selectionStart + chosen.length - chosen.trimStart().length;
  const words = chosen.trim();
  const to = from + words.length;
  if (words && value[from - 1] === sign && value[to] === sign) {
    put(words, from - 1, to + 1);
    area.setSelectionRange(from - 1, to - 1);
  } else {
    put(sign + words + sign, words ? from : selectionStart, words ? to : selectionEnd);
    const start = (words ? from : selectionStart) + 1;
    area.setSelectionRange(start, start + words.length);
  }
}

/** The placeholder of a field, with the words for where it is empty. */
function placeholder(name) {
  const words = $("if-empty").value.trim().replaceAll('"', "'");
  return words ? `{{ ${name} | default("${words}") }}` : `{{ ${name} }}`;
}

function rename() {
  const own = $("field-name");
  if (own) $("insert-field").dataset.name = own.value.trim() || "name";
  for (const each of document.querySelectorAll("[data-name]")) each.dataset.insert = placeholder(each.dataset.name);
}

if (area) {
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-wrap], [data-emoji], [data-insert]");
    const emoji = $("emoji");
    if (pressed?.dataset.wrap) wrap(pressed.dataset.wrap);
    else if (pressed) put(pressed.dataset.insert ?? pressed.textContent);
    if (emoji.open && !event.target.closest("#emoji summary")) emoji.open = false;
  });
  area.addEventListener("keydown", (event) => {
    const sign = (event.ctrlKey || event.metaKey) && { b: "*", i: "_" }[event.key];
    if (!sign) return;
    event.preventDefault();
    wrap(sign);
  });
  $("emoji").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("emoji").open = false;
    $("emoji").querySelector("summary").focus();
  });
  document.addEventListener("input", (event) => ["if-empty", "field-name"].includes(event.target.id) && rename());
}

// Files that are dropped anywhere in the zone go to the field in it.

for (const zone of document.querySelectorAll("[data-drop]")) {
  const field = zone.querySelector("input[type=file]");
  const over = (event) => {
    if (!event.dataTransfer.types.includes("Files") || field.disabled) return;
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.addEventListener("dragenter", over);
  zone.addEventListener("dragover", over);
  for (const end of ["dragleave", "drop"]) zone.addEventListener(end, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length || field.disabled) return;
    event.preventDefault();
    const files = new DataTransfer();
    for (const file of [...event.dataTransfer.files].slice(0, field.multiple ? undefined : 1)) files.items.add(file);
    field.files = files.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

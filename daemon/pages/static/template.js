// The form of a template: preview, length and fields while writing; attachments are uploaded when they are chosen.

import { $, call, tell } from "./app.js";

const form = $("template");
const samples = new Map(); // what was entered for a field, also while the text does not use it

let asking = false;
let askAgain = false;

async function look() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    const body = { text: $("text").value, samples: Object.fromEntries(samples) };
    show(await call("/app/templates/preview", JSON.stringify(body)));
  } catch (error) {
    $("counter").textContent = error.message;
  }
  asking = false;
  if (askAgain) {
    askAgain = false;
    look();
  }
}

function show(found) {
  const place = $("preview");
  if ($("text").value.trim()) place.innerHTML = found.html; // escaped by the server, with strong, em, s and code only
  else place.replaceChildren(Object.assign(document.createElement("span"), { className: "hint", textContent: place.dataset.none }));
  const number = (count) => count.toLocaleString(document.documentElement.lang);
  $("counter").textContent = $("counter-words").content.textContent.replace("#length", number(found.length)).replace("#limit", number(found.limit));
  $("counter").classList.toggle("warn-text", found.length > found.limit);
  $("text-error").hidden = !found.error;
  $("text-error").textContent = found.error;
  $("text").setAttribute("aria-invalid", String(Boolean(found.error)));
  if (!found.error) showFields(found.fields);
}

function showFields(fields) {
  const there = [...$("samples").querySelectorAll("input")].map((input) => input.dataset.field);
  $("used").hidden = !fields.length;
  if (there.join() === fields.join()) return;
  const labels = fields.map((name) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "text", autocomplete: "off", value: samples.get(name) || "" });
    input.dataset.field = name;
    label.append(Object.assign(document.createElement("code"), { textContent: name }), " ", input);
    return label;
  });
  $("samples").replaceChildren(...labels);
}

let timer = 0;
function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 200);
}

let changed = false;
form.addEventListener("input", (event) => {
  const field = event.target.dataset.field;
  if (field) samples.set(field, event.target.value.slice(0, 200));
  else changed = true;
  if (field || event.target === $("text")) soon();
});
form.addEventListener("submit", () => (changed = false));
addEventListener("beforeunload", (event) => changed && event.preventDefault());

// Attachments

function listFile(found) {
  const item = $("file-words").content.firstElementChild.cloneNode(true);
  item.querySelector("input").value = found.attachment_id;
  item.querySelector("b").textContent = found.filename;
  item.querySelector(".hint").textContent = `${found.kind}, ${found.words}`;
  arm(item, found.filename);
  $("files").append(item);
}

function arm(item, name) {
  const remove = item.querySelector("button");
  remove.setAttribute("aria-label", `${$("file-words").dataset.remove} ${name}`);
  remove.addEventListener("click", () => {
    item.remove();
    changed = true;
    $("file").focus();
    look();
  });
}

const size = (bytes) => (bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1024))} KB`);

for (const item of [...$("files").children]) {
  const [kind, words] = item.querySelector(".hint").textContent.split(", ");
  item.remove(); // without a script it is a box to untick
  listFile({ attachment_id: item.querySelector("input").value, filename: item.querySelector("b").textContent, kind, words });
}
$("file").removeAttribute("name"); // it goes by itself, at once
$("file").addEventListener("change", async () => {
  const file = $("file").files[0];
  if (!file) return;
  const body = new FormData();
  body.append("file", file, file.name);
  tell("file-error", "");
  $("file").disabled = true;
  try {
    const found = await call("/upload_attachment", body);
    listFile({ ...found, words: size(found.size) });
    changed = true;
  } catch (error) {
    tell("file-error", error.message);
  }
  $("file").disabled = false;
  $("file").value = "";
  look();
});

look();

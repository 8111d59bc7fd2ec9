// New campaign: a step that is saved without leaving its page where the server cannot be reached, fields put into the
// text, and the preview while it is written. Without this script every button works by loading the next page.

import { $, call, renewToken, tell, token } from "./app.js";

// Saving: the form is sent as it would be without this script, but a lost connection leaves the page as it is.

let saving = false;

async function save(form, button) {
  if (saving) return;
  saving = true;
  clearTimeout(typing);
  await typed; // a save of what was typed has the version that this one needs
  const before = changes;
  const body = new FormData(form);
  if (button?.name) body.set(button.name, button.value);
  form.setAttribute("aria-busy", "true");
  tell("step-error", "");
  lost = false;
  try {
    const files = [...body.values()].some((value) => value instanceof File && value.size > SMALL);
    const send = () => (files ? upload(form.action, body) : fetch(form.action, { method: "POST", body, headers: { Accept: ANSWER, ...token() } }));
    let response = await send();
    if (!response) return; // the upload was cancelled
    if (response.status === 403 && (await renewToken())) {
      body.set("csrf", token()["X-CSRF-Token"]); // somebody has logged in anew in another tab
      response = await send();
    }
    const led = response.redirected ? new URL(response.url).pathname : "";
    if (response.status === 401 || led.startsWith("/app/login")) return tell("step-error", $("step-error").dataset.out);
    if (led) {
      saved = changes; // the draft has been started: nothing can be added to it any more
      return location.assign(response.url);
    }
    const text = await response.text();
    if (response.headers.get("Content-Type")?.includes("application/json")) {
      if (response.ok && changes === before) saved = changes;
      follow(JSON.parse(text), response);
    }
    else show(text);
  } catch {
    tell("step-error", $("step-error").dataset.lost);
  } finally {
    form.removeAttribute("aria-busy");
    saving = false;
  }
}

// Files go with a bar that says how much of them is sent; until the answer comes they are being read.

const ANSWER = "application/json, text/html";
const SMALL = 200_000; // bytes
const SLOW_MS = 8_000; // without a byte

function upload(address, body) {
  const place = $("sending");
  const [bar, told, button] = ["progress", "output", "button"].map((name) => place.querySelector(name));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const headers = { Accept: ANSWER, ...token() };
    let slow = 0;
    const wait = () => {
      clearTimeout(slow);
      slow = setTimeout(() => (told.textContent = place.dataset.slow), SLOW_MS);
    };
    const end = (how, value) => {
      clearTimeout(slow);
      place.hidden = true;
      how(value);
    };
    request.open("POST", address);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      wait();
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      told.textContent = `${(event.loaded / 1e6).toFixed(1)} / ${(event.total / 1e6).toFixed(1)} MB`;
    };
    request.upload.onload = () => {
      clearTimeout(slow);
      bar.removeAttribute("value"); // it is being read
    };
    request.onload = () => {
      const response = new Response(request.response, { status: request.status, headers: { "Content-Type": request.getResponseHeader("Content-Type") ?? "" } });
      Object.defineProperty(response, "redirected", { value: request.responseURL !== new URL(address, location.href).href });
      Object.defineProperty(response, "url", { value: request.responseURL });
      end(resolve, response);
    };
    request.onerror = () => end(reject, new Error("lost"));
    request.onabort = () => end(resolve, null);
    button.onclick = () => request.abort();
    bar.value = 0;
    told.textContent = "";
    place.hidden = false;
    place.scrollIntoView({ block: "nearest" });
    wait();
    request.send(body);
  });
}

function follow(answer, response) {
  if (!answer.next) return tell("step-error", answer.detail || `The server answered ${response.status}.`);
  const here = new URL(answer.next, location.href);
  if (here.pathname + here.search === location.pathname + location.search) {
    history.replaceState(null, "", here);
    location.reload();
  } else location.assign(here);
}

// What is typed is kept a moment later, and whoever leaves before that is asked. What cannot be kept yet (half a time, a
// draft that somebody else has changed) stays on the page: the button says what is wrong with it.

const TYPED_MS = 800;
let changes = 0; // since the page came
let saved = 0; // of these
let apart = false; // whether there is something that only a button takes: a file, a number that is not used yet
let typing = 0;
let typed = Promise.resolve();

async function keep(form) {
  const now = changes;
  const body = new FormData(form);
  for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
  body.set("go", "typed");
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json", ...token() } });
    if (!response.ok || !response.headers.get("Content-Type")?.includes("application/json")) return;
    form.elements.version.value = (await response.json()).version;
    if (!apart) saved = now;
  } catch {
    // It is kept with the next change, or with the button.
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.matches("form[data-step]") || !event.target.name) return;
  changes++;
  if (event.target.id === "at") form.querySelector(`input[name=start][value=${event.target.value ? "at" : "now"}]`).checked = true;
  if (event.target.name === "start" && event.target.value === "now") $("at").value = "";
  if (event.target.type === "file" || event.target.closest(".doctor")) apart = true;
  else if (form.dataset.typed !== undefined) keepSoon(form);
});

function keepSoon(form) {
  clearTimeout(typing);
  typing = setTimeout(() => saving || (typed = typed.then(() => keep(form))), TYPED_MS);
}

addEventListener("beforeunload", (event) => {
  if (changes !== saved) event.preventDefault();
});

/** A refused form comes back as the whole page, with the input and the reason. */
function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const step = fresh.getElementById("step-error");
  if (!step) return tell("step-error", fresh.querySelector("main p:not([hidden])")?.textContent || $("step-error").dataset.lost); // what was entered stays
  document.querySelector("main").replaceWith(fresh.querySelector("main"));
  document.title = fresh.title;
  begin();
  const wrong = document.querySelector("main [aria-invalid=true]");
  const place = wrong?.autofocus ? wrong : $("step-error");
  if (place && !place.hidden) {
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "center" });
  }
}

document.addEventListener(
  "submit",
  (event) => {
    if (!event.target.matches("form[data-step]")) return;
    event.preventDefault();
    save(event.target, event.submitter);
  },
  true, // before those who only count how often a form was sent
);

// Chosen files are uploaded at once.
document.addEventListener("change", (event) => {
  const wish = event.target.dataset?.submit;
  if (wish && event.target.files?.length) save(event.target.form, event.target.form.querySelector(`button[value=${wish}]`));
});

// How many rows the rules leave, while they are entered

let counting = 0;

async function count(form, place) {
  const now = ++counting;
  try {
    const found = await call(place.dataset.counts, new URLSearchParams(new FormData(form)), {}, true);
    if (now !== counting) return;
    const lines = place.querySelectorAll(".matches");
    if (lines.length !== found.matches.length) return;
    found.matches.forEach((words, at) => (lines[at].textContent = words));
    $("remain").textContent = found.remain;
  } catch {
    // The button says what is wrong.
  }
}

let counted = 0;
document.addEventListener("input", (event) => {
  const place = event.target.closest(".rules");
  if (!place) return;
  clearTimeout(counted);
  counted = setTimeout(count, 250, event.target.form, place);
});

// The message and its preview

let index = 0;
let asking = false;
let again = null;
let lost = false; // whether it is the preview that says what is wrong
let timer = 0;

async function look(find = "") {
  if (asking) {
    again = find;
    return;
  }
  asking = true;
  try {
    const body = { text: $("text").value, language: $("language").value, index, find };
    preview(await call($("step").dataset.preview, JSON.stringify(body), {}, true));
    if (lost) $("step-error").hidden = true;
    lost = false;
  } catch (error) {
    const place = $("step-error"); // without taking the cursor out of the text
    place.hidden = false;
    place.textContent = error.status === 401 ? place.dataset.out : error.message;
    lost = true;
  }
  asking = false;
  if (again !== null) {
    const wanted = again;
    again = null;
    look(wanted);
  }
}

function preview(found) {
  const box = $("preview");
  if (found.html) box.innerHTML = found.html; // escaped by the server, with strong, em, s and code only
  else box.replaceChildren(Object.assign(document.createElement("span"), { className: "hint", textContent: box.dataset.empty }));
  index = found.index;
  $("person").value = index;
  $("length").textContent = found.length.toLocaleString();
  $("limit").textContent = found.limit.toLocaleString();
  $("counter").classList.toggle("warn-text", found.length > found.limit);
  $("text-error").hidden = !found.error;
  $("text-error").textContent = found.error;
  $("text-warning").hidden = !found.warning;
  $("text-warning").textContent = found.warning;
  $("text").setAttribute("aria-invalid", String(Boolean(found.error)));
  $("who").firstElementChild.textContent = found.who;
  if ($("which")) $("which").textContent = found.index + 1;
  const problems = $("problems");
  problems.hidden = !found.problems;
  if (found.problems) {
    const values = { count: found.problems, looked_at: found.looked_at, ...found.first[0] };
    problems.textContent = problems.dataset.words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }
  if ($("missed")) {
    $("missed").hidden = !found.missed;
    $("missed").textContent = found.missed ? $("find").dataset.missed : "";
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 250);
}

document.addEventListener("input", (event) => ["text", "language"].includes(event.target.id) && soon());

document.addEventListener("click", (event) => {
  const move = event.target.closest("#previous, #following");
  if (move) {
    event.preventDefault();
    index = Math.max(0, index + (move.id === "following" ? 1 : -1));
    look();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("#find, .doctor input")) return;
  event.preventDefault();
  if (event.target.id === "find") look(event.target.value);
  else save(event.target.form, event.target.closest("tr").querySelector("button")); // that row's own "Use"
});

function begin() {
  const form = $("step");
  if (!form) return;
  for (const button of form.querySelectorAll("[data-plain]")) button.hidden = true;
  if (!form.dataset.preview) return;
  index = Number($("person").value);
  if ($("find")) $("find").hidden = false;
}
begin();

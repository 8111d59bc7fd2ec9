// What all pages share: times in the reader's zone, dialogs, actions, and parts that update themselves.

export const $ = (id) => document.getElementById(id);

/**
 * Ask the server; returns its JSON. Throws an Error with the sentence it answered, or one for a lost connection.
 * stay: do not leave for the login, which would lose what somebody is writing.
 */
export async function call(path, body, headers = {}, stay = false) {
  const json = typeof body === "string";
  const send = () => fetch(path, { method: "POST", body, headers: { ...(json && { "Content-Type": "application/json" }), ...token(), ...headers } });
  let response, answer;
  try {
    response = await send();
    answer = await response.json().catch(() => ({}));
    if (answer.type === STALE && (await renewToken())) {
      response = await send();
      answer = await response.json().catch(() => ({}));
    }
  } catch {
    throw new Error("The server cannot be reached. Nothing is lost: try again.");
  }
  const { status } = response;
  if (status === 401 && !stay) toLogin();
  if (!response.ok) throw Object.assign(new Error(answer.detail || `The server answered ${status}.`), { type: answer.type, status });
  return answer;
}

// The session's token, without which a cookie changes nothing (docs/security.md). After a login in another tab there
// is a new one: it is fetched, and this tab goes on as it was.

const STALE = "urn:wasender:problem:stale-page";

/** The header that every request that changes something carries. */
export function token() {
  const value = document.querySelector("meta[name=csrf]")?.content;
  return value ? { "X-CSRF-Token": value } : {};
}

export async function renewToken() {
  const fresh = (await page("/app/me")).querySelector("meta[name=csrf]")?.content;
  const here = document.querySelector("meta[name=csrf]");
  if (!fresh || !here || here.content === fresh) return false;
  here.content = fresh;
  for (const field of document.querySelectorAll("form input[name=csrf]")) field.value = fresh;
  return true;
}

/** Fetch one of our pages or parts as a document. */
export async function page(path, headers = {}) {
  const response = await fetch(path, { headers: { Accept: "text/html", ...headers } });
  if (response.redirected && new URL(response.url).pathname === "/app/login") toLogin();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw new Error(fresh.querySelector("main p:not([hidden])")?.textContent || `The server answered ${response.status}.`);
  localize(fresh);
  return fresh;
}

function toLogin() {
  location.assign("/app/login?" + new URLSearchParams({ next: location.pathname + location.search }));
}

/** Show an error at its place and move the focus there; an empty text removes it. */
export function tell(id, text) {
  const place = $(id);
  place.hidden = !text;
  place.textContent = text;
  if (text) {
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "center" });
  }
}

/** A question with Cancel and one other answer; resolves to whether that was chosen. */
export function ask(question, more, verb, danger = false) {
  const dialog = $("ask");
  $("ask-question").textContent = question;
  $("ask-more").textContent = more;
  const yes = dialog.querySelector("button[value=yes]");
  yes.textContent = verb;
  yes.className = danger ? "danger" : "primary";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

// Times: the browser knows the zone and tells the server, which uses it from the next page on.

const language = document.documentElement.lang;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `wasender_zone=${zone}; path=/; max-age=31536000; SameSite=Lax`;

function localize(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const clock = { hour: "2-digit", minute: "2-digit", ...(time.dataset.show === "seconds" && { second: "2-digit" }) };
    const near = at.toDateString() === today;
    time.textContent = near ? at.toLocaleTimeString(language, clock) : at.toLocaleString(language, { day: "numeric", month: "short", ...clock });
    time.title = at.toLocaleString(language, { dateStyle: "full", timeStyle: "long" });
  }
  count(root);
}

/** Seconds as the two largest of days, hours and minutes, in the reader's language. */
function lasting(seconds) {
  const parts = [["day", 86400, Infinity], ["hour", 3600, 24], ["minute", 60, 60]].map(([unit, length, most]) => [unit, Math.floor(seconds / length) % most]);
  const first = parts.findIndex(([, amount]) => amount);
  return parts.slice(first, first + 2).filter(([, amount]) => amount).map(([unit, amount]) => amount.toLocaleString(language, { style: "unit", unit, unitDisplay: "short" })).join(" ");
}

function count(root = document) {
  for (const each of root.querySelectorAll("[data-until]")) {
    const left = Math.ceil((each.dataset.until - Date.now()) / 1000);
    each.textContent = left <= 0 ? "" : left < 120 ? `(in ${left} s)` : `(${lasting(left)})`;
  }
}

// Live parts: only what differs is replaced, so focus, selection and scroll position stay. What a reader
// has opened stays open, what they have chosen stays chosen, and a part with data-keep (a form with what was wrong in it)
// stays as it is, as does a form in which somebody has begun to write: its version is of what they began with.

const begun = new WeakSet();
for (const kind of ["input", "change"]) document.addEventListener(kind, (event) => event.target.form && begun.add(event.target.form));

/** Of a form, `.id` is the field of that name, if it has one. */
const idOf = (node) => node?.getAttribute?.("id") ?? "";

function adopt(old, fresh) {
  if (old.nodeName !== fresh.nodeName || idOf(old) !== idOf(fresh)) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.dataset.keep !== undefined || begun.has(old)) return;
  const opened = (name) => name === "open" && old.nodeName === "DETAILS";
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !opened(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const chosen = old.nodeName === "SELECT" && old.value !== usual(old) ? old.value : null;
  adoptChildren(old, fresh);
  if (chosen !== null && old.value !== chosen) old.value = chosen; // where it is gone nothing is chosen, not another one
}

function usual(select) {
  const options = [...select.options];
  return (options.find((option) => option.defaultSelected) ?? options[0])?.value;
}

/** Children with an id are known by it, wherever they stand; the others by their place. */
function adoptChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  const ids = new Set(wanted.map(idOf).filter(Boolean));
  for (const child of [...old.children]) if (idOf(child) && !ids.has(idOf(child))) child.remove();
  const known = new Map([...old.children].filter(idOf).map((child) => [idOf(child), child]));
  let at = old.firstChild;
  const pass = () => {
    const passed = at;
    at = at.nextSibling;
    return passed;
  };
  for (const node of wanted) {
    const same = idOf(node) ? known.get(idOf(node)) : idOf(at) ? null : at;
    if (!same) {
      old.insertBefore(node, at);
      continue;
    }
    while (at && at !== same && !idOf(at)) pass().remove();
    if (at === same) pass();
    else old.insertBefore(same, at);
    adopt(same, node);
  }
  while (at) pass().remove();
}

const PAUSE_MS = 700; // between two looks, however fast things change
let looking = false;
let again = false;

export async function refresh() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const fresh = await page(location.pathname + location.search, { "X-Live": "1" }); // nobody may be looking at it
    const said = $("action-error")?.textContent; // now: it may have been said while the page was fetched
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (now) adopt(part, now);
    }
    if (said) {
      $("action-error").textContent = said;
      $("action-error").hidden = false;
    }
  } catch {
    // The event stream tells when the server is back; changes that it announced meanwhile are kept.
  }
  setTimeout(() => {
    looking = false;
    if (again) {
      again = false;
      refresh();
    }
  }, PAUSE_MS);
}

const SILENT_MS = 45000; // the server says something every 15 s: a connection that is silent for so long is dead
let stream = null;
let heard = 0;

function listen() {
  const watched = document.body.dataset.watch;
  stream?.close();
  stream = new EventSource(watched === "all" ? "/events?types=state" : `/events?types=state&job=${watched}`);
  heard = Date.now();
  for (const kind of ["open", "ping", "job", "account"]) stream.addEventListener(kind, () => (heard = Date.now()));
  stream.addEventListener("open", () => {
    if (!$("connection").hidden) refresh();
    $("connection").hidden = true;
  });
  stream.addEventListener("error", () => {
    $("connection").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || (refresh(), listen()), 5000);
  });
  stream.addEventListener("job", refresh);
  stream.addEventListener("account", refresh);
}

/** Connect again if the connection died unnoticed, for example while the computer slept. */
function lookAlive() {
  if (document.hidden || Date.now() - heard < SILENT_MS) return;
  $("connection").hidden = false;
  listen();
}

if (document.body.dataset.watch) {
  listen();
  setInterval(() => document.hidden || refresh(), 20000); // what changes by the clock alone, such as the rate
  setInterval(count, 1000, document);
  setInterval(lookAlive, 1000);
  addEventListener("online", () => {
    $("connection").hidden = false;
    listen();
  });
  document.addEventListener("visibilitychange", () => {
    stream.close();
    if (!document.hidden) {
      refresh();
      listen();
    }
  });
}

// Actions: a button with data-post, after the question in its form if there is one.

async function act(button) {
  const { post, body } = button.dataset;
  const said = new FormData(button.form);
  if (said.has("ask") && !(await ask(said.get("ask"), said.get("more"), said.get("verb"), button.classList.contains("danger")))) return;
  const place = $("action-error");
  if (place) tell("action-error", "");
  button.disabled = true;
  try {
    await call(post, body);
    $("details").close();
    if (!document.body.dataset.watch) location.reload();
  } catch (error) {
    $("details").close();
    if (place) tell("action-error", error.message);
    else await ask(error.message, "", "OK");
  }
  button.disabled = false;
  refresh();
}

document.addEventListener("click", async (event) => {
  if (event.target.closest("[data-print]")) return print();
  const button = event.target.closest("button[data-post]");
  const link = event.target.closest("a[data-details]");
  const answer = event.target.closest("dialog button:not([data-post])");
  if (button) {
    event.preventDefault(); // its form is for where this script does not run
    act(button);
  } else if (answer) answer.closest("dialog").close(answer.value);
  else if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    try {
      const part = (await page(link.href)).getElementById("message");
      $("details-content").replaceChildren(part);
      $("details").showModal();
    } catch {
      location.assign(link.href);
    }
  }
});

// A form is sent once, however often its button is pressed, unless it brings a file (data-file): then its page stays.
// A page restored from the browser's cache is loaded again, because its session may have ended.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented || event.submitter?.dataset.file !== undefined) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", (event) => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  if (event.persisted) location.reload();
});

// What only this script can do is shown by it.
for (const each of document.querySelectorAll("[data-scripted]")) each.hidden = false;
for (const each of document.querySelectorAll("[data-unscripted]")) each.hidden = true;

localize(document);

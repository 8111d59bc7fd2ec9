// What all pages share: times in the reader's zone, questions, actions, and parts that stay true by themselves.

export const $ = (id) => document.getElementById(id);

/** Ask the server; returns its JSON. Throws an Error with the sentence it answered, or one for a lost connection. */
export async function call(path, body, headers = {}) {
  const json = typeof body === "string";
  let response;
  try {
    response = await fetch(path, { method: "POST", body, headers: json ? { "Content-Type": "application/json", ...headers } : headers });
  } catch {
    throw new Error("The server cannot be reached. Nothing is lost: try again.");
  }
  if (response.status === 401) toLogin();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.detail || `The server answered ${response.status}.`), { type: answer.type });
  return answer;
}

/** Fetch one of our pages or parts as a document. */
export async function page(path) {
  const response = await fetch(path, { headers: { Accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname === "/app/login") toLogin();
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw new Error(fresh.querySelector("main p:not([hidden])")?.textContent || `The server answered ${response.status}.`);
  localize(fresh);
  return fresh;
}

function toLogin() {
  location.assign("/app/login?" + new URLSearchParams({ next: location.pathname + location.search }));
}

/** Show an error where it belongs and bring the reader there; an empty text takes it away. */
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

// Times: the browser knows the zone; the server is told, and writes them so the next time.

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

function count(root = document) {
  for (const each of root.querySelectorAll("[data-until]")) {
    const left = Math.ceil((each.dataset.until - Date.now()) / 1000);
    each.textContent = left > 0 && left < 3600 ? `(in ${left} s)` : "";
  }
}

// Live parts: what differs is taken over in place, so focus, selection and scroll stay where they are.

function adopt(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const wanted = [...fresh.childNodes];
  const ids = new Set(wanted.map((node) => node.id).filter(Boolean));
  for (const child of [...old.children]) if (child.id && !ids.has(child.id)) child.remove();
  const present = [...old.childNodes];
  present.forEach((child, at) => (at < wanted.length ? adopt(child, wanted[at]) : child.remove()));
  old.append(...wanted.slice(present.length));
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
    const said = $("action-error")?.textContent;
    const fresh = await page(location.pathname + location.search);
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (now) adopt(part, now);
    }
    if (said) {
      $("action-error").textContent = said;
      $("action-error").hidden = false;
    }
  } catch {
    again = false; // the event stream says when the server is back
  }
  setTimeout(() => {
    looking = false;
    if (again) {
      again = false;
      refresh();
    }
  }, PAUSE_MS);
}

let stream = null;

function listen() {
  const watched = document.body.dataset.watch;
  stream = new EventSource("/events");
  stream.addEventListener("open", () => {
    if (!$("connection").hidden) refresh();
    $("connection").hidden = true;
  });
  stream.addEventListener("error", () => {
    $("connection").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || (refresh(), listen()), 5000);
  });
  stream.addEventListener("job", (event) => {
    if (watched === "all" || watched === String(JSON.parse(event.data).job_id)) refresh();
  });
  stream.addEventListener("account", refresh);
}

if (document.body.dataset.watch) {
  listen();
  setInterval(() => document.hidden || refresh(), 20000); // a campaign older than those the stream tells of
  setInterval(count, 1000, document);
  document.addEventListener("visibilitychange", () => {
    stream.close();
    if (!document.hidden) {
      refresh();
      listen();
    }
  });
}

// Actions: a button with data-post, after a question if it has one.

async function act(button) {
  const { post, body, verb, more } = button.dataset;
  if (button.dataset.ask && !(await ask(button.dataset.ask, more, verb, button.classList.contains("danger")))) return;
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
  const button = event.target.closest("button[data-post]");
  const link = event.target.closest("a[data-details]");
  const answer = event.target.closest("dialog button:not([data-post])");
  if (button) act(button);
  else if (answer) answer.closest("dialog").close(answer.value);
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

localize(document);

// Notices of the browser: of all open pages one holds a stream of what happens, and shows what is new.

const ON = "wasender-notices", LAST = "wasender-notices-last", LOCK = "wasender-notices";
const RETRY_MS = 5000, SILENT_MS = 45000, SHOWN_MS = 4000;
const words = JSON.parse(document.querySelector('meta[name="notices"]')?.content || "{}");
const able = "Notification" in window && isSecureContext && "locks" in navigator;
let controller = null;

const kept = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage is switched off
  }
};
const keep = (name, value) => {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // it holds for this page only
  }
};

function state() {
  if (!able) return "unsupported";
  if (Notification.permission === "denied") return "denied";
  return kept(ON) && Notification.permission === "granted" ? "on" : "off";
}

/** Whether the browser took it. */
function notify(code, id) {
  return new Promise((resolve) => {
    try {
      const shown = new Notification("wasender", { body: words[code], tag: `wasender-${id}`, icon: "/app/static/icon.svg" });
      shown.addEventListener("show", () => resolve(true));
      shown.addEventListener("error", () => resolve(false));
      shown.addEventListener("click", () => (window.focus(), shown.close()));
      setTimeout(resolve, SHOWN_MS, true); // not every browser says so
    } catch {
      resolve(false); // phones show them for installed pages only
    }
  });
}

/** Show what is newer than what was shown; the first time nothing is. After a restore ids begin lower again. */
function tell(event) {
  const { notices } = JSON.parse(event.data);
  const newest = Math.max(0, ...notices.map(([id]) => id));
  const last = kept(LAST);
  keep(LAST, newest);
  if (last === null) return;
  for (const [id, code] of notices) if (id > Number(last) && words[code]) notify(code, id);
}

/** Until notices are switched off or the page is closed; meanwhile others wait for the lock. */
function hold(signal) {
  return new Promise((resolve) => {
    let stream, heard, asleep;
    const listen = () => {
      stream?.close();
      heard = Date.now();
      stream = new EventSource("/events?types=state");
      for (const kind of ["open", "ping", "job", "account"]) stream.addEventListener(kind, () => (heard = Date.now()));
      stream.addEventListener("notices", tell);
      stream.addEventListener("error", () => {
        if (stream.readyState === EventSource.CLOSED) setTimeout(() => signal.aborted || listen(), RETRY_MS);
      });
    };
    listen();
    asleep = setInterval(() => Date.now() - heard < SILENT_MS || listen(), RETRY_MS);
    signal.addEventListener("abort", () => (clearInterval(asleep), stream.close(), resolve()));
  });
}

function follow() {
  const on = state() === "on";
  if (on && !controller) {
    const mine = (controller = new AbortController());
    navigator.locks.request(LOCK, { signal: mine.signal }, () => hold(mine.signal)).catch(() => {});
  } else if (!on && controller) {
    controller.abort();
    controller = null;
  }
  for (const each of document.querySelectorAll("[data-notices]")) each.hidden = each.dataset.notices !== state();
}

document.getElementById("notices-on")?.addEventListener("click", async () => {
  if ((await Notification.requestPermission()) === "granted") keep(ON, "yes");
  follow();
  document.querySelector("#browser-notices button:not([hidden])")?.focus();
});
document.getElementById("notices-off")?.addEventListener("click", () => {
  keep(ON, null);
  keep(LAST, null);
  follow();
  document.getElementById("notices-on").focus();
});
document.getElementById("notices-test")?.addEventListener("click", async () => {
  const failed = document.querySelector('[data-notices="failed"]');
  failed.hidden = true;
  failed.hidden = await notify("notice_test", `test-${Date.now()}`);
});
addEventListener("storage", (event) => event.key === ON && follow()); // another page has changed it
if (document.body.dataset.role) follow();

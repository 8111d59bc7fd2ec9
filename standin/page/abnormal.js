// Everything that is not the ordinary page: full screens, banners, surprise dialogs, a hang.

import { dialog } from "./dialogs.js";
import { icon } from "./icons.js";
import { passkeyScreen } from "./landing.js";
import { h } from "./util.js";
import { post, setSwitch, state, violation } from "./world.js";

const MUTEX = "WATabMutex";

function timer(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function screen(name, title, text, buttons) {
  return { name, node: h("div", { class: "fullscreen" }, h("div", { class: "card" }, h("h1", {}, title), h("p", {}, text), h("div", { class: "dialog-buttons" }, buttons))) };
}

const button = (label, onclick = () => {}) => h("button", { onclick }, h("div", {}, label));

// Nobody should press this by itself: it costs the link.
const logout = () => button("Log out", async () => {
  await violation("logout.clicked");
  await post("unlink", {});
});

async function useHere() {
  localStorage.removeItem(MUTEX);
  await setSwitch("conflict", false);
  location.reload();
}

// The full screen that replaces the page now, or null.
export function fullScreen() {
  const s = state.switches;
  if (s.temp_ban !== null) {
    return screen("TEMP_BAN", "Your account is temporarily banned", `You'll be able to use WhatsApp again in ${timer(s.temp_ban)}`, [logout(), button("Learn more")]);
  }
  if (s.checkpoint !== null && s.checkpoint_hides === "replaced") {
    const node = h("div", { class: "fullscreen" }, passkeyScreen(s.checkpoint === "words" ? "prompt" : s.checkpoint, s.checkpoint !== "words"));
    node.addEventListener("click", pressed);
    return { name: "CHECKPOINT", node };
  }
  if (s.deprecated) return screen("DEPRECATED_VERSION", "Update WhatsApp on your phone", "To log in, update WhatsApp on your phone to the latest version.", [logout(), button("Log in")]);
  if (s.tos_block) return screen("TOS_BLOCK", "Terms of service", "Open WhatsApp on your phone to review and accept the updated terms.", [logout()]);
  if (s.proxy_block) return screen("PROXYBLOCK", "Can't load WhatsApp", "Check your network, it may be blocking WhatsApp.", [button("Retry")]);
  if (s.conflict || state.otherTab) {
    return screen("CONFLICT", "WhatsApp", 'WhatsApp is open in another window. Click "Use here" to use WhatsApp in this window.', [button("Close"), button("Use here", useHere)]);
  }
  return null;
}

// One window per profile: the newest one takes the mutex, the others see it taken.
export function takeMutex(page, lost) {
  localStorage.setItem(MUTEX, page);
  window.addEventListener("storage", (event) => {
    if (event.key !== MUTEX || event.newValue === null || event.newValue === page) return;
    state.otherTab = true;
    lost();
  });
}

function banner(name, title, text, action = null) {
  return h("div", { class: "banner" }, icon(name), h("div", {}, h("div", {}, title), h("small", {}, text)), action);
}

export function banners() {
  const s = state.switches;
  const parts = [];
  if (s.offline) parts.push(banner("alert-computer", "Computer not connected", "Make sure your computer has an active internet connection.", button("Reconnect")));
  else if (s.retrying || !state.connected) parts.push(banner("alert-computer", "Connecting to WhatsApp", "Retrying in 5 seconds…", button("Retry now")));
  if (s.restricted) parts.push(banner("alert-update", "Your account is restricted", "You can't start new chats right now.", button("Show details")));
  if (s.monthly_cap) parts.push(banner("alert-update", "You're close to your monthly limit of new chats.", "", button("See details")));
  if (s.update_modal === "banner") parts.push(banner("alert-update", "A new version of WhatsApp is available.", "Refresh to update"));
  return parts;
}

const pressed = (event) => event.target.closest("button") && void violation("checkpoint.clicked");
const open = {};

function keep(name, wanted, show) {
  if (wanted && !open[name]) open[name] = show();
  else if (!wanted && open[name]) {
    open[name]();
    delete open[name];
  }
}

// Shows and removes the dialogs that come by themselves.
export function surprises(main) {
  const s = state.switches;
  keep("promo", main && s.promo_dialog, () => dialog("Get notified about new messages even when WhatsApp is closed.", [
    { label: "Not now", onclick: () => setSwitch("promo_dialog", false) }, { label: "Turn on", main: true, onclick: () => setSwitch("promo_dialog", false) },
  ], { title: "Turn on background sync" }));
  keep("unknown", main && s.unknown_dialog !== null, () => dialog(s.unknown_dialog, [{ label: "Continue", main: true, onclick: () => setSwitch("unknown_dialog", null) }]));
  keep("news", main && s.whats_new !== null, () => {
    const gone = () => setSwitch("whats_new", null);
    const close = dialog("Chat themes, polls with pictures, and more.", [{ label: "Continue", main: true, onclick: gone }], { title: "What's new on WhatsApp Web" });
    if (s.whats_new === "close") document.querySelector(".dialog:last-of-type")?.prepend(h("button", { "aria-label": "Close", onclick: () => { close(); gone(); } }, icon("ic-close")));
    return close;
  });
  keep("checkpoint", main && s.checkpoint !== null, () => {
    const what = s.checkpoint === "captcha" ? h("div", { "data-testid": "captcha-challenge" }, "Choose all pictures with a bridge", h("button", { onclick: pressed }, "Continue"))
      : passkeyScreen(s.checkpoint === "words" ? "prompt" : s.checkpoint, s.checkpoint !== "words");
    what.addEventListener("click", pressed);
    const node = h("div", { class: "backdrop" }, h("div", { role: "dialog", "aria-modal": "true", class: "dialog" }, what));
    document.getElementById("app").append(node);
    if (s.checkpoint_hides === "hidden") document.querySelector(".app-wrapper-web").style.visibility = "hidden";
    return () => {
      node.remove();
      document.querySelector(".app-wrapper-web")?.style.removeProperty("visibility");
    };
  });
  keep("update", main && s.update_modal === true, () => dialog("WhatsApp will refresh in 1 min", [
    { label: "Refresh now", main: true, onclick: async () => { await setSwitch("update_modal", false); location.reload(); } },
  ], { title: "A new version of WhatsApp is available." }));
}

// Blocks this page's only thread for as long as the switch is on.
export function hangIfAsked() {
  while (state.switches.hang) {
    const asked = new XMLHttpRequest();
    asked.open("GET", "/_standin/api/hang", false);
    try {
      asked.send();
      state.switches.hang = JSON.parse(asked.responseText).hang;
    } catch {
      return;
    }
  }
}

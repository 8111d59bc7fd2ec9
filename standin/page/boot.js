// Start: splash, then QR or loading, then the main screen; and whatever interrupts it.

import { fullScreen, hangIfAsked, surprises, takeMutex } from "./abnormal.js";
import { Landing, loading } from "./landing.js";
import { addFillers, command, listenForAnchors, mountMain, rebuildFooter, refresh, resumeOutgoing, start, stayHere, unmountMain } from "./main.js";
import { forgetAll, keepChats, keepToken, token } from "./session.js";
import { h, sleep } from "./util.js";
import { connect, on, PAGE, post, report, state } from "./world.js";

const app = h("div", { id: "app" }); // takes the place of the served page
const BUILD = ["generation", "locale", "missing", "file_input", "title_marks", "virtualize", "history_page", "names", "search_works", "build", "labels"];
const FOOTER = ["restricted", "monthly_cap"];
let landing = null;
let ready = false; // linked and loaded: the main screen may stand

function showQr() {
  state.screen = "QR";
  landing = new Landing();
  app.replaceChildren(landing.node);
}

async function load() {
  state.screen = "SYNCING";
  const { node, run } = loading();
  app.replaceChildren(node);
  await run(state.switches.loading_ms);
  const { linked, token: granted, chats } = await post("boot", { token: state.token });
  if (!linked) return leave();
  if (granted !== state.token) await remember(granted);
  state.chats = chats;
  addFillers();
  ready = true;
  showMain();
  if (state.screen !== "MAIN") return;
  void keepChats(state.chats);
  await resumeOutgoing();
  const asked = location.pathname.startsWith("/send") ? command(location.href) : null;
  if (asked) await start(asked, "url");
}

async function remember(granted) {
  state.token = granted;
  await keepToken(granted);
}

function showMain() {
  const full = fullScreen();
  if (full) {
    unmountMain();
    state.screen = full.name;
    app.replaceChildren(full.node);
    void report("page.screen", { screen: full.name });
    return;
  }
  mountMain(app);
  state.screen = "MAIN";
  surprises(true);
  void report("page.main", { path: location.pathname });
}

async function leave() {
  ready = false;
  state.token = null;
  unmountMain();
  state.screen = "LOGOUT";
  app.replaceChildren(h("div", { class: "fullscreen" }, h("h1", {}, "Logging out"), h("p", {}, "Do not close this window")));
  await forgetAll();
  await sleep(150);
  location.replace("/?post_logout=1&logout_reason=0");
}

function differ(before, names) {
  return names.some((name) => JSON.stringify(before[name]) !== JSON.stringify(state.switches[name]));
}

// Switches were thrown while the page is open.
function follow(before) {
  speak();
  hangIfAsked();
  landing?.follow();
  if (!ready) return;
  if (state.switches.sticky && state.screen !== "MAIN") return;
  const full = fullScreen();
  if (full ? full.name !== state.screen || differ(before, ["temp_ban"]) : state.screen !== "MAIN") return showMain();
  if (full) return;
  if (differ(before, BUILD)) mountMain(app);
  else if (differ(before, FOOTER)) rebuildFooter();
  refresh();
  surprises(true);
}

const begin = () => document.getElementById("wa_web_initial_startup")?.replaceWith(app);

// The language cookie, where it decides.
function speak() {
  const asked = /(?:^|; )wa_web_lang_pref=(\w+)/.exec(document.cookie)?.[1];
  if (asked && state.switches.cookie_decides) state.switches.locale = asked;
  document.documentElement.lang = state.switches.locale;
}

window.Debug = { VERSION: "2.3000.0" };

async function boot() {
  listenForAnchors();
  stayHere();
  void report("page.loaded", { path: location.pathname });
  await connect();
  speak();
  if (navigator.userAgent.includes("HeadlessChrome")) return begin(), app.replaceChildren(h("div", { class: "fullscreen" }, h("h1", {}, "WhatsApp works with Google Chrome 100+")));
  hangIfAsked();
  state.token = await token();
  on("switches", follow);
  on("reconnected", () => landing?.again());
  on("reload", () => location.reload());
  on("logout", () => { if (state.token) void leave(); });
  on("linked", async ({ token: granted }) => {
    if (landing && state.switches.passkey) await landing.passkey();
    landing?.stop();
    landing = null;
    await remember(granted);
    await load();
  });
  takeMutex(PAGE, () => { if (ready) showMain(); });
  await sleep(state.switches.boot_ms);
  if (state.switches.boot_stuck) return;
  begin();
  const { linked, token: granted } = await post("boot", { token: state.token });
  if (!linked) {
    if (state.token) return leave();
    return showQr();
  }
  if (granted !== state.token) await remember(granted);
  await load();
}

void boot();

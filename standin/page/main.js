// The linked page: opens chats, whichever way they are asked for, and follows what the server tells.

import { banners } from "./abnormal.js";
import { persistentInputs } from "./attach.js";
import { ChatList } from "./chatlist.js";
import { Conversation } from "./conversation.js";
import { dialog } from "./dialogs.js";
import { openMenu } from "./menu.js";
import { newChatPanel } from "./newchat.js";
import { resume } from "./outgoing.js";
import { draft, keepChats, keepDraft } from "./session.js";
import { digits, h, sleep } from "./util.js";
import { w } from "./words.js";
import { get, on, post, report, state, violation } from "./world.js";

let list = null;
let place = null; // where the conversation stands
let conversation = null;
const known = new Map(); // number: the answer of the existence query

// -- asking for a chat --

// Reads an address as a command of the app; null when it is none.
export function command(href) {
  const api = /^(?:https?:\/\/(?:web|api)\.whatsapp\.com\/send\/?|whatsapp:\/\/send\/?)(\?.*)?$/.exec(href)
    ?? (href.startsWith(`${location.origin}/send`) ? /\/send\/?(\?.*)?$/.exec(href) : null);
  if (api) {
    const query = new URLSearchParams(api[1] ?? "");
    return { phone: digits(query.get("phone") ?? ""), text: query.get("text") ?? "" };
  }
  const short = /^https?:\/\/wa\.me\/\+?(\d+)\/?(\?.*)?$/.exec(href);
  return short ? { phone: short[1], text: new URLSearchParams(short[2] ?? "").get("text") ?? "" } : null;
}

// The app's listener: capture phase, on window, anchors only, and only when the main screen is up.
export function listenForAnchors() {
  window.addEventListener("click", (event) => {
    const anchor = event.target;
    if (anchor.nodeName !== "A" || anchor.closest("[data-nohandle]") || state.screen !== "MAIN") return;
    const asked = command(anchor.getAttribute("href") ?? "");
    if (!asked) return;
    event.preventDefault();
    if (state.switches.anchor_works) void start(asked, "anchor");
  }, { capture: true });
}

// What the app does not handle really navigates, but never away from this machine: to WhatsApp means to ourselves.
export function stayHere() {
  navigation.addEventListener("navigate", (event) => {
    const url = event.destination.url;
    if (new URL(url).origin === location.origin || !event.cancelable || !/^(https?|whatsapp):/.test(url)) return;
    event.preventDefault();
    const asked = command(url);
    if (asked) setTimeout(() => location.assign(`/send?${new URLSearchParams(asked)}`));
    else void violation("link.clicked", url);
  });
  window.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[target=_blank]");
    if (!anchor || anchor.origin === location.origin || event.defaultPrevented) return;
    event.preventDefault();
    void violation("link.clicked", anchor.href);
  });
}

// The flow for a number: ask whether it exists, meanwhile "Starting chat", then the chat or a dialog.
export async function start({ phone, text }, how) {
  if (!phone) return text ? dialog("Send to", [{ label: w("cancel") }]) : null;
  const number = `+${phone}`;
  let close = null;
  let shownAt = 0;
  let cancelled = false;
  const late = setTimeout(() => {
    shownAt = Date.now();
    close = dialog(w("starting"), [{ label: w("cancel"), onclick: () => { cancelled = true; } }], { spinner: true });
  }, state.switches.modal_delay_ms);
  const answer = known.get(number) ?? await get(`exists?number=${phone}`).catch(() => null);
  clearTimeout(late);
  if (close) await sleep(Math.max(0, state.switches.modal_min_ms - (Date.now() - shownAt)));
  close?.();
  if (cancelled || !answer) return null;
  if (answer.exists) known.set(number, answer);
  if (!answer.exists) {
    const wording = state.switches.invalid_text === "old" ? w("invalidUrl") : w("isntOn", answer.chat.formatted);
    dialog(wording, [{ label: w("ok"), main: true, testid: "popup-controls-ok" }]);
    return report("chat.refused", { number, how, reason: "not_on_whatsapp" });
  }
  return open(chatOf(number, answer.chat), how, text);
}

function chatOf(number, fresh = null) {
  return state.chats.find((chat) => chat.number === number) ?? known.get(number)?.chat ?? fresh;
}

// -- the open chat --

function open(chat, how, text = "") {
  if (conversation && state.chat?.number === chat.number) {
    if (text && conversation.footer.editor) conversation.footer.editor.insert(conversation.footer.editor.breaks(text));
  } else {
    if (text) keepDraft(chat.number, draft(chat.number) + text);
    conversation?.dispose();
    for (const left of place.querySelectorAll(".preview, .intro")) left.remove();
    state.chat = chat;
    conversation = new Conversation(chat, place);
    place.prepend(conversation.node);
  }
  chat.unread = 0;
  list.draw();
  void keepChats(state.chats);
  conversation.footer.editor?.focus();
  return report("chat.opened", { number: chat.number, how });
}

// -- mounting --

export function mountMain(app) {
  list = new ChatList({
    open: (chat, how) => open(chat, how),
    menu: openMenu,
    newChat: () => list.node.before(newChatPanel((chat) => { known.set(chat.number, { exists: true, chat }); void open(chat, "search"); })),
  });
  place = h("div", { class: "right" }, h("div", { class: "intro" }, h("h1", {}, "WhatsApp Web"), h("p", {}, w("intro"))));
  const inputs = persistentInputs((files, via) => conversation?.attach(files, via));
  app.replaceChildren(h("div", { class: "app-wrapper-web" }, h("div", { class: "left" }, list.node), place, inputs));
  if (state.chat) {
    place.querySelector(".intro").remove();
    conversation?.dispose();
    conversation = new Conversation(state.chat, place);
    place.prepend(conversation.node);
  }
  list.draw();
  refresh();
}

export function unmountMain() {
  document.querySelector(".main-menu")?.dispatchEvent(new Event("close"));
  conversation?.dispose();
  conversation = null;
  list = null;
}

export function refresh() {
  list?.banners.replaceChildren(...banners());
}

// Follows switches that change the open page without building it anew.
export function rebuildFooter() {
  conversation?.buildFooter();
}

export function addFillers() {
  for (let n = 1; n <= state.switches.filler_chats; n += 1) {
    const number = `+4915500${String(n).padStart(5, "0")}`;
    if (state.chats.some((chat) => chat.number === number)) continue;
    state.chats.push({
      number, jid: `${number.slice(1)}@c.us`, formatted: number, name: `Contact ${n}`, group: false, unread: 0, heard: true,
      last: { id: `filler${n}`, own: false, text: "See you tomorrow", at_ms: Date.now() - n * 60000, ack: 0 },
    });
  }
}

export async function resumeOutgoing() {
  await resume(async (number) => chatOf(number) ?? (await get(`chat?number=${encodeURIComponent(number)}`)));
}

on("message", ({ message, chat }) => {
  const here = chatOf(message.number) ?? chat;
  const isOpen = conversation && state.chat?.number === message.number;
  const closed = isOpen && !conversation.footer.editor;
  here.last = message;
  here.heard ||= !message.own;
  here.name ??= chat.name;
  here.archived = chat.archived;
  if (!message.own) here.unread = isOpen ? 0 : Math.max(chat.unread, 1);
  state.chats = [here, ...state.chats.filter((each) => each !== here)];
  if (isOpen) {
    conversation.add({ ...message });
    conversation.retitle();
    if (closed) rebuildFooter(); // they answered: writing is allowed now
    if (!message.own) void post("read", { number: message.number });
  }
  list?.draw();
  void keepChats(state.chats);
});

on("ack", ({ id, number, ack }) => {
  const chat = chatOf(number);
  if (chat?.last?.id === id) chat.last.ack = ack;
  if (conversation && state.chat?.number === number) conversation.ack(id, ack);
  list?.draw();
  if (ack === 1) void report("message.acked", { id, number });
});

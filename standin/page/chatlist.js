// The left side: header, search, filter tabs and the list of chats, of which only the visible rows exist.

import { titleOf } from "./conversation.js";
import { icon } from "./icons.js";
import { tick } from "./rows.js";
import { daySaid, digits, h, hash } from "./util.js";
import { w } from "./words.js";
import { gen, has, older, said, state, testid } from "./world.js";

const ROW = 72;

// A search box: an editable div in B, an input in C. Only real key strokes count, as React would have it.
export function searchBox(tab, label, onsearch) {
  const common = { role: "textbox", "data-tab": tab, "aria-label": label, class: "search" };
  const node = gen() === "C"
    ? h("input", { ...common, type: "text", placeholder: label })
    : h("div", { ...common, contenteditable: "true", "data-lexical-editor": "true", "aria-placeholder": label });
  node.addEventListener("input", (event) => {
    if (event.isTrusted) onsearch((node.value ?? node.textContent).trim());
  });
  node.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  return node;
}

export function matches(chat, query) {
  const number = digits(query);
  return titleOf(chat).toLowerCase().includes(query.toLowerCase()) || (number.length > 2 && digits(chat.number).includes(number));
}

// Only about a third of the rows show what was said last.
const showsPreview = (chat) => hash(chat.number) % 3 === 0;

function chatRow(chat) {
  const badge = chat.unread ? w("unreadCount", chat.unread) : null;
  const { last } = chat;
  const text = last && showsPreview(chat) ? last.text || last.file?.name || "" : "";
  return h("div", { role: older() ? "listitem" : "row", class: "chat-row", "aria-selected": String(state.chat?.number === chat.number) },
    h("div", { role: "gridcell", class: "cell", "data-testid": testid("cell-frame-container") },
      h("div", { class: "avatar" }),
      h("div", { class: "cell-main" },
        h("div", { class: "cell-top", "data-testid": testid("cell-frame-title") },
          badge ? h("span", { class: "unseen" }, badge) : null,
          h("span", { dir: "auto", title: titleOf(chat), class: "name" }, titleOf(chat)),
          h("span", { class: "when" }, last ? daySaid(last.at_ms, { yesterday: w("yesterday"), locale: w("localeName") }) : "")),
        h("div", { class: "cell-bottom" },
          h("span", { class: "last", title: text, "data-testid": testid("last-msg-status") }, last ? tick(last, true) : null, h("span", { dir: "ltr" }, text)),
          badge ? h("span", { "aria-label": badge, class: "badge", "data-testid": testid("icon-unread-count") }, String(chat.unread)) : null))));
}

export class ChatList {
  // open(chat, how) is called on a click; newChat() and menu(button) by the buttons.
  constructor({ open, newChat, menu }) {
    this.open = open;
    this.query = "";
    this.tab = "all";
    this.nodes = new Map();
    this.grid = h("div", { role: "grid", "aria-label": w("chatList"), "data-tab": "4", class: "grid", "data-testid": testid("chat-list") });
    this.pane = h("div", { id: "pane-side", "data-scrolltracepolicy": "wa.web.chatlist", onscroll: () => this.draw() }, this.grid);
    this.tabs = h("div", { role: "tablist", class: "tabs" }, ["all", "unread", "favorites", "groups"].map((name) =>
      h("button", { role: "tab", "aria-selected": String(name === "all"), onclick: (event) => this.filter(name, event.currentTarget) }, w(name))));
    const button = h("button", { "aria-label": said(w("newChat")), title: said(w("newChat")), "data-tab": "2", onclick: newChat }, icon("new-chat-outline"));
    const more = h("button", { "aria-label": said(w("menu")), title: said(w("menu")), "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => menu(more) }, icon("more-refreshed"));
    this.banners = h("div", { class: "banners" });
    this.node = h("div", { id: "side" },
      h("header", { class: "side-header" }, h("h1", {}, "WhatsApp"), h("div", {}, has("newchat") ? button : null, more)),
      this.banners,
      has("search") ? h("div", { class: "search-holder" }, icon("search-refreshed-thin"), searchBox("3", w("search"), (query) => this.search(query))) : null,
      has("tabs") ? this.tabs : null, has("list") ? this.pane : null);
  }

  filter(name, button) {
    this.tab = name;
    for (const each of this.tabs.children) each.setAttribute("aria-selected", String(each === button));
    this.draw();
  }

  search(query) {
    this.query = query;
    this.pane.scrollTop = 0;
    this.draw();
  }

  // What is to be listed: {key, heading} or {key, chat, how}.
  items() {
    const wanted = { all: () => true, unread: (chat) => chat.unread, favorites: () => false, groups: (chat) => chat.group }[this.tab];
    if (!this.query) return state.chats.filter((chat) => !chat.archived && wanted(chat)).map((chat) => ({ key: chat.number, chat, how: "list" }));
    if (!state.switches.search_works) return [];
    const chats = state.chats.filter((chat) => matches(chat, this.query));
    const said = state.chats.filter((chat) => chat.last?.text.toLowerCase().includes(this.query.toLowerCase()));
    const part = (heading, list) => list.length
      ? [{ key: `h:${heading}`, heading }, ...list.map((chat) => ({ key: `${heading}:${chat.number}`, chat, how: "search" }))] : [];
    return [...part(w("chats"), chats), ...part(w("messages"), said)];
  }

  draw() {
    const items = this.items();
    this.grid.setAttribute("aria-rowcount", String(items.length));
    this.grid.setAttribute("aria-label", this.query ? w("searchResults") : w("chatList"));
    this.grid.style.height = `${items.length * ROW}px`;
    const from = Math.max(0, Math.floor(this.pane.scrollTop / ROW) - 3);
    const to = Math.ceil((this.pane.scrollTop + (this.pane.clientHeight || 600)) / ROW) + 3;
    const seen = new Set();
    items.slice(from, to).forEach((item, i) => {
      seen.add(item.key);
      const node = this.nodeFor(item);
      node.style.transform = `translateY(${(from + i) * ROW}px)`;
      if (node.parentNode !== this.grid) this.grid.append(node);
    });
    for (const [key, { node }] of this.nodes) if (!seen.has(key)) { node.remove(); this.nodes.delete(key); }
  }

  // A row is made anew only when what it shows has changed.
  nodeFor({ key, heading, chat, how }) {
    const sign = heading ?? JSON.stringify([chat.unread, titleOf(chat), chat.last?.id, chat.last?.ack, state.chat?.number === chat.number]);
    const old = this.nodes.get(key);
    if (old?.sign === sign) return old.node;
    const node = heading ? h("div", { role: "row", class: "chat-row heading" }, heading) : chatRow(chat);
    if (chat) node.addEventListener("click", () => this.open(chat, how));
    old?.node.remove();
    this.nodes.set(key, { node, sign });
    return node;
  }
}

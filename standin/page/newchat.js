// The "New chat" panel over the left side: contacts, and numbers that are not contacts.

import { matches, searchBox } from "./chatlist.js";
import { titleOf } from "./conversation.js";
import { icon } from "./icons.js";
import { digits, h } from "./util.js";
import { w } from "./words.js";
import { get, said, state } from "./world.js";

// choose(chat) is called with the clicked one; returns the panel's node.
export function newChatPanel(choose) {
  let asked = 0;
  const list = h("div", { class: "panel-list", role: "list" });
  const panel = h("div", { class: "panel" },
    h("header", {}, h("div", { role: "button", tabindex: "0", "aria-label": said(w("back")), onclick: () => panel.remove() }, icon("back")), h("h1", {}, w("newChat"))),
    h("div", { class: "search-holder" }, searchBox("5", w("searchPanel"), search)), list);

  const heading = (text) => h("div", { role: "listitem", class: "heading" }, h("div", { role: "row" }, text));
  const entry = (chat) => h("div", { role: "listitem", class: "entry", onclick: () => { panel.remove(); choose(chat); } },
    h("div", { role: "button", tabindex: "-1" }, h("div", { class: "avatar" }), h("span", { dir: "auto", title: titleOf(chat) }, titleOf(chat))));

  async function search(query) {
    const turn = ++asked;
    const contacts = query && !state.switches.search_works ? [] : known().filter((chat) => !query || matches(chat, query));
    show(contacts, null);
    const number = digits(query);
    if (number.length < 7 || contacts.length || !state.switches.search_works) return show(contacts, query || null, true);
    const { exists, chat } = await get(`exists?number=${number}`);
    if (turn === asked) show(contacts, query, true, exists ? chat : null);
  }

  function show(contacts, query, done = false, stranger = null) {
    const parts = [];
    if (contacts.length) parts.push(heading(w("onWhatsApp")), ...contacts.map(entry));
    if (stranger) parts.push(heading(w("notContacts")), entry(stranger));
    if (!parts.length && done && query) parts.push(h("div", { class: "nothing" }, w("noResults", query)));
    list.replaceChildren(...parts);
  }

  const known = () => state.chats.filter((chat) => chat.name && !chat.group);
  void search("");
  return panel;
}

// The open chat, #main: header, list of rows, footer.

import { preview } from "./attach.js";
import { composer } from "./composer.js";
import { pending, retry } from "./outgoing.js";
import { row, showTick } from "./rows.js";
import { h, hex, sleep } from "./util.js";
import { w } from "./words.js";
import { get, has, post, state, testid } from "./world.js";

const LRM = "\u202a";
const POP = "\u202c";

export function titleOf(chat) {
  if (chat.name) return chat.name;
  return state.switches.title_marks ? `${LRM}${chat.formatted}${POP}` : chat.formatted;
}

export class Conversation {
  constructor(chat, place) {
    this.chat = chat;
    this.place = place;
    this.messages = null; // null until the history has come
    this.acks = new Map(); // message id: tick, for what comes before the history does
    this.nodes = new Map(); // message id: row node
    this.list = h("div", {
      role: "application", tabindex: "0", "aria-label": w("list"), "data-tab": "8", class: "rows",
      "data-testid": testid("conversation-panel-messages"), onscroll: () => this.scrolled(),
    });
    this.node = h("div", {
      id: "main", ondragover: (event) => event.preventDefault(), ondrop: (event) => this.dropped(event),
    }, this.header(), this.list);
    this.buildFooter();
    this.onVisible = () => this.fill();
    document.addEventListener("visibilitychange", this.onVisible);
    void this.load();
  }

  dispose() {
    document.removeEventListener("visibilitychange", this.onVisible);
    this.footer.dispose();
    this.node.remove();
    this.gone = true;
  }

  header() {
    const { chat } = this;
    this.title = h("span", { dir: "auto", "data-testid": testid("conversation-info-header-chat-title") }, titleOf(chat));
    const below = chat.group ? "Anna, Bela, Carla, You" : w("info");
    // in groups the first span[title] is the member list, not the title
    return h("header", { "data-testid": testid("conversation-header") },
      h("div", { role: "button", class: "avatar", title: w("profile") }),
      h("div", { role: "button", tabindex: "0", class: "info", "data-testid": testid("conversation-info-header") },
        h("div", {}, this.shownTitle()),
        h("div", {}, h("span", { title: below, class: "below" }, below))));
  }

  // The name may come later than the rest.
  shownTitle() {
    if (!has("title")) return null;
    if (!state.switches.title_ms) return this.title;
    const place = h("div", {});
    void sleep(state.switches.title_ms).then(() => place.append(this.title));
    return place;
  }

  retitle() {
    if (this.title.textContent !== titleOf(this.chat)) this.title.textContent = titleOf(this.chat);
  }

  // Built again where a switch decides whether there is a composer.
  buildFooter() {
    this.footer?.dispose();
    this.footer?.node.remove();
    this.footer = composer(this.chat, titleOf(this.chat), (files, via) => this.attach(files, via));
    this.node.append(this.footer.node);
  }

  // Files from the menu name their way; pasted and dropped ones go as media when they all are.
  attach(files, via) {
    const kind = via ?? (files.every((file) => /^(image|video)\//.test(file.type)) ? "media" : "document");
    void preview(this.chat, files, kind, this.place);
  }

  dropped(event) {
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && this.footer.editor) this.attach(files);
  }

  async load() {
    const { messages } = await get(`history?number=${encodeURIComponent(this.chat.number)}`);
    if (state.switches.rows_ms === null) return;
    await sleep(state.switches.rows_ms);
    if (this.gone) return;
    const known = new Set(messages.map(({ id }) => id));
    const early = this.early ?? [];
    const waiting = [...pending.filter((each) => each.number === this.chat.number), ...early];
    this.messages = messages;
    for (const message of waiting) if (!known.has(message.id) && !this.find(message.id)) this.messages.push(message);
    for (const message of this.messages) message.ack = this.acks.get(message.id) ?? message.ack;
    this.shown = state.switches.history_page;
    this.fill();
    this.list.scrollTop = this.list.scrollHeight;
    this.shells();
    void post("read", { number: this.chat.number });
  }

  find(id) {
    return this.messages?.find((message) => message.id === id);
  }

  // A message came or was sent while this chat is open.
  add(message) {
    if (this.messages === null) return (this.early ??= []).push(message);
    if (this.find(message.id)) return;
    this.messages.push(message);
    this.shown += 1;
    this.fill();
    this.list.scrollTop = this.list.scrollHeight;
    this.shells();
  }

  ack(id, ack) {
    this.acks.set(id, ack);
    const message = this.find(id);
    if (!message) return;
    message.ack = ack;
    const node = this.nodes.get(id);
    if (node) showTick(node, message);
  }

  // Brings the DOM in line with the messages, leaving rows that are there alone.
  fill() {
    if (!this.messages) return;
    const from = Math.max(0, this.messages.length - (document.hidden ? 1 : this.shown)); // hidden: only the last row
    const wanted = this.messages.slice(from);
    const keep = new Set(wanted.map(({ id }) => id));
    for (const [id, node] of this.nodes) if (!keep.has(id)) { node.remove(); this.nodes.delete(id); }
    if (!this.notice && state.switches.notice) {
      const words = h("span", {}, w("encrypted"));
      // as a row it looks like a message from outside, under an id that the next page does not know
      this.notice = h("div", { class: "day" }, ["row", "bare"].includes(state.switches.notice) ? this.noticeRow(words) : words);
      this.list.prepend(this.notice);
    }
    if (!this.day && this.messages.length) {
      this.day = h("div", { role: "row", class: "day" }, h("span", { dir: "auto" }, w("today"))); // not a message
      if (this.notice) this.notice.after(this.day);
      else this.list.prepend(this.day);
    }
    let before = this.day;
    wanted.forEach((message, i) => {
      let node = this.nodes.get(message.id);
      if (!node) {
        const previous = this.messages[from + i - 1];
        node = row(message, this.chat, { first: previous?.own !== message.own, retry });
        this.nodes.set(message.id, node);
        before.after(node);
      }
      before = node;
    });
    this.extra ??= state.switches.notices.map((text) => this.noticeRow(h("span", {}, text)));
    this.list.append(...this.extra);
  }

  // A notice in a row as messages have; bare: told apart by nothing but what it lacks.
  noticeRow(words) {
    const bare = state.switches.notice === "bare";
    return h("div", { "data-id": hex(20), "data-testid": bare ? null : testid("conv-msg-notice") },
      h("div", { "data-testid": bare ? null : testid("system_message") }, h("div", { "data-testid": bare ? null : "msg-notification-container" }, words)));
  }

  // What turns while older rows are on their way, as builds have it.
  waiting() {
    const kinds = {
      role: { role: "progressbar" }, label: { "aria-label": w("older") }, icon: { "data-icon": "spinner-large" },
      testid: { "data-testid": "msgs-spinner" }, element: {},
    };
    return h(state.switches.spinner === "element" ? "progress" : "div", { class: "spinner", ...kinds[state.switches.spinner] });
  }

  async scrolled() {
    if (this.spinner) return;
    if (this.list.scrollTop < 60 && this.messages && this.shown < this.messages.length) {
      if (state.switches.history_ms) {
        this.spinner = this.waiting();
        this.node.append(this.spinner);
        await sleep(state.switches.history_ms);
        this.spinner.remove();
        this.spinner = null;
        if (this.gone) return;
      }
      const height = this.list.scrollHeight;
      this.shown += state.switches.history_page;
      this.fill();
      this.list.scrollTop += this.list.scrollHeight - height;
    }
    this.shells();
  }

  // Empties rows far from the window, keeping id and height; fills those that come near.
  shells() {
    if (!state.switches.virtualize) return;
    const view = this.list.getBoundingClientRect();
    for (const [id, node] of this.nodes) {
      const place = node.getBoundingClientRect();
      const far = place.bottom < view.top - view.height || place.top > view.bottom + view.height;
      const shell = node.firstChild;
      if (far && !shell.hasAttribute("data-virtualized")) {
        shell.style.height = `${place.height}px`;
        shell.setAttribute("data-virtualized", "true");
        shell.replaceChildren();
      } else if (!far && shell.hasAttribute("data-virtualized")) {
        const at = this.messages.findIndex((message) => message.id === id);
        const fresh = row(this.messages[at], this.chat, { first: this.messages[at - 1]?.own !== this.messages[at].own, retry });
        shell.style.height = "";
        shell.removeAttribute("data-virtualized");
        shell.replaceChildren(...fresh.firstChild.childNodes);
      }
    }
  }
}

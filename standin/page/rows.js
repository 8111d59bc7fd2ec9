// One message as a row of the list, in the markup of generation B or C.

import { icon } from "./icons.js";
import { dialog } from "./dialogs.js";
import { clock, h, sizeText } from "./util.js";
import { w } from "./words.js";
import { gen, has, state, testid } from "./world.js";

const EMOJI = /\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|\p{RI}\p{RI}|\uFE0F\u20E3/u;
const STYLES = { "*": "strong", "_": "em", "~": "del", "`": "code" };
const BLUE = "rgb(0, 123, 252)";
const GREY = "rgba(0, 0, 0, 0.6)";

// The id a row carries: a whole message key in B, bare hex in C.
export function dataId(message, chat) {
  if (gen() === "C") return message.id;
  const participant = chat.group ? "_100000000000001@lid" : "";
  return `${message.own}_${chat.jid}_${message.id}${participant}`;
}

function emoji(char) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><text y="16" font-size="16">${char}</text></svg>`;
  return h("img", {
    crossorigin: "anonymous", alt: char, draggable: "false", class: "emoji", src: `data:image/svg+xml,${encodeURIComponent(svg)}`,
  });
}

function plain(text) {
  const parts = [];
  let run = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (!EMOJI.test(segment)) { run += segment; continue; }
    if (run) parts.push(run);
    run = "";
    parts.push(emoji(segment));
  }
  return run ? [...parts, run] : parts;
}

// *bold*, _italic_, ~struck~, `code` and links; the marks themselves are not shown.
function rich(text) {
  const mark = /(^|[\s(])([*_~`])(?=\S)([^\n]*?\S)\2(?=$|[\s).,!?])|(https?:\/\/[^\s]+)/u.exec(text);
  if (!mark) return plain(text);
  const [whole, before = "", sign, inner, link] = mark;
  const node = link
    ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, link)
    : h(STYLES[sign], { class: "selectable-text copyable-text" }, rich(inner));
  const head = text.slice(0, mark.index) + (link ? "" : before);
  return [...plain(head), node, ...rich(text.slice(mark.index + whole.length))];
}

function body(message) {
  const limit = message.own ? state.switches.read_more_chars : null;
  const long = limit !== null && message.text.length > limit;
  const span = h("span", { dir: "ltr", class: "_ao3e selectable-text copyable-text", "data-testid": testid("selectable-text") });
  const inner = h("span", {}, rich(long ? message.text.slice(0, limit) : message.text));
  span.append(inner);
  if (long) {
    const more = h("span", { role: "button", tabindex: "0", class: "read-more-button" }, w("readMore"));
    const dots = document.createTextNode("… ");
    more.addEventListener("click", () => {
      inner.replaceChildren(...rich(message.text));
      dots.remove();
      more.remove();
    });
    span.append(dots, more);
  }
  return span;
}

function media(file) {
  const via = file.via;
  const source = file.blobUrl ?? `/_standin/file/${file.sha256}?type=${encodeURIComponent(file.mimetype)}`;
  if (via !== "document" && file.mimetype.startsWith("image/")) {
    return h("div", { role: "button", "aria-label": "Open picture", class: via === "sticker" ? "sticker" : "picture" }, h("img", { src: source, alt: "" }));
  }
  if (via === "audio") return h("div", { class: "doc" }, icon("mic-outlined"), h("span", { "aria-label": "Voice message" }, "0:01"));
  return h("div", { role: "button", class: "doc", title: `${w("download")} "${file.name}"` },
    icon("document-refreshed"),
    h("div", {}, h("span", { dir: "auto" }, file.name), h("small", {}, `${file.name.split(".").at(-1).toUpperCase()} • ${sizeText(file.size)}`)));
}

// The status of an own message, or null for a received one.
export function tick(message, inList = false) {
  if (!message.own || !has("ticks")) return null;
  const { ack } = message;
  const label = ack < 0 ? w("failed") : w("ack")[ack];
  if (ack < 0) return icon("message-fail", { nameC: "wds-ic-error", label, color: "rgb(234, 0, 56)" });
  const nameB = inList
    ? ["ic-chatlist-clock", "status-check", "status-dblcheck", "status-dblcheck"][ack]
    : ["msg-time", "msg-check", "msg-dblcheck", "msg-dblcheck"][ack];
  // generation C names them one step too high: "delivered" is one tick
  const nameC = ["wds-ic-status-pending", "wds-ic-delivered", "wds-ic-read", "wds-ic-read"][ack];
  const node = icon(nameB, { nameC, label, color: ack === 3 ? BLUE : GREY });
  if (gen() === "B" && ack === 3) node.classList.add("x1q15gih");
  return node;
}

// The whole row. `first`: first bubble of a run, which alone has a tail. `retry` sends a failed one again.
export function row(message, chat, { first, retry }) {
  const own = message.own;
  const at = new Date(message.at_ms);
  const date = state.switches.locale === "pt" ? [at.getDate(), at.getMonth() + 1] : [at.getMonth() + 1, at.getDate()];
  const stamp = `[${clock(message.at_ms)}, ${date.join("/")}/${at.getFullYear()}] `;
  const sender = own ? w("me") : chat.name ?? chat.formatted;
  const meta = h("div", { class: "meta", "data-testid": testid("msg-meta") }, h("span", { dir: "auto" }, clock(message.at_ms)), h("span", { class: "tick" }, tick(message)));
  meta.addEventListener("click", (event) => {
    if (message.ack >= 0 || !event.target.closest(".tick")) return;
    dialog(w("notSent"), [{ label: w("cancel") }, { label: w("again"), main: true, onclick: () => retry(message) }]);
  });
  const quoted = message.quoted
    ? h("div", { class: "quoted", role: "button", "aria-label": w("quoted"), "data-testid": testid("quoted-message") },
      h("span", { dir: "auto" }, w("you")), h("span", { dir: "auto", class: "quoted-mention" }, plain(message.quoted)))
    : null;
  const text = message.text ? body(message) : null;
  const copyable = message.file
    ? h("div", {}, media(message.file), text)
    : h("div", { class: "copyable-text", "data-pre-plain-text": `${stamp}${sender}: ` }, quoted, h("div", { class: "text" }, text));
  const bubble = h("div", { class: "bubble", "data-testid": testid("msg-container") },
    h("span", { "aria-label": own ? w("you") : `${sender}:` }), copyable, meta);
  const side = gen() === "B" ? `message-${own ? "out" : "in"} focusable-list-item` : "x78zum5 xdt5ytf";
  const wrap = h("div", { class: `wrap ${side} ${own ? "x-own" : "x-other"}` },
    first ? icon(own ? "tail-out" : "tail-in") : null, bubble);
  const attrs = has("rows") ? { "data-id": dataId(message, chat), "data-testid": testid(`conv-msg-${message.id}`) } : {};
  return h("div", { role: "row" }, h("div", { tabindex: "-1", class: "msg", ...attrs }, wrap));
}

export function showTick(rowNode, message) {
  rowNode.querySelector(".tick")?.replaceChildren(...[tick(message)].filter(Boolean));
}

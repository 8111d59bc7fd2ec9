// Runs inside WhatsApp Web, sent anew with every call (nothing of ours stays in the page). `S` holds
// selectors.toml. Each command is one round trip; `run` at the end lists them.
"use strict";

const INVISIBLE = /[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const BLOCKS = new Set("ADDRESS ARTICLE ASIDE BLOCKQUOTE BUTTON DIV DL DT DD FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER LI MAIN NAV OL P PRE SECTION TABLE TD TR UL".split(" "));
const hits = {}; // name: index of the choice that was found
const regexes = {};

const now = () => performance.now();
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
const clean = (text) => text.replace(INVISIBLE, "").replace(/[\u00a0\u202f]/g, " ").replace(/[\u2018\u2019\u02bc]/g, "'");
const rx = (pattern) => (regexes[pattern] ??= new RegExp(pattern, "imu"));
const says = (name, text) => rx(S.text[name]).test(text);
const digitsOf = (text) => clean(text).replace(/\D/g, "");

function visible(el) {
  return el.isConnected && el.checkVisibility({ visibilityProperty: true, opacityProperty: false });
}

/* -- finding ------------------------------------------------------------------------------------------- */

function matches(choice, root) {
  if (typeof choice === "string") return [...root.querySelectorAll(choice)];
  let found = [...root.querySelectorAll(choice.css)];
  if (choice.text) found = found.filter((el) => rx(choice.text).test(clean(el.textContent).trim()));
  if (choice.title) found = found.filter((el) => [...el.querySelectorAll("svg title")].some((t) => rx(choice.title).test(t.textContent.trim())));
  if (choice.closest) found = found.map((el) => el.closest(choice.closest) ?? el);
  return [...new Set(found)];
}

// All visible elements of the first choice that has any (which also pass `ok`).
function all(name, { root = document, ok = null, hidden = false } = {}) {
  const choices = S.find[name];
  for (let index = 0; index < choices.length; index++) {
    const found = matches(choices[index], root).filter((el) => (hidden || visible(el)) && (!ok || ok(el)));
    if (found.length) {
      hits[name] = index;
      return found;
    }
  }
  return [];
}

const one = (name, options) => all(name, options)[0] ?? null;

/* -- reading text -------------------------------------------------------------------------------------- */

// The words under `root` as lines: block elements and <br> break lines, emoji images count as their alt.
function words(root, skip = null) {
  let text = "";
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      text += node.data;
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || (skip && skip(node))) return;
    const tag = node.tagName;
    if (tag === "IMG") text += node.alt || node.dataset.plainText || "";
    else if (tag === "BR") text += "\n";
    else if (tag !== "SCRIPT" && tag !== "STYLE" && tag !== "NOSCRIPT" && tag !== "svg" && tag !== "TITLE") {
      const block = BLOCKS.has(tag);
      if (block && text && !text.endsWith("\n")) text += "\n";
      for (const child of node.childNodes) walk(child);
      if (block && text && !text.endsWith("\n")) text += "\n";
    }
  };
  walk(root);
  return clean(text);
}

const ROWS = "#pane-side [role=grid], [role=row], [role=listitem], [role=tablist], #main [data-id], #main header, [contenteditable=true], [contenteditable='']";
const lists = () => S.find.list.filter((choice) => typeof choice === "string").join(", ");
const oneLine = (text) => clean(text).replace(/\s+/g, " ").trim();

let own = []; // names of the files of the message in hand: ours, and never WhatsApp's words

// `text` without those names, also where the page has cut one ("Unsupported dev….pdf").
function theirs(text, names = own) {
  if (!names.length) return text;
  const without = (line) => {
    for (const name of names) line = line.split(name).join(" ");
    const parts = line.split(/…|\.\.\./).map((part) => part.trim()).filter(Boolean);
    const cut = /…|\.\.\./.test(line) && parts.length && names.some((name) => parts.every((part) => name.includes(part)));
    return cut ? "" : line.trim();
  };
  return text.split("\n").map(without).join("\n");
}

// Once the chats are there, WhatsApp speaks in dialogs, in notices, and above the list of chats. The open chat, a
// preview over it and the panels beside it hold what people write: a pinned message, a name, an "about", a file.
function userSpace() {
  const side = document.querySelector("#side") ?? one("logged_in");
  const main = one("chat");
  if (!side || !main) return () => false;
  let columns = side;
  while (!columns.contains(main)) columns = columns.parentElement;
  const notices = S.find.notice.join(", ");
  return (el) => {
    if (el === main) return true;
    if (!columns.contains(el) || el.contains(side) || side.contains(el)) return false;
    return !el.closest(notices) && !el.querySelector(notices);
  };
}

// What the page itself says: not the chats, not the messages, not what is being typed. everywhere: also in the open
// chat and its preview, where only what is said of the files in hand is looked for.
function screenText({ everywhere = false } = {}) {
  const users = everywhere ? () => false : userSpace();
  const skip = (el) => el.matches(ROWS) || el.matches(lists()) || !visible(el) || users(el);
  return theirs(words(document.body, skip).replace(/[ \t]+/g, " ").replace(/\n\s*/g, "\n").trim());
}

// What stands in an editor. A block is a line of its own, a <br> ends a line; a block's last <br> only holds it open.
function editorText(root) {
  let text = "";
  let fresh = true; // at the begin of a line that a block has opened
  let due = false; // a block has ended: what follows stands on a new line
  const add = (more) => {
    if (due) text += "\n";
    due = fresh = false;
    text += more;
  };
  const endsBlock = (node) => {
    for (;;) {
      if (node.nextSibling) return false;
      node = node.parentNode;
      if (node === root || BLOCKS.has(node.tagName)) return true;
    }
  };
  const isBlock = (node) => !!node && BLOCKS.has(node.tagName);
  const betweenBlocks = (node) => !node.data.trim() && (isBlock(node.previousSibling) || isBlock(node.nextSibling));
  const walk = (node) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) child.data && !betweenBlocks(child) && add(child.data);
      else if (child.nodeType !== Node.ELEMENT_NODE) continue;
      else if (child.tagName === "IMG") add(child.alt || child.dataset.plainText || "");
      else if (child.tagName === "BR") endsBlock(child) || add("\n");
      else if (BLOCKS.has(child.tagName)) {
        if (due || !fresh) text += "\n";
        due = false;
        fresh = true;
        walk(child);
        fresh = false;
        due = true;
      } else walk(child);
    }
  };
  walk(root);
  return clean(text).replace(/\r\n?/g, "\n");
}

const plain = (text) => clean(text).replace(/\r\n?/g, "\n").replace(/[\ufe0e\ufe0f]/g, "").replace(/[ \t]+$/gm, "").replace(/\n+$/, "");

// The same for what was sent and for what WhatsApp makes of it: without formatting signs, list signs,
// variation selectors and white space.
function canonical(text) {
  return clean(text)
    .normalize("NFC")
    .replace(/^[ \t]*(?:[-*•>]|\d+[.)])[ \t]+/gm, "")
    .replace(/[*_~`>\ufe0e\ufe0f\u200d]/g, "")
    .replace(/\s+/g, "");
}

/* -- the page as a whole ------------------------------------------------------------------------------- */

function dialogs() {
  const found = all("dialog", { ok: (el) => !el.querySelector("[contenteditable=true]") });
  return found
    .filter((el) => !found.some((other) => other !== el && other.contains(el)))
    .map((el) => {
      const text = theirs(words(el).replace(/\s*\n\s*/g, "\n").trim(), [...own, ...chatName()]).trim();
      const buttons = all("dialog_buttons", { root: el }).map((button) => clean(button.textContent || button.ariaLabel || "").trim());
      const waiting = says("starting_chat", text) && !buttons.some((label) => /^ok$/i.test(label));
      return { el, text, buttons, waiting };
    })
    .filter((dialog) => dialog.text || dialog.buttons.length);
}

// The number that a dialog names, as digits; null when it names none.
function numberIn(text) {
  const found = /\+?\d[\d ().\/\u2010-\u2015-]{5,}\d/.exec(text);
  return found ? digitsOf(found[0]) : null;
}

const shown = (dialog) => ({ text: dialog.text, buttons: dialog.buttons, waiting: dialog.waiting, invalid: says("invalid_number", dialog.text), number: numberIn(dialog.text) });

function title() {
  const el = one("title");
  if (!el) return null;
  const text = clean(words(el)).trim() || clean(el.textContent).trim();
  // Of the last choice nobody can say what it holds: in groups it is the list of members.
  return text ? { text, sure: hits.title < S.find.title.length - 1 } : null;
}

// The open chat's name, where it could be a sentence: a person may have called a contact anything.
function chatName() {
  const name = oneLine(title()?.text ?? "");
  return name.split(" ").length > 2 ? [name] : [];
}

const isNumber = (text, digits) => /^\+?[\d\s().\/-]+$/.test(text) && digitsOf(text) === digits;

function captionBox() {
  return one("caption", { ok: (el) => !el.closest("#main footer") && !el.closest("#side") });
}

function composer() {
  const caption = S.find.caption.slice(0, 3).join(", ");
  return one("composer", { ok: (el) => !el.matches(caption) });
}

// Why a chat has no composer: the words that stand in its place, which is below the messages.
function bar() {
  const main = one("chat");
  if (!main) return null;
  const list = one("list");
  const above = (el) => list && !el.contains(list) && !(list.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING);
  const skip = (el) => el.matches(ROWS) || el.matches(lists()) || !visible(el) || above(el);
  const text = words(main, skip);
  if (says("monthly_cap", text)) return "monthly_cap";
  if (says("restricted", text)) return "restricted";
  return says("blocked", text) ? "blocked" : null;
}

function previewSend() {
  return one("send_preview", { ok: (el) => !el.closest("#main footer") && !el.closest("#side") && !el.closest("[role=dialog][aria-modal=true] [role=menu]") });
}

function observe() {
  const text = screenText();
  const qr = one("qr");
  const main = one("logged_in");
  const said = Object.keys(S.text).filter((name) => says(name, text));
  const number = rx("again in\\s+([^\\n.]+)").exec(text.replace(/again in\s*\n\s*/gi, "again in "));
  const counter = rx(S.text.cap_counter).exec(text);
  return {
    url: location.href,
    error_page: location.protocol === "chrome-error:" ? (/ERR_[A-Z_]+/.exec(document.body?.innerText ?? "") ?? ["ERR"])[0] : null,
    born: performance.timeOrigin,
    online: navigator.onLine,
    splash: !!one("splash"),
    progress: !!one("progress"),
    main: !!main,
    qr: qr ? qr.getAttribute("data-ref") : null,
    qr_reload: qr ? !!one("qr_reload", { root: document, ok: (el) => qr.contains(el) }) : !!matchesText("qr_reload"),
    qr_screen: !!one("qr_screen") || says("qr_title", text),
    ...linking(),
    link_expired: says("link_expired", text),
    offline_icon: !!one("offline_icon"),
    dialogs: dialogs().map(shown),
    said,
    duration: number ? number[1].trim() : null,
    cap_used: counter ? [Number(counter[1]), Number(counter[2])] : null,
    preview: previewOpen(),
    chat: one("chat") ? { composer: !!composer(), bar: bar(), title: title()?.text ?? null } : null,
    text: text.slice(0, 400),
  };
}

const matchesText = (name) => S.find[name].some((choice) => typeof choice !== "string" && matches(choice, document).some(visible));

function clickFirst(name, options) {
  const el = one(name, options);
  el?.click();
  return !!el;
}

// Click the button with one of `labels` (regexes) in the first dialog whose text matches `text`.
function clickInDialog({ text, labels }) {
  for (const dialog of dialogs()) {
    if (!rx(text).test(dialog.text)) continue;
    const buttons = all("dialog_buttons", { root: dialog.el });
    for (const label of labels) {
      const button = buttons.find((el) => [el.textContent, el.ariaLabel, el.title].some((name) => name && rx(label).test(clean(name).trim())));
      if (button) {
        button.click();
        return true;
      }
    }
  }
  return false;
}

// Answer a dialog with its OK (else its last) button and wait until it is gone.
async function acceptDialog({ text }) {
  const dialog = dialogs().find((one) => rx(text).test(one.text));
  if (!dialog) return false;
  const button = one("dialog_ok", { root: dialog.el }) ?? all("dialog_buttons", { root: dialog.el }).at(-1);
  button?.click();
  return !!(await until(() => !dialogs().some((one) => rx(text).test(one.text)), 3000));
}

// Resolve with the first truthy value of `check`, asked after every change of the page; null after `ms`.
function until(check, ms) {
  return new Promise((resolve, reject) => {
    let timer = 0;
    let done = false;
    const end = now() + ms;
    const finish = (how, value) => {
      done = true;
      clearInterval(ticker);
      clearTimeout(timer);
      observer.disconnect();
      how(value);
    };
    const ask = () => {
      timer = 0;
      if (done) return;
      try {
        const value = check();
        if (value) finish(resolve, value);
        else if (now() >= end) finish(resolve, null);
      } catch (error) {
        finish(reject, error);
      }
    };
    const observer = new MutationObserver(() => { timer ||= setTimeout(ask, 8); });
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const ticker = setInterval(ask, 40);
    ask();
  });
}

/* -- messages ------------------------------------------------------------------------------------------ */

function messageId(row) {
  const raw = row.dataset.id ?? (row.dataset.testid ?? "").replace(/^conv-msg-/, "");
  const token = raw.split("_").find((part) => /^[0-9a-f]{16,40}$/i.test(part));
  return token ?? raw;
}

function rowElements() {
  const found = all("row", { hidden: true }).filter((el) => messageId(el));
  return found.filter((el) => !found.some((other) => other !== el && other.contains(el)));
}

function inQuote(el, row) {
  const quote = el.closest(S.row.quoted);
  return quote && quote !== row && row.contains(quote);
}

const pick = (row, selector) => [...row.querySelectorAll(selector)].filter((el) => !inQuote(el, row));

function isBlue(el) {
  return [el, ...el.querySelectorAll("*")].some((part) => {
    const style = getComputedStyle(part);
    return [style.color, style.fill].some((color) => {
      const [r, , b] = (color.match(/[\d.]+/g) ?? []).map(Number);
      return b > 180 && r < 120 && b - r > 80;
    });
  });
}

// Whether an element of a row, or its label, is WhatsApp's own and not a text or the name of a file.
function spoken(el, row) {
  const label = oneLine(el.ariaLabel ?? "");
  const named = own.some((name) => label.includes(name)) || (/\.\w{1,5}$/.test(label) && oneLine(row.textContent).includes(label));
  return !named && !el.closest(S.row.text);
}

function ackOf(row) {
  if (pick(row, S.row.failed).some((el) => spoken(el, row))) return "failed";
  const metas = pick(row, S.row.meta);
  const scopes = metas.length ? [...metas, row] : [row];
  for (const scope of scopes) {
    const labels = pick(scope, "[aria-label]").filter((el) => spoken(el, row)).map((el) => S.ack.labels[clean(el.ariaLabel).trim().toLowerCase()]).filter(Boolean);
    if (labels.length) return labels.at(-1);
  }
  for (const el of pick(row, "[data-icon]")) {
    const state = S.ack.icons[el.dataset.icon];
    if (state) return state === "delivered" && isBlue(el) ? "read" : state;
  }
  for (const el of pick(row, "svg title")) {
    const state = S.ack.titles[el.textContent.trim()];
    if (state) return state === "delivered" && isBlue(el.closest("svg")) ? "read" : state;
  }
  return null;
}

function isOwn(row, ack) {
  if (ack) return true;
  if (row.matches(S.row.notice) || row.querySelector(S.row.notice)) return false;
  if (pick(row, S.row.you).length || pick(row, "span").some((el) => !el.childElementCount && !el.closest(S.row.text) && says("you", el.textContent.trim()))) return true;
  if (row.matches(S.row.own) || pick(row, S.row.own).length) return true;
  if (row.matches(S.row.theirs) || pick(row, S.row.theirs).length) return false;
  const tails = pick(row, "svg title").map((el) => el.textContent.trim());
  if (tails.includes("tail-out")) return true;
  if (tails.includes("tail-in")) return false;
  const raw = row.dataset.id ?? "";
  if (raw.startsWith("true_")) return true;
  if (raw.startsWith("false_")) return false;
  return null;
}

// Who wrote a row, by "[time, date] Name: "; null for rows that do not tell.
function senderOf(row) {
  const told = pick(row, "[data-pre-plain-text]")[0]?.dataset.prePlainText;
  return told ? clean(told).replace(/^\s*\[.*?\]\s*/, "").trim() : null;
}

// Rows whose direction is not marked: by their sender, or because only messages of ours have a status.
function direct(messages) {
  const ours = messages.filter((message) => message.own);
  const senders = new Set(ours.map((message) => message.sender).filter(Boolean));
  const ticked = ours.some((message) => message.ack);
  for (const message of messages) {
    if (message.own !== null || message.shell) continue;
    if (senders.size && message.sender) message.own = senders.has(message.sender);
    else if (ticked) message.own = false;
  }
  return messages;
}

function parse(row) {
  const ack = ackOf(row);
  const found = pick(row, S.row.text);
  const texts = found.filter((el) => !found.some((other) => other !== el && other.contains(el)));
  const more = pick(row, S.row.read_more).length > 0 || pick(row, "span, button, [role=button], a").some((el) => !el.childElementCount && says("read_more", clean(el.textContent).trim()));
  const skip = (el) => el.matches(S.row.quoted) || el.matches(S.row.meta);
  return {
    el: row,
    id: messageId(row),
    ack,
    own: isOwn(row, ack),
    sender: senderOf(row),
    text: texts.length ? texts.map((el) => words(el)).join("\n") : null,
    all: words(row, skip),
    labels: () => pick(row, "[title], [aria-label]").map((el) => (el.title || el.ariaLabel || "")).join("\n"),
    more,
    media: pick(row, S.row.media).length > 0,
    shell: !row.textContent.trim() && !row.querySelector("img, video, audio, canvas"),
  };
}

// Whether a row holds what we sent: "yes", "no" or "unclear". want: {text, names, media, named}; named: its name is in the row
function fits(message, want) {
  const expected = canonical(want.text);
  if (want.media) {
    const named = want.names.some((name) => canonical(message.all + message.labels()).includes(canonical(name)));
    if (!expected && want.named && !named) return message.media || message.text === null ? "unclear" : "no"; // another document, or its name is cut
    if (!expected) return named || message.media ? "yes" : message.text === null ? "unclear" : "no";
  }
  if (message.text === null) {
    if (message.shell) return "unclear";
    return expected && canonical(message.all).includes(expected) ? "yes" : want.media && message.media ? "unclear" : expected && message.media ? "no" : "unclear";
  }
  let got = canonical(message.text);
  if (got === expected) return "yes";
  if (message.more) {
    got = got.replace(/(…|\.\.\.)?(readmore)?$/i, "").replace(/(…|\.\.\.)$/, "");
    if (got.length >= 100 && expected.startsWith(got)) return "yes";
  }
  return "no";
}

// The id of the newest message of anybody. Notices are none: their ids may differ in each life of the page.
function newestOfAnybody() {
  const row = rowElements().findLast((each) => !each.matches(S.row.notice) && !each.querySelector(S.row.notice));
  return row ? messageId(row) : null;
}

function newestOwn() {
  const rows = rowElements();
  for (let index = rows.length - 1; index >= 0; index--) {
    const message = parse(rows[index]);
    if (message.own) return message.id;
  }
  return null;
}

const rowSign = () => {
  const rows = rowElements();
  return rows.length ? [rows.length, messageId(rows[0]), messageId(rows.at(-1)), rows.filter((row) => !row.textContent).length].join(" ") : "";
};

// Whether the open chat shows anything: a message, a date, a notice. A list without any may not have been painted yet.
function painted() {
  const list = one("list");
  return rowElements().length > 0 || (!!list && words(list, (el) => !visible(el)).trim() !== "");
}

// Whether the list of chats tells of a message in the chat with `digits` (or of that title): a tick, or other words
// than its title. A draft is none.
function listed(digits) {
  const at = title();
  return all("chat_row").some((row) => {
    const names = [...row.querySelectorAll("[title], [dir=auto]")].filter((el) => [clean(el.title).trim(), clean(el.textContent).trim()].some((name) => name && (name === at?.text || isNumber(name, digits))));
    if (!names.length) return false;
    if (ackOf(row)) return true;
    const rest = words(row, (el) => names.includes(el) || el.matches(S.row.badge)).trim();
    // The mark of a draft is an element of its own: a message may begin with that word, too.
    return rest !== "" && ![...row.querySelectorAll("*")].some((el) => !el.childElementCount && !names.includes(el) && says("draft", clean(el.textContent).trim()));
  });
}

// Wait for anything in a chat that the list of chats says has messages. True when it has none, or shows them now.
async function awaitPaint({ digits, wait_ms }) {
  return !!(await until(() => painted() || !listed(digits), wait_ms));
}

// Wait until the rows of the open chat have stopped coming. An empty list may still be on its way, for blank_ms when
// nothing at all is in it. before: what an earlier call returned; if nothing has changed since, its time counts.
async function settled({ max_ms, quiet_ms, empty_ms, blank_ms = empty_ms, before = null }) {
  const end = now() + max_ms;
  let { sign, since } = before ?? { sign: null, since: now() };
  for (;;) {
    const current = rowSign();
    if (current !== sign || one("history_loading")) {
      sign = current;
      since = now();
    } else if (now() - since >= (current ? quiet_ms : !one("list") ? 4 * empty_ms : painted() ? empty_ms : blank_ms)) return { sign, since, quiet: true };
    if (now() > end) return { sign, since, quiet: false };
    await pause(20);
  }
}

/* -- opening a chat ------------------------------------------------------------------------------------ */

// Click a link as WhatsApp's own pages have it; the app's listener opens the chat without a reload.
// Returns false when nobody took the click (we keep the browser from leaving the page then).
function clickLink(href) {
  const link = document.createElement("a");
  link.href = href;
  link.style.display = "none";
  let taken = null;
  const last = (event) => {
    if (event.target !== link) return;
    taken = event.defaultPrevented;
    event.preventDefault();
  };
  window.addEventListener("click", last);
  document.body.append(link);
  link.click();
  window.removeEventListener("click", last);
  link.remove();
  return taken !== false;
}

function chatNow(digits) {
  const box = composer();
  const at = title();
  return { title: at?.text ?? null, number: !!at && at.sure && isNumber(at.text, digits), composer: !!box, draft: box ? editorText(box) : null, bar: box ? null : bar() };
}

const QUIET_MS = 3000; // a chat that WhatsApp is about to open shows a dialog by then

async function openChat({ digits, href, marker, wait_ms, again = false }) {
  const real = () => dialogs().find((dialog) => !dialog.waiting);
  if (!one("logged_in") || real()) return { outcome: "unready" };
  if (!(await until(() => !dialogs().length || real(), 10000))) return { outcome: "busy" };
  if (real()) return { outcome: "dialog", dialog: shown(real()) }; // the answer to what was asked for before
  const before = title();
  // It may be there already; that the click opens nothing else is to be proved all the same.
  if (!marker && !again && before?.sure && isNumber(before.text, digits)) return { outcome: "unchanged" };
  if (!clickLink(href)) return { outcome: "ignored" };
  return arrive({ digits, marker, wait_ms, before: before?.text ?? null });
}

// Wait until the chat that was asked for is open. before: the title that stood there, null when none did.
async function arrive({ digits, marker, wait_ms, before }) {
  const began = now();
  let busy = began;
  let barred = 0;
  const found = await until(() => {
    const open = dialogs();
    const real = open.find((dialog) => !dialog.waiting);
    if (real) return { outcome: "dialog", dialog: shown(real) };
    if (open.length) {
      busy = now();
      return null;
    }
    const at = title();
    if (marker) {
      const box = composer();
      if (box && editorText(box).includes(marker)) return { outcome: "proved", by: "marker" };
      barred = !box && at && bar() ? barred || now() : 0;
      if (barred && now() - barred > 600) return { outcome: "barred" };
      return now() - busy > QUIET_MS ? { outcome: "timeout" } : null;
    }
    if (at && at.text !== before) return { outcome: at.sure && isNumber(at.text, digits) && !isGroup() ? "proved" : "named", by: "title" };
    return now() - began > 700 && now() - busy > 300 ? { outcome: "unchanged" } : null;
  }, wait_ms);
  if (!found) return { outcome: dialogs().length ? "busy" : "timeout" };
  if (found.outcome !== "proved") return found;
  return { ...found, ...(await ready({ digits })) };
}

// The chat is open: wait for its composer (or what stands in its place) and for its rows.
async function ready({ digits }) {
  await until(() => composer() || bar(), 5000);
  const rows = await settled({ max_ms: 8000, quiet_ms: 60, empty_ms: 40 });
  return { ...chatNow(digits), rows, lost: lost() };
}

// What can be seen to be missing only in a chat with messages: their ids, or the ticks of ours.
function lost() {
  const rows = rowElements();
  const texts = [...document.querySelectorAll("#main .copyable-text, #main .selectable-text, #main [data-testid=selectable-text]")];
  if (!rows.length) return texts.some((el) => visible(el) && !el.closest("header, footer, [contenteditable]")) ? ["row"] : [];
  const own = rows.slice(-20).map(parse).filter((message) => message.own && !message.shell);
  return own.length && own.every((message) => !message.ack) ? ["tick"] : [];
}

const isGroup = () => {
  const box = composer();
  return !!box && says("to_group", box.ariaLabel ?? "");
};

/* -- composing ----------------------------------------------------------------------------------------- */

const box = (where) => (where === "caption" ? captionBox() : composer());

// Put the caret into the composer or the caption box. Returns what stands in it, null when there is no box.
async function focus({ where, wait_ms }) {
  await until(() => box(where) || (where === "composer" && bar()), wait_ms);
  const el = box(where);
  if (!el) return null;
  el.focus();
  if (document.activeElement !== el && !el.contains(document.activeElement)) el.dispatchEvent(new MouseEvent("mousedown", { bubbles: true })), el.focus();
  const range = document.createRange();
  range.selectNodeContents(el);
  range.collapse(false);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  return { text: editorText(el), focused: document.activeElement === el || el.contains(document.activeElement) };
}

// Select all in the box, for a Delete key that follows.
function selectAll({ where }) {
  const el = box(where);
  if (!el) return false;
  el.focus();
  const range = document.createRange();
  range.selectNodeContents(el);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return true;
}

function paste({ where, text }) {
  const el = box(where);
  const data = new DataTransfer();
  data.setData("text/plain", text);
  el.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}

// Wait until the box holds exactly `text`; then, when `rows` is given (see settled), until those have come to rest.
async function readBack({ where, text, wait_ms, rows = null }) {
  const want = plain(text);
  const same = !!(await until(() => {
    const el = box(where);
    return el && plain(editorText(el)) === want;
  }, wait_ms));
  const el = box(where);
  const got = el ? plain(editorText(el)) : null;
  const lines = (value) => value.split("\n").map((line) => line.trim()).filter(Boolean).join("\n");
  const close = got !== null && lines(got) === lines(want);
  if ((same || close) && rows) await settled(rows);
  return { same, close, missing: got === null, length: got?.length ?? 0, title: title()?.text ?? null, last_own: newestOwn(), last: newestOfAnybody(), ids: rowElements().map(messageId), painted: painted(), lost: lost(), attach: !!one("attach"), heard: rows ? heardRows() : [] };
}

/* -- sending ------------------------------------------------------------------------------------------- */

const rightTitle = (want) => {
  const at = title();
  return !!at && (at.text === want.title || (at.sure && isNumber(at.text, want.digits)));
};

// The one call that sends: look once more at everything, click, and remember which rows were there.
async function send({ where, want, last_own, ids, text, enter_ok }) {
  const find = () => (where === "caption" ? previewSend() : one("send"));
  await until(() => find() || (where === "composer" && !composer() && bar()), 3000);
  const button = find();
  const open = dialogs().filter((dialog) => !dialog.waiting);
  if (open.length) return { clicked: false, why: "dialog", dialog: shown(open[0]) };
  if (dialogs().length) return { clicked: false, why: "busy" };
  if (!(where === "caption" && !title()) && !rightTitle(want)) return { clicked: false, why: "title" };
  const el = box(where);
  if (el || text) {
    const lines = (value) => plain(value).split("\n").map((line) => line.trim()).filter(Boolean).join("\n");
    if (!el || lines(editorText(el)) !== lines(text)) return { clicked: false, why: "text" };
  }
  const present = rowElements().map(messageId);
  // A preview may stand in place of the rows.
  if ((present.length || where !== "caption") && newestOwn() !== last_own) return { clicked: false, why: "rows" };
  const before = [...new Set([...ids, ...present])];
  if (button) button.click();
  else if (!enter_ok || !el) return { clicked: false, why: "no_button" };
  return { clicked: !!button, enter: !button, before, count: before.length, born: performance.timeOrigin };
}

// Look for rows of ours that were not there at the click. Returns when one has a tick or failed, or after wait_ms.
async function awaitRow({ before, wants, wait_ms }) {
  const old = new Set(before);
  let last = null;
  const look = () => {
    const rows = rowElements();
    let start = rows.length;
    while (start > 0 && !old.has(messageId(rows[start - 1]))) start--; // only what follows the newest known row
    const fresh = rows.slice(start).map(parse);
    const used = new Set();
    const found = wants.map((want) => {
      const ok = want.media && !want.text ? ["yes", "unclear"] : ["yes"]; // what but our file would come now?
      const hit = fresh.findLast((message) => !used.has(message) && message.own && ok.includes(fits(message, want)));
      if (hit) used.add(hit);
      return hit ? { id: hit.id, ack: hit.ack ?? "pending" } : null;
    });
    const real = dialogs().find((dialog) => !dialog.waiting);
    const el = composer();
    last = { found, dialog: real ? shown(real) : null, fresh: fresh.length, draft: el ? plain(editorText(el)).length : null, born: performance.timeOrigin };
    return last;
  };
  await until(() => {
    const { found } = look();
    return found.every((row) => row && row.ack !== "pending") || found.some((row) => row?.ack === "failed");
  }, wait_ms);
  return look();
}

/* -- attachments --------------------------------------------------------------------------------------- */

// No file input may open the system's chooser: nobody could close that window.
function guardInputs() {
  const quiet = function (original) {
    return function (...given) {
      return this.type === "file" ? undefined : original.apply(this, given);
    };
  };
  const proto = HTMLInputElement.prototype;
  if (!Object.hasOwn(proto, "click")) {
    proto.click = quiet(HTMLElement.prototype.click);
    proto.showPicker = quiet(proto.showPicker);
  }
}

function accepts(input, kind) {
  const accept = (input.accept ?? "").toLowerCase().replace(/\s/g, "");
  if (kind === "media") return accept.includes("video/mp4") || accept.includes("video/*");
  if (kind === "audio") return accept.includes("audio/") && !accept.includes("image/");
  return accept === "*" || accept === "*/*";
}

const inputFor = (kind) => [...document.querySelectorAll("input[type=file]")].filter((input) => accepts(input, kind)).at(-1) ?? null;

const MENU = "[role=menu], [role=application]";
const OUTSIDE_MENU = "#side, #pane-side, header, [data-id], [role=row]";

// Open the attach menu, choose the entry of `kind` and return the file input that belongs to it.
async function chooseInput({ kind, wait_ms }) {
  guardInputs();
  const known = new Set(document.querySelectorAll("input[type=file]"));
  const attach = await until(() => one("attach"), wait_ms);
  if (!attach) return { why: "attach" };
  const label = rx(S.menu[kind]);
  const named = (name) => !!name && label.test(clean(name).trim());
  const offered = () => {
    for (const choice of S.find.menu_entry) {
      for (const el of matches(choice, document)) {
        if (!visible(el) || el.closest(OUTSIDE_MENU) || el.closest(lists())) continue;
        if ([el.ariaLabel, el.title, words(el)].some(named)) return el;
        // The words may be one part among others; a click on it reaches whatever listens above it.
        const part = [...el.querySelectorAll("*")].find((one) => !one.closest("svg") && !one.childElementCount && named(one.textContent));
        if (part) return part;
      }
    }
    return null;
  };
  // The menu may stand open, as somebody has left it: then it is used as it is. Where that does not show, the first
  // click has put it away. Two clicks without an entry leave it as it was.
  let entry = offered();
  entry = entry?.closest(MENU) ? entry : null;
  for (const ms of [3000, 1000]) {
    if (entry) break;
    attach.click();
    entry = await until(offered, ms);
  }
  if (!entry) return { why: "entry" };
  entry.click();
  const input = await until(() => {
    const found = inputFor(kind);
    return found && (!known.has(found) || null) ? found : null;
  }, 700) ?? (await until(() => inputFor(kind), 1500));
  if (!input) return { why: "input" };
  return { input, multiple: input.multiple };
}

// After the files were given: wait for the preview, or for the page's reason against them.
async function awaitPreview({ wait_ms, before_text }) {
  const refused = (text) => ["too_large", "unsupported_file", "empty_file"].find((name) => says(name, text));
  const found = await until(() => {
    const dialog = dialogs().find((one) => !one.waiting);
    const why = dialog ? refused(dialog.text) : null;
    if (why) return { why, dialog: shown(dialog) };
    if (dialog) return { why: "dialog", dialog: shown(dialog) };
    const old = [...before_text];
    for (const line of screenText({ everywhere: true }).split("\n")) {
      const at = old.indexOf(line);
      if (at >= 0) old.splice(at, 1); // it stood there already
      else if (refused(line)) return { why: refused(line) };
    }
    return previewSend() ? { preview: true } : null;
  }, wait_ms);
  return found ?? { why: "timeout" };
}

const previewOpen = () => !!previewSend() && !!(captionBox() || one("preview_close", { ok: (el) => !el.closest("#side") }));

// Leave a preview that stands open from before. True when none is left.
async function leavePreview() {
  if (!previewOpen()) return true;
  clickFirst("preview_close", { ok: (el) => !el.closest("#side") });
  await until(() => !previewOpen() || dialogs().length, 1500);
  if (dialogs().some((dialog) => says("discard", dialog.text))) clickInDialog({ text: S.text.discard, labels: ["^discard", "^(yes|ok)$"] });
  return !!(await until(() => !previewOpen(), 2000));
}

/* -- looking back -------------------------------------------------------------------------------------- */

function scroller() {
  let el = rowElements()[0] ?? one("list");
  while (el && el !== document.body) {
    const style = getComputedStyle(el);
    if (/(auto|scroll|overlay)/.test(style.overflowY) && el.scrollHeight > el.clientHeight + 1) return el;
    el = el.parentElement;
  }
  return null;
}

const NEAR = 10; // so many rows above the mark were loaded when it was made

// One look at the rows after the mark: after `last_own` where it is loaded, as all that are ours and follow it are new;
// else after `last`, the newest row of anybody. Shells are brought into view so that they get their content.
async function history({ last, last_own, wants, wait_ms, digits = null }) {
  const rows = rowElements();
  const ids = rows.map(messageId);
  const at = ids.includes(last_own) ? ids.lastIndexOf(last_own) : ids.lastIndexOf(last);
  const old = ids.lastIndexOf(last); // what stands there or above was seen when the mark was made
  const messages = [];
  const known = rows.slice(Math.max(0, at - NEAR), at + 1).map(parse); // they help to tell whose the others are
  // Newest first: coming back to the end, far rows may have become shells again, so each is read when it is seen.
  for (const row of rows.slice(at + 1).reverse()) {
    let message = parse(row);
    if (message.shell) {
      row.scrollIntoView({ block: "center" });
      await until(() => !row.isConnected || !(message = parse(row)).shell, wait_ms);
    }
    messages.unshift(message);
  }
  direct([...known, ...messages]);
  for (const message of messages.slice(0, Math.max(0, old - at))) message.own = message.own === true;
  return {
    reached: at >= 0,
    // By clocks that differ WhatsApp may have put ours in front of a row that was there before it.
    near: ids[at] !== last_own && known.some((message) => message.own && wants.some((want) => fits(message, want) === "yes")),
    count: rows.length,
    first: rows.length ? messageId(rows[0]) : null,
    last: rows.length ? messageId(rows.at(-1)) : null,
    loading: !!one("history_loading"),
    painted: painted(),
    listed: digits ? listed(digits) : false,
    rows: messages.map((message) => ({ id: message.id, own: message.own, ack: message.ack, fits: wants.map((want) => fits(message, want)), shell: message.shell })),
  };
}

// The newest rows of the open chat, for a person to judge by.
function newestRows({ count }) {
  const rows = direct(rowElements().slice(-count).map(parse));
  return rows.map((row) => ({ own: row.own, ack: row.ack, text: (row.text ?? row.all).trim() }));
}

// Ask for older rows. Returns whether any came, and whether the list stands at its top.
async function older({ wait_ms }) {
  const rows = rowElements();
  const first = rows.length ? messageId(rows[0]) : null;
  const count = rows.length;
  const pane = scroller();
  if (pane) {
    pane.scrollTop = 1;
    pane.scrollTop = 0;
    pane.dispatchEvent(new Event("scroll", { bubbles: true }));
  } else rows[0]?.scrollIntoView();
  const came = await until(() => {
    const fresh = rowElements();
    return fresh.length !== count || (fresh.length ? messageId(fresh[0]) : null) !== first;
  }, wait_ms);
  return { came: !!came, top: !pane || pane.scrollTop <= 1, loading: !!one("history_loading") };
}

function newest() {
  const pane = scroller();
  if (pane) pane.scrollTop = pane.scrollHeight;
  return true;
}

/* -- the new-chat panel -------------------------------------------------------------------------------- */

async function openPanel() {
  if (!clickFirst("new_chat")) return { why: "new_chat" };
  const el = await until(() => one("panel_search", { ok: (el) => !el.closest("#main") }), 3000);
  if (!el) return { why: "search" };
  el.focus();
  return { focused: document.activeElement === el, filled: !!(el.value ?? el.textContent) };
}

// Click the result that is a contact (headings are rows too); the one that shows the number, else the first.
async function pickResult({ digits, wait_ms }) {
  const heading = /^(chats|contacts|messages|not in your contacts|contacts on whatsapp|frequently contacted|new group|new contact|new community|.{0,20}no results.*)$/i;
  const candidates = () =>
    S.find.panel_row
      .flatMap((choice) => matches(choice, document))
      .filter((el) => visible(el) && !el.closest("#main") && !heading.test(clean(el.textContent).trim()) && el.textContent.trim())
      .filter((el) => el.querySelector("[role=button], img, [data-icon], span[title], [tabindex], span[dir]") || el.tabIndex >= 0);
  const row = await until(() => candidates().find((el) => digitsOf(el.textContent).includes(digits)), wait_ms);
  if (!row) return false;
  const target = row.querySelector("[role=button], [tabindex='0'], [tabindex='-1']") ?? row;
  for (const kind of ["mousedown", "mouseup"]) target.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true, view: window }));
  target.click();
  return true;
}

/* -- the self-check ------------------------------------------------------------------------------------ */

const missing = ({ names }) => names.filter((name) => (["row", "tick"].includes(name) ? lost().includes(name) || !one("chat") : !one(name)));

const COMMANDS = {
  observe, clickInDialog, acceptDialog, openChat, arrive, ready, chatNow: ({ digits }) => chatNow(digits), focus, selectAll,
  newestRows, paste, readBack, send, awaitRow, chooseInput, awaitPreview, leavePreview, history, older, newest, openPanel, pickResult,
  awaitPaint, unread, heard, readRows, openListed, missing, screenText, click: ({ name }) => clickFirst(name), settled,
  canonical: ({ text }) => canonical(text), title, openEntry, submitNumber, logOut,
};

async function run(name, given, done) {
  own = (given?.own ?? []).map(oneLine).filter((each) => each.length > 3).sort((a, b) => b.length - a.length);
  try {
    done({ value: (await COMMANDS[name](given ?? {})) ?? null, hits });
  } catch (error) {
    done({ error: String(error?.stack ?? error).slice(0, 500), hits });
  }
}

// The rows of the open chat: whose they are, what they hold, their ticks, and whether all have come.

function messageId(row) {
  const raw = row.dataset.id ?? (row.dataset.testid ?? "").replace(/^conv-msg-/, "");
  const token = raw.split("_").find((part) => /^[0-9a-f]{16,40}$/i.test(part));
  return token ?? raw;
}

function everyRow() {
  const found = all("row", { hidden: true }).filter((el) => messageId(el));
  return found.filter((el) => !found.some((other) => other !== el && other.contains(el)));
}

const CLOCK = /\p{Nd}{1,2}\s?[:.h\u066b]\s?\p{Nd}{2}/iu; // every message shows when it was sent

// Whether a row is a notice of the chat (encryption, a security code, messages that disappear): nobody wrote it, and its
// id may be another one in each life of the page. Where its test ids are missing it is told by all that it lacks.
function isNotice(row) {
  const has = (selector) => row.matches(selector) || !!row.querySelector(selector);
  if (has(S.row.bubble)) return false;
  if (has(S.row.notice)) return true;
  if (!row.textContent.trim() || has(S.row.text) || has(S.row.media) || has(S.row.own) || has(S.row.theirs)) return false;
  return !CLOCK.test(clean(row.textContent)) && !row.querySelector("svg title");
}

// The rows of messages.
const rowElements = () => everyRow().filter((row) => !isNotice(row));

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
  const named = [
    ...pick(row, "svg title").map((el) => [el.textContent.trim(), el.closest("svg")]),
    ...pick(row, "[data-testid]").map((el) => [el.dataset.testid, el]),
  ];
  for (const [name, el] of named) {
    const state = S.ack.titles[name];
    if (state) return state === "delivered" && isBlue(el) ? "read" : state;
  }
  return null;
}

function isOwn(row, ack) {
  if (ack) return true;
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

// The id of the newest message of anybody.
function newestOfAnybody() {
  const row = rowElements().at(-1);
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

// What can be seen to be missing only in a chat with messages: their ids, or the ticks of ours.
function lost() {
  const rows = rowElements();
  if (!rows.length) {
    const texts = [...document.querySelectorAll("#main .copyable-text, #main .selectable-text, #main [data-testid=selectable-text]")];
    const notices = everyRow();
    const said = (el) => visible(el) && !el.closest(`header, footer, [contenteditable], ${S.row.notice}`) && !notices.some((row) => row.contains(el));
    return texts.some(said) ? ["row"] : [];
  }
  const own = rows.slice(-20).map(parse).filter((message) => message.own && !message.shell);
  // One that was deleted, or a call, has no tick, and no text either.
  const sent = own.filter((message) => message.text !== null || message.media);
  return (sent.length || own.length > 2) && own.every((message) => !message.ack) ? ["tick"] : [];
}

// What the page itself says, as opposed to what people write in it, and the look that tells its state.

const MESSAGES = "#main [data-id], #main [data-testid^='conv-msg-'], #main [role=row]";
const CHATS = "#pane-side [role=grid], #pane-side [data-testid=chat-list], #pane-side [data-testid^='list-item-'], [data-testid=cell-frame-container]";
const ROWS = `${CHATS}, ${MESSAGES}, [role=row], [role=listitem], [role=tablist], #main header, [contenteditable=true], [contenteditable='']`;
const lists = () => selectorOf("list");

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

// Whether the page loads, and how far it says that it has come.
function progress(text) {
  const el = one("progress");
  const told = Number(el?.getAttribute("value") ?? el?.getAttribute("aria-valuenow") ?? /(\d+)\s*%/.exec(text)?.[1] ?? NaN);
  return { progress: !!el, percent: Number.isNaN(told) ? null : told };
}

// The check by passkey: "prompt" while it waits for a person's click, then what shows how far it is. Null: there is none.
function passkey() {
  const parts = all("passkey");
  if (!parts.length) return null;
  const step = one("passkey_continue") ? "prompt" : "step";
  return [step, ...parts.map((el) => el.dataset.testid || el.id), oneLine(words(parts[0])).slice(0, 200)].join(" ");
}

// A page that does not say its language: what the list of chats is called tells one that is not English.
function spoken() {
  const label = clean(one("list_of_chats")?.ariaLabel ?? "").trim();
  return label && says("foreign", label) ? "unknown" : "";
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
    ...progress(text),
    lang: document.documentElement.lang.trim() || spoken(),
    main: !!main,
    chats_hidden: !main && !!one("logged_in", { hidden: true }),
    qr: qr ? qr.getAttribute("data-ref") : null,
    qr_reload: !!one("qr_reload"),
    qr_screen: !!one("qr_screen") || says("qr_title", text),
    ...linking(),
    link_expired: says("link_expired", text),
    passkey: passkey(),
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

const missing = ({ names }) => names.filter((name) => (["row", "tick"].includes(name) ? lost().includes(name) || !one("chat") : !one(name)));

// What comes in: which chats are unread, and what stands in them.

const AT_HAND = 12; // rows of a chat that is open for another reason, at least
const LIST_MS = 12000; // for one walk through the list of chats

/* -- the list of chats --------------------------------------------------------------------------------- */

// The rows of the chat list that exist now: of a long one only those in view. count: unread messages; 0 where there are
// none, and in one that a person has marked as unread.
function listRows() {
  const found = [];
  for (const row of all("chat_row")) {
    const badge = one("unread", { root: row });
    const count = badge && /\d+/.exec(badge.textContent + " " + (badge.ariaLabel ?? ""));
    const name = one("row_title", { root: row, ok: (el) => !badge || !el.contains(badge) });
    if (!name) continue;
    const preview = one("row_preview", { root: row, ok: (el) => el !== name && !el.contains(name), hidden: true });
    const title = clean(name.title || words(name)).trim();
    if (title) found.push({ el: row, named: name, shown: preview, title, count: count ? Number(count[0]) : 0, preview: preview ? clean(preview.title || words(preview)).trim() : "" });
  }
  return found;
}

function scrollerOf(el) {
  for (; el && el !== document.body; el = el.parentElement) {
    if (/(auto|scroll|overlay)/.test(getComputedStyle(el).overflowY) && el.scrollHeight > el.clientHeight + 1) return el;
  }
  return null;
}

// Wait until rows stand where the list was scrolled to.
function rowsInPlace(pane) {
  const view = pane.getBoundingClientRect();
  const shows = (y) => all("chat_row").some((row) => {
    const place = row.getBoundingClientRect();
    return place.top <= y && place.bottom >= y;
  });
  const end = Math.min(view.bottom, view.top + pane.scrollHeight - pane.scrollTop) - 4;
  return until(() => shows(view.top + 4) && shows(end), 700);
}

// The rows in the order in which they are seen (in the document they stand in another), each with its place below `top`.
const placed = (top) =>
  listRows()
    .map((row) => ({ ...row, place: Math.round(row.el.getBoundingClientRect().top - top) }))
    .sort((a, b) => a.place - b.place);

// Go down the list of chats from that place on, a view at a time, for `ms`. visit: gets its rows, each with its place
// from the top; true ends it. Returns whether the whole list was seen.
async function eachView(visit, { from = 0, ms = LIST_MS } = {}) {
  const began = now();
  const pane = scrollerOf(all("chat_row")[0]);
  if (!pane) return visit(placed(0)), true;
  try {
    pane.scrollTop = from;
    for (;;) {
      await rowsInPlace(pane);
      if (visit(placed(pane.getBoundingClientRect().top - pane.scrollTop))) return true;
      const before = pane.scrollTop;
      if (before + pane.clientHeight >= pane.scrollHeight - 1) return true;
      if (now() - began > ms) return false;
      pane.scrollTop = before + Math.max(50, pane.clientHeight - 100);
      if (pane.scrollTop === before) return true;
    }
  } finally {
    pane.scrollTop = 0;
  }
}

// Do that with the list's own filter for unread chats on, where the page has one: then it is short. Another that a person
// has left on would hide chats.
async function amongUnread(work) {
  const filter = one("unread_filter");
  const back = one("all_filter");
  const chosen = (tab) => tab.ariaSelected === "true" || tab.ariaPressed === "true";
  if (!filter || !back) return work();
  const tabs = (filter.closest("[role=tablist]") ?? filter.parentElement).querySelectorAll("[role=tab], button");
  if (![...tabs].some(chosen)) return work();
  if (!chosen(filter)) filter.click(); // a second click might put it out
  try {
    await until(() => chosen(filter), 1000);
    return await work();
  } finally {
    back.click();
    await until(() => chosen(back) && all("chat_row").length, 500);
  }
}

const asNumber = (text) => (text.startsWith("+") && isNumber(text, digitsOf(text)) ? digitsOf(text) : null);

// All unread chats, in the list's order. hidden: how many archived ones cannot be told whose they are.
async function unread() {
  const found = new Map();
  const whole = await amongUnread(() => eachView((rows) => {
    for (const row of rows) if (row.count) found.set(row.place, row);
    return false;
  }));
  const listed = [...found.values()].sort((a, b) => a.place - b.place);
  const known = await knownUnread();
  const archived = known.filter((chat) => chat.archived && !chat.group);
  return {
    whole,
    hidden: archived.filter((chat) => !chat.number).length,
    chats: [
      ...listed.map(({ title, count, preview }) => {
        const number = asNumber(title);
        return { title, count, preview, number, ...(number ? { hint: null, group: false } : ownerOf(title, known)) };
      }),
      ...archived.filter((chat) => chat.number).map(({ number, count }) => ({ title: "", count, preview: "", number, hint: null, group: false })),
    ],
  };
}

// Whose unread chat of that name it is, as far as only one chat has it.
function ownerOf(title, known) {
  const called = known.filter((chat) => !chat.archived && chat.names.includes(title));
  return { hint: called.length === 1 ? called[0].number : null, group: called.length > 0 && called.every((chat) => chat.group) };
}

// The unread chats that WhatsApp keeps in the browser's own database, among them the archived ones, which are in no list.
// An id mostly is the number; where it is not, the contact may have it. Groups are contacts, too.
async function knownUnread() {
  const bases = (await indexedDB.databases?.()) ?? [];
  if (!bases.some(({ name }) => name === "model-storage")) return [];
  const told = (id) => String(id?._serialized ?? id ?? "");
  const { chat: chats, contact: contacts } = await Promise.race([stored("chat", "contact"), pause(2000).then(() => ({}))]).catch(() => ({}));
  const people = new Map((contacts ?? []).map((contact) => [told(contact.id), contact]));
  const digits = (id) => /^(\d{6,15})@(?:c\.us|s\.whatsapp\.net)$/.exec(told(id))?.[1] ?? null;
  return (chats ?? [])
    .filter((chat) => chat.unreadCount > 0 && !/@(newsletter|broadcast)$/.test(told(chat.id)))
    .map((chat) => {
      const contact = people.get(told(chat.id)) ?? {};
      const names = [contact.name, contact.pushname, contact.notifyName, contact.verifiedName, contact.shortName, chat.name, chat.formattedTitle];
      return {
        number: digits(chat.id) ?? digits(contact.phoneNumber),
        names: names.filter((name) => typeof name === "string").flatMap((name) => [clean(name).trim(), `~${clean(name).trim()}`]),
        count: chat.unreadCount,
        archived: chat.archive === true,
        group: told(chat.id).endsWith("@g.us"),
      };
    });
}

// What stands in these stores of WhatsApp's database, by store.
function stored(...stores) {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("model-storage");
    asked.onerror = () => reject(asked.error);
    asked.onupgradeneeded = () => asked.transaction.abort(); // it is gone: none is made in its place
    asked.onsuccess = () => {
      const db = asked.result;
      const there = stores.filter((name) => db.objectStoreNames.contains(name));
      const end = (how, value) => (db.close(), how(value));
      if (!there.length) return end(resolve, {});
      const work = db.transaction(there, "readonly");
      const asks = there.map((name) => [name, work.objectStore(name).getAll()]);
      work.oncomplete = () => end(resolve, Object.fromEntries(asks.map(([name, rows]) => [name, rows.result])));
      work.onabort = () => end(reject, work.error);
    };
  });
}

/* -- what stands in a chat ----------------------------------------------------------------------------- */

// Whose a row is that cannot be told is taken for theirs.
const saidIn = (messages) =>
  direct(messages)
    .filter((row) => !row.shell && (row.text?.trim() || row.media || row.own))
    .map((row) => ({ key: row.id, own: row.own === true, ack: row.ack, text: (row.text ?? "").trim() }));

// The newest rows of the open chat, as they are: at least AT_HAND, and back to one of ours where one exists in the page.
function heardRows() {
  const rows = rowElements();
  const messages = [];
  for (let index = rows.length - 1; index >= 0; index--) {
    if (messages.length >= AT_HAND && messages.some((message) => message.own)) break;
    messages.unshift(parse(rows[index]));
  }
  return saidIn(messages);
}

function heard() {
  const at = title();
  return { title: at?.text ?? null, number: at?.sure ? asNumber(at.text) : null, rows: heardRows() };
}

// All rows of the open chat that exist in the page, oldest first; those that are empty shells are brought into view.
async function readRows({ wait_ms }) {
  const messages = [];
  for (const row of rowElements().reverse()) {
    let message = parse(row);
    if (message.shell) {
      row.scrollIntoView({ block: "center" });
      await until(() => !row.isConnected || !(message = parse(row)).shell, wait_ms);
    }
    messages.unshift(message);
  }
  return { title: title()?.text ?? null, rows: saidIn(messages) };
}

// Open a chat by its row in the list: the nth one of that title, unread or not. Its title must be the row's, and its rows
// must have taken the place of those that stood there; number: what the title says.
async function openListed({ title: name, unread: only, nth = 0, wait_ms }) {
  const before = { title: title()?.text ?? null, sign: rowSign() };
  const open = () => {
    const places = new Set();
    let clicked = false;
    return eachView((rows) => {
      for (const row of rows) {
        if (row.title !== name || (only && !row.count) || places.has(row.place)) continue;
        places.add(row.place);
        if (places.size <= nth) continue;
        const target = row.el.querySelector("[role=gridcell]") ?? row.el;
        for (const kind of ["mousedown", "mouseup"]) target.dispatchEvent(new MouseEvent(kind, { bubbles: true, cancelable: true, view: window }));
        target.click();
        return (clicked = true);
      }
      return false;
    }).then(() => clicked);
  };
  if (dialogs().some((dialog) => dialog.waiting)) return { outcome: "gone" };
  if (!(await (only ? amongUnread(open) : open()))) return { outcome: "gone" };
  // Where a chat of that name was open already, it may be this one.
  const changed = await until(() => title()?.text === name && rowSign() !== before.sign, before.title === name ? 1000 : wait_ms);
  if (!changed && before.title !== name) return { outcome: "closed" };
  await until(() => rowElements().length, wait_ms);
  await settled({ max_ms: 5000, quiet_ms: 150, empty_ms: 800 });
  const at = title();
  if (at?.text !== name) return { outcome: "closed" };
  return { outcome: isGroup() ? "group" : "open", number: at.sure ? asNumber(at.text) : null };
}

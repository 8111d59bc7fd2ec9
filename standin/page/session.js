// What stays in the profile: the session token (twice), drafts, and messages still on the clock.

const NAME = "model-storage";

function database() {
  return new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, 2);
    asked.onupgradeneeded = () => {
      const there = asked.result.objectStoreNames;
      if (!there.contains("session")) asked.result.createObjectStore("session");
      for (const name of ["outbox", "chat", "contact"]) {
        if (!there.contains(name)) asked.result.createObjectStore(name, { keyPath: "id" });
      }
    };
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

async function run(store, mode, work) {
  const db = await database();
  try {
    return await new Promise((done, failed) => {
      // strict: on disk before we go on, because Chrome may be killed any moment
      const change = db.transaction(store, mode, { durability: "strict" });
      const asked = work(change.objectStore(store));
      change.oncomplete = () => done(asked.result);
      change.onerror = change.onabort = () => failed(change.error);
    });
  } finally {
    db.close();
  }
}

export async function token() {
  return (await run("session", "readonly", (store) => store.get("token"))) ?? localStorage.getItem("WAToken");
}

export async function keepToken(value) {
  localStorage.setItem("WAToken", value);
  await run("session", "readwrite", (store) => store.put(value, "token"));
}

export async function forgetAll() {
  localStorage.clear();
  for (const store of ["session", "outbox", "chat", "contact"]) await run(store, "readwrite", (each) => each.clear());
}

export const keepOutgoing = (message) => run("outbox", "readwrite", (store) => store.put(message));
export const dropOutgoing = (id) => run("outbox", "readwrite", (store) => store.delete(id));
export const outgoing = () => run("outbox", "readonly", (store) => store.getAll());
export const keepChats = async (chats) => {
  const rows = chats.map((chat) => ({ id: chat.jid, unreadCount: chat.unread, archive: chat.archived === true }));
  await run("chat", "readwrite", (store) => rows.map((row) => store.put(row)).at(-1) ?? store.count());
  // Where the id is not the number, the contact has it, if anything does.
  const contacts = chats.filter((chat) => chat.name).map((chat) => ({ id: chat.jid, name: chat.name }));
  await run("contact", "readwrite", (store) => contacts.map((row) => store.put(row)).at(-1) ?? store.count());
};

const drafts = () => JSON.parse(localStorage.getItem("WADrafts") ?? "{}");
export const draft = (number) => drafts()[number] ?? "";
export function keepDraft(number, text) {
  const all = drafts();
  if (text) all[number] = text;
  else delete all[number];
  localStorage.setItem("WADrafts", JSON.stringify(all));
}

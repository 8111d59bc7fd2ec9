// The open chat: whose it is, and opening another.

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

const isGroup = () => {
  const box = composer();
  return !!box && says("to_group", box.ariaLabel ?? "");
};

function chatNow(digits) {
  const box = composer();
  const at = title();
  return { title: at?.text ?? null, number: !!at && at.sure && isNumber(at.text, digits), composer: !!box, draft: box ? editorText(box) : null, bar: box ? null : bar() };
}

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

const QUIET_MS = 3000; // a chat that WhatsApp is about to open shows a dialog by then

async function openChat({ digits, href, marker, wait_ms, again = false }) {
  const real = () => dialogs().find((dialog) => !dialog.waiting);
  if (!one("logged_in") || real()) return { outcome: "unready" };
  if (!(await until(() => !dialogs().length || real(), 10000))) return { outcome: "busy" };
  if (real()) return { outcome: "dialog", dialog: shown(real()) }; // the answer to what was asked for before
  const before = title();
  // It may be there already; that the click opens nothing else is to be proved all the same.
  if (!marker && !again && before?.sure && isNumber(before.text, digits)) return { outcome: "unchanged" };
  if (!clickLink(href)) return { outcome: "Ignore" };
  return arrive({ digits, marker, wait_ms, before: before?.text ?? null });
}

// Wait until the chat that was asked for is open. before: the title that stood there, null when none did. A bar shows no
// marker: it counts at once where the title has changed or is the number, else when no other chat is about to open.
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
      const quiet = now() - busy > QUIET_MS;
      const moved = () => at.text !== before || (at.sure && isNumber(at.text, digits));
      if (barred && now() - barred > 600 && (quiet || moved())) return { outcome: "barred", by: "bar", ...chatNow(digits) };
      return quiet ? { outcome: "timeout" } : null;
    }
    if (at && at.text !== before) return { outcome: at.sure && isNumber(at.text, digits) && !isGroup() ? "proved" : "named", by: "title" };
    return now() - began > 700 && now() - busy > 300 ? { outcome: "unchanged" } : null;
  }, wait_ms);
  if (!found) return { outcome: dialogs().length ? "busy" : "timeout" };
  return found.outcome === "proved" ? proved({ digits, marker, by: found.by }) : found;
}

// A chat with the proof is open: wait for its name, for its composer (or what stands in its place) and for its rows.
// Another one may have opened meanwhile, so the proof is looked at once more, in the same moment as the title that the
// chat is known by from now on.
async function proved({ digits, marker, by }) {
  await until(() => title() && (composer() || bar()), 5000);
  const rows = await settled({ max_ms: 8000, quiet_ms: 60, empty_ms: 40 });
  const chat = chatNow(digits);
  if (marker && !chat.draft?.includes(marker)) return { outcome: "switched" };
  if (!marker && (!chat.number || isGroup())) return { outcome: "named" };
  return { outcome: "proved", by, ...chat, rows, lost: lost() };
}

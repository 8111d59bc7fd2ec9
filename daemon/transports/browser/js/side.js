// The left side: the list of chats, and the panel in which a new chat is begun.

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

async function openPanel() {
  if (!clickFirst("new_chat")) return { why: "new_chat" };
  const el = await until(() => one("panel_search", { ok: (el) => !el.closest("#main") }), 3000);
  if (!el) return { why: "search" };
  el.focus();
  return { focused: document.activeElement === el, filled: !!(el.value ?? el.textContent) };
}

// What was typed into the search is no longer wanted: until it is gone the list shows what was found, and no news.
function leavePanel() {
  clickFirst("panel_back", { ok: (el) => !el.closest("#main") });
  const el = one("search");
  if (!(el?.value ?? el?.textContent)) return { left: true };
  el.focus();
  if (el.select) el.select();
  else getSelection().selectAllChildren(el);
  return { left: false };
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

// The boxes in which a text is composed, and what stands in their place where nothing may be written.

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
  if (one("restricted_bar", { root: main }) || says("restricted", text)) return "restricted";
  return says("blocked", text) ? "blocked" : null;
}

const box = (where) => (where === "caption" ? captionBox() : composer());

// The box, unless another chat than `want` is open (see rightTitle); null asks nothing.
const boxOf = (where, want) => (!want || rightTitle(want) ? box(where) : null);

// Put the caret into the composer or the caption box. Returns what stands in it, null when there is no such box.
async function focus({ where, want = null, wait_ms }) {
  await until(() => (box(where) && (!want || title())) || (where === "composer" && bar()), wait_ms);
  const el = boxOf(where, want);
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
function selectAll({ where, want = null }) {
  const el = boxOf(where, want);
  if (!el) return false;
  el.focus();
  const range = document.createRange();
  range.selectNodeContents(el);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return true;
}

function paste({ where, want = null, text }) {
  const el = boxOf(where, want);
  if (!el) return;
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

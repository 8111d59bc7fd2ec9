// The click on Send, and the look for what it has sent.

const rightTitle = (want) => {
  const at = title();
  return !!at && (at.text === want.title || (at.sure && isNumber(at.text, want.digits)));
};

// The one call that sends: look once more at everything, click, and remember which rows were there.
async function send({ where, want, last_own, ids, text, enter_ok }) {
  const enabled = (el) => !el.disabled && el.ariaDisabled !== "true"; // without text a build shows it all the same
  const find = () => (where === "caption" ? previewSend() : one("send", { ok: enabled }));
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
  else {
    el?.focus(); // the key goes to whatever has the caret
    if (!enter_ok || !el?.contains(document.activeElement)) return { clicked: false, why: "no_button" };
  }
  return { clicked: !!button, enter: !button, before, count: before.length, born: performance.timeOrigin };
}

// Look for rows of ours that were not there at the click. Returns when one has a tick or failed, or after wait_ms.
// seen: ids of those found by earlier looks. Where another chat is open, or of the rows `before` none is left to follow,
// only these can be told to be ours; `fresh` and `draft` are null then.
async function awaitRow({ before, seen, wants, want, wait_ms }) {
  const old = new Set(before);
  let last = null;
  const look = () => {
    const rows = rowElements();
    let start = rows.length;
    while (start > 0 && !old.has(messageId(rows[start - 1]))) start--; // only what follows the newest known row
    const right = title() ? rightTitle(want) : !!previewSend();
    const follow = right && (start > 0 || !old.size);
    const fresh = (follow ? rows.slice(start) : rows.filter((row) => seen.includes(messageId(row)))).map(parse);
    const used = new Set();
    const found = wants.map((want) => {
      const ok = want.media && !want.text ? ["yes", "unclear"] : ["yes"]; // what but our file would come now?
      const hit = fresh.findLast((message) => !used.has(message) && message.own && ok.includes(fits(message, want)));
      if (hit) used.add(hit);
      return hit ? { id: hit.id, ack: hit.ack ?? "pending" } : null;
    });
    const real = dialogs().find((dialog) => !dialog.waiting);
    const el = composer();
    last = { found, dialog: real ? shown(real) : null, fresh: follow ? fresh.length : null, draft: right && el ? plain(editorText(el)).length : null, born: performance.timeOrigin };
    return last;
  };
  await until(() => {
    const { found } = look();
    return found.every((row) => row && row.ack !== "pending") || found.some((row) => row?.ack === "failed");
  }, wait_ms);
  return look();
}

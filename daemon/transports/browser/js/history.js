// Looking back in the open chat: has a message gone out?

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
// else after `last`, the newest row of anybody. Shells are brought into view so that they get their content. theirs: all
// that was read is of the chat that was asked for; another may have been opened at any time.
async function history({ last, last_own, wants, wait_ms, want }) {
  let theirs = rightTitle(want);
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
      theirs &&= rightTitle(want);
    }
    messages.unshift(message);
  }
  direct([...known, ...messages]);
  for (const message of messages.slice(0, Math.max(0, old - at))) message.own = message.own === true;
  return {
    theirs,
    reached: at >= 0,
    // By clocks that differ WhatsApp may have put ours in front of a row that was there before it.
    near: ids[at] !== last_own && known.some((message) => message.own && wants.some((want) => fits(message, want) === "yes")),
    count: rows.length,
    first: rows.length ? messageId(rows[0]) : null,
    last: rows.length ? messageId(rows.at(-1)) : null,
    loading: !!one("history_loading"),
    painted: painted(),
    listed: listed(want.digits),
    rows: messages.map((message) => ({ id: message.id, own: message.own, ack: message.ack, fits: wants.map((want) => fits(message, want)), shell: message.shell })),
  };
}

// The newest rows of the chat that was asked for, for a person to judge by; none of another.
function newestRows({ count, want = null }) {
  if (want && !rightTitle(want)) return [];
  const rows = direct(rowElements().slice(-count).map(parse));
  return rows.map((row) => ({ own: row.own, ack: row.ack, text: (row.text ?? row.all).trim() }));
}

// Ask for older rows. Returns whether any came, and whether the list stands at its top; theirs: as for `history`.
async function older({ wait_ms, want = null }) {
  const right = () => !want || rightTitle(want);
  const theirs = right();
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
  return { theirs: theirs && right(), came: !!came, top: !pane || pane.scrollTop <= 1, loading: !!one("history_loading") };
}

function newest() {
  const pane = scroller();
  if (pane) pane.scrollTop = pane.scrollHeight;
  return true;
}

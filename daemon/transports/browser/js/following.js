// How far our own messages have come, as the list of chats and the open chat show it.

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

// When a message was sent by what its row in the list says ("10:03", "10:03 AM", "Yesterday", "Friday", a date for all
// that is a week old): [from, to] in UTC ms, null if it does not say.
function spanOf(text, at = new Date()) {
  const midnight = (back) => new Date(at.getFullYear(), at.getMonth(), at.getDate() - back).getTime();
  const time = /^(\d{1,2})[:.](\d{2})(?:\s?([ap])\.?\s?m\.?)?$/i.exec(text);
  if (time) {
    const hour = time[3] ? (Number(time[1]) % 12) + (time[3].toLowerCase() === "p" ? 12 : 0) : Number(time[1]);
    const from = new Date(at.getFullYear(), at.getMonth(), at.getDate(), hour, Number(time[2])).getTime();
    return from <= at.getTime() ? [from, from + 60000] : null; // else the list still shows a time of yesterday
  }
  if (/^yesterday$/i.test(text)) return [midnight(1), midnight(0)];
  const day = WEEKDAYS.indexOf(text.toLowerCase());
  if (day >= 0) {
    const back = (at.getDay() - day + 7) % 7 || 7;
    return [midnight(back), midnight(back - 1)];
  }
  return /^\d{1,4}[/.-]\s?\d{1,2}[/.-]\s?\d{1,4}\.?$/.test(text) ? [0, midnight(6)] : null;
}

// By the only words of a row, beside name and preview, that are a time. With two of them neither is believed.
function spanIn({ el, named, shown }) {
  const apart = (part) => [named, shown].every((other) => !other || (!other.contains(part) && !part.contains(other)));
  const leaves = [...el.querySelectorAll("*")].filter((part) => !part.childElementCount && !part.closest("svg") && apart(part));
  const spans = new Map(leaves.map((part) => spanOf(clean(part.textContent).trim())).filter(Boolean).map((span) => [String(span), span]));
  return spans.size === 1 ? [...spans.values()][0] : null;
}

// Whether something is searched for, so that rows show what was found and not what was said last, or a filter hides chats.
function narrowed() {
  const tab = one("all_filter");
  if (tab && (tab.ariaSelected ?? tab.ariaPressed) === "false") return true;
  return all("search").some((el) => (el.value ?? el.textContent ?? "").trim());
}

// The part of the list below the row at `after` that is seen within `ms`, down to chats of before `since`, each with the
// tick of its last message. next: the last row's place, null where the list ends there.
async function listedTicks({ after, ms, since }) {
  const open = heardRows();
  if (narrowed()) return { rows: [], next: null, open };
  const found = new Map();
  const whole = await eachView((rows) => {
    const below = rows.filter((row) => after === null || row.place > after).map((row) => ({ ...row, at: spanIn(row) }));
    for (const { el, title, preview, place, at } of below) found.set(place, { title, number: asNumber(title), ack: ackOf(el), preview, at });
    return below.length > 0 && below.every(({ at }) => at && at[1] < since);
  }, { from: after ?? 0, ms });
  return { rows: [...found.values()], next: whole || !found.size ? null : Math.max(...found.keys()), open };
}

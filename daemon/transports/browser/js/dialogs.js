// The dialogs over the page: what they say, and answering them.

function dialogs() {
  all("dialog"); // notes which choice finds one; two that are open at once may be built differently
  const found = [...new Set(S.find.dialog.flatMap((choice) => matches(choice, document)))].filter((el) => visible(el) && !el.closest(MESSAGES) && !el.querySelector("[contenteditable=true]"));
  return found
    .filter((el) => !found.some((other) => other !== el && other.contains(el)))
    .map((el) => {
      const text = theirs(words(el).replace(/\s*\n\s*/g, "\n").trim(), [...own, ...chatName()]).trim();
      const buttons = all("dialog_buttons", { root: el }).map((button) => clean(button.textContent || button.ariaLabel || "").trim());
      const waiting = says("starting_chat", text) && !buttons.some((label) => /^ok$/i.test(label));
      const guarded = ["passkey", "checkpoint"].some((name) => el.matches(selectorOf(name)) || !!one(name, { root: el, hidden: true }));
      return { el, text, buttons, waiting, guarded };
    })
    .filter((dialog) => dialog.text || dialog.buttons.length);
}

const selectorOf = (name) => S.find[name].filter((choice) => typeof choice === "string").join(", ");

// The number that a dialog names, as digits; null when it names none.
function numberIn(text) {
  const found = /\+?\d[\d ().\/\u2010-\u2015-]{5,}\d/.exec(text);
  return found ? digitsOf(found[0]) : null;
}

const shown = (dialog) => ({ text: dialog.text, buttons: dialog.buttons, waiting: dialog.waiting, invalid: says("invalid_number", dialog.text), number: numberIn(dialog.text), guarded: dialog.guarded });

// Click the button with one of `labels` (regexes) in the first dialog whose text matches `text`.
function clickInDialog({ text, labels }) {
  for (const dialog of dialogs()) {
    if (!rx(text).test(dialog.text)) continue;
    const buttons = all("dialog_buttons", { root: dialog.el });
    for (const label of labels) {
      const button = buttons.find((el) => [el.textContent, el.ariaLabel, el.title].some((name) => name && rx(label).test(clean(name).trim())));
      if (button) {
        button.click();
        return true;
      }
    }
  }
  return false;
}

// Answer a dialog with its OK (else the button that puts it away, else its last) and wait until it is gone.
async function acceptDialog({ text }) {
  const dialog = dialogs().find((one) => rx(text).test(one.text));
  if (!dialog) return false;
  const buttons = all("dialog_buttons", { root: dialog.el });
  const away = buttons.find((el) => says("put_away", clean(el.textContent || el.ariaLabel || "").trim()));
  const button = one("dialog_ok", { root: dialog.el }) ?? away ?? buttons.at(-1);
  button?.click();
  return !!(await until(() => !dialogs().some((one) => rx(text).test(one.text)), 3000));
}

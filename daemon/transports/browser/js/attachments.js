// Giving files to the page, and the preview in which they wait to be sent.

// No file input may open the system's chooser: nobody could close that window.
function guardInputs() {
  const quiet = function (original) {
    return function (...given) {
      return this.type === "file" ? undefined : original.apply(this, given);
    };
  };
  const proto = HTMLInputElement.prototype;
  if (!Object.hasOwn(proto, "click")) {
    proto.click = quiet(HTMLElement.prototype.click);
    proto.showPicker = quiet(proto.showPicker);
  }
}

function accepts(input, kind) {
  const accept = (input.accept ?? "").toLowerCase().replace(/\s/g, "");
  if (kind === "media") return accept.includes("video/mp4") || accept.includes("video/*");
  if (kind === "audio") return accept.includes("audio/") && !accept.includes("image/");
  return accept === "*" || accept === "*/*";
}

const inputFor = (kind) => [...document.querySelectorAll("input[type=file]")].filter((input) => accepts(input, kind)).at(-1) ?? null;
const OUTSIDE_MENU = "#side, #pane-side, header, [data-id], [role=row]";
const MENU = "[role=menu], [role=application]";
const GATE_MS = 20000; // files are given within that time, or not at all

// The input, unless another chat than `want` is open. What it is given in another one does not reach the page: a build
// whose preview hides the chat does not show any more whose it is.
function handOut(input, want) {
  if (!rightTitle(want)) return { why: "title" };
  const gate = (event) => {
    if (event.target !== input) return;
    if (!rightTitle(want)) event.stopImmediatePropagation();
    if (event.type === "change") open();
  };
  const open = () => ["input", "change"].forEach((type) => window.removeEventListener(type, gate, true));
  for (const type of ["input", "change"]) window.addEventListener(type, gate, true);
  setTimeout(open, GATE_MS);
  return { input, multiple: input.multiple };
}

// Open the attach menu and return the file input of `kind`. In some builds it lives in the open menu: it is taken then as
// it is, since a click on the entry closes the menu and takes it away. In others that click makes it.
async function chooseInput({ kind, want, wait_ms }) {
  guardInputs();
  const known = new Set(document.querySelectorAll("input[type=file]"));
  const attach = await until(() => one("attach"), wait_ms);
  if (!attach) return { why: "attach" };
  const label = rx(S.menu[kind]);
  const named = (name) => !!name && label.test(clean(name).trim());
  const offered = () => {
    const known = S.find[`menu_${kind}`] && one(`menu_${kind}`);
    if (known) return known;
    for (const choice of S.find.menu_entry) {
      for (const el of matches(choice, document)) {
        if (!visible(el) || el.closest(OUTSIDE_MENU) || el.closest(lists())) continue;
        if ([el.ariaLabel, el.title, words(el)].some(named)) return el;
        // The words may be one part among others; a click on it reaches whatever listens above it.
        const part = [...el.querySelectorAll("*")].find((one) => !one.closest("svg") && !one.childElementCount && named(one.textContent));
        if (part) return part;
      }
    }
    return null;
  };
  // The menu may stand open, as somebody has left it: then it is used as it is. Where that does not show, the first
  // click has put it away. Two clicks without an entry leave it as it was.
  let entry = offered();
  entry = entry?.closest(MENU) ? entry : null;
  if (entry) known.clear(); // what is there may have come with the menu
  for (const ms of [3000, 1000]) {
    if (entry) break;
    attach.click();
    entry = await until(offered, ms);
  }
  const inMenu = () => [...document.querySelectorAll("input[type=file]")].findLast((input) => !known.has(input) && accepts(input, kind));
  const there = entry ? await until(inMenu, 60) : inMenu();
  if (there) return handOut(there, want);
  if (!entry) return { why: "entry" };
  entry.click();
  const input = await until(() => {
    const found = inputFor(kind);
    return found && (!known.has(found) || null) ? found : null;
  }, 700) ?? (await until(() => inputFor(kind), 1500));
  return input ? handOut(input, want) : { why: "input" };
}

// After the files were given: wait for the preview, or for the page's reason against them. Where the title showed last,
// it has to be the one of `want`.
async function awaitPreview({ want, wait_ms, before_text }) {
  const refused = (text) => ["too_large", "unsupported_file", "empty_file"].find((name) => says(name, text));
  const found = await until(() => {
    if (title() && !rightTitle(want)) return { why: "title" };
    const dialog = dialogs().find((one) => !one.waiting);
    const why = dialog ? refused(dialog.text) : null;
    if (why) return { why, dialog: shown(dialog) };
    if (dialog) return { why: "dialog", dialog: shown(dialog) };
    const old = [...before_text];
    for (const line of screenText({ everywhere: true }).split("\n")) {
      const at = old.indexOf(line);
      if (at >= 0) old.splice(at, 1); // it stood there already
      else if (refused(line)) return { why: refused(line) };
    }
    return previewSend() ? { preview: true } : null;
  }, wait_ms);
  return found ?? { why: "timeout" };
}

function previewSend() {
  return one("send_preview", { ok: (el) => !el.closest(MESSAGES) && !el.closest("#main footer") && !el.closest("#side") && !el.closest("[role=dialog][aria-modal=true] [role=menu]") });
}

const previewOpen = () => !!previewSend() && !!(captionBox() || one("preview_close", { ok: (el) => !el.closest("#side") }));

// Leave a preview that stands open from before. True when none is left.
async function leavePreview() {
  if (!previewOpen()) return true;
  clickFirst("preview_close", { ok: (el) => !el.closest("#side") });
  await until(() => !previewOpen() || dialogs().length, 1500);
  if (dialogs().some((dialog) => says("discard", dialog.text))) clickInDialog({ text: S.text.discard, labels: ["^discard", "^(yes|ok)$"] });
  return !!(await until(() => !previewOpen(), 2000));
}

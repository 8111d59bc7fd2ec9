// Attaching: the menu, file inputs made on click (or always there), what is refused, and the preview.

import { dialog, toast } from "./dialogs.js";
import { Editor } from "./editor.js";
import { icon } from "./icons.js";
import { send } from "./outgoing.js";
import { h, sizeText } from "./util.js";
import { w } from "./words.js";
import { gen, has, older, report, said, state, testid } from "./world.js";

const MAX_CAPTION = 1024;
const MAX_FILES = 30;
const MB = 1024 * 1024;
const ACCEPT = {
  document: "*",
  media: "image/*,video/mp4,video/3gpp,video/quicktime",
  audio: "audio/aac,audio/mp4,audio/mpeg,audio/amr,audio/ogg,audio/wav,audio/opus",
  sticker: "image/*",
};
const KEPT = ["document", "media", "audio", "sticker"];
const ENTRIES = ["document", "media", "camera", "audio", "contact", "poll", "event", "sticker"];

function label(entry) {
  const text = w(entry);
  return entry === "media" && gen() === "C" && state.switches.locale === "en" ? "Photos & Videos" : text;
}

function input(via, onpick) {
  const node = h("input", { type: "file", accept: ACCEPT[via], multiple: via !== "sticker", class: "file-input" });
  node.addEventListener("change", () => onpick([...node.files], via, node));
  return node;
}

// Opens a native chooser through an input that lives only as long as it is needed.
function choose(via, onfiles) {
  const node = input(via, (files) => { node.remove(); onfiles(files, via); });
  node.addEventListener("cancel", () => node.remove());
  document.body.append(node);
  node.click();
}

// Inputs of the older builds, always in the DOM; the sticker one comes last.
export function persistentInputs(onfiles) {
  if (state.switches.file_input !== "persistent") return null;
  return h("div", { class: "file-inputs" }, KEPT.map((via) =>
    input(via, (files, _, node) => { onfiles(files, via); node.value = ""; })));
}

export function attachButton(onfiles) {
  const holder = h("div", { class: "attach" });
  const close = () => holder.querySelector(".menu")?.remove();
  const button = h("button", {
    "aria-label": said(w("attach")), title: said(w("attach")), "aria-haspopup": "menu", "data-tab": "10",
    onclick: () => {
      if (holder.querySelector(".menu")) return close();
      if (!has("menu")) return undefined;
      const full = state.switches.attach_menu === "menuitem";
      const living = state.switches.file_input === "menu";
      const rows = ENTRIES.map((entry) => h("li", {
        role: full ? "menuitem" : "button", tabindex: "0", "data-testid": ["media", "document"].includes(entry) ? testid(`mi-attach-${entry}`) : null, "aria-label": full ? label(entry) : null, onclick: () => {
          close();
          if (living) return; // its input is gone with the menu
          const kept = document.querySelector(".file-inputs")?.children[KEPT.indexOf(entry)];
          if (kept) kept.click();
          else if (entry in ACCEPT) choose(entry, onfiles);
        },
      }, full ? h("span", { class: "dot" }) : h("span", { "aria-hidden": "true" }, icon("plus-rounded")), h("span", {}, label(entry))));
      const inputs = living ? KEPT.map((via) => input(via, (files) => { close(); onfiles(files, via); })) : [];
      return void holder.append(h("div", { role: "application", class: "menu" }, h("ul", full ? { role: "menu" } : {}, rows), inputs));
    },
  }, icon("plus-rounded"));
  holder.append(button);
  return holder;
}

function limit(via) {
  const set = state.switches.oversize_bytes;
  if (set !== null) return set;
  return via === "document" ? 2000 * MB : 16 * MB;
}

// Sorts out what cannot be sent and says so.
function accepted(files, via) {
  const big = files.filter((file) => file.size > limit(via));
  const empty = files.filter((file) => file.size === 0);
  const kinds = { media: /^(image|video)\//, audio: /^audio\//, sticker: /^image\//, document: /^/ };
  const odd = files.filter((file) => !kinds[via].test(file.type));
  if (big.length) toast(w("tooBig", big.length, sizeText(limit(via))));
  if (empty.length) toast(w("empty", empty.length));
  if (odd.length) toast(w("unsupported", odd.length));
  const left = files.filter((file) => ![big, empty, odd].some((bad) => bad.includes(file)));
  return left.slice(0, MAX_FILES);
}

// Shows the preview over the conversation, outside #main and its footer.
export function preview(chat, picked, via, place) {
  const files = accepted(picked, via);
  if (!files.length) return report("attach.refused", { number: chat.number, via, count: picked.length });
  if (via === "sticker") return send(chat, "", files.map((file) => ({ file, via })), "pick"); // the trap
  const shown = files.map((file) => ({ file, via }));
  report("preview.shown", { number: chat.number, via, count: shown.length });

  function close() {
    caption.dispose();
    node.remove();
  }

  function submit(how) {
    const text = caption.text.trim();
    close();
    void send(chat, text, shown, how);
  }

  const caption = new Editor({
    attrs: { "aria-label": w("caption"), "aria-placeholder": w("caption"), "data-tab": older() ? "11" : "10" },
    placeholder: w("caption"), max: MAX_CAPTION, onchange() {},
    onenter: () => { submit("enter"); return "sent"; },
  });
  const many = gen() === "C" ? w("sendSelected", shown.length) : w("sendFiles", shown.length);
  const thumbs = shown.map(({ file }, i) => h("div", {
    role: "tab", class: "thumb", "aria-label": w("thumb", file.name, i + 1, shown.length), "aria-selected": String(i === 0),
  }, file.type.startsWith("image/") && via === "media" ? h("img", { src: URL.createObjectURL(file), alt: "" }) : icon("document-refreshed")));
  const first = shown[0].file;
  const stage = via === "media" && first.type.startsWith("image/")
    ? h("img", { src: URL.createObjectURL(first), alt: "" })
    : h("div", { class: "doc" }, icon("document-refreshed"), h("span", {}, first.name), h("small", {}, sizeText(first.size)));
  const discard = () => dialog(w("discard"), [{ label: w("cancel") }, { label: w("discardIt"), main: true, onclick: close }]);
  const node = h("div", { class: "preview", "data-animate-media-editor": "true" },
    h("header", {}, h("div", { role: "button", tabindex: "0", "aria-label": said(w("close")), onclick: discard }, icon("x")), h("span", {}, first.name)),
    h("div", { class: "stage" }, stage),
    has("caption") && via !== "audio" ? h("div", { class: "caption", "data-testid": older() ? "media-caption-input-container" : null }, caption.node) : null,
    h("div", { class: "strip" },
      h("div", { role: "tablist", class: "thumbs" }, thumbs),
      h("button", { "aria-label": w("addFile"), title: w("addFile"), class: "add" }, icon("plus-rounded")),
      h("div", { role: "button", tabindex: "0", class: "send-files", "aria-label": said(shown.length > 1 ? many : w("send")), onclick: () => submit("click") },
        icon("wds-ic-send-filled", { nameC: "ic-send-filled" }))));
  place.append(node);
  caption.focus();
}

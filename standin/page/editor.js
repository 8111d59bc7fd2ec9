// A text box that, like Lexical, owns its text: what the DOM shows is only a picture of it.
// Text comes in by beforeinput, input (composition) and paste; a DOM write is undone, never sent.
// Inside the model "\n" is a line break (<br>) and "\u2029" a paragraph (<p>); both leave as "\n".

import { h } from "./util.js";
import { state } from "./world.js";

const PARAGRAPH = "\u2029";

export class Editor {
  constructor({ attrs, placeholder, max, onchange, onenter, onfiles }) {
    Object.assign(this, { max, onchange, onenter, onfiles });
    this.model = "";
    this.caret = [0, 0];
    this.box = h("div", {
      contenteditable: "true", role: "textbox", spellcheck: "true", tabindex: "10",
      "data-lexical-editor": "true", class: "editor", ...attrs,
    });
    this.hint = h("div", { class: "placeholder", "aria-hidden": "true" }, placeholder);
    this.node = h("div", { class: "lexical-rich-text-input" }, this.box, this.hint);
    this.box.addEventListener("beforeinput", (event) => this.beforeInput(event));
    this.box.addEventListener("input", (event) => this.adopt(event));
    this.box.addEventListener("paste", (event) => this.paste(event));
    this.box.addEventListener("keydown", (event) => this.keydown(event));
    this.box.addEventListener("focus", () => this.place());
    this.follow = () => this.readCaret();
    document.addEventListener("selectionchange", this.follow);
    this.watch = new MutationObserver(() => this.draw());
    this.draw();
  }

  dispose() {
    this.watch.disconnect();
    document.removeEventListener("selectionchange", this.follow);
  }

  get text() {
    return this.model.replaceAll(PARAGRAPH, "\n");
  }

  // Sets the whole text from our own side (a draft); tells nobody.
  fill(text) {
    this.model = this.breaks(text).slice(0, this.max);
    this.caret = [this.model.length, this.model.length];
    this.draw();
  }

  insert(text) {
    const [from, to] = this.caret;
    this.replace(from, to, text);
  }

  focus() {
    this.box.focus();
    this.place();
  }

  // -- what comes in --

  beforeInput(event) {
    if (event.inputType.startsWith("insertComposition") || event.isComposing) return; // adopt() picks it up
    event.preventDefault();
    const [from, to] = event.isTrusted ? this.target(event) : this.caret;
    const data = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
    if (event.inputType === "insertLineBreak" || event.inputType === "insertParagraph") this.replace(from, to, state.switches.composer_lines === "p" ? PARAGRAPH : "\n");
    else if (event.inputType === "insertFromPaste") this.replace(from, to, this.breaks(data));
    else if (event.inputType.startsWith("insert")) this.replace(from, to, data.replace(/[\r\n]+/g, " "));
    else if (event.inputType.startsWith("delete")) {
      const back = event.inputType.endsWith("Backward") ? 1 : 0;
      const lone = from === to && !event.isTrusted ? 1 : 0; // a synthetic delete names no range
      this.replace(Math.max(0, from - lone * back), to + lone * (1 - back), "");
    }
  }

  paste(event) {
    event.preventDefault();
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && this.onfiles) return this.onfiles(files);
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text) this.insert(this.breaks(text));
  }

  keydown(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.shiftKey) {
      if (event.isTrusted) return; // beforeinput brings the line break
      event.preventDefault();
      this.insert("\n");
      return;
    }
    event.preventDefault();
    if (this.onenter(event) === "newline") this.insert("\n");
  }

  // The browser itself changed the DOM (composition): take the text over. A script's own event proves nothing.
  adopt(event) {
    const text = this.read();
    if (!event.isTrusted || text === this.model) return this.draw();
    this.readCaret();
    this.model = text.slice(0, this.max);
    this.draw();
    this.place();
    this.onchange();
  }

  replace(from, to, text) {
    this.model = (this.model.slice(0, from) + text + this.model.slice(to)).slice(0, this.max);
    const caret = Math.min(from + text.length, this.model.length);
    this.caret = [caret, caret];
    this.draw();
    this.place();
    this.onchange();
  }

  breaks(text) {
    const plain = text.replace(/\r\n?/g, "\n").replaceAll(PARAGRAPH, "\n");
    return state.switches.composer_lines !== "br" ? plain.replaceAll("\n", PARAGRAPH) : plain;
  }

  // -- the picture --

  draw() {
    const paragraphs = this.model.split(PARAGRAPH).map((paragraph) => {
      const lines = paragraph.split("\n");
      const parts = lines.flatMap((line, i) => [
        line ? h("span", { class: "selectable-text copyable-text", "data-lexical-text": "true" }, line) : null,
        // the last line needs a <br> of its own when it is empty, or it has no height
        i < lines.length - 1 || !line ? h("br", i < lines.length - 1 ? {} : { "data-filler": "" }) : null,
      ]);
      return h("p", { class: "selectable-text copyable-text", dir: "auto" }, parts);
    });
    this.watch.disconnect();
    this.box.replaceChildren(...paragraphs);
    this.hint.hidden = this.model !== "";
    this.watch.observe(this.box, { childList: true, subtree: true, characterData: true });
  }

  // The text the DOM shows, in model terms.
  read(node = this.box) {
    if (node.nodeType === Node.TEXT_NODE) return node.data.replaceAll("\u00a0", " ");
    if (node.nodeName === "BR") return node.hasAttribute("data-filler") ? "" : "\n";
    const parts = [...node.childNodes].map((child) => this.read(child));
    return parts.join(node === this.box ? PARAGRAPH : "");
  }

  // How many model characters lie before a DOM position.
  offset(node, index) {
    let count = 0;
    let found = null;
    const visit = (each) => {
      if (found !== null) return;
      if (each.nodeType === Node.TEXT_NODE) {
        if (each === node) found = count + index;
        count += each.data.length;
        return;
      }
      for (const [i, child] of [...each.childNodes].entries()) {
        if (each === this.box && i > 0) count += 1;
        if (each === node && i === index) found = count;
        visit(child);
        if (found !== null) return;
      }
      if (each.nodeName === "BR" && !each.hasAttribute("data-filler")) count += 1;
      if (each === node && found === null) found = count;
    };
    visit(this.box);
    return found ?? this.model.length;
  }

  target(event) {
    const range = event.getTargetRanges?.()[0];
    if (!range) return this.caret;
    const ends = [this.offset(range.startContainer, range.startOffset), this.offset(range.endContainer, range.endOffset)];
    return ends.sort((a, b) => a - b);
  }

  readCaret() {
    const selection = document.getSelection();
    if (!selection.rangeCount || !this.box.contains(selection.anchorNode) || !this.box.contains(selection.focusNode)) return;
    const ends = [
      this.offset(selection.anchorNode, selection.anchorOffset), this.offset(selection.focusNode, selection.focusOffset),
    ];
    this.caret = ends.sort((a, b) => a - b).map((end) => Math.min(end, this.model.length));
  }

  // Puts the browser's caret where the model has it.
  place() {
    if (document.activeElement !== this.box) return;
    let left = this.caret[1];
    for (const [i, paragraph] of [...this.box.children].entries()) {
      if (i > 0) left -= 1;
      for (const [at, child] of [...paragraph.childNodes].entries()) {
        const length = child.nodeName === "BR" ? (child.hasAttribute("data-filler") ? 0 : 1) : child.textContent.length;
        if (child.nodeName === "BR" ? left === 0 : left <= length) {
          if (child.nodeName === "BR") document.getSelection().collapse(paragraph, at);
          else document.getSelection().collapse(child.firstChild, left);
          return;
        }
        left -= length;
      }
      if (left === 0) return document.getSelection().collapse(paragraph, paragraph.childNodes.length);
    }
  }
}

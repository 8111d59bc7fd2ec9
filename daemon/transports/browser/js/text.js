// What stands in an element, and how two texts are compared.

const INVISIBLE = /[\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const BLOCKS = new Set("ADDRESS ARTICLE ASIDE BLOCKQUOTE BUTTON DIV DL DT DD FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER LI MAIN NAV OL P PRE SECTION TABLE TD TR UL".split(" "));

const clean = (text) => text.replace(INVISIBLE, "").replace(/[\u00a0\u202f]/g, " ").replace(/[\u2018\u2019\u02bc]/g, "'");
const oneLine = (text) => clean(text).replace(/\s+/g, " ").trim();
const digitsOf = (text) => clean(text).replace(/\D/g, "");
const isNumber = (text, digits) => /^\+?[\d\s().\/-]+$/.test(text) && digitsOf(text) === digits;

// The words under `root` as lines: block elements and <br> break lines, emoji images count as their alt.
function words(root, skip = null) {
  let text = "";
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      text += node.data;
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE || (skip && skip(node))) return;
    const tag = node.tagName;
    if (tag === "IMG") text += node.alt || node.dataset.plainText || "";
    else if (tag === "BR") text += "\n";
    else if (tag !== "SCRIPT" && tag !== "STYLE" && tag !== "NOSCRIPT" && tag !== "svg" && tag !== "TITLE") {
      const block = BLOCKS.has(tag);
      if (block && text && !text.endsWith("\n")) text += "\n";
      for (const child of node.childNodes) walk(child);
      if (block && text && !text.endsWith("\n")) text += "\n";
    }
  };
  walk(root);
  return clean(text);
}

// What stands in an editor. A block is a line of its own, a <br> ends a line; a block's last <br> only holds it open.
function editorText(root) {
  let text = "";
  let fresh = true; // at the begin of a line that a block has opened
  let due = false; // a block has ended: what follows stands on a new line
  const add = (more) => {
    if (due) text += "\n";
    due = fresh = false;
    text += more;
  };
  const endsBlock = (node) => {
    for (;;) {
      if (node.nextSibling) return false;
      node = node.parentNode;
      if (node === root || BLOCKS.has(node.tagName)) return true;
    }
  };
  const isBlock = (node) => !!node && BLOCKS.has(node.tagName);
  const betweenBlocks = (node) => !node.data.trim() && (isBlock(node.previousSibling) || isBlock(node.nextSibling));
  const walk = (node) => {
    for (const child of node.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) child.data && !betweenBlocks(child) && add(child.data);
      else if (child.nodeType !== Node.ELEMENT_NODE) continue;
      else if (child.tagName === "IMG") add(child.alt || child.dataset.plainText || "");
      else if (child.tagName === "BR") endsBlock(child) || add("\n");
      else if (BLOCKS.has(child.tagName)) {
        if (due || !fresh) text += "\n";
        due = false;
        fresh = true;
        walk(child);
        fresh = false;
        due = true;
      } else walk(child);
    }
  };
  walk(root);
  return clean(text).replace(/\r\n?/g, "\n");
}

const plain = (text) => clean(text).replace(/\r\n?/g, "\n").replace(/[\ufe0e\ufe0f]/g, "").replace(/[ \t]+$/gm, "").replace(/\n+$/, "");

// The same for what was sent and for what WhatsApp makes of it: without formatting signs, list signs,
// variation selectors and white space.
function canonical(text) {
  return clean(text)
    .normalize("NFC")
    .replace(/^[ \t]*(?:[-*•>]|\d+[.)])[ \t]+/gm, "")
    .replace(/[*_~`>\ufe0e\ufe0f\u200d]/g, "")
    .replace(/\s+/g, "");
}

// Runs inside WhatsApp Web, sent anew with every call (nothing of ours stays in the page). `S` holds
// selectors.toml. The files of this folder are one script, in the order that bridge.py names. Here: finding
// elements, waiting for the page, and clicking.
"use strict";

const hits = {}; // name: index of the choice that was found
const regexes = {};

const now = () => performance.now();
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
const rx = (pattern) => (regexes[pattern] ??= new RegExp(pattern, "imu"));
const says = (name, text) => rx(S.text[name]).test(text);

function visible(el) {
  return el.isConnected && el.checkVisibility({ visibilityProperty: true, opacityProperty: false });
}

function matches(choice, root) {
  if (typeof choice === "string") return [...root.querySelectorAll(choice)];
  let found = [...root.querySelectorAll(choice.css)];
  if (choice.text) found = found.filter((el) => rx(choice.text).test(clean(el.textContent).trim()));
  if (choice.title) found = found.filter((el) => [...el.querySelectorAll("svg title")].some((t) => rx(choice.title).test(t.textContent.trim())));
  if (choice.label) found = found.filter((el) => rx(choice.label).test(clean(el.ariaLabel ?? "").trim()));
  if (choice.closest) found = found.map((el) => el.closest(choice.closest) ?? el);
  return [...new Set(found)];
}

// All visible elements of the first choice that has any (which also pass `ok`).
function all(name, { root = document, ok = null, hidden = false } = {}) {
  const choices = S.find[name];
  for (let index = 0; index < choices.length; index++) {
    const found = matches(choices[index], root).filter((el) => (hidden || visible(el)) && (!ok || ok(el)));
    if (found.length) {
      hits[name] = index;
      return found;
    }
  }
  return [];
}

const one = (name, options) => all(name, options)[0] ?? null;

// Which of the selectors and patterns this browser does not understand, by name.
function faulty() {
  const works = (ask, what) => {
    try {
      ask(what);
      return true;
    } catch {
      return false;
    }
  };
  const css = (selector) => works((text) => document.createDocumentFragment().querySelector(text), selector);
  const choice = (one) => (typeof one === "string" ? css(one) : css(one.css) && (!one.closest || css(one.closest)) && [one.text, one.title, one.label].every((text) => !text || works(rx, text)));
  const bad = (section, test) => Object.entries(S[section]).filter(([, value]) => !test(value)).map(([name]) => `${section}.${name}`);
  return [...bad("find", (choices) => choices.every(choice)), ...bad("row", css), ...bad("text", (text) => works(rx, text)), ...bad("menu", (text) => works(rx, text))];
}

// What people have sent may hold buttons, too: an answer that a business offers is sent by a click on it.
const ours = (el) => !el.closest(MESSAGES);

function clickFirst(name, { ok = ours, ...options } = {}) {
  const el = one(name, { ok: (found) => ours(found) && ok(found), ...options });
  el?.click();
  return !!el;
}

// Resolve with the first truthy value of `check`, asked after every change of the page; null after `ms`.
function until(check, ms) {
  return new Promise((resolve, reject) => {
    let timer = 0;
    let done = false;
    const end = now() + ms;
    const finish = (how, value) => {
      done = true;
      clearInterval(ticker);
      clearTimeout(timer);
      observer.disconnect();
      how(value);
    };
    const ask = () => {
      timer = 0;
      if (done) return;
      try {
        const value = check();
        if (value) finish(resolve, value);
        else if (now() >= end) finish(resolve, null);
      } catch (error) {
        finish(reject, error);
      }
    };
    const observer = new MutationObserver(() => { timer ||= setTimeout(ask, 8); });
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    const ticker = setInterval(ask, 40);
    ask();
  });
}

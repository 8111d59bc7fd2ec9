// The footer of a chat: attach, text box, and the slot that is Send or Voice message.

import { attachButton } from "./attach.js";
import { Editor } from "./editor.js";
import { icon } from "./icons.js";
import { send } from "./outgoing.js";
import { draft, keepDraft } from "./session.js";
import { h } from "./util.js";
import { w } from "./words.js";
import { has, older, report, said, state, testid, violation } from "./world.js";

const MAX_TEXT = 65536;

function closedText(chat) {
  if (chat.heard || chat.group) return null; // chats where the other side has answered keep working
  if (state.switches.restricted) return "Your account is restricted. You can't start new chats right now.";
  if (state.switches.monthly_cap) return "You've reached the monthly limit on new chats you can start.";
  return null;
}

// Returns {node, editor, dispose}; editor is null where a bar replaces the composer.
export function composer(chat, title, onfiles) {
  const closed = closedText(chat);
  if (closed) {
    const details = h("button", {}, state.switches.restricted ? "Show details" : "See details");
    const name = state.switches.restricted ? testid("reachout-timelock-compose-bar") : null;
    return { node: h("footer", { class: "footer closed", "data-testid": name }, h("span", {}, closed), details), editor: null, dispose() {} };
  }
  const slot = h("div", { class: "slot" });
  let reported = null;

  function submit(how) {
    const text = editor.text.trim();
    if (!text) return;
    editor.fill("");
    keepDraft(chat.number, "");
    refresh();
    void send(chat, text, [], how);
  }

  function refresh() {
    const kind = editor.text.trim() ? "send" : "voice";
    if (slot.dataset.kind === kind) return;
    slot.dataset.kind = kind;
    if (kind === "voice" && state.switches.send_slot === "disabled") {
      slot.replaceChildren(h("button", { disabled: true, "aria-disabled": "true", "aria-label": w("send"), "data-testid": testid("compose-btn-send") }, icon("wds-ic-send-filled")));
    } else if (kind === "voice") {
      slot.replaceChildren(h("button", {
        "aria-label": w("voice"), "data-tab": "11", onclick: () => violation("voice.clicked", chat.number),
      }, icon("mic-outlined")));
    } else if (has("send")) {
      slot.replaceChildren(h(older() ? "div" : "button", {
        role: older() ? "button" : null, "aria-label": said(w("send")), "data-tab": "11", "data-testid": state.switches.labels ? testid("compose-btn-send") : null, onclick: () => submit("click"),
      },
        icon("wds-ic-send-filled", { nameC: "ic-send-filled" })));
    } else slot.replaceChildren();
  }

  function changed() {
    keepDraft(chat.number, editor.text);
    refresh();
    clearTimeout(reported);
    reported = setTimeout(() => report("composer.changed", { number: chat.number, text: editor.text }), 40);
  }

  const editor = new Editor({
    attrs: {
      "data-tab": "10", "aria-placeholder": w("type"), "data-testid": testid("conversation-compose-box-input"),
      "aria-label": chat.group ? w("typeToGroup", title) : w("typeTo", title),
    },
    placeholder: w("type"),
    max: MAX_TEXT,
    onchange: changed,
    onfiles,
    onenter: (event) => {
      if (!state.switches.enter_is_send && !event.ctrlKey) return "newline";
      submit("enter");
      return "sent";
    },
  });
  editor.fill(draft(chat.number));
  refresh();
  if (editor.text) changed();
  const node = h("footer", { class: "footer" },
    has("attach") ? attachButton(onfiles) : null, has("composer") ? editor.node : null, slot);
  return { node, editor, dispose: () => editor.dispose() };
}

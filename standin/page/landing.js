// The page before linking: QR code that changes, its reload button, and the code for a phone number.

import { dialog } from "./dialogs.js";
import { digits, h, hex, sleep } from "./util.js";
import { older, report, state, testid } from "./world.js";

const b64 = (length) => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(length))));

export class Landing {
  constructor() {
    const params = new URLSearchParams(location.search);
    this.keys = [b64(32), b64(32), b64(32)];
    this.box = h("div", { class: "qr" }, h("div", { class: "spinner" }));
    this.right = h("div", { class: "qr-side" }, this.box);
    this.text = h("div", { class: "steps" },
      h("h1", {}, "Scan to log in"),
      h("ol", {}, h("li", {}, "Open WhatsApp on your phone"), h("li", {}, "Tap Linked devices, then Link device"), h("li", {}, "Scan the QR code to confirm")),
      h("div", { role: "button", tabindex: "0", class: "link", "data-testid": older() ? "link_device_qr_phone_number_link" : "link-device-qrcode-alt-linking-hint", onclick: () => this.phone() }, "Log in with phone number"));
    if (state.switches.too_many) setTimeout(() => this.tooMany());
    this.node = h("div", { class: "landing" },
      params.has("post_logout") ? h("div", { class: "banner", role: "alert" }, "You have been logged out. To log back in, you will need to verify your phone number.") : null,
      h("div", { class: "card two" }, this.text, this.right));
    void this.cycle();
  }

  follow() {
    this.offline();
    if (state.switches.too_many && !this.refused) this.tooMany();
    this.passed?.();
  }

  tooMany() {
    this.refused = true;
    this.live = false;
    this.stopped = true; // the QR codes
    this.away(h("div", {}, h("h1", {}, "Too many attempts"), h("p", {}, "There were too many attempts to link a device. Please try again later.")));
  }

  // WhatsApp asks for a passkey; resolves when the switch says that it was given.
  async passkey() {
    this.live = false;
    this.stopped = true;
    const draw = () => this.node.replaceChildren(passkeyScreen(state.switches.passkey));
    for (;;) {
      if (!state.switches.passkey) return;
      draw();
      void report("passkey.shown", { step: state.switches.passkey });
      await new Promise((done) => { this.passed = done; });
      this.passed = null;
    }
  }

  stop() {
    this.stopped = this.linked = true;
  }

  // One round of codes; then the reload button waits inside [data-ref].
  async cycle() {
    await sleep(state.switches.qr_canvas_ms);
    for (let n = 0; n < state.switches.qr_refs && !this.stopped; n += 1) {
      await this.show(n);
      await sleep(n ? state.switches.qr_next_ms : state.switches.qr_first_ms);
    }
    if (this.stopped) return;
    this.live = false;
    void report("qr.idle");
    const beside = state.switches.qr_button === "beside"; // the payload stays, and is stale
    const button = h(older() ? "div" : "button", {
      role: older() ? "button" : null, class: "qr-reload", "data-testid": beside ? "link_device_qr_expired_refresh_button" : null,
      onclick: () => { button.remove(); void this.cycle(); },
    }, h("div", {}, beside ? "Select to renew" : "Click to reload QR code"));
    (beside ? this.right : this.box).append(button);
  }

  async show(n) {
    const ref = [`2@${b64(48)}`, ...this.keys, "1"].join(",");
    const answer = await fetch("/_standin/api/qr", { method: "POST", body: ref }).then((each) => each.json()).catch(() => null);
    if (this.stopped) return;
    const canvas = h("canvas", { role: "img", "aria-label": "Scan this QR code to link a device!", width: "228", height: "228" });
    if (answer) this.paint(canvas, answer.rows);
    this.box.setAttribute("data-ref", ref);
    if (state.switches.generation === "C") this.box.setAttribute("data-testid", "link-device-qr-code");
    this.box.replaceChildren(canvas);
    this.offline();
    this.live = true;
    this.count = n + 1;
    void report("qr.shown", { count: n + 1 });
  }

  paint(canvas, rows) {
    const pen = canvas.getContext("2d");
    const size = 228 / (rows.length + 4);
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, 228, 228);
    pen.fillStyle = "#122e31";
    rows.forEach((row, y) => [...row].forEach((dark, x) => {
      if (dark === "1") pen.fillRect((x + 2) * size, (y + 2) * size, size + 0.3, size + 0.3);
    }));
  }

  // Tells a restarted server again that a code is to be scanned.
  again() {
    if (this.live) void report("qr.shown", { count: this.count });
  }

  offline() {
    this.box.querySelector(".qr-offline")?.remove();
    if (state.switches.offline) this.box.append(h("button", { class: "qr-offline" }, "No internet connection"));
  }

  // "Enter phone number" takes the place of the whole landing page. Only real key strokes change the field, and what
  // is typed is read as a country code and the rest, as the app does.
  phone() {
    const field = h("input", { type: "text", "aria-label": "Type your phone number.", "aria-required": "true", "data-testid": testid("phone-number-input"), value: "+1 " });
    let typed = field.value;
    field.addEventListener("input", (event) => {
      if (event.isTrusted) typed = `+${digits(field.value)}`;
      field.value = typed;
    });
    const error = h("div", { id: "link-device-phone-number-entry-screen-error", role: "alert", hidden: true }, "Invalid phone number.");
    const next = h("button", { class: "main", "data-testid": testid("link-device-phone-number-entry-next-button"), onclick: () => {
      const count = digits(typed).length;
      error.hidden = count >= 8 && count <= 15;
      if (error.hidden) void this.codes(digits(typed));
    } }, h("div", {}, "Next"));
    this.live = false;
    this.stopped = true; // the QR codes
    void report("qr.idle");
    this.away(h("div", { class: "phone", "data-testid": testid("link-device-phone-number-entry-screen") },
      h("h1", {}, "Enter phone number"), h("p", {}, "Select a country and enter your phone number."), field, error, next));
  }

  away(content) {
    this.node.replaceChildren(h("div", { class: "card" }, content,
      h("div", { role: "button", tabindex: "0", class: "link", onclick: () => location.reload() }, "Log in with QR code")));
  }

  // The code changes by itself a few times; then it has expired, and a click makes another one.
  async codes(number) {
    if (state.switches.too_many) return this.tooMany();
    if (state.switches.passkey) return this.passkey();
    const place = h("div", { class: "codes" });
    this.away(h("div", { class: "phone", "data-testid": testid("link-device-phone-number-code-view") }, h("h1", {}, "Enter code on phone"),
      h("p", {}, `Linking WhatsApp account +${number}`), place,
      h("ol", {}, h("li", {}, "Open WhatsApp on your phone"), h("li", {}, "Tap Linked devices, then Link device"), h("li", {}, "Tap Link with phone number instead and enter this code"))));
    for (let n = 0; n < state.switches.link_codes && !this.linked; n += 1) {
      const code = hex(8);
      const cells = [...code].map((char) => h("span", {}, char));
      place.replaceChildren(h("div", { "data-link-code": [...code].join(","), "aria-details": "link-device-phone-number-code-screen-instructions", "data-testid": testid("link-with-phone-number-code-cells"), class: "code" },
        cells.slice(0, 4), h("span", { "aria-hidden": "true" }, "-"), cells.slice(4)));
      void report("code.shown", { code, number });
      await sleep(state.switches.link_code_ms);
    }
    if (this.linked) return;
    void report("code.expired");
    const again = () => { place.replaceChildren(); void this.codes(number); };
    if (state.switches.generation === "C") place.replaceChildren(h("div", { class: "code" }, "Code expired"), h("button", { class: "main", onclick: again }, h("div", {}, "Click to generate new code")));
    else dialog("Code expired", [{ label: "Generate new code", main: true, testid: "popup-controls-ok", onclick: again }]);
  }
}

// What asks for a passkey, in its steps; also shown as a dialog in the middle of a session.
export function passkeyScreen(step, marked = true) {
  const id = (name) => (marked ? name : null);
  const body = step === "prompt"
    ? [h("p", {}, "Quick security check with Passkey"), h("button", { class: "main", "data-testid": id("shortcake_passkey_continue_button") }, h("div", {}, "Continue"))]
    : [h("p", {}, "Waiting for your phone")];
  return h("div", { class: "card", "data-testid": id("shortcake_passkey_screen") },
    h("div", { "data-testid": id("shortcake_passkey_prompt_card") }, body),
    h("button", { "data-testid": id("shortcake_cancel_button") }, h("div", {}, "Log out of WhatsApp Web")));
}

export function loading() {
  const bar = h("progress", { value: "0", max: "100", dir: "ltr" });
  const text = h("div", {}, "Loading your chats");
  return {
    node: h("div", { class: "fullscreen" }, h("div", { class: "splash-logo" }), h("h1", {}, "WhatsApp"), bar, text,
      h("small", {}, "Don't close this window. Your messages are downloading."), h("small", {}, "End-to-end encrypted"), h("button", {}, "Log out")),
    async run(ms) {
      for (let percent = 0; percent < 100; percent += 20) {
        bar.value = percent;
        text.textContent = `Loading your chats [${percent}%]`;
        await sleep(ms / 5);
      }
    },
  };
}

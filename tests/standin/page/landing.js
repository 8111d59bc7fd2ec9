// The page before linking: QR code that changes, its reload button, and the code for a phone number.

import { h, hex, sleep } from "./util.js";
import { PAGE, report, state } from "./world.js";

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
      h("div", { role: "button", tabindex: "0", class: "link", "data-testid": "link-device-qrcode-alt-linking-hint", onclick: () => this.phone() }, "Log in with phone number"));
    this.node = h("div", { class: "landing" },
      params.has("post_logout") ? h("div", { class: "banner", role: "alert" }, "You have been logged out. To log back in, you will need to verify your phone number.") : null,
      h("div", { class: "card two" }, this.text, this.right));
    void this.cycle();
  }

  stop() {
    this.stopped = true;
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
    const button = h("button", { class: "qr-reload", onclick: () => { button.remove(); void this.cycle(); } }, h("div", {}, "Click to reload QR code"));
    this.box.append(button);
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

  phone() {
    const field = h("input", { type: "text", "aria-label": "Type your phone number.", value: "+" });
    const next = h("button", { class: "main", onclick: () => this.code() }, h("div", {}, "Next"));
    this.right.replaceChildren(h("div", { class: "phone" }, h("h1", {}, "Enter phone number"), field, next));
  }

  code() {
    const code = hex(8);
    const boxes = [...code].map((char) => h("span", {}, char));
    this.right.replaceChildren(h("div", { class: "phone" }, h("h1", {}, "Enter code on phone"),
      h("div", { "data-link-code": [...code].join(","), "aria-details": "link-device-phone-number-code", class: "code" }, boxes)));
    void report("qr.shown", { code, page: PAGE }); // the phone can link with it all the same
  }
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

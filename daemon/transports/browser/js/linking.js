// Linking this device by a code, and logging it out.

// What `observe` tells of it. The code is a credential: it is looked at, and never part of an error.
function linking() {
  const el = one("link_code");
  const code = el ? (el.getAttribute("data-link-code") ?? el.textContent).replace(/[^0-9a-z]/gi, "").toUpperCase() : "";
  return { link_code: code.length === 8 ? code : null, link_entry: !!one("link_number") };
}

// From the QR code to the field for a phone number; what it holds is selected.
async function openEntry({ wait_ms }) {
  if (!one("link_number") && !clickFirst("link_phone")) return { why: "link_phone" };
  const field = await until(() => one("link_number"), wait_ms);
  if (!field) return { why: "link_number" };
  field.focus();
  field.select();
  return {};
}

// The number was typed: go on, and wait for the code or for the page's reason against it.
async function submitNumber({ digits, wait_ms }) {
  const typed = () => digitsOf(one("link_number")?.value ?? "") === digits;
  if (!(await until(typed, 2000))) return { why: "link_number" };
  if (!clickFirst("link_next")) return { why: "link_next" };
  const refusal = () => clean(one("link_error")?.textContent ?? "").trim();
  const found = await until(() => {
    if (linking().link_code) return {};
    const text = screenText();
    if (says("too_many", text)) return { why: "too_many" };
    if (one("passkey") || says("passkey", text)) return { why: "passkey" };
    return refusal() ? { refused: refusal() } : null;
  }, wait_ms);
  return found ?? { why: "link_code" };
}

// The menu's "Log out" and its question; or the button of a screen that has one. Resolves when the chats are gone.
async function logOut({ wait_ms }) {
  const elsewhere = (el) => !el.closest("#main");
  if (clickInDialog({ text: ".", labels: [S.text.log_out_all] })) {
    // a security check offers it
  } else if (one("logged_in")) {
    if (!clickFirst("menu", { ok: elsewhere })) return { why: "menu" };
    const entry = await until(() => one("log_out_entry", { ok: elsewhere }), 3000);
    if (!entry) {
      clickFirst("menu", { ok: elsewhere }); // put it away
      return { why: "log_out_entry" };
    }
    entry.click();
  } else if (!clickFirst("log_out")) return { why: "log_out" };
  let sure = false;
  const gone = await until(() => {
    if (!sure) sure = clickInDialog({ text: S.text.log_out, labels: [S.text.log_out] });
    return !one("logged_in") && (says("logging_out", screenText()) || !!one("qr_screen") || !!one("qr"));
  }, wait_ms);
  return gone ? {} : { why: "log_out" };
}

// What happens after Send: a clock, then the server has it, then ticks.

import { keepOutgoing, dropOutgoing, outgoing } from "./session.js";
import { digits, hex, sleep } from "./util.js";
import { on, PAGE, report, state, tell } from "./world.js";

// Own messages the server does not have yet, as rows; history from the server lacks them.
export const pending = [];

const waiting = new Set();
on("switches", () => {
  for (const go of waiting) go();
  waiting.clear();
});
const changed = () => new Promise((done) => waiting.add(done));

function ids(count) {
  return Array.from({ length: Math.max(1, count) }, () => `3EB0${hex(18)}`);
}

// Shows the message on the clock at once and sends it on its way. files: [{file, via}], how: click or enter.
export async function send(chat, text, files, how) {
  const rows = ids(files.length);
  const message = { id: rows[0], rows, number: chat.number, text, via: files.map(({ via }) => via), files: files.map(({ file }) => file) };
  const reported = report("send.clicked", { number: chat.number, how, id: message.id, files: files.length });
  show(message, chat);
  if (state.switches.clock_survives === "resent") await keepOutgoing(message);
  await reported;
  await sleep(state.switches.send_ms + (files.length ? state.switches.upload_ms : 0));
  await go(message);
}

function show(message, chat) {
  message.rows.forEach((id, i) => {
    const blob = message.files[i];
    const file = blob ? { name: blob.name, size: blob.size, mimetype: blob.type || "application/octet-stream", via: message.via[i], blobUrl: URL.createObjectURL(blob) } : null;
    const row = { id, number: message.number, own: true, text: i ? "" : message.text, file, quoted: null, at_ms: Date.now(), ack: 0, source: message };
    pending.push(row);
    tell("message", { message: row, chat });
  });
}

async function go(message) {
  const refused = () => state.switches.fail_numbers.some((number) => digits(number) === digits(message.number));
  const stuck = () => state.switches.stuck_numbers.some((number) => digits(number) === digits(message.number));
  for (;;) {
    while (stuck() || state.switches.offline || state.switches.ack_stuck || state.switches.retrying || !state.connected) await changed();
    if (refused()) return fail(message);
    if (await deliver(message)) break;
    await sleep(300);
  }
  for (const id of message.rows) {
    const at = pending.findIndex((row) => row.id === id);
    if (at >= 0) pending.splice(at, 1);
  }
  await dropOutgoing(message.id);
}

async function deliver(message) {
  const form = new FormData();
  const { id, rows, number, text, via } = message;
  form.append("message", JSON.stringify({ id, rows, number, text, via, token: state.token, page: PAGE }));
  for (const file of message.files) form.append("file", file, file.name);
  try {
    const answer = await fetch("/_standin/api/deliver", { method: "POST", body: form });
    if (answer.status === 401) return new Promise(() => {}); // logged out: it never goes
    return answer.ok;
  } catch {
    return false;
  }
}

function fail(message) {
  mark(message, -1);
}

function mark(message, ack) {
  for (const row of pending) if (message.rows.includes(row.id)) row.ack = ack;
  for (const id of message.rows) tell("ack", { id, number: message.number, ack });
}

// "Try again" on a failed row.
export async function retry(row) {
  mark(row.source, 0);
  await sleep(state.switches.send_ms);
  await go(row.source);
}

// After a start: what was still on the clock goes out now, if the profile kept it.
export async function resume(chatOf) {
  for (const message of await outgoing()) {
    show(message, await chatOf(message.number));
    void sleep(state.switches.send_ms).then(() => go(message));
  }
}

// The form of a new campaign. What was entered survives a reload (sessionStorage), with the key that makes
// a second Start of the same form the same campaign.

import { $, ask, call, page, tell } from "./app.js";

const STORE = "wasender-draft";
const FIELDS = ["text", "name", "account", "at", "delay-min", "delay-max"];
const form = $("campaign");

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const draft = { key: newKey(), upload: "", attachments: [], values: {} };
let people = 0;
let columns = [];
let index = 0;
let lasts = null;
let ownName = ""; // the name that the form proposed

function keep() {
  for (const id of FIELDS) draft.values[id] = $(id).value;
  sessionStorage.setItem(STORE, JSON.stringify(draft));
}

const persons = (count) => (count === 1 ? "1 person" : `${count.toLocaleString()} people`);

// 1. People

async function readContacts(file, name) {
  const body = new FormData();
  body.append("file", file, name);
  tell("people-error", "");
  $("people").textContent = "Reading…";
  try {
    await showUpload((await call("/upload", body)).upload_id);
  } catch (error) {
    forgetPeople();
    tell("people-error", error.message);
  }
}

function forgetPeople() {
  draft.upload = "";
  people = 0;
  columns = [];
  $("people").replaceChildren();
  changed();
}

async function showUpload(id) {
  const part = (await page(`/app/uploads/${id}`)).getElementById("upload");
  draft.upload = id;
  people = Number(part.dataset.people);
  columns = JSON.parse(part.dataset.columns);
  index = 0;
  $("people").replaceChildren(part);
  if ($("name").value === ownName) $("name").value = ownName = part.dataset.filename.replace(/\.\w+$/, "");
  const buttons = ["number", ...columns].map((name) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: name });
    button.addEventListener("click", () => insert(`{{ ${name} }}`));
    return button;
  });
  $("fields").replaceChildren(...buttons);
  changed();
}

$("file").addEventListener("change", () => {
  const file = $("file").files[0];
  if (file) readContacts(file, file.name);
});

$("use-numbers").addEventListener("click", () => {
  const text = $("numbers").value;
  if (text.trim()) readContacts(new Blob([text], { type: "text/plain" }), "pasted numbers.txt");
  else tell("people-error", "Paste at least one telephone number.");
});

// 2. Message

function insert(placeholder) {
  const area = $("text");
  area.focus();
  area.setRangeText(placeholder, area.selectionStart, area.selectionEnd, "end");
  changed();
}

let asking = false;
let askAgain = false;

/** The preview, the problems and the estimate come from the server: it is the same code that sends. */
async function look() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    const pace = { delay_min: number("delay-min"), delay_max: number("delay-max") };
    const body = { upload_id: draft.upload || null, text: $("text").value, index, attachments: draft.attachments.length, ...pace };
    show(await call("/app/preview", JSON.stringify(body)));
  } catch (error) {
    $("counter").textContent = error.message;
  }
  asking = false;
  if (askAgain) {
    askAgain = false;
    look();
  }
}

function show(found) {
  const blank = !$("text").value.trim();
  if (blank) $("preview").replaceChildren(hint("The message appears here as it will be sent."));
  else $("preview").innerHTML = found.html; // escaped by the server, with strong, em, s and code only
  const limit = draft.attachments.length ? Number(form.dataset.maxCaption) : 65536;
  $("counter").textContent = `${found.length.toLocaleString()} of ${limit.toLocaleString()} characters`;
  $("counter").classList.toggle("warn-text", found.length > limit);
  $("text-error").hidden = !found.error;
  $("text-error").textContent = found.error || "";
  $("text").setAttribute("aria-invalid", String(Boolean(found.error)));
  $("chooser").hidden = people < 2;
  $("which").textContent = people ? `${index + 1} of ${people.toLocaleString()}` : "";
  $("who").textContent = found.who && !blank ? `What ${found.who} will get.` : "";
  showProblems(found.problems);
  lasts = found.lasts;
  summarize(found.problems.count, blank);
}

function showProblems({ count, first }) {
  if (!count) return $("problems").replaceChildren();
  const list = document.createElement("ul");
  for (const each of first) list.append(Object.assign(document.createElement("li"), { textContent: `Row ${each.row}, ${each.number}: ${each.reason}` }));
  if (count > first.length) list.append(Object.assign(document.createElement("li"), { textContent: `and ${(count - first.length).toLocaleString()} more` }));
  const title = document.createElement("p");
  title.textContent = `The message does not fit ${persons(count)}. Correct the file, or write {{ field or "something else" }}.`;
  const note = Object.assign(document.createElement("div"), { className: "note warn" });
  note.append(title, list);
  $("problems").replaceChildren(note);
}

const hint = (text) => Object.assign(document.createElement("span"), { className: "hint", textContent: text });

function step(by) {
  index = (index + by + people) % people;
  look();
}
$("previous").addEventListener("click", () => step(-1));
$("following").addEventListener("click", () => step(1));

// 3. Attachments

$("attachment").addEventListener("change", async () => {
  const file = $("attachment").files[0];
  if (!file) return;
  const body = new FormData();
  body.append("file", file, file.name);
  tell("attachment-error", "");
  $("attachment").disabled = true;
  try {
    draft.attachments.push(await call("/upload_attachment", body));
  } catch (error) {
    tell("attachment-error", error.message);
  }
  $("attachment").disabled = false;
  $("attachment").value = "";
  listAttachments();
});

function listAttachments() {
  const items = draft.attachments.map((each) => {
    const item = document.createElement("li");
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: "Remove" });
    remove.setAttribute("aria-label", `Remove ${each.filename}`);
    remove.addEventListener("click", () => {
      draft.attachments = draft.attachments.filter((other) => other !== each);
      listAttachments();
    });
    item.append(Object.assign(document.createElement("b"), { textContent: each.filename }), " ", hint(`${each.kind}, ${size(each.size)}`), " ", remove);
    return item;
  });
  $("attachments").replaceChildren(...items);
  changed();
}

const size = (bytes) => (bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1024))} KB`);

// 4. Pace and time

function number(id) {
  const value = $(id).valueAsNumber;
  return Number.isFinite(value) && value >= 0 && value <= 86400 ? value : null;
}

const begins = () => ($("at").value ? new Date($("at").value) : null);

// 5. Summary and start

function summarize(problems, blank) {
  $("check-people").textContent = people ? persons(people) + (problems ? `, but the message does not fit ${problems}` : "") : "nobody yet: choose a contacts file in step 1";
  $("check-text").textContent = blank ? "none yet: write it in step 2" : $("text").value.trim().split("\n")[0].slice(0, 80);
  $("check-attachment").textContent = draft.attachments.map((each) => each.filename).join(", ") || "none";
  $("check-account").textContent = `account ${$("account").value}`;
  const at = begins();
  const start = at ? at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "at once";
  $("check-time").textContent = people && lasts ? `${start}; it takes ${lasts} for ${persons(people)}` : start;
}

/** Where the form is not complete yet: [place of the error, sentence], or null. */
function unfinished() {
  if (!people) return ["people-error", "Choose a contacts file, or paste telephone numbers."];
  if (!$("text").value.trim() && !draft.attachments.length) return ["text-error", "Write a message, or add an attachment."];
  const [low, high] = [number("delay-min"), number("delay-max")];
  if (low === null || high === null || low > high) return ["pace-error", "Give the pause in seconds, the shorter one first."];
  const at = begins();
  if (at && at < new Date()) return ["pace-error", "This time has passed: choose a later one, or leave it empty to begin at once."];
  return null;
}

async function start() {
  for (const id of ["people-error", "pace-error", "start-error"]) tell(id, "");
  const wrong = unfinished();
  if (wrong) return tell(...wrong);
  const at = begins();
  const more = `${at ? `It begins ${at.toLocaleString([], { dateStyle: "full", timeStyle: "short" })}` : "It begins at once"} and takes ${lasts || "a while"}. You can pause or stop it at any time.`;
  if (!(await ask(`Send to ${persons(people)} from account ${$("account").value}?`, more, at ? "Schedule" : "Send"))) return;
  $("start").disabled = true;
  try {
    const order = {
      upload_id: draft.upload,
      message: $("text").value,
      attachments: draft.attachments.map((each) => each.attachment_id),
      delay_min: number("delay-min"),
      delay_max: number("delay-max"),
      name: $("name").value.trim() || null,
      account: $("account").value,
      schedule_at: at && at.getTime(),
    };
    const { job_id: job } = await call("/send", JSON.stringify(order), { "Idempotency-Key": draft.key });
    sessionStorage.removeItem(STORE);
    location.assign(`/app/jobs/${job}`);
  } catch (error) {
    $("start").disabled = false;
    const used = error.type === "urn:wasender:problem:idempotency-key-reused";
    tell("start-error", used ? "This form has already started a campaign: look for it under Campaigns. To start another one, clear the form." : error.message);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
$("clear").addEventListener("click", () => {
  sessionStorage.removeItem(STORE);
  location.reload();
});

// Together

addEventListener("pageshow", (event) => event.persisted && location.reload()); // back from the job's page: a new form

let timer = 0;
function changed() {
  keep();
  clearTimeout(timer);
  timer = setTimeout(look, 250);
}
form.addEventListener("input", (event) => {
  if (FIELDS.includes(event.target.id)) changed();
});

async function restore() {
  const stored = JSON.parse(sessionStorage.getItem(STORE) || "null");
  if (stored) {
    Object.assign(draft, stored);
    for (const id of FIELDS) if (stored.values[id] !== undefined) $(id).value = stored.values[id];
    listAttachments();
    if (draft.upload) await showUpload(draft.upload).catch(forgetPeople);
  }
  look();
}
restore();

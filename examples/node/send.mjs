// Send a message and wait for the outcome: node send.mjs MESSAGE NUMBER…   Node 18 or newer, no packages.
import { randomUUID } from "node:crypto";

const url = process.env.WASENDER_URL ?? "http://localhost:8080";
const key = process.env.WASENDER_KEY;

async function call(method, path, body, headers = {}) {
  const answer = await fetch(url + path, {
    method,
    headers: { "X-API-KEY": key, "Content-Type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  if (answer.status === 304) return [null, answer.headers];
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.code}: ${told.detail}`);
  return [told, answer.headers];
}

async function send(message, numbers) {
  // A repeat with the same key after a broken connection sends nothing again.
  const headers = { "Idempotency-Key": randomUUID() };
  for (let tried = 1; ; tried++) {
    try {
      return (await call("POST", "/send", { message, numbers }, headers))[0];
    } catch (error) {
      if (!(error instanceof TypeError) || tried === 3) throw error; // a TypeError: no answer came
    }
  }
}

async function wait(id) {
  // Each request is answered when something has changed, or after 30 seconds.
  for (let tag = ""; ; ) {
    const [job, headers] = await call("GET", `/jobs/${id}${tag && "?wait=30"}`, null, tag ? { "If-None-Match": tag } : {});
    tag = headers.get("etag");
    if (!job) continue;
    console.error(`${job.status}: ${job.sent + job.delivered + job.read} of ${job.total}`);
    if (["completed", "stopped"].includes(job.status)) return job;
  }
}

try {
  const [message, ...numbers] = process.argv.slice(2);
  const queued = await send(message, numbers);
  for (const row of queued.rejected) console.error(`${row.value}: ${row.reason}`);
  const job = await wait(queued.job_id);
  console.log(JSON.stringify(job));
  process.exitCode = job.status !== "completed" || job.failed + job.uncertain > 0 ? 1 : 0;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

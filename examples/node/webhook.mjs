// Receive webhooks on PORT: WEBHOOK_SECRET=whsec_… node webhook.mjs   No packages.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const mostOffSeconds = 300;
const seen = new Set(); // a real receiver keeps these ids in its database for some days

function genuine(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const at = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(at) || Math.abs(Date.now() / 1000 - Number(at)) > mostOffSeconds) return false;
  const digest = createHmac("sha256", secret).update(`${id}.${at}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${digest}`);
  const given = (headers["webhook-signature"] ?? "").split(" "); // one for each secret that is valid
  return given.map((each) => Buffer.from(each)).some((each) => each.length === expected.length && timingSafeEqual(each, expected));
}

createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts);
    if (!genuine(request.headers, body)) return response.writeHead(401).end();
    const id = request.headers["webhook-id"];
    if (!seen.has(id)) { // it may come again
      seen.add(id);
      const event = JSON.parse(body);
      console.log(event.type, JSON.stringify(event.data));
    }
    response.writeHead(204).end();
  });
}).listen(Number(process.env.PORT ?? 8000), "127.0.0.1");

// Tests of the chat client with node's own test runner, the mock driven by its control API through fetch.
//
// Run:  npm install && LIGHTNING_BASE_URL=http://127.0.0.1:8787 npm test     (start `lightning-mock` first)

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ask, reply } from "./chat.js";

const base = process.env.LIGHTNING_BASE_URL ?? "http://127.0.0.1:8787";
const question = 'Is "Oslo" nice in winter?';
const once = { maxRetries: 0 };

/** One call to the control API, which takes and gives JSON under /__mock__. */
async function control(method, path, body) {
  const response = await fetch(`${base}/__mock__${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${answer.detail}`);
  return answer;
}

// Every test has a user of its own, so tests can run side by side on one mock.
let user;
let key;
beforeEach(async () => {
  user = await control("POST", "/users", { plan: "free" });
  key = user.api_key.secret;
});

test("a reply arrives in pieces", async () => {
  const pieces = [];
  for await (const piece of ask(base, key, question)) pieces.push(piece);
  assert.ok(pieces.length > 1);
  assert.match(pieces.join(""), /Oslo/);
});

test("the user reads about the limit, and is served after an upgrade", async () => {
  await control("POST", `/identities/user%3A${user.id}/exhaust`, { metric: "cloudChatDaily" });
  assert.match(await reply(base, key, question, once), /back tomorrow/);
  await control("PATCH", `/users/${user.id}`, { plan: "light" });
  assert.match(await reply(base, key, question, once), /Oslo/);
});

test("a revoked key leads to the sign-in", async () => {
  await control("DELETE", `/users/${user.id}/keys/${user.api_key.id}`);
  assert.match(await reply(base, key, question), /sign in/);
});

test("the SDK gets over one upstream failure, which costs nothing", async () => {
  const match = { operation: "POST /gen/chat/completions", user: user.id };
  await control("POST", "/faults", { kind: "status", status: 500, times: 1, match });
  assert.match(await reply(base, key, question), /Oslo/);
  const { entries } = await control("GET", `/journal?user=${user.id}`);
  assert.deepEqual(entries.map((entry) => entry.status), [500, 200]);
  const { usage } = await control("GET", `/identities/user%3A${user.id}`);
  assert.equal(usage.cloudChatDaily.used, 1);
});

test("a lasting failure is admitted", async () => {
  const match = { operation: "POST /gen/chat/completions", user: user.id };
  const fault = await control("POST", "/faults", { kind: "status", status: 500, times: null, match });
  assert.match(await reply(base, key, question, once), /try again later/);
  await control("DELETE", `/faults/${fault.id}`);
});

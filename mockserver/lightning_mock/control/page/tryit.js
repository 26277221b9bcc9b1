// The try-it panel: who calls, what, and what came back.
//
// Law: forms follow the spec that the mock runs on. A user calls with a token minted for that one call, so
// that a moved clock or a changed plan never leaves the panel with a stale credential.

import * as api from "./api.js";
import { asCurl, call } from "./calling.js";
import { madeHere } from "./credentials.js";
import { h, icon, render } from "./dom.js";
import { statusPill } from "./journal.js";
import { copyButton, field, fieldsOf, options, tell } from "./notices.js";
import { changed, store, userName } from "./store.js";
import { bytes, milliseconds, span } from "./words.js";

const TOKEN_LIFETIME = 300;
const CURL_LIFETIME = 3600;
const PLAY = "M7 5v14l12-7z";
const GROUPS = [
  ["chat", "Chat"],
  ["media", "Images, video and audio"],
  ["account", "Account"],
  ["catalogue", "Plans"],
  ["status", "Status"],
];

let caller = null;
let operation = "createChatCompletion";
let clientId = "page-visitor-0001";
let bearer = "";
let prompt = null;
/** @type {import("./calling.js").Result | null} */
let result = null;
/** @type {AbortController | null} */
let running = null;
let calls = 0;

/** Chooses who calls: {kind: "user", user} or {kind: "client", client}; from a button elsewhere. */
export function callAs(wish, move = true) {
  if (wish.kind === "user") caller = `user ${wish.user}`;
  else {
    caller = "client";
    clientId = wish.client;
  }
  changed();
  if (move) document.getElementById("try-caller")?.focus();
}

export function showTryIt() {
  const known = callable();
  const chosen = known.find(({ id }) => id === operation) ?? known[0];
  const callers = callerChoices();
  if (!callers.some(([, pairs]) => pairs.some(([value]) => value === caller))) caller = callers[0][1][0][0];
  render(
    document.getElementById("try-body"),
    h(
      "form",
      { key: "form", id: "try-form", class: "grid-form", onsubmit: send },
      field(
        "Who calls",
        h(
          "select",
          { id: "try-caller", ".value": caller, onchange: (event) => ((caller = event.currentTarget.value), changed()) },
          callers.map(([name, pairs]) => h("optgroup", { key: name, label: name }, options(pairs))),
        ),
        "wide",
      ),
      caller === "client" &&
        field(
          "X-Client-ID",
          h("input", { ".value": clientId, required: true, autocomplete: "off", oninput: (event) => (clientId = event.currentTarget.value) }),
          "wide",
        ),
      caller === "bearer" &&
        field(
          "Bearer",
          h("input", { ".value": bearer, required: true, autocomplete: "off", oninput: (event) => (bearer = event.currentTarget.value) }),
          "wide",
        ),
      field(
        "Operation",
        h(
          "select",
          { id: "try-operation", ".value": chosen?.id, onchange: (event) => ((operation = event.currentTarget.value), changed()) },
          GROUPS.map(([tag, name]) =>
            h(
              "optgroup",
              { key: tag, label: name },
              options(known.filter((one) => one.tag === tag).map(({ id, summary }) => [id, summary])),
            ),
          ),
        ),
        "wide",
      ),
      chosen && h("p", { class: "wide muted small-text" }, h("code", null, `${chosen.method} ${chosen.path}`)),
      chosen && inputs(chosen),
      h(
        "div",
        { class: "row wide" },
        h("button", { key: "send", class: "primary", disabled: running !== null }, icon(PLAY), running ? "Calling…" : "Send"),
        running && h("button", { key: "stop", type: "button", onclick: () => running?.abort() }, "Stop"),
        h("button", { key: "curl", type: "button", class: "push", onclick: copyCurl }, "Copy as curl"),
      ),
    ),
    h("div", { key: "result", id: "try-result", "aria-live": "polite" }, result && resultView()),
  );
}

function callerChoices() {
  const users = store.state.users.map((user) => [`user ${user.id}`, `${userName(user)} (${user.plan_key})`]);
  const secrets = madeHere().map(({ user, name, secret }) => {
    const owner = store.state.users.find((known) => known.id === user);
    return [`made ${secret}`, `${name}${owner ? ` of ${userName(owner)}` : ""}`];
  });
  /** @type {[string, string[][]][]} */
  const choices = [
    ["A user, with a fresh token", users],
    ["Created on this page", secrets],
    ["Signed out", [["client", "With a client id"], ["nobody", "Without a client id (by address)"]]],
    ["Other", [["bearer", "Another bearer…"]]],
  ];
  return choices.filter(([, pairs]) => pairs.length > 0);
}

// What a browser can call here: without holes in the path, and without leaving the mock.
function callable() {
  const found = [];
  for (const [path, methods] of Object.entries(store.spec?.paths ?? {})) {
    if (path === "/" || path.includes("{")) continue;
    for (const method of ["post", "get"]) {
      const spec = methods[method];
      if (!spec) continue;
      const content = spec.requestBody?.content?.["application/json"];
      found.push({
        id: spec.operationId,
        summary: spec.summary,
        tag: spec.tags?.[0],
        method: method.toUpperCase(),
        path,
        fields: content ? resolve(content.schema).properties : null,
        example: Object.values(content?.examples ?? {})[0]?.value ?? {},
      });
    }
  }
  return found;
}

function resolve(schema) {
  if (!schema?.$ref) return schema ?? {};
  const parts = schema.$ref.slice(2).split("/");
  return resolve(parts.reduce((place, part) => place?.[part], store.spec));
}

const asksText = (name) => name === "prompt" || name === "messages";

function inputs({ id, fields, example }) {
  if (!fields) return null;
  return [
    ...Object.entries(fields).map(([name, reference]) => input(id, name, resolve(reference), example)),
    h(
      "details",
      { key: `${id} more`, class: "folded wide" },
      h("summary", null, "More fields"),
      field(
        "As a JSON object, added to the body",
        h("textarea", { name: "more", rows: "3", spellcheck: "false", class: "mono", placeholder: '{"temperature": 0.2}' }),
      ),
    ),
  ];
}

function input(id, name, schema, example) {
  const key = `${id} ${name}`;
  if (asksText(name)) {
    const text = example[name];
    const shown = prompt ?? (Array.isArray(text) ? text.at(-1)?.content : text) ?? "";
    const label = name === "prompt" ? "Prompt" : "Message";
    return h(
      "label",
      { key, class: "field wide" },
      h("span", null, label),
      h("textarea", { name, rows: "3", required: true, oninput: (event) => (prompt = event.currentTarget.value) }, shown),
    );
  }
  if (schema.enum) {
    const pairs = [["", "not sent"], ...schema.enum.filter((value) => value !== null).map((value) => [value, value])];
    return h("label", { key, class: "field" }, h("span", null, label(name)), h("select", { name }, options(pairs, "")));
  }
  if (name === "image_urls") {
    return h(
      "label",
      { key, class: "field wide" },
      h("span", null, "Input images (up to two)"),
      h("input", { type: "file", name, accept: "image/*", multiple: true }),
    );
  }
  if (name === "stream") {
    return h("label", { key, class: "check wide" }, h("input", { type: "checkbox", name, checked: true }), "Stream the answer");
  }
  if (name === "duration") {
    return h(
      "label",
      { key, class: "field" },
      h("span", null, "Seconds"),
      h("input", { type: "number", name, step: "1", placeholder: String(schema.default ?? "") }),
    );
  }
  return null;
}

const label = (name) => name.charAt(0).toUpperCase() + name.slice(1);

/** The request that the form asks for. Throws with a sentence for the reader. */
async function requestOf(form, tokenLifetime) {
  const chosen = callable().find(({ id }) => id === operation) ?? callable()[0];
  const headers = await callerHeaders(tokenLifetime);
  if (!chosen.fields) return { ...chosen, headers };
  headers["Content-Type"] = "application/json";
  const given = fieldsOf(form);
  const body = {};
  for (const name of Object.keys(chosen.fields)) {
    if (asksText(name)) {
      const array = resolve(chosen.fields[name]).type === "array";
      body[name] = array ? [{ role: "user", content: given[name] }] : given[name];
    } else if (name === "stream") body.stream = given.stream === "on";
    else if (name === "image_urls") {
      const pictures = form.elements.image_urls.files;
      if (pictures.length) body.image_urls = await Promise.all([...pictures].map(dataUri));
    } else if (given[name]) body[name] = name === "duration" ? Number(given[name]) : given[name];
  }
  if (given.more?.trim()) Object.assign(body, moreFields(given.more));
  return { ...chosen, headers, body: JSON.stringify(body) };
}

function moreFields(text) {
  try {
    const more = JSON.parse(text);
    if (more !== null && typeof more === "object" && !Array.isArray(more)) return more;
  } catch {
    // The sentence below says it all.
  }
  throw new Error("More fields: this is not a JSON object.");
}

async function callerHeaders(tokenLifetime) {
  if (caller === "client") return { "X-Client-ID": clientId };
  if (caller === "nobody") return {};
  if (caller === "bearer") return { Authorization: `Bearer ${bearer}` };
  const [kind, value] = caller.split(" ");
  if (kind === "made") return { Authorization: `Bearer ${value}` };
  const { token } = await api.mintToken(value, { lifetime_seconds: tokenLifetime });
  return { Authorization: `Bearer ${token}` };
}

function dataUri(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error(`The file ${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}

async function copyCurl() {
  try {
    const request = await requestOf(document.getElementById("try-form"), CURL_LIFETIME);
    copyButton(asCurl(request), "the call as curl").click();
  } catch (error) {
    tell("bad", error.message);
  }
}

// Only once the player that reads from it is gone.
function forgetMedia(old) {
  if (old?.media) setTimeout(() => URL.revokeObjectURL(old.media.url), 2000);
}

async function send(event) {
  event.preventDefault();
  if (running) return;
  running = new AbortController();
  forgetMedia(result);
  result = { id: ++calls, phase: "waiting", prompt: prompt ?? "" };
  const mine = result;
  changed();
  const since = store.journal[0]?.id;
  try {
    const request = await requestOf(event.target, TOKEN_LIFETIME);
    await call({ ...request, signal: running.signal }, mine, changed);
    mine.operation = request.id;
  } catch (error) {
    mine.phase = "done";
    mine.broken = error.message;
  }
  running = null;
  changed();
  if (mine.operation) await explain(mine, since);
}

// The journal knows why; the entry is there as soon as the last byte has been handed over, or a little later.
async function explain(mine, since) {
  for (const wait of [0, 200, 800]) {
    await new Promise((done) => setTimeout(done, wait));
    try {
      const query = { operation: mine.operation, limit: "20", ...(since === undefined ? {} : { since: String(since) }) };
      const { entries } = await api.getJournal(query);
      const entry = entries.filter(({ status }) => !mine.status || status === mine.status).at(-1);
      if (entry) {
        mine.explanation = entry.explanation;
        return changed();
      }
    } catch {
      return;
    }
  }
}

function resultView() {
  const { status, phase } = result;
  return h(
    "section",
    { key: result.id, class: `result ${status ? `result-${status >= 400 ? "refused" : "served"}` : ""}`, "aria-label": "Answer" },
    phase === "waiting" ? h("p", { class: "muted waiting" }, "Waiting for the answer…") : summary(),
    result.broken && h("p", { class: "broken" }, result.broken),
    status >= 400 ? refusal() : content(),
    result.explanation && h("p", { class: "why" }, h("b", null, "Why: "), result.explanation),
    result.assets?.length > 0 &&
      h(
        "p",
        { class: "small-text" },
        "Stored images: ",
        result.assets.map((path) => [h("a", { key: path, href: path, target: "_blank", rel: "noopener" }, h("code", { class: "break" }, path)), " "]),
      ),
  );
}

function summary() {
  const { status, type, size, milliseconds: took, model } = result;
  const facts = [type?.split(";", 1)[0], typeof size === "number" && bytes(size), took !== undefined && milliseconds(took)];
  return h(
    "p",
    { class: "row tight" },
    statusPill(status ?? 0),
    h("span", { class: "muted small-text" }, facts.filter(Boolean).join(" · ")),
    model && h("span", { class: "pill pill-plain" }, model),
  );
}

function refusal() {
  const { json, text, retryAfter } = result;
  const error = json?.error ?? {};
  const message = error.message ?? (typeof json?.detail === "string" ? json.detail : null);
  return [
    h("p", { key: "message", class: "refusal" }, message ?? `Not the API's JSON but ${result.type || "a body without a content type"}:`),
    message === null && text && h("pre", { key: "text", tabindex: "0" }, text.slice(0, 2000)),
    h(
      "p",
      { key: "codes", class: "muted small-text" },
      [error.type && `type ${error.type}`, error.code && `code ${error.code}`, error.param && `field ${error.param}`, retryAfter && `try again in ${/^\d+$/.test(retryAfter) ? span(Number(retryAfter)) : retryAfter}`]
        .filter(Boolean)
        .join(" · "),
    ),
  ];
}

function content() {
  const { media, json, text, phase } = result;
  if (media) return h("figure", { key: "media" }, player(media), saveLink(media));
  if (result.events !== undefined) return streamView(text, phase);
  if (json !== undefined) return jsonView(json);
  if (text) return h("pre", { key: "text", tabindex: "0" }, text.slice(0, 20000));
  return null;
}

function player({ family, url }) {
  const failed = () => {
    result.broken = `The browser cannot show this as ${result.type}.`;
    changed();
  };
  if (family === "image") return h("img", { src: url, alt: result.prompt ? `Generated for: ${result.prompt}` : "The generated image", onerror: failed });
  if (family === "video") return h("video", { src: url, controls: true, loop: true, autoplay: true, muted: true, playsinline: true, onerror: failed });
  return h("audio", { src: url, controls: true, onerror: failed });
}

function saveLink({ url }) {
  const ending = result.type.split(";", 1)[0].split("/")[1].replace("jpeg", "jpg").replace("mpeg", "mp3");
  return h("figcaption", null, h("a", { href: url, download: `lightning.${ending}` }, "Save the file"));
}

function streamView(text, phase) {
  const notes = [];
  if (result.unreadable) notes.push(`${result.unreadable} of ${result.events} events could not be read.`);
  if (phase === "done" && !result.complete) notes.push("The stream ended without its last event, [DONE].");
  return [
    h("p", { key: "stream", class: `answer ${phase === "streaming" ? "typing" : ""}`, "aria-live": "off" }, text),
    result.tools && h("pre", { key: "tools", tabindex: "0" }, JSON.stringify(result.tools, null, 2)),
    notes.length > 0 && h("p", { key: "notes", class: "broken" }, notes.join(" ")),
  ];
}

function jsonView(json) {
  const answer = json?.choices?.[0]?.message?.content;
  return [
    answer && h("p", { key: "answer", class: "answer" }, answer),
    h(
      "details",
      { key: "json", class: "folded", open: !answer },
      h("summary", null, "The JSON"),
      h("pre", { tabindex: "0" }, JSON.stringify(json, null, 2).slice(0, 50000)),
    ),
  ];
}

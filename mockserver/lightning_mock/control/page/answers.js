// What the mock answers where it is left a choice: the forms that the document leaves open, and scripted replies.

import * as api from "./api.js";
import { h, icon, render } from "./dom.js";
import { CROSS, act, field, fieldsOf, options } from "./notices.js";
import { changed, store, userName } from "./store.js";
import { plural } from "./words.js";

const FORMS = [
  ["bare", "router_metadata only, no choices"],
  ["choices", "with a choice that has the role"],
];
const ADVICE = [
  ["none", "nothing, like the document"],
  ["seconds", "Retry-After in seconds"],
  ["date", "Retry-After as a date"],
  ["x-should-retry-true", "X-Should-Retry: true"],
  ["x-should-retry-false", "X-Should-Retry: false"],
];
const KINDS = [
  ["text", "Text"],
  ["json", "JSON"],
  ["status", "A status only"],
];
const TIMES = [
  ["1", "once"],
  ["3", "3 times"],
  ["", "always"],
];

let whose = "";
let kind = "text";

export function showAnswers() {
  const { preferences, users } = store.state;
  if (whose && !users.some(({ id }) => `user:${id}` === whose)) whose = "";
  const own = preferences.identities[whose] ?? {};
  const chosen = { ...preferences.everybody, ...own };
  const choose = (name) => (event) =>
    act("The next call is answered in that form.", () => api.prefer(whose, { [name]: event.currentTarget.value }));
  render(
    document.getElementById("answers-body"),
    field(
      "For",
      h(
        "select",
        { onchange: (event) => ((whose = event.currentTarget.value), changed()) },
        options([["", "everybody"], ...users.map((user) => [`user:${user.id}`, userName(user)])], ""),
      ),
    ),
    field("First event of a stream", h("select", { ".value": chosen.metadata_form, onchange: choose("metadata_form") }, options(FORMS))),
    field("What a 429 says about retrying", h("select", { ".value": chosen.retry_advice, onchange: choose("retry_advice") }, options(ADVICE))),
    Object.keys(own).length > 0 &&
      h(
        "button",
        { type: "button", class: "small", onclick: () => act("Back to the defaults.", () => api.preferNothing(whose)) },
        "Use the defaults",
      ),
  );
  const { replies, misses } = store.replies;
  render(
    document.getElementById("replies-body"),
    replies.length > 0
      ? h("ul", { key: "list", class: "switches" }, replies.map(replyRow))
      : h("p", { key: "none", class: "empty" }, "No scripted replies: every call gets the mock's own answer."),
    misses.length > 0 &&
      h(
        "details",
        { key: "misses", class: "folded" },
        h("summary", null, `${plural(misses.length, "call")} matched none of them`),
        h("ul", { class: "stack" }, misses.slice(-5).reverse().map(missRow)),
      ),
    newReply(),
  );
}

/** @param {import("./store.js").Reply} reply */
function replyRow({ id, match, replies, used, left }) {
  const when = Object.entries(match).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  const facts = [`used ${plural(used, "time")}`, left === null ? "always" : left === 0 ? "used up" : `${left} left`];
  const remove = () => act("The reply is removed.", () => api.removeReply(id));
  return h(
    "li",
    { key: id },
    h(
      "div",
      null,
      h("strong", null, replies.map(said).join(", then ")),
      h("p", { class: "muted small-text" }, [when.join(", ") || "every chat", ...facts].join(" · ")),
    ),
    h("button", { type: "button", class: "quiet square", "aria-label": `Remove ${id}`, title: "Remove", onclick: remove }, icon(CROSS)),
  );
}

/** @param {Record<string, any>} answer */
const said = (answer) => [answer.status, answer.text ?? (answer.status ? "" : JSON.stringify(answer))].filter(Boolean).join(" ");

/** @param {import("./store.js").Miss} miss */
function missRow({ method, path, near }) {
  return h(
    "li",
    { class: "small-text" },
    h("code", null, `${method} ${path}`),
    near.map(({ id, missed }) => h("p", { class: "muted" }, `${id}: ${missed.join("; ")}`)),
  );
}

function newReply() {
  const wide = "wide";
  return h(
    "details",
    { key: "new", class: "folded", id: "new-reply" },
    h("summary", null, "New reply"),
    h(
      "form",
      { class: "grid-form", onsubmit: add },
      field("When the prompt contains", h("input", { name: "prompt", autocomplete: "off", placeholder: "any prompt" })),
      field("On the route", h("input", { name: "route", autocomplete: "off", placeholder: "POST /gen/chat/completions" })),
      field("From", h("select", { name: "user" }, options([["", "anybody"], ...store.state.users.map((user) => [user.id, userName(user)])], ""))),
      field("How often", h("select", { name: "times" }, options(TIMES, ""))),
      field(
        "Answer with",
        h("select", { name: "kind", ".value": kind, onchange: (event) => ((kind = event.currentTarget.value), changed()) }, options(KINDS)),
      ),
      field("Status", h("input", { type: "number", name: "status", min: "200", max: "599", placeholder: "200", required: kind === "status" })),
      kind !== "status" && field(kind === "json" ? "JSON" : "Text", h("textarea", { name: "answer", rows: "3", required: true }), wide),
      h("div", { class: wide }, h("button", { class: "primary" }, "Add reply")),
    ),
  );
}

async function add(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const fields = fieldsOf(form);
  await act("The next matching call gets this reply.", async () => api.addReply(wish(fields))) && form.reset();
}

/** @param {Record<string, string>} fields */
function wish(fields) {
  const match = {};
  for (const name of ["prompt", "route", "user"]) if (fields[name]) match[name] = fields[name];
  const reply = {};
  if (fields.status) reply.status = Number(fields.status);
  if (fields.kind === "text") reply.text = fields.answer;
  if (fields.kind === "json") reply.json = jsonOf(fields.answer);
  return { match, reply, ...(fields.times && { times: Number(fields.times) }) };
}

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("The answer is not JSON: strings in it need double quotes.");
  }
}

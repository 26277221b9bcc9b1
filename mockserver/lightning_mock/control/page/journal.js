// Every call the mock has answered, newest first, each with the explanation of its answer.

import * as api from "./api.js";
import { h, render } from "./dom.js";
import { act, copy, field, options, save } from "./notices.js";
import { changed, nameOf, now, store } from "./store.js";
import { bytes, day, metricName, milliseconds, plural, reason, time, tone } from "./words.js";

const KINDS_OF_ANSWER = [
  ["", "All answers"],
  ["refused", "Refused or failed"],
  ["served", "Served"],
  ["fault", "With a fault"],
];
const SHOWN = 100;

const filter = { text: "", answer: "", identity: "" };
/** Entries that are open; only these have their detail built. */
const open = new Set();

export function showJournal() {
  const entries = store.journal.filter(wanted);
  const callers = [...new Set(store.journal.map((entry) => entry.caller?.identity).filter(Boolean))];
  render(
    document.getElementById("journal-body"),
    h(
      "div",
      { key: "filters", class: "row tight bottom filters" },
      field("Find", h("input", { type: "search", placeholder: "path, caller, text…", oninput: set("text") }), "grow"),
      field("Answers", h("select", { onchange: set("answer") }, options(KINDS_OF_ANSWER, ""))),
      field("Caller", h("select", { onchange: set("identity") }, options([["", "Everyone"], ...callers.map((key) => [key, nameOf(key)])], ""))),
      h("button", { type: "button", disabled: store.journal.length === 0, onclick: clear }, "Clear"),
      h("button", { type: "button", disabled: store.journal.length === 0, title: "An HTTP archive, for browser developer tools", onclick: archive }, "Save HAR"),
      h("button", { type: "button", disabled: store.journal.length === 0, title: "For lightning-mock --replay or --replies", onclick: recording }, "Save recording"),
    ),
    entries.length > 0
      ? h("ol", { key: "entries", class: "entries" }, entries.slice(0, SHOWN).map(entryView))
      : h(
          "p",
          { key: "none", class: "empty" },
          store.journal.length ? "No call matches the filter." : "No calls yet. Calls to the mock appear here as they happen.",
        ),
    entries.length > SHOWN &&
      h("p", { key: "more", class: "muted small-text" }, `The newest ${SHOWN} of the last ${plural(entries.length, "call")}; narrow the filter to find older ones.`),
  );
}

const set = (name) => (event) => {
  filter[name] = event.currentTarget.value;
  changed();
};

async function archive() {
  const har = await act("The archive is saved.", api.getArchive);
  if (har) save(har, "har");
}

async function recording() {
  const taken = await act(
    ({ left_out }) => (left_out ? `The recording is saved without ${plural(left_out, "exchange")} not kept in full.` : "The recording is saved."),
    api.getRecording,
  );
  if (taken) save(taken.recording, "recording.json");
}

function clear() {
  return act("The journal is empty.", async () => {
    const reply = await api.clearJournal();
    store.journal = [];
    return reply;
  });
}

/** @param {import("./store.js").Entry} entry */
function wanted(entry) {
  if (filter.answer === "refused" && entry.status < 400 && entry.status !== 0 && entry.status !== null) return false;
  if (filter.answer === "served" && !(entry.status >= 200 && entry.status < 400)) return false;
  if (filter.answer === "fault" && !entry.fault) return false;
  if (filter.identity && entry.caller?.identity !== filter.identity) return false;
  if (!filter.text) return true;
  const text = [entry.method, entry.path, entry.operation, entry.status, entry.explanation, entry.caller?.identity, callerName(entry)];
  return text.join(" ").toLowerCase().includes(filter.text.toLowerCase());
}

/** @param {import("./store.js").Entry} entry */
function callerName({ caller }) {
  if (caller?.identity) return nameOf(caller.identity);
  return caller?.kind === "refused" ? "refused bearer" : "caller not identified";
}

export function statusPill(status) {
  const word = reason(status);
  return h("span", { class: `status status-${tone(status ?? 0)}` }, h("b", null, status || "cut"), word && ` ${word}`);
}

/** @param {import("./store.js").Entry} entry */
function entryView(entry) {
  const seconds = Date.parse(entry.at) / 1000;
  const anotherDay = day(seconds) !== day(now());
  return h(
    "li",
    { key: entry.id, class: `entry entry-${tone(entry.status ?? 0)}` },
    h(
      "details",
      { ontoggle: (event) => toggled(event.currentTarget.open, entry.id) },
      h(
        "summary",
        null,
        statusPill(entry.status),
        h(
          "span",
          { class: "entry-line" },
          h("span", { class: "entry-call" }, h("b", null, entry.method), " ", h("code", null, entry.path)),
          h("span", { class: "entry-caller" }, callerName(entry)),
          entry.fault && h("span", { class: "pill pill-warn" }, "Fault"),
          h("time", { class: "muted entry-time", datetime: entry.at }, anotherDay ? `${day(seconds).slice(0, -5)}, ` : "", time(seconds)),
        ),
        h("span", { class: "entry-why" }, entry.explanation),
      ),
      open.has(entry.id) && entryDetail(entry),
    ),
  );
}

function toggled(isOpen, id) {
  if (open.has(id) === isOpen) return;
  if (isOpen) open.add(id);
  else open.delete(id);
  changed();
}

/** @param {import("./store.js").Entry} entry */
function entryDetail(entry) {
  const { request, response } = entry;
  const facts = [
    ["Operation", entry.operation ?? "none: no route has this path"],
    ["Caller", entry.caller ? [h("code", { class: "break" }, entry.caller.identity ?? "none"), entry.caller.why ? ` — ${entry.caller.why}` : ""] : "not identified"],
    ["Plan", entry.plan_key],
    ["Counter", entry.metric && `${metricName(entry.metric)}${entry.units ? `: ${entry.units.before ?? "?"} → ${entry.units.after ?? "?"} used` : ""}`],
    ["Refused by", entry.refused_by],
    ["Fault", entry.fault && `${entry.fault.kind} (${entry.fault.id})`],
    ["Took", typeof entry.milliseconds === "number" && milliseconds(entry.milliseconds)],
    ["Answer", answerOf(response)],
  ];
  return h(
    "div",
    { class: "entry-detail" },
    h(
      "dl",
      null,
      facts
        .filter(([, value]) => value)
        .map(([name, value]) => h("div", { key: name }, h("dt", null, name), h("dd", null, value))),
    ),
    h(
      "div",
      { key: "again", class: "row tight" },
      h("button", { type: "button", class: "small", onclick: () => curl(entry) }, "Copy as curl"),
      h("button", { type: "button", class: "small", onclick: () => act(({ status }) => `Sent again: ${status} ${reason(status)}.`, () => api.sendAgain(entry.id)) }, "Send again"),
    ),
    excerpt("Request headers", headerLines(request.headers)),
    excerpt("Request body", request.body),
    excerpt("Response", response.excerpt),
  );
}

/** @param {import("./store.js").Entry} entry */
async function curl(entry) {
  const made = await act("", () => api.curlOf(entry.id));
  if (made) copy(made.command, made.whole ? "the command" : "the command, without what the journal did not keep");
}

/** @param {import("./store.js").Entry["response"]} response */
function answerOf({ content_type: type, bytes: size }) {
  return [type, typeof size === "number" && bytes(size)].filter(Boolean).join(", ");
}

function headerLines(headers) {
  if (!headers) return "";
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

function excerpt(name, text) {
  if (!text) return null;
  const shown = typeof text === "string" ? text : JSON.stringify(text, null, 2);
  return h("div", { key: name, class: "excerpt" }, h("h3", null, name), h("pre", { tabindex: "0" }, shown));
}

// What goes wrong on purpose: scenarios, and single faults with what they match.
//
// Law: a fault that is switched off here is gone from the mock; the page only remembers how to make it again.

import * as api from "./api.js";
import { h, icon, render } from "./dom.js";
import { CROSS, act, field, fieldsOf, options } from "./notices.js";
import { changed, labelOf, nameOf, store, userName } from "./store.js";
import { plural, span, title } from "./words.js";

const STATUSES = [400, 401, 413, 429, 500, 502, 503, 504].map((status) => [String(status), String(status)]);
const number = (name, label, value, extra = {}) => ({ name, label, value, type: "number", ...extra });
const choice = (name, label, pairs, value) => ({ name, label, pairs, value });

// Each kind with its parameters; what is left empty is not sent.
const KINDS = {
  status: {
    title: "Answer with a failure",
    fields: [
      { ...choice("status", "Status", STATUSES, "500"), numeric: true },
      choice("when", "When", [["before_charge", "before the charge"], ["after_charge", "after the charge"]], "before_charge"),
    ],
    says: (fault) => `Answers ${fault.status}${fault.when === "after_charge" ? ", after the charge" : ""}`,
  },
  latency: {
    title: "Answer late",
    fields: [number("seconds", "Seconds", "2", { min: "0", step: "any" })],
    says: (fault) => `Waits ${fault.seconds} s`,
  },
  reset: {
    title: "Cut the connection",
    fields: [number("after_bytes", "After bytes", "", { min: "0", step: "1" })],
    says: (fault) => `Cuts the connection${fault.after_bytes ? ` after ${plural(fault.after_bytes, "byte")}` : ""}`,
  },
  truncate: {
    title: "End the stream early",
    fields: [number("after_events", "After events", "2", { min: "0", step: "1" })],
    says: (fault) => `Ends the stream early${fault.after_events == null ? "" : ` after ${plural(fault.after_events, "event")}`}`,
  },
  reorder: { title: "Swap events of the stream", fields: [], says: () => "Swaps events of the stream" },
  duplicate: { title: "Send events twice", fields: [], says: () => "Sends events twice" },
  malform: { title: "Break events of the stream", fields: [], says: () => "Sends events that are not JSON" },
  stall: {
    title: "Stall the stream",
    fields: [
      number("after_events", "After events", "2", { min: "0", step: "1" }),
      number("seconds", "Seconds (empty: for good)", "5", { min: "0", step: "any" }),
    ],
    says: (fault) => `Stalls the stream ${fault.seconds == null ? "for good" : `for ${fault.seconds} s`}`,
  },
  refragment: {
    title: "Cut the bytes differently",
    fields: [choice("split", "Pieces", [["byte", "single bytes"], ["utf8", "inside characters"], ["7", "7 bytes"]], "byte")],
    says: (fault) => `Sends pieces cut by ${fault.split === "utf8" ? "half characters" : fault.split === "byte" ? "single bytes" : `${fault.split} bytes`}`,
  },
  content_type: {
    title: "Claim another content type",
    fields: [{ name: "content_type", label: "Content type", value: "text/plain", type: "text" }],
    says: (fault) => `Claims to be ${fault.content_type}`,
  },
  cold_start: {
    title: "Be asleep (503 page)",
    fields: [number("seconds", "Until the clock moved, seconds", "20", { min: "0", step: "any" })],
    says: (fault) => `Shows the 503 page of a host that wakes up${fault.seconds == null ? "" : `, for ${span(fault.seconds)}`}`,
  },
};
const TIMES = [["1", "the next call"], ["3", "the next 3 calls"], ["", "every call"]];

// Scenarios that do one thing and are over, for a mock that does not say so itself.
const MOMENTARY = new Set(["limit-reached", "key-revoked", "token-expired", "new-day", "new-week"]);

let kind = "status";
let scenarioUser = "";
/** Faults switched off on this page, as they were when they ran. */
let off = [];

export function showFaults() {
  const { faults, scenarios } = store.state;
  render(
    document.getElementById("scenarios-body"),
    field(
      "They befall",
      h(
        "select",
        { onchange: (event) => (scenarioUser = event.currentTarget.value) },
        options([["", "everybody"], ...store.state.users.map((user) => [user.id, userName(user)])], ""),
      ),
    ),
    h("ul", { class: "switches" }, scenarios.map(scenarioRow)),
  );
  render(
    document.getElementById("faults-body"),
    faults.length + off.length > 0
      ? h("ul", { key: "list", class: "switches" }, faults.map(faultRow), off.map(offRow))
      : h("p", { key: "none", class: "empty" }, "No fault is set: every call gets an honest answer."),
    newFault(),
  );
  const badge = document.getElementById("faults-active");
  const live = faults.filter((fault) => fault.left !== 0).length;
  badge.textContent = `${plural(live, "fault")} on`;
  badge.hidden = live === 0;
}

function toggle(on, label, onclick) {
  return h(
    "button",
    { type: "button", class: "switch", role: "switch", "aria-checked": on ? "true" : "false", "aria-label": label, onclick },
    h("span", { class: "knob" }),
    h("span", { class: "switch-word", "aria-hidden": "true" }, on ? "On" : "Off"),
  );
}

function removeButton(fault, onclick) {
  const label = `Remove: ${says(fault)}`;
  return h("button", { type: "button", class: "quiet square", "aria-label": label, title: "Remove", onclick }, icon(CROSS));
}

function scenarioRow({ name, description, active, lasting = !MOMENTARY.has(name) }) {
  const start = () => act((result) => result.did.join(" "), () => api.startScenario(name, scenarioUser));
  const end = () => act(`${title(name)} has ended.`, () => endScenario(name));
  return h(
    "li",
    { key: name },
    h("div", null, h("strong", null, title(name)), h("p", { class: "muted small-text" }, description)),
    lasting
      ? toggle(active, title(name), active ? end : start)
      : h("button", { type: "button", class: "small", "aria-label": `Run ${title(name)}`, onclick: start }, "Run"),
  );
}

async function endScenario(name) {
  const own = store.state.faults.filter((fault) => fault.scenario === name && fault.left !== 0);
  for (const fault of own) await api.removeFault(fault.id);
}

function faultRow(fault) {
  const remove = () => act("The fault is off.", () => api.removeFault(fault.id));
  const switchOff = async () => {
    if (await remove()) {
      off = [...off, { id: fault.id, fault }];
      changed();
    }
  };
  const again = () =>
    act("The fault is on again.", async () => {
      await api.removeFault(fault.id);
      return api.addFault(wishOf(fault));
    });
  const spent = fault.left === 0;
  const facts = [whom(fault), often(fault), `fired ${plural(fault.fired ?? 0, "time")}`];
  if (fault.scenario) facts.push(`scenario ${title(fault.scenario)}`);
  return h(
    "li",
    { key: fault.id, class: spent ? "spent" : "" },
    h(
      "div",
      null,
      h("strong", null, says(fault)),
      spent && h("span", { class: "pill pill-plain" }, "Used up"),
      h("p", { class: "muted small-text" }, facts.join(" · ")),
    ),
    removeButton(fault, remove),
    spent ? toggle(false, says(fault), again) : toggle(true, says(fault), switchOff),
  );
}

function offRow(entry) {
  const forget = () => {
    off = off.filter((known) => known !== entry);
    changed();
  };
  const again = async () => {
    if (await act("The fault is on again.", () => api.addFault(wishOf(entry.fault)))) forget();
  };
  return h(
    "li",
    { key: `off ${entry.id}` },
    h("div", null, h("strong", { class: "muted" }, says(entry.fault)), h("p", { class: "muted small-text" }, whom(entry.fault))),
    removeButton(entry.fault, forget),
    toggle(false, says(entry.fault), again),
  );
}

// What the mock counts itself is not part of the wish.
function wishOf(fault) {
  const { id, left, fired, scenario, ...wish } = fault;
  return wish;
}

const says = (fault) => KINDS[fault.kind]?.says(fault) ?? title(fault.kind);

function whom({ match }) {
  const parts = [];
  if (match?.operation) parts.push(operationName(match.operation));
  if (match?.identity) parts.push(`of ${nameOf(match.identity)}`);
  if (match?.user) parts.push(`of ${nameOf(`user:${match.user}`)}`);
  for (const [name, value] of Object.entries(match?.header ?? {})) parts.push(`with ${name}: ${value}`);
  return parts.join(" ") || "any call";
}

function often({ times, left, probability }) {
  const chance = probability === undefined || probability === 1 ? "" : `, ${Math.round(probability * 100)} % of them`;
  return (times === null ? "every time" : `${left} of ${times} left`) + chance;
}

/** Operations of the spec that can be called, as [operation id, "POST /gen/image"]. */
export function operations() {
  const found = [];
  for (const [path, methods] of Object.entries(store.spec?.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation?.operationId) found.push([operation.operationId, `${method.toUpperCase()} ${path}`]);
    }
  }
  return found;
}

const operationName = (wanted) => operations().find(([id]) => id === wanted)?.[1] ?? wanted;

function newFault() {
  const { identities } = store.state;
  return h(
    "details",
    { key: "new", class: "folded", id: "new-fault" },
    h("summary", null, "New fault"),
    h(
      "form",
      { class: "grid-form", onsubmit: add },
      field(
        "What happens",
        h(
          "select",
          { name: "kind", onchange: (event) => ((kind = event.currentTarget.value), changed()) },
          options(Object.entries(KINDS).map(([value, { title: text }]) => [value, text]), "status"),
        ),
        "wide",
      ),
      KINDS[kind].fields.map((spec) => field(spec.label, parameter(spec), `of-${kind}-${spec.name}`)),
      field("To which operation", h("select", { name: "operation" }, options([["", "any"], ...operations()], "")), "wide"),
      field(
        "Of whom",
        h("select", { name: "identity" }, options([["", "anybody"], ...identities.map((view) => [view.identity, labelOf(view)])], "")),
      ),
      field("How often", h("select", { name: "times" }, options(TIMES, "1"))),
      field("Probability", h("input", { type: "number", name: "probability", min: "0", max: "1", step: "any", value: "1" })),
      h("div", { class: "row end wide" }, h("button", { class: "primary" }, "Switch on")),
    ),
  );
}

// The key makes a field of another kind a new element, so that no stale value is carried over.
function parameter({ name, value, pairs, type, min, step }) {
  const key = `${kind} ${name}`;
  if (pairs) return h("select", { key, name: `param-${name}` }, options(pairs, value));
  return h("input", { key, type, name: `param-${name}`, value, min, step });
}

async function add(event) {
  event.preventDefault();
  const fields = fieldsOf(event.currentTarget);
  const wish = { kind: fields.kind, match: {}, times: fields.times ? Number(fields.times) : null };
  if (fields.operation) wish.match.operation = fields.operation;
  if (fields.identity) wish.match.identity = fields.identity;
  if (fields.probability !== "") wish.probability = Number(fields.probability);
  for (const spec of KINDS[fields.kind].fields) {
    const given = fields[`param-${spec.name}`];
    if (given === undefined || given === "") continue;
    wish[spec.name] = spec.type === "number" || spec.numeric || /^\d+$/.test(given) ? Number(given) : given;
  }
  if (await act((fault) => `${says(fault)}: ${whom(fault)}.`, () => api.addFault(wish))) {
    document.getElementById("new-fault").open = false;
  }
}

// What goes wrong on purpose: scenarios, and single faults with what they match.
//
// Law: a fault that is switched off here is gone from the mock; the page only remembers how to make it again.

import * as api from "./api.js";
import { h, icon, render } from "./dom.js";
import { CROSS, act, field, fieldsOf, options } from "./notices.js";
import { changed, labelOf, nameOf, store, userName } from "./store.js";
import { plural, title } from "./words.js";

// Those of every fault; the rest of a kind's schema are its own.
const COMMON = new Set(["kind", "match", "times", "probability", "seed"]);
const TIMES = [["1", "the next call"], ["3", "the next 3 calls"], ["", "every call"]];

let kind = "status";
let scenarioUser = "";
/**
 * Faults switched off on this page, as they were when they ran.
 * @type {{id: string, fault: import("./store.js").Fault}[]}
 */
let off = [];

export function showFaults() {
  const { faults, scenarios } = store.state;
  render(
    document.getElementById("scenarios-body"),
    field(
      "Apply to",
      h(
        "select",
        { onchange: (event) => (scenarioUser = event.currentTarget.value) },
        options([["", "everyone"], ...store.state.users.map((user) => [user.id, userName(user)])], ""),
      ),
    ),
    h("ul", { class: "switches" }, scenarios.map(scenarioRow)),
  );
  render(
    document.getElementById("faults-body"),
    faults.length + off.length > 0
      ? h("ul", { key: "list", class: "switches" }, faults.map(faultRow), off.map(offRow))
      : h("p", { key: "none", class: "empty" }, "No faults: every call is answered normally."),
    store.control && newFault(),
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

/** @param {import("./store.js").Fault} fault */
function removeButton(fault, onclick) {
  const label = `Remove: ${fault.says}`;
  return h("button", { type: "button", class: "quiet square", "aria-label": label, title: "Remove", onclick }, icon(CROSS));
}

/** @param {import("./store.js").Scenario} scenario */
function scenarioRow({ name, description, lasting, active }) {
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

/** @param {import("./store.js").Fault} fault */
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
      h("strong", null, fault.says),
      spent && h("span", { class: "pill pill-plain" }, "Used up"),
      h("p", { class: "muted small-text" }, facts.join(" · ")),
    ),
    removeButton(fault, remove),
    spent ? toggle(false, fault.says, again) : toggle(true, fault.says, switchOff),
  );
}

function offRow(entry) {
  const forget = () => {
    off = off.filter((known) => known !== entry);
    changed();
  };
  // Forgotten before the list is read again: it would stand there twice, off and on.
  const again = () =>
    act("The fault is on again.", async () => {
      const made = await api.addFault(wishOf(entry.fault));
      off = off.filter((known) => known !== entry);
      return made;
    });
  return h(
    "li",
    { key: `off ${entry.id}` },
    h("div", null, h("strong", { class: "muted" }, entry.fault.says), h("p", { class: "muted small-text" }, whom(entry.fault))),
    removeButton(entry.fault, forget),
    toggle(false, entry.fault.says, again),
  );
}

/**
 * What the mock adds itself is not part of the wish.
 * @param {import("./store.js").Fault} fault
 */
function wishOf(fault) {
  const { id, says, left, fired, scenario, ...wish } = fault;
  return wish;
}

/** The kinds of fault as the control API describes them: name, schema. */
function kinds() {
  const { schemas } = store.control?.components ?? {};
  const pointers = Object.entries(schemas?.NewFault.discriminator.mapping ?? {});
  return pointers.map(([name, pointer]) => [name, schemas[pointer.split("/").at(-1)]]);
}

/** The fields of one kind, as [name, schema]. */
function fieldsOfKind(wanted) {
  const found = kinds().find(([name]) => name === wanted);
  return Object.entries(found?.[1].properties ?? {}).filter(([name]) => !COMMON.has(name));
}

/** @param {import("./store.js").Fault} fault */
function whom({ match }) {
  const parts = [];
  if (match?.operation) parts.push(operationName(match.operation));
  if (match?.identity) parts.push(`from ${nameOf(match.identity)}`);
  if (match?.user) parts.push(`from ${nameOf(`user:${match.user}`)}`);
  for (const [name, value] of Object.entries(match?.header ?? {})) parts.push(`with ${name}: ${value}`);
  return parts.join(" ") || "any call";
}

/** @param {import("./store.js").Fault} fault */
function often({ times, left, probability }) {
  const chance = probability === undefined || probability === 1 ? "" : `, ${Math.round(probability * 100)} % of the time`;
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
          options(kinds().map(([name, schema]) => [name, schema.title]), kind),
        ),
        "wide",
      ),
      fieldsOfKind(kind).map(([name, schema]) => field(schema.title, parameter(name, schema), `of-${kind}-${name}`)),
      field("Affected operation", h("select", { name: "operation" }, options([["", "any"], ...operations()], "")), "wide"),
      field(
        "Affected caller",
        h("select", { name: "identity" }, options([["", "anyone"], ...identities.map((view) => [view.identity, labelOf(view)])], "")),
      ),
      field("How often", h("select", { name: "times" }, options(TIMES, "1"))),
      field("Probability", h("input", { type: "number", name: "probability", min: "0", max: "1", step: "any", value: "1" })),
      h("div", { class: "row end wide" }, h("button", { class: "primary" }, "Switch on")),
    ),
  );
}

/** The values to choose from, where they are few. */
const choices = (schema) => schema.enum ?? (schema.anyOf ? schema.examples : null);
const isNumeric = (schema) => [schema.type].flat().some((type) => type === "integer" || type === "number");

// The key makes a field of another kind a new element, so that no stale value is carried over.
function parameter(name, schema) {
  const attributes = { key: `${kind} ${name}`, name: `param-${name}` };
  const proposed = String(schema.examples?.[0] ?? schema.default ?? "");
  const pairs = choices(schema)?.map((value) => [String(value), String(value).replaceAll("_", " ")]);
  if (pairs) return h("select", attributes, options(pairs, proposed));
  if (!isNumeric(schema)) return h("input", { ...attributes, type: "text", value: proposed });
  const step = [schema.type].flat().includes("integer") ? "1" : "any";
  return h("input", { ...attributes, type: "number", value: proposed, min: String(schema.minimum ?? 0), step });
}

async function add(event) {
  event.preventDefault();
  const fields = fieldsOf(event.currentTarget);
  const wish = { kind: fields.kind, match: {}, times: fields.times ? Number(fields.times) : null };
  if (fields.operation) wish.match.operation = fields.operation;
  if (fields.identity) wish.match.identity = fields.identity;
  if (fields.probability !== "") wish.probability = Number(fields.probability);
  for (const [name, schema] of fieldsOfKind(fields.kind)) {
    const given = fields[`param-${name}`];
    if (given === undefined || given === "") continue;
    const chosen = choices(schema)?.find((value) => String(value) === given);
    wish[name] = chosen ?? (isNumeric(schema) ? Number(given) : given);
  }
  if (await act((fault) => `${fault.says}: ${whom(fault)}.`, () => api.addFault(wish))) {
    document.getElementById("new-fault").removeAttribute("open");
  }
}

// Says what an action did: a message in the corner, read out by screen readers; and small controls that
// every section shares.

import { h, icon, render } from "./dom.js";
import { refresh, store } from "./store.js";

const SHOWN_FOR = 5000;
const COPY = "M9 9h10v11H9zM5 15V4h10";
export const CROSS = "M6 6l12 12M18 6L6 18";

let notices = [];
let last = 0;

function show() {
  render(document.getElementById("notices"), notices.map(notice));
}

function notice({ id, kind, text }) {
  return h(
    "div",
    { key: id, class: `notice notice-${kind}`, role: kind === "bad" ? "alert" : null },
    h("p", null, text),
    h(
      "button",
      { type: "button", class: "quiet square", "aria-label": "Dismiss this message", onclick: () => dismiss(id) },
      icon(CROSS),
    ),
  );
}

function dismiss(id) {
  notices = notices.filter((known) => known.id !== id);
  show();
}

/** Shows a message; "good" ones leave by themselves, "bad" ones stay until dismissed. */
export function tell(kind, text) {
  const id = ++last;
  notices = [...notices.filter((known) => known.text !== text), { id, kind, text }].slice(-4);
  show();
  if (kind === "good") setTimeout(() => dismiss(id), SHOWN_FOR);
}

/** Runs an action of the reader, says how it went and looks at the state again. Gives null on a refusal. */
export async function act(done, action) {
  let result;
  try {
    result = await action();
  } catch (error) {
    tell("bad", error.message);
    return null;
  }
  const text = typeof done === "function" ? done(result) : done;
  if (text) tell("good", text);
  await refresh();
  return result ?? true;
}

/** A button that copies `text`; `what` names it for screen readers. */
export function copyButton(text, what, visible = "Copy") {
  return h(
    "button",
    {
      type: "button",
      class: visible ? "small" : "quiet square",
      "aria-label": `Copy ${what}`,
      title: `Copy ${what}`,
      onclick: () => copy(text, what),
    },
    icon(COPY),
    visible,
  );
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure origin there is no clipboard object: the old way still works.
    const area = h("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    focused?.focus();
    if (!copied) return tell("bad", `The browser does not allow the page to copy ${what}.`);
  }
  tell("good", `Copied ${what}.`);
}

/** Gives the reader a JSON document as a file. */
export function save(document_, ending) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(document_, null, 2)], { type: "application/json" }));
  const stamp = store.state.clock.now.slice(0, 19).replaceAll(":", "");
  h("a", { href: url, download: `lightning-mock-${stamp}.${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Asks before something that cannot be undone. Resolves to true when the reader agrees. */
export function confirmed(question, detail, agree) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { "aria-labelledby": "question", onclose: () => (dialog.remove(), resolve(dialog.returnValue === "yes")) },
      h("h2", { id: "question" }, question),
      h("p", null, detail),
      h(
        "form",
        { method: "dialog", class: "row end" },
        h("button", { value: "no", class: "" }, "Cancel"),
        h("button", { value: "yes", class: "danger" }, agree),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * What a form holds, as strings by field name. Files are read from their field.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string>}
 */
export const fieldsOf = (form) => /** @type {any} */ (Object.fromEntries(new FormData(form)));

/** A labelled field. `extra` are classes of the wrapper. */
export function field(label, control, extra = "") {
  return h("label", { class: `field ${extra}` }, h("span", null, label), control);
}

export function options(pairs, chosen) {
  return pairs.map(([value, text]) =>
    h("option", { key: value, value, selected: value === chosen }, text),
  );
}

// The mock's clock: what time it is there, and the buttons that move it.

import * as api from "./api.js";
import { h, render } from "./dom.js";
import { act, field, fieldsOf } from "./notices.js";
import { now, store } from "./store.js";
import { day, moment, relative, span, time } from "./words.js";

const STEPS = [
  ["+1 hour", { advance: { hours: 1 } }],
  ["Next day", { to: "next_day" }],
  ["Next week", { to: "next_week" }],
];
const NEARLY_REAL = 5;

export function showClock() {
  const { clock } = store.state;
  render(
    document.getElementById("clock-body"),
    h(
      "div",
      { class: "clock-face" },
      h("p", { class: "clock-time" }, h("span", { id: "clock-time" }), " ", h("span", { class: "muted" }, "UTC")),
      h("p", { id: "clock-day" }),
      h(
        "p",
        { class: "row tight" },
        h("span", { class: `pill ${clock.frozen ? "pill-warn" : "pill-good"}` }, clock.frozen ? "Frozen" : "Running"),
        h("span", { class: "muted small-text", id: "clock-drift" }),
      ),
    ),
    h(
      "div",
      { class: "clock-controls" },
      h(
        "div",
        { class: "clock-steps", role: "group", "aria-label": "Move the clock" },
        h(
          "button",
          { type: "button", onclick: () => move({ frozen: !clock.frozen }) },
          clock.frozen ? "Resume" : "Freeze",
        ),
        STEPS.map(([text, step]) => h("button", { type: "button", onclick: () => move(step) }, text)),
      ),
      h(
        "form",
        { class: "clock-set", onsubmit: set },
        field("Set to (UTC)", h("input", { type: "datetime-local", name: "set", step: "1", required: true })),
        h("button", null, "Set"),
        h("label", { class: "check" }, h("input", { type: "checkbox", name: "force" }), "Allow moving backwards"),
      ),
    ),
    h("dl", { class: "windows" }, windows()),
  );
  tick();
}

// The ends of the windows in use, read from the counters themselves.
function windows() {
  const ends = new Map();
  for (const { usage } of store.state.identities) {
    for (const { period, resets_at } of Object.values(usage)) ends.set(period, resets_at);
  }
  return [...ends].map(([period, end]) =>
    h(
      "div",
      { key: period },
      h("dt", null, period === "weekly" ? "Weekly counters reset" : "Daily counters reset"),
      h("dd", null, relative(end, now()), h("span", { class: "muted" }, ` · ${moment(end)}`)),
    ),
  );
}

/** Moves the hands; called every second, without touching the rest of the page. */
export function tick() {
  if (!store.state || !document.getElementById("clock-time")) return;
  const seconds = now();
  write("clock-time", time(seconds));
  write("clock-day", day(seconds));
  const ahead = seconds - Date.now() / 1000;
  write(
    "clock-drift",
    Math.abs(ahead) < NEARLY_REAL ? "real time" : `${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`,
  );
}

function write(id, text) {
  const node = document.getElementById(id);
  if (node && node.textContent !== text) node.textContent = text;
}

function move(step) {
  return act((clock) => `The mock's clock shows ${moment(clock.now)}${clock.frozen ? ", frozen" : ""}.`, () =>
    api.moveClock(step),
  );
}

async function set(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const { set: wanted, force } = fieldsOf(form);
  if (await move({ set: `${wanted.length === 16 ? `${wanted}:00` : wanted}Z`, force: force === "on" })) form.reset();
}

// Puts the page together: one paint for everything, one stream of events, one tick a second.

import { showAnswers } from "./answers.js";
import * as api from "./api.js";
import { showClock, tick } from "./clock.js";
import { h, render } from "./dom.js";
import { showFaults } from "./faults.js";
import { showGreeting, toggleGreeting } from "./greeting.js";
import { showIdentities } from "./identities.js";
import { showJournal } from "./journal.js";
import { act, confirmed, copyButton, field, fieldsOf, save, tell } from "./notices.js";
import { showStatus } from "./status.js";
import { addEntry, changed, loadJournal, onChange, refresh, refreshSoon, store } from "./store.js";
import { showTryIt } from "./tryit.js";
import { plural, reason } from "./words.js";

const REPAINT_EVERY = 20_000;
const SPOKEN_AFTER = 1000;

const STANDINGS = {
  live: "Live",
  connecting: "Connecting…",
  locked: "Control token needed",
  lost: "Disconnected, reconnecting…",
};

/** Whether a token would help; a refusal for the address or the origin says 403. */
const isLocked = (problem) => problem?.status === 401;

function paint() {
  const { state, problem, connection } = store;
  const live = document.getElementById("connection");
  const standing = !problem ? connection : isLocked(problem) ? "locked" : "lost";
  live.className = `connection connection-${standing}`;
  live.textContent = STANDINGS[standing];
  document.getElementById("dashboard").hidden = state === null;
  showProblem(problem);
  if (!state) return;
  render(document.getElementById("base-url"), h("code", null, api.apiRoot()), copyButton(api.apiRoot(), "the base URL", ""));
  for (const show of [showGreeting, showClock, showIdentities, showFaults, showAnswers, showStatus, showJournal, showTryIt]) show();
}

function showProblem(problem) {
  const box = document.getElementById("problem");
  box.hidden = problem === null;
  const locked = isLocked(problem);
  box.classList.toggle("problem-locked", locked);
  render(
    box,
    problem && h("p", null, locked ? lockedWords() : problem.message),
    problem && !locked && h("button", { type: "button", onclick: start }, "Try again"),
    locked &&
      h(
        "form",
        { class: "row tight bottom", onsubmit: unlock },
        field("Control token", h("input", { type: "password", name: "token", required: true, autocomplete: "off" })),
        h("button", { class: "primary" }, "Open"),
      ),
  );
}

const lockedWords = () =>
  api.hasToken()
    ? "This control token is not the one that the mock was started with."
    : "This page needs the control token that the mock was started with.";

function unlock(event) {
  event.preventDefault();
  api.setToken(fieldsOf(event.currentTarget).token);
  start();
}

let events = null;

async function start() {
  await refresh();
  if (!store.state || store.problem) return;
  try {
    store.spec ??= await api.getSpec();
    store.control ??= await api.getControlSpec();
  } catch (error) {
    tell("bad", error.message);
  }
  changed();
  listen();
}

function listen() {
  events?.close();
  events = api.openEvents();
  events.onopen = () => {
    store.connection = "live";
    // What happened while nobody listened.
    refreshSoon();
    loadJournal();
  };
  events.onerror = () => {
    store.connection = "lost";
    changed();
    // The browser gives up on an answer that is not a stream, as from a mock that is starting again.
    if (events.readyState === EventSource.CLOSED) setTimeout(start, 3000);
  };
  events.addEventListener("state", refreshSoon);
  events.addEventListener("exchange", (event) => {
    const entry = JSON.parse(event.data);
    addEntry(entry);
    refreshSoon();
    speak(entry);
  });
}

// One sentence for a burst of calls: a reader of the screen is not to be read to for ever.
let unspoken = [];

function speak(entry) {
  unspoken.push(entry);
  if (unspoken.length > 1) return;
  setTimeout(() => {
    const { method, path, status } = unspoken.at(-1);
    const more = unspoken.length > 1 ? `${plural(unspoken.length, "call")}, the last: ` : "";
    document.getElementById("spoken").textContent = `${more}${method} ${path}: ${status} ${reason(status)}`;
    unspoken = [];
  }, SPOKEN_AFTER);
}

async function resetAll() {
  const detail = "This clears all counters, faults, journal entries and users created since the start, and returns the clock to real time.";
  if (!(await confirmed("Reset the whole mock?", detail, "Reset everything"))) return;
  await act("The mock is back to its initial state.", () => api.reset());
  loadJournal();
}

async function download() {
  const document_ = await act("The snapshot is saved.", api.snapshot);
  if (!document_) return;
  save(document_, "json");
}

async function upload(event) {
  const input = event.currentTarget;
  const [file] = input.files;
  if (!file) return;
  let wanted;
  try {
    wanted = JSON.parse(await file.text());
  } catch {
    tell("bad", `${file.name} is not a JSON file.`);
    return;
  } finally {
    input.value = "";
  }
  await act(`Restored ${file.name}.`, () => api.restore(wanted));
  loadJournal();
}

const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
on("reset", "click", resetAll);
on("snapshot", "click", download);
on("restore", "click", () => document.getElementById("restore-file").click());
on("restore-file", "change", upload);
on("help", "click", toggleGreeting);
on("greeting-close", "click", toggleGreeting);

onChange(paint);
setInterval(tick, 1000);
// "in 5 min" grows old while nothing happens.
setInterval(changed, REPAINT_EVERY);
start();

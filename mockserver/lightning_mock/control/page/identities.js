// Who calls the mock: the list of callers, and one of them in detail with its four counters.

import * as api from "./api.js";
import { ONCE, showCredentials, showOnce } from "./credentials.js";
import { h, render } from "./dom.js";
import { act, confirmed, copyButton, field, fieldsOf, options } from "./notices.js";
import { limitsForm, planChoices, planForm } from "./plans.js";
import { labelOf, now, planName, refresh, select, selectedIdentity, store, userName, userOf } from "./store.js";
import { callAs } from "./tryit.js";
import { metricName, moment, plural, relative } from "./words.js";

const NEARLY_FULL = 0.8;
const FILTER_FROM = 8;
const LISTED = 50;
// Milliseconds between the times of a caller and of everybody that are no difference.
const APART = 60_000;
const KINDS = { client: "Client id ", address: "Address " };

let filter = "";

export function showIdentities() {
  const view = selectedIdentity();
  render(document.getElementById("callers-body"), newUser(), list(view));
  render(document.getElementById("caller-detail"), view ? detail(view) : nobodyYet());
  showCount();
}

// Whether all of them can be seen depends on the size of the window as well.
window.addEventListener("resize", showCount);

function showCount() {
  if (!store.state) return;
  const all = document.querySelector(".callers");
  const hidden = all && all.scrollHeight > all.clientHeight + 1;
  const count = plural(store.state.identities.length, "caller");
  document.getElementById("callers-count").textContent = hidden ? `${count}; scroll for more` : count;
}

function nobodyYet() {
  return h("p", { class: "empty" }, "No callers yet. Create a user, or make a call without credentials.");
}

function newUser() {
  return h(
    "details",
    { key: "new", class: "folded", id: "new-user" },
    h("summary", null, "New user"),
    h(
      "form",
      { class: "row tight bottom", onsubmit: create },
      field("Plan", h("select", { name: "plan" }, options(planChoices(), "free"))),
      field("Email (optional)", h("input", { type: "email", name: "email", autocomplete: "off" }), "grow"),
      h("button", { class: "primary" }, "Create user"),
    ),
  );
}

async function create(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const { plan, email } = fieldsOf(form);
  if (await createUser(email ? { plan, email } : { plan })) {
    form.reset();
    document.getElementById("new-user").removeAttribute("open");
  }
}

/** Creates a user, shows the credentials once and selects the user. */
export async function createUser(wish) {
  const user = await act(
    (made) => `Created ${userName(made)} on the ${planName(made.plan_key)} plan.`,
    () => api.createUser(wish),
  );
  if (!user) return null;
  select(`user:${user.id}`);
  callAs({ kind: "user", user: user.id }, false);
  showOnce({
    user: user.id,
    title: `Credentials of ${userName(user)}`,
    notice: ONCE,
    secrets: [
      ["API key", user.api_key.secret],
      ["Access token", user.jwt],
    ],
  });
  return user;
}

function list(chosen) {
  const views = store.state.identities;
  const wanted = filter.toLowerCase();
  const shown = views.filter((view) => `${labelOf(view)} ${view.identity} ${view.plan_key}`.toLowerCase().includes(wanted));
  return h(
    "div",
    { key: "list" },
    views.length >= FILTER_FROM &&
      field(
        "Find a caller",
        h("input", {
          type: "search",
          oninput: (event) => {
            filter = event.currentTarget.value;
            showIdentities();
          },
        }),
      ),
    h(
      "ul",
      { class: "callers", "aria-label": "Callers" },
      shown.slice(0, LISTED).map((view) => h("li", { key: view.identity }, callerButton(view, view === chosen))),
    ),
    shown.length > LISTED && h("p", { class: "muted small-text" }, `And ${plural(shown.length - LISTED, "caller")} more.`),
    store.state.next_cursor !== null &&
      h("p", { class: "muted small-text" }, `Only the first ${plural(views.length, "caller")} are searched; there are more.`),
    views.length > 0 && shown.length === 0 && h("p", { class: "empty" }, "No caller matches."),
  );
}

/** @param {import("./store.js").Identity} view */
function callerButton(view, chosen) {
  const full = Object.entries(view.usage).filter(([, metric]) => share(metric) >= 1);
  const endless = Object.entries(view.usage).filter(([, metric]) => metric.limit === null);
  const names = (metrics) => metrics.map(([metric]) => metricName(metric)).join(", ");
  return h(
    "button",
    {
      type: "button",
      class: "caller",
      "aria-current": chosen ? "true" : null,
      onclick: () => select(view.identity),
    },
    h("span", { class: "caller-name", title: labelOf(view) }, labelOf(view)),
    h("span", { class: "mini-bars", "aria-hidden": "true" }, Object.values(view.usage).map((metric) => bar(metric, "mini"))),
    h("span", { class: "caller-plan" }, view.user ? planName(view.plan_key) : "Signed out"),
    full.length > 0 && h("span", { class: "caller-full" }, `Full: ${names(full)}`),
    endless.length > 0 && h("span", { class: "caller-endless" }, `Unlimited: ${names(endless)}`),
  );
}

/** @param {import("./store.js").Usage} metric */
const share = ({ limit, used }) => (limit === null ? 0 : limit === 0 ? 1 : used / limit);

/** @param {import("./store.js").Usage} metric */
function level(metric) {
  if (metric.limit === null) return "unlimited";
  if (share(metric) >= 1) return "full";
  return share(metric) >= NEARLY_FULL ? "high" : "fine";
}

/**
 * @param {import("./store.js").Usage} metric
 * @param {string} extra
 */
function bar(metric, extra) {
  return h(
    "span",
    { class: `bar bar-${level(metric)} ${extra}` },
    h("span", { class: "fill", vars: { "--share": String(Math.min(1, share(metric))) } }),
  );
}

/** @param {import("./store.js").Identity} view */
function detail(view) {
  const user = userOf(view);
  return [
    h(
      "div",
      { key: `head ${view.identity}`, class: "caller-head" },
      h("h3", null, KINDS[view.kind], labelOf(view)),
      h(
        "p",
        { class: "row tight" },
        h("code", { class: "muted break" }, view.identity),
        copyButton(view.identity, "the identity", ""),
      ),
      h(
        "div",
        { class: "row tight bottom" },
        user
          ? planForm(user)
          : h("p", { class: "muted" }, `Not signed in: uses the ${planName(view.plan_key)} plan.`),
        view.kind !== "address" && h("button", { type: "button", onclick: () => callAs(callerOf(view)) }, "Call as this caller"),
      ),
      ownClock(view),
      limitsForm(view.plan_key),
    ),
    h(
      "div",
      { key: `counters ${view.identity}`, class: "counters" },
      Object.entries(view.usage).map(([name, metric]) => counter(view, name, metric)),
    ),
    user && h("div", { key: `credentials ${user.id}`, class: "stack" }, showCredentials(user), userActions(user)),
  ];
}

/**
 * The time of this caller alone, so that tests side by side do not move each other's.
 * @param {import("./store.js").Identity} view
 */
function ownClock(view) {
  const apart = Math.abs(Date.parse(view.now) - Date.parse(store.state.clock.now)) > APART;
  const move = (to) => act(`The clock of ${labelOf(view)} has moved.`, () => api.moveClockOf(view.identity, { to }));
  return h(
    "div",
    { class: "row tight", role: "group", "aria-label": "Clock of this caller" },
    h("span", { class: "muted small-text" }, apart ? `Own time: ${moment(view.now)}` : "On the shared clock"),
    h("button", { type: "button", class: "small", onclick: () => move("next_day") }, "Advance a day"),
    h("button", { type: "button", class: "small", onclick: () => move("next_week") }, "Advance a week"),
    apart &&
      h(
        "button",
        { type: "button", class: "small", onclick: () => act("Back on the shared clock.", () => api.rejoinClock(view.identity)) },
        "Rejoin",
      ),
  );
}

/** @param {import("./store.js").Identity} view */
const callerOf = (view) =>
  view.user ? { kind: "user", user: view.user } : { kind: "client", client: view.identity.replace(/^client:/, "") };

/**
 * @param {import("./store.js").Identity} view
 * @param {string} name
 * @param {import("./store.js").Usage} metric
 */
function counter(view, name, metric) {
  const { limit, used, remaining, resets_at: end, window } = metric;
  const state = level(metric);
  const said = { full: "Full", high: "Nearly full", unlimited: "Unlimited", fine: "" }[state];
  const label = metricName(name);
  const amount = limit === null ? `${used.toLocaleString("en")} used` : `${used.toLocaleString("en")} of ${limit.toLocaleString("en")}`;
  const run = (text, action) => act(text, () => action);
  const of = `of ${labelOf(view)}`;
  return h(
    "article",
    { key: name, class: "counter", "aria-label": `${label}, ${metric.period}` },
    h(
      "div",
      { class: "counter-head" },
      h("h4", null, label, h("span", { class: "muted" }, ` ${metric.period}`)),
      said && h("span", { class: `pill pill-${{ full: "bad", high: "warn", unlimited: "plain" }[state]}` }, said),
    ),
    h(
      "div",
      limit === null
        ? { class: "meter" }
        : {
            class: "meter",
            role: "meter",
            "aria-label": `${label} used`,
            "aria-valuemin": 0,
            "aria-valuemax": Math.max(limit, used),
            "aria-valuenow": used,
            "aria-valuetext": `${amount} used`,
          },
      bar(metric, ""),
    ),
    h(
      "p",
      { class: "counter-numbers" },
      h("strong", null, amount),
      h("span", { class: "muted" }, remaining === null ? " · unlimited" : ` · ${remaining.toLocaleString("en")} left`),
    ),
    h(
      "p",
      { class: "muted small-text", title: `Window ${window}` },
      `Resets ${relative(end, now())}`,
      h("br"),
      moment(end),
    ),
    h(
      "div",
      { class: "row tight bottom" },
      h(
        "button",
        {
          type: "button",
          class: "small",
          disabled: limit === null || state === "full",
          title: limit === null ? "Unlimited: there is no limit to reach" : null,
          "aria-label": `Exhaust ${label}`,
          onclick: () => run(`${label} ${of} is used up.`, api.exhaust(view.identity, name)),
        },
        "Exhaust",
      ),
      h(
        "button",
        {
          type: "button",
          class: "small",
          disabled: used === 0,
          "aria-label": `Reset ${label}`,
          onclick: () => run(`${label} ${of} is back to zero.`, api.setUsed(view.identity, name, 0)),
        },
        "Reset",
      ),
      h(
        "form",
        {
          class: "row tight set-used",
          onsubmit: (event) => {
            event.preventDefault();
            const form = event.currentTarget;
            const wanted = Number(fieldsOf(form).used);
            run(`${label} ${of}: ${plural(wanted, "unit")} used.`, api.setUsed(view.identity, name, wanted));
            form.reset();
          },
        },
        h("input", {
          type: "number",
          name: "used",
          min: "0",
          step: "1",
          required: true,
          placeholder: "Used",
          "aria-label": `Used units of ${label}`,
        }),
        h("button", { class: "small", "aria-label": `Set used units of ${label}` }, "Set"),
      ),
    ),
  );
}

/** @param {import("./store.js").User} user */
function userActions(user) {
  const resetUser = () => act(`${userName(user)} is back to its initial state.`, () => api.reset(user.id));
  const remove = async () => {
    if (!(await confirmed(`Delete ${userName(user)}?`, "Its keys and tokens will stop working.", "Delete user"))) return;
    if (await act(`Deleted ${userName(user)}.`, () => api.deleteUser(user.id))) await refresh();
  };
  return h(
    "div",
    { class: "row tight end" },
    h("button", { type: "button", class: "small", onclick: resetUser }, "Reset this user"),
    h("button", { type: "button", class: "small danger", onclick: remove }, "Delete user"),
  );
}

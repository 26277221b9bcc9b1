// Plans: which one a user is on, and what it allows.

import * as api from "./api.js";
import { h } from "./dom.js";
import { act, field, fieldsOf, options } from "./notices.js";
import { planName, store, userName } from "./store.js";
import { metricName } from "./words.js";

export const planChoices = () => store.state.plans.map((plan) => [plan.key, plan.name]);

/** @param {import("./store.js").User} user */
export function planForm(user) {
  const change = (event) => {
    event.preventDefault();
    const { plan } = fieldsOf(event.currentTarget);
    act(`${userName(user)} is now on the ${planName(plan)} plan; its usage is kept.`, () =>
      api.changeUser(user.id, { plan }),
    );
  };
  return h(
    "form",
    { class: "row tight bottom", onsubmit: change },
    field("Plan", h("select", { name: "plan" }, options(planChoices(), user.plan_key))),
    h("button", null, "Change plan"),
  );
}

/** The limits of a plan, for everybody on it; an empty field means unlimited. */
export function limitsForm(key) {
  const plan = store.state.plans.find((known) => known.key === key);
  if (!plan) return null;
  const change = (event) => {
    event.preventDefault();
    const limits = {};
    for (const [metric, given] of Object.entries(fieldsOf(event.currentTarget))) {
      limits[metric] = given === "" ? null : Number(given);
    }
    act(`The limits of the ${plan.name} plan have changed.`, () => api.setLimits(key, limits));
  };
  return h(
    "details",
    { key: `limits ${key}`, class: "folded" },
    h("summary", null, `Limits of the ${plan.name} plan`),
    h(
      "form",
      { class: "limits", onsubmit: change },
      Object.entries(plan.limits).map(([metric, limit]) =>
        field(
          metricName(metric),
          h("input", {
            key: metric,
            type: "number",
            name: metric,
            min: "0",
            step: "1",
            value: limit === null ? "" : String(limit),
            placeholder: "unlimited",
          }),
        ),
      ),
      h("button", null, "Set limits"),
    ),
  );
}

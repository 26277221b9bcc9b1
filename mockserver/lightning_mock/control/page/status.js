// What `/status` says, for clients that show it. It does nothing else: faults make services fail.

import * as api from "./api.js";
import { h, render } from "./dom.js";
import { act, field, fieldsOf } from "./notices.js";
import { store } from "./store.js";
import { title } from "./words.js";

const USUAL_STATES = ["ok", "degraded", "down"];

export function showStatus() {
  const said = store.status;
  if (!said) return;
  const services = Object.entries(said.services);
  const troubled = services.filter(([, { state }]) => state !== "ok").map(([name, { state }]) => `${name} ${state}`);
  render(
    document.getElementById("status-body"),
    h("p", { class: "small-text" }, h("strong", null, title(said.state)), ` · ${troubled.join(", ") || "every service ok"}`),
    h("datalist", { id: "service-states" }, USUAL_STATES.map((state) => h("option", { value: state }))),
    h(
      "details",
      { key: "change", class: "folded", id: "change-status" },
      h("summary", null, "Change it"),
      h(
        "form",
        { class: "grid-form", onsubmit: change },
        field("Overall state", h("input", { name: "state", value: said.state, required: true, autocomplete: "off" })),
        field("Latest version", h("input", { name: "latest", value: said.latest ?? "", autocomplete: "off" })),
        field("Notification", h("input", { name: "notifications", value: words(said.notifications), autocomplete: "off" }), "wide"),
        services.map(([name, { state, message }]) => [
          field(
            `State of ${name}`,
            h("input", { key: `${name} state`, name: `${name} state`, value: state, list: "service-states", required: true, autocomplete: "off" }),
          ),
          field(`Message of ${name}`, h("input", { key: `${name} message`, name: `${name} message`, value: message, autocomplete: "off" })),
        ]),
        h(
          "div",
          { class: "row tight wide" },
          h("button", { class: "primary" }, "Set status"),
          h("button", { type: "button", onclick: putBack }, "Restore the initial status"),
        ),
      ),
    ),
  );
}

const words = (said) => (Array.isArray(said) ? said.join(" ") : (said ?? ""));

const putBack = () => act("/status is back to its initial state.", api.resetStatus);

async function change(event) {
  event.preventDefault();
  const fields = fieldsOf(event.currentTarget);
  const said = store.status;
  const wish = {};
  if (fields.state !== said.state) wish.state = fields.state;
  if (fields.latest !== (said.latest ?? "")) wish.latest = fields.latest;
  if (fields.notifications !== words(said.notifications)) wish.notifications = fields.notifications;
  const services = Object.entries(said.services)
    .map(([name, { state, message }]) => ({
      name,
      before: { state, message },
      now: { state: fields[`${name} state`], message: fields[`${name} message`] },
    }))
    .filter(({ before, now }) => before.state !== now.state || before.message !== now.message);
  if (services.length) wish.services = Object.fromEntries(services.map(({ name, now }) => [name, now]));
  if (Object.keys(wish).length) await act("The status has changed.", () => api.changeStatus(wish));
}

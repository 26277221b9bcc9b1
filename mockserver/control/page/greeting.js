// What to do first, on a mock that nobody has called.

import { apiRoot, hasToken } from "./api.js";
import { h, render } from "./dom.js";
import { copyButton } from "./notices.js";
import { changed, store } from "./store.js";

let wanted = null;

export function toggleGreeting() {
  wanted = !isShown();
  changed();
  if (wanted) requestAnimationFrame(() => document.getElementById("greeting").focus());
}

/** Shown by itself until there has been a call; afterwards only when asked for. */
const isShown = () => wanted ?? store.journal.length === 0;

const PERSON = "my-first-client-01";

function steps() {
  const root = apiRoot();
  const token = hasToken() ? ` \\\n  -H "X-Control-Token: $LIGHTNING_MOCK_CONTROL_TOKEN"` : "";
  const json = `-H "Content-Type: application/json"`;
  const call = `curl ${root}/gen/chat/completions \\\n  ${json} \\\n  -H "X-Client-ID: ${PERSON}" \\\n  -d '{"messages": [{"role": "user", "content": "Hello!"}]}'`;
  return [
    [
      "Make a call",
      [`Give your client the base URL `, h("code", null, root), ". Without credentials a call counts on the free plan."],
      call,
    ],
    [
      "Get credentials",
      ["A user on a plan comes with an access token and an API key, ready to be sent as a bearer."],
      `curl ${root}/__mock__/users \\\n  ${json}${token} \\\n  -d '{"plan": "light"}'`,
    ],
    [
      "Reach a limit",
      ["Use up the chats of the caller of step 1, call again for the 429, then move the clock a day on."],
      `curl ${root}/__mock__/identities/client:${PERSON}/exhaust \\\n  ${json}${token} \\\n  -d '{"metric": "cloudChatDaily"}'`,
    ],
  ];
}

export function showGreeting() {
  const section = document.getElementById("greeting");
  const shown = isShown();
  section.hidden = !shown;
  document.getElementById("help").setAttribute("aria-expanded", String(shown));
  render(
    document.getElementById("greeting-body"),
    shown &&
      h(
        "ol",
        { class: "steps" },
        steps().map(([name, text, command]) =>
          h(
            "li",
            { key: name },
            h("div", { class: "step-head" }, h("h3", null, name), copyButton(command, `the command of “${name}”`)),
            h("p", null, text),
            h("pre", { tabindex: "0" }, command),
          ),
        ),
      ),
  );
}

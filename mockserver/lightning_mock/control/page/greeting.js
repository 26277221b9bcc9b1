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
const isShown = () => wanted ?? (store.state.journal.entries === 0 && store.journal.length === 0);

const PERSON = "my-first-client-01";

function steps() {
  const root = apiRoot();
  const token = hasToken() ? '-H "X-Control-Token: $LIGHTNING_MOCK_CONTROL_TOKEN" \\\n' : "";
  return [
    [
      "Make a call",
      [
        "Point your client at the base URL ",
        h("code", null, root),
        ", OpenAI's SDKs at ",
        h("code", null, `${root}/gen`),
        ". Calls without credentials use the free plan.",
      ],
      `curl -H "X-Client-ID: ${PERSON}" \\
-H "Content-Type: application/json" \\
-d '{"messages":[{"role":"user","content":"Hi!"}]}' \\
${root}/gen/chat/completions`,
    ],
    [
      "Get credentials",
      ["A new user comes with an access token and an API key; send either one as the bearer."],
      `curl ${token}-d '{"plan": "light"}' \\
${root}/__mock__/users`,
    ],
    [
      "Reach a limit",
      ["Use up the chats of the caller in step 1, call again to get a 429, then move the clock to the next day."],
      `curl ${token}-d '{"metric": "cloudChatDaily"}' \\
${root}/__mock__/identities/client:${PERSON}/exhaust`,
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

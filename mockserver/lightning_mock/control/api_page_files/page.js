// Swagger UI has dark colours, and leaves it to the page when to show them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

// No outside validator: the page has to work without a network and must tell nobody about the spec.
const parameters = new URL(location.href).searchParams;
const isControl = parameters.get("api") === "control";
const token = parameters.get("token");

// A link inside a button cannot be reached by everybody; the button alone does what it says.
const textForLinks = () => ({
  wrapComponents: { DeepLink: (_, { React }) => ({ text }) => React.createElement("span", null, text) },
});

const isOurs = (url) => new URL(url, location.href).pathname.startsWith("/__mock__/");

const ui = SwaggerUIBundle({
  url: isControl ? "/__mock__/control.json" : "/__mock__/openapi.json",
  dom_id: "#api",
  plugins: [textForLinks],
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  persistAuthorization: true,
  requestInterceptor: (request) => {
    if (token && isOurs(request.url)) request.headers["X-Control-Token"] = token;
    return request;
  },
});

document.title = isControl ? "Control API of the Lightning mock" : "Lightning API, mocked";
for (const link of document.querySelectorAll("nav a")) {
  if (link.dataset.api === (isControl ? "control" : "")) link.setAttribute("aria-current", "page");
  if (token) {
    const address = new URL(link.href);
    address.searchParams.set("token", token);
    link.href = address.href;
  }
}

// What Swagger UI leaves without a name or outside of any region, and headings that skip a level.
const REGIONS = { ".information-container": "About this API", ".scheme-container": "Server and credentials" };
const mend = () => {
  for (const field of document.querySelectorAll("#api select:not([aria-label]), #api textarea:not([aria-label])")) {
    const row = field.closest("tr")?.querySelector(".parameter__name")?.firstChild?.textContent;
    field.setAttribute("aria-label", field.id === "servers" ? "Server" : row?.trim() || "Choice");
  }
  for (const [place, name] of Object.entries(REGIONS)) {
    const part = document.querySelector(`#api ${place}:not([role])`);
    part?.setAttribute("role", "region");
    part?.setAttribute("aria-label", name);
  }
  for (const table of document.querySelectorAll("#api table[role=region]:not([aria-label])")) {
    table.setAttribute("aria-label", `Responses: ${table.id.replace(/_responses$/, "")}`);
  }
  for (const text of document.querySelectorAll("#api pre:not([tabindex])")) text.tabIndex = 0;
  for (const [kind, level] of [["h3.opblock-tag", "2"], ["h4", "3"]]) {
    for (const heading of document.querySelectorAll(`#api ${kind}:not([aria-level])`)) {
      heading.setAttribute("role", "heading");
      heading.setAttribute("aria-level", level);
    }
  }
};
new MutationObserver(mend).observe(document.getElementById("api"), { childList: true, subtree: true });

// Tokens that are ready: each user of the mock, with one minted when it is chosen.
const SCHEME = "bearerAuth";
const ready = document.getElementById("ready");
const control = async (method, path, body) => {
  const headers = { "Content-Type": "application/json", ...(token && { "X-Control-Token": token }) };
  const answer = await fetch(`/__mock__/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.json();
};

const listUsers = async () => {
  const { users } = await control("GET", "state");
  const choices = users.map((user) => new Option(`${user.email || user.id} (${user.plan_key})`, user.id));
  ready.querySelector("select").append(...choices);
  ready.hidden = isControl || users.length === 0;
};

ready.querySelector("select").addEventListener("change", async ({ currentTarget }) => {
  if (currentTarget.value === "") {
    ui.authActions.logout([SCHEME]);
    return;
  }
  const { token: minted } = await control("POST", `users/${encodeURIComponent(currentTarget.value)}/tokens`, {});
  ui.preauthorizeApiKey(SCHEME, minted);
});
listUsers();

// The control API as functions.
//
// Law: every request goes to the origin that served the page. A refusal becomes an error whose message is
// the API's own sentence.

const BASE = new URL(".", import.meta.url);

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const KEPT_AS = "lightning-control-token";

let token = null;
takeToken();

export const hasToken = () => Boolean(token);

export function setToken(given) {
  token = given;
  try {
    sessionStorage.setItem(KEPT_AS, given);
  } catch {
    // Where the browser allows no storage, the page asks again after a reload.
  }
}

// The address is what gets copied, shown on screens and kept in histories: the token leaves it at once, and the
// tab keeps it for a reload.
function takeToken() {
  const here = new URL(location.href);
  const given = here.searchParams.get("token");
  if (given === null) {
    try {
      token = sessionStorage.getItem(KEPT_AS);
    } catch {
      // As above.
    }
    return;
  }
  setToken(given);
  here.searchParams.delete("token");
  history.replaceState(history.state, "", here);
}

/** Calls the control API and gives the decoded reply. Throws Refusal. */
export async function control(method, path, body) {
  const headers = { Accept: "application/json" };
  if (token) headers["X-Control-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, BASE), {
      method,
      headers,
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "The mock is not responding. Is it still running?");
  }
  const text = await response.text();
  let reply = null;
  try {
    reply = text ? JSON.parse(text) : null;
  } catch {
    throw new Refusal(response.status, `The mock answered ${response.status} with a body that cannot be read.`);
  }
  if (!response.ok) throw new Refusal(response.status, reply?.detail ?? `The mock answered ${response.status}.`);
  return reply;
}

const part = encodeURIComponent;

export const getState = () => control("GET", "state");
export const getSpec = () => control("GET", "openapi.json");
export const getControlSpec = () => control("GET", "control.json");
export const getJournal = (query = {}) => control("GET", `journal?${new URLSearchParams(query)}`);
export const clearJournal = () => control("DELETE", "journal");
export const moveClock = (move) => control("POST", "clock", move);
export const createUser = (user) => control("POST", "users", user);
export const changeUser = (id, change) => control("PATCH", `users/${part(id)}`, change);
export const deleteUser = (id) => control("DELETE", `users/${part(id)}`);
export const mintToken = (id, wish) => control("POST", `users/${part(id)}/tokens`, wish);
export const createKey = (id, wish) => control("POST", `users/${part(id)}/keys`, wish);
export const revokeKey = (id, key) => control("DELETE", `users/${part(id)}/keys/${part(key)}`);
export const exhaust = (identity, metric) => control("POST", `identities/${part(identity)}/exhaust`, { metric });
export const setUsed = (identity, metric, used) =>
  control("PUT", `identities/${part(identity)}/usage/${part(metric)}`, { used });
export const setLimits = (plan, limits) => control("PUT", `plans/${part(plan)}/limits`, limits);
export const addFault = (fault) => control("POST", "faults", fault);
export const removeFault = (id) => control("DELETE", `faults/${part(id)}`);
export const getStatus = () => control("GET", "status");
export const changeStatus = (wish) => control("PATCH", "status", wish);
export const resetStatus = () => control("DELETE", "status");
export const getReplies = () => control("GET", "replies");
export const addReply = (reply) => control("POST", "replies", reply);
export const removeReply = (id) => control("DELETE", `replies/${part(id)}`);
const preferences = (identity) => (identity ? `identities/${part(identity)}/preferences` : "preferences");
export const prefer = (identity, wish) => control("PATCH", preferences(identity), wish);
export const preferNothing = (identity) => control("DELETE", preferences(identity));
export const moveClockOf = (identity, move) => control("POST", `identities/${part(identity)}/clock`, move);
export const rejoinClock = (identity) => control("DELETE", `identities/${part(identity)}/clock`);
export const curlOf = (entry) => control("GET", `journal/${entry}/curl`);
export const sendAgain = (entry) => control("POST", `journal/${entry}/send`);
export const getArchive = () => control("GET", "journal/har");
export const getRecording = () => control("GET", "journal/recording");
export const startScenario = (name, user) => control("POST", `scenarios/${part(name)}`, user ? { user } : {});
export const reset = (user) => control("POST", "reset", user ? { user } : {});
export const snapshot = () => control("GET", "snapshot");
export const restore = (document) => control("POST", "restore", document);

/** The stream of events; the browser reopens it by itself. */
export function openEvents() {
  const url = new URL("events", BASE);
  if (token) url.searchParams.set("token", token);
  return new EventSource(url);
}

/** Where the mocked API itself begins, without a slash at the end. */
export const apiRoot = () => location.origin;

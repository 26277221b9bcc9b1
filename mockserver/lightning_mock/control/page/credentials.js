// A user's API keys and access tokens.
//
// Law: a secret is shown once, where it was made, and lives in this tab's memory only; a reload forgets it.

import * as api from "./api.js";
import { h } from "./dom.js";
import { act, copyButton, field, fieldsOf, options } from "./notices.js";
import { changed, now } from "./store.js";
import { moment, relative } from "./words.js";

const LIFETIMES = [
  ["", "never"],
  ["60", "in a minute"],
  ["3600", "in an hour"],
  ["86400", "in a day"],
  ["2592000", "in 30 days"],
];
/** Said of every secret of a key. */
export const ONCE = "Copy the secret now: it is shown only once. After that, only its first characters are known.";
const TOKEN_KINDS = [
  ["", "valid"],
  ["expired", "expired"],
  ["not_yet_valid", "not yet valid"],
  ["wrong_signature", "wrong signature"],
  ["wrong_audience", "wrong audience"],
  ["no_subject", "without a subject"],
  ["no_expiry", "without an expiry"],
  ["unsigned", "unsigned"],
];

/** Made on this page: {user, title, notice, secrets: [[name, secret]], shown}, newest last. */
const made = [];

/** What the try-it panel may call with: {user, name, secret}, newest first. */
export const madeHere = () =>
  made.flatMap(({ user, secrets }) => secrets.map(([name, secret]) => ({ user, name, secret }))).reverse();

/** Shows secrets where their user is shown, until the reader has them. */
export function showOnce(entry) {
  made.push({ ...entry, shown: true });
  changed();
  requestAnimationFrame(() => document.getElementById(`made-${made.length - 1}`)?.focus());
}

/** @param {import("./store.js").User} user */
export function showCredentials(user) {
  return h(
    "div",
    { class: "credentials" },
    h("h4", null, "Credentials"),
    made.map((entry, index) => entry.user === user.id && entry.shown && once(entry, index)),
    user.keys.length > 0
      ? h("ul", { class: "keys" }, user.keys.map((key) => keyRow(user, key)))
      : h("p", { class: "muted" }, "This user has no API key."),
    h(
      "div",
      { class: "makers" },
      h(
        "form",
        { class: "maker", onsubmit: (event) => newKey(event, user), "aria-label": "New API key" },
        field("Label", h("input", { name: "label", maxlength: "100", placeholder: "my laptop", autocomplete: "off" }), "grow"),
        field("Expires", h("select", { name: "lifetime" }, options(LIFETIMES, ""))),
        h("button", null, "Create key"),
      ),
      h(
        "form",
        { class: "maker", onsubmit: (event) => newToken(event, user), "aria-label": "New access token" },
        field("Access token", h("select", { name: "broken" }, options(TOKEN_KINDS, "")), "grow"),
        field("Expires", h("select", { name: "lifetime" }, options(LIFETIMES.slice(1), "3600"))),
        h("button", null, "Mint token"),
      ),
    ),
  );
}

function once(entry, index) {
  const forget = () => {
    entry.shown = false;
    changed();
  };
  return h(
    "div",
    { key: `made ${index}`, id: `made-${index}`, class: "once", role: "group", tabindex: "-1", "aria-label": entry.title },
    h("h4", null, entry.title),
    h("p", null, entry.notice),
    entry.secrets.map(([name, secret]) =>
      h("div", { key: name, class: "secret" }, entry.secrets.length > 1 && h("span", null, name), h("code", null, secret), copyButton(secret, `the secret of “${name}”`)),
    ),
    h("button", { type: "button", onclick: forget }, "I have copied it"),
  );
}

/**
 * @param {import("./store.js").User} user
 * @param {import("./store.js").Key} key
 */
function keyRow(user, key) {
  const at = now();
  const expired = key.expires_at !== null && Date.parse(key.expires_at) / 1000 <= at;
  const state = key.revoked_at ? "Revoked" : expired ? "Expired" : "Active";
  const facts = [
    `created ${relative(key.created_at, at)}`,
    key.revoked_at
      ? `revoked ${relative(key.revoked_at, at)}`
      : key.expires_at
        ? `${expired ? "expired" : "expires"} ${relative(key.expires_at, at)}`
        : "never expires",
    key.last_used_at ? `last used ${relative(key.last_used_at, at)}` : "never used",
  ];
  const revoke = () => act(`The key ${key.prefix}… is revoked.`, () => api.revokeKey(user.id, key.id));
  return h(
    "li",
    { key: key.id, class: "key" },
    h(
      "div",
      { class: "key-name" },
      h("strong", null, key.label || "Unnamed key"),
      h("span", { class: `pill ${state === "Active" ? "pill-good" : "pill-plain"}` }, state),
      h("code", { class: "muted" }, `${key.prefix}…`),
    ),
    h("p", { class: "muted small-text" }, facts.join(" · ")),
    !key.revoked_at &&
      h(
        "button",
        { type: "button", class: "small danger", onclick: revoke, "aria-label": `Revoke ${key.label || key.prefix}` },
        "Revoke",
      ),
  );
}

async function newKey(event, user) {
  event.preventDefault();
  const form = event.currentTarget;
  const { label, lifetime } = fieldsOf(form);
  const wish = {};
  if (label) wish.label = label;
  if (lifetime) wish.expires_at = new Date((now() + Number(lifetime)) * 1000).toISOString();
  const key = await act("", () => api.createKey(user.id, wish));
  if (!key) return;
  form.reset();
  const name = `Key “${key.label || key.prefix}”`;
  showOnce({ user: user.id, title: name, notice: ONCE, secrets: [[name, key.secret]] });
}

async function newToken(event, user) {
  event.preventDefault();
  const { broken, lifetime } = fieldsOf(event.currentTarget);
  const wish = { lifetime_seconds: Number(lifetime) };
  if (broken) wish.broken = broken;
  const token = await act("", () => api.mintToken(user.id, wish));
  if (!token) return;
  const kind = TOKEN_KINDS.find(([value]) => value === broken)[1];
  const name = broken ? `Token, ${kind}` : "Token";
  showOnce({
    user: user.id,
    title: name,
    notice: broken
      ? `A token that must be refused: ${kind}.`
      : `A valid token${token.expires_at ? ` until ${moment(token.expires_at)}` : ""}. The mock does not keep it: copy it now.`,
    secrets: [[name, token.token]],
  });
}

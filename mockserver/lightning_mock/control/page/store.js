// What the page knows, and when it looks again.
//
// Law: one copy of the mock's state, replaced as a whole. Events only say that something changed; however
// many of them arrive, one refetch runs at a time and one repaint happens a frame.

import * as api from "./api.js";

const KEPT_ENTRIES = 500;
const REFETCH_AFTER = 120;
// A mock with thousands of callers has a long state: it is not to be busy with the page alone.
const SHARE_OF_TIME = 4;

// The fields of the control API's replies that the page reads; control/openapi.yaml describes them in full.
/**
 * @typedef {{now: string, epoch: number, frozen: boolean}} Clock
 * @typedef {{id: string, label: string | null, prefix: string, created_at: string, expires_at: string | null,
 *   last_used_at: string | null, revoked_at: string | null}} Key
 * @typedef {{id: string, email: string, plan_key: string, keys: Key[]}} User
 * @typedef {{limit: number | null, used: number, remaining: number | null, window: string, period: string,
 *   resets_at: string}} Usage
 * @typedef {{identity: string, kind: string, label: string, user: string | null, plan_key: string,
 *   now: string, usage: Record<string, Usage>}} Identity
 * @typedef {{key: string, name: string, limits: Record<string, number | null>}} Plan
 * @typedef {{operation?: string, identity?: string, user?: string, header?: Record<string, string>}} Match
 * @typedef {{id: string, says: string, kind: string, match: Match, times: number | null, left: number | null,
 *   probability: number, seed: number, fired: number, scenario: string | null}} Fault
 * @typedef {{name: string, description: string, lasting: boolean, active: boolean}} Scenario
 * @typedef {{base_url: string, clock: Clock, plans: Plan[], users: User[], identities: Identity[], faults: Fault[],
 *   preferences: {everybody: Record<string, string>, identities: Record<string, Record<string, string>>},
 *   next_cursor: number | null, scenarios: Scenario[], journal: {entries: number}}} State
 * @typedef {{id: string, match: Record<string, any>, replies: Record<string, any>[], used: number,
 *   left: number | null}} Reply
 * @typedef {{state: string, services: Record<string, {state: string, message: string}>,
 *   notifications: string | string[] | null, latest: string | null}} Status
 * @typedef {{method: string, path: string, near: {id: string, missed: string[]}[]}} Miss
 * @typedef {{id: number, at: string, method: string, path: string, operation: string | null, status: number,
 *   milliseconds: number, caller: {identity: string | null, kind: string, why: string}, plan_key: string | null,
 *   metric: string | null, units: {before: number, after: number} | null, refused_by: string | null,
 *   fault: {id: string, kind: string} | null, explanation: string,
 *   request: {headers: Record<string, string>, body: string | null},
 *   response: {content_type: string, bytes: number, excerpt: string}}} Entry
 */

export const store = {
  /** @type {State | null} */
  state: null,
  /** @type {Record<string, any> | null} */
  spec: null,
  /** @type {Record<string, any> | null} */
  control: null,
  /** @type {Entry[]} */
  journal: [],
  /** @type {{replies: Reply[], misses: Miss[]}} */
  replies: { replies: [], misses: [] },
  /** @type {Status | null} */
  status: null,
  /** @type {api.Refusal | null} */
  problem: null,
  connection: "connecting",
  /** @type {string | null} */
  selected: null,
  fetchedAt: 0,
};

let paint = () => {};
let painting = false;
let timer = null;
let took = 0;
let fetching = null;

export function onChange(callback) {
  paint = callback;
}

export function changed() {
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    paint();
  });
}

/** Fetches the state soon; calls in between join the same fetch. */
export function refreshSoon() {
  timer ??= setTimeout(() => {
    timer = null;
    refresh();
  }, Math.max(REFETCH_AFTER, took * SHARE_OF_TIME));
}

/** Fetches the state now, or once more after the fetch that is under way. */
export async function refresh() {
  while (fetching) await fetching;
  fetching = fetchState();
  await fetching;
  fetching = null;
}

async function fetchState() {
  const started = performance.now();
  try {
    [store.state, store.replies, store.status] = await Promise.all([api.getState(), api.getReplies(), api.getStatus()]);
    store.fetchedAt = performance.now();
    store.problem = null;
    // Somebody emptied it, or a call came while nobody listened.
    if (Math.min(store.state.journal.entries, KEPT_ENTRIES) !== store.journal.length) loadJournal();
  } catch (error) {
    store.problem = error;
  }
  took = performance.now() - started;
  changed();
}

/** The mock's time in epoch seconds, carried on since the last fetch unless the clock is frozen. */
export function now() {
  const { clock } = store.state;
  return clock.frozen ? clock.epoch : clock.epoch + (performance.now() - store.fetchedAt) / 1000;
}

export async function loadJournal() {
  try {
    const { entries } = await api.getJournal({ limit: String(KEPT_ENTRIES) });
    const newest = entries.at(-1)?.id ?? Infinity;
    const since = store.journal.filter(({ id }) => id > newest);
    store.journal = [...since, ...entries.reverse()].slice(0, KEPT_ENTRIES);
    changed();
  } catch (error) {
    store.problem ??= error;
    changed();
  }
}

/** @param {Entry} entry */
export function addEntry(entry) {
  if (store.journal.some((known) => known.id === entry.id)) return;
  store.journal.unshift(entry);
  store.journal.length = Math.min(store.journal.length, KEPT_ENTRIES);
  changed();
}

/** The identity shown in detail; the first one until somebody chooses. */
export function selectedIdentity() {
  const { identities } = store.state;
  return identities.find((view) => view.identity === store.selected) ?? identities[0] ?? null;
}

export function select(identity) {
  store.selected = identity;
  changed();
}

/** @param {Identity | null} view */
export const userOf = (view) =>
  view?.user ? (store.state.users.find((user) => user.id === view.user) ?? null) : null;

/** A caller's name for people, as far as the mock knows it. */
export function nameOf(identity) {
  const view = store.state?.identities.find((known) => known.identity === identity);
  return view ? labelOf(view) : identity;
}

/** @param {Identity} view */
export const labelOf = (view) => view.label || view.identity;

/** @param {User} user */
export const userName = (user) => user.email || user.id;

export const planName = (key) => store.state.plans.find((plan) => plan.key === key)?.name ?? key;

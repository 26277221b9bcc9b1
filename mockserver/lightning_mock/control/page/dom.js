// Makes elements and brings a part of the page up to date without replacing it.
//
// Law: everything is built from elements and text nodes, never from markup in a string. An update keeps
// the element that has the focus, what has been typed, what is open and what is playing.

const LIVE = Symbol("live properties");
const HANDLERS = Symbol("handlers");
const KEY = Symbol("key");
const SVG = "http://www.w3.org/2000/svg";
// What turns the direction of all that follows it: in a caller's text it would turn our own words round.
const TURNS = /[\u202A-\u202E\u2066-\u2069]/g;

// What the reader changed by hand stays: it is not ours to set back.
const OWNED_BY_READER = new Set(["open"]);

/**
 * An element. Props: `onclick` and the like are handlers, `.value` and the like are set as properties at
 * every update, `vars` are CSS custom properties, `key` tells siblings apart; the rest are attributes.
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  const live = [];
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith(".")) live.push([name.slice(1), value]);
    else setProp(node, name, value);
  }
  append(node, children);
  // A select can only take a value once it has its options.
  for (const [name, value] of live) node[name] = value;
  if (live.length) node[LIVE] = live;
  return node;
}

/** A line icon from path data, hidden from screen readers. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "key") node[KEY] = String(value);
  else if (name === "vars") {
    for (const [property, setting] of Object.entries(value)) node.style.setProperty(property, setting);
  } else if (name.startsWith("on")) {
    node[name] = value;
    (node[HANDLERS] ??= new Set()).add(name);
  } else node.setAttribute(name, value === true ? "" : String(value));
}

function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child instanceof Node ? child : String(child).replace(TURNS, "\uFFFD"));
  }
}

/** Makes the children of `container` look like `children`. */
export function render(container, ...children) {
  const wanted = container.cloneNode(false);
  append(wanted, children);
  morphChildren(container, wanted);
}

function alike(old, wanted) {
  return old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName && old[KEY] === wanted[KEY];
}

function morph(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== wanted.data) old.data = wanted.data;
    return;
  }
  for (const { name, value } of [...wanted.attributes]) {
    if (name === "style") {
      // As an attribute it would be an inline style, which the page's own policy forbids.
      if (old.style.cssText !== wanted.style.cssText) old.style.cssText = wanted.style.cssText;
    } else if (old.getAttribute(name) !== value && !OWNED_BY_READER.has(name)) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && !OWNED_BY_READER.has(name)) old.removeAttribute(name);
  }
  for (const name of old[HANDLERS] ?? []) if (!wanted[HANDLERS]?.has(name)) old[name] = null;
  for (const name of wanted[HANDLERS] ?? []) old[name] = wanted[name];
  old[HANDLERS] = wanted[HANDLERS];
  morphChildren(old, wanted);
  for (const [name, value] of wanted[LIVE] ?? []) if (old[name] !== value) old[name] = value;
  old[LIVE] = wanted[LIVE];
}

function morphChildren(parent, wanted) {
  const keys = new Set([...wanted.childNodes].map((node) => node[KEY]).filter((key) => key !== undefined));
  const keyed = new Map();
  for (const node of [...parent.childNodes]) {
    const key = node[KEY];
    if (key === undefined) continue;
    if (keys.has(key)) keyed.set(key, node);
    else node.remove();
  }
  let cursor = parent.firstChild;
  for (const next of [...wanted.childNodes]) {
    const known = next[KEY] === undefined ? unkeyedFrom(cursor, next) : keyed.get(next[KEY]);
    if (known && alike(known, next)) {
      if (known === cursor) cursor = cursor.nextSibling;
      else parent.insertBefore(known, cursor);
      morph(known, next);
    } else {
      parent.insertBefore(next, cursor);
    }
  }
  while (cursor) {
    const after = cursor.nextSibling;
    cursor.remove();
    cursor = after;
  }
}

// Only what stands next in line, or what can be reached by dropping nodes that nobody wants any more.
function unkeyedFrom(cursor, next) {
  for (let node = cursor; node; node = node.nextSibling) {
    if (node[KEY] === undefined && alike(node, next)) return node;
  }
  return null;
}

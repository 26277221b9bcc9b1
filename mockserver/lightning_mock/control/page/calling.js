// One call to the mocked API, from its options to a result that can be shown.
//
// Law: it sends what any client would send, and reads what comes without trusting it: a broken stream or a
// lie about the content type becomes a sentence, never an exception.

import { apiRoot } from "./api.js";

/**
 * @typedef {{method: string, path: string, headers: Record<string, string>, body?: string}} Request
 * @typedef {{id: number, phase: string, prompt: string, operation?: string, explanation?: string, broken?: string,
 *   status?: number, type?: string, size?: number, milliseconds?: number, model?: string, retryAfter?: string | null,
 *   assets?: string[], media?: {family: string, url: string}, text?: string, json?: any, events?: number,
 *   unreadable?: number, complete?: boolean, tools?: any[]}} Result
 */

/**
 * Sends `request` and reports to `result` as it goes; `tell` after each step.
 * @param {Request & {signal: AbortSignal}} request
 * @param {Result} result
 * @param {() => void} tell
 */
export async function call(request, result, tell) {
  const started = performance.now();
  const took = () => (result.milliseconds = performance.now() - started);
  let response;
  try {
    response = await fetch(apiRoot() + request.path, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      cache: "no-store",
      signal: request.signal,
    });
  } catch (error) {
    took();
    finish(result, stopped(error) ? "You stopped the call." : "The connection was closed before there was an answer.");
    return tell();
  }
  took();
  result.status = response.status;
  result.type = response.headers.get("Content-Type") ?? "";
  result.retryAfter = response.headers.get("Retry-After");
  result.assets = linked(response.headers.get("Link"));
  try {
    if (response.ok && result.type.startsWith("text/event-stream")) {
      result.phase = "streaming";
      tell();
      await readStream(response, result, tell);
    } else {
      await readWhole(response, result);
    }
    finish(result, result.broken);
  } catch (error) {
    finish(result, stopped(error) ? "You stopped the call." : "The connection was closed in the middle of the answer.");
  }
  took();
  tell();
}

const stopped = (error) => error.name === "AbortError";

/**
 * @param {Result} result
 * @param {string | undefined} broken
 */
function finish(result, broken) {
  result.phase = "done";
  result.broken = broken;
}

// The addresses in a Link header, which names the stored inputs of a picture or video.
function linked(header) {
  return [...(header ?? "").matchAll(/<(\/[^>]*)>/g)].map(([, path]) => path);
}

/**
 * @param {Response} response
 * @param {Result} result
 */
async function readWhole(response, result) {
  const blob = await response.blob();
  result.size = blob.size;
  const family = result.type.split("/", 1)[0];
  if (response.ok && ["image", "video", "audio"].includes(family)) {
    result.media = { family, url: URL.createObjectURL(blob) };
    return;
  }
  try {
    result.text = new TextDecoder("utf-8", { fatal: true }).decode(await blob.arrayBuffer());
  } catch {
    result.broken = `The body is not text, although its content type is ${result.type}.`;
    return;
  }
  try {
    result.json = JSON.parse(result.text);
  } catch {
    // Text is shown as text.
  }
}

/**
 * @param {Response} response
 * @param {Result} result
 * @param {() => void} tell
 */
async function readStream(response, result, tell) {
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  let buffer = "";
  result.size = 0;
  result.text = "";
  result.events = 0;
  result.unreadable = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    result.size += value.length;
    buffer += decoder.decode(value, { stream: true });
    const events = buffer.split(/\r?\n\r?\n/);
    buffer = events.pop();
    for (const event of events) readEvent(event, result);
    tell();
  }
}

/**
 * @param {string} event
 * @param {Result} result
 */
function readEvent(event, result) {
  const data = event
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).replace(/^ /, ""))
    .join("\n");
  if (!data) return;
  result.events += 1;
  if (data === "[DONE]") {
    result.complete = true;
    return;
  }
  let chunk;
  try {
    chunk = JSON.parse(data);
  } catch {
    result.unreadable += 1;
    return;
  }
  result.model = chunk?.router_metadata?.model_name ?? result.model;
  const choice = chunk?.choices?.[0];
  if (typeof choice?.delta?.content === "string") result.text += choice.delta.content;
  if (choice?.delta?.tool_calls) (result.tools ??= []).push(...choice.delta.tool_calls);
}

/**
 * The same call for a terminal.
 * @param {Request} request
 */
export function asCurl({ method, path, headers, body }) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl ${quote(apiRoot() + path)}`];
  if (method !== "GET" && !body) parts.push(`-X ${method}`);
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body) parts.push(`-d ${quote(body)}`);
  return parts.join(" \\\n  ");
}

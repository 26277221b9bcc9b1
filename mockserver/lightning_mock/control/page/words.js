// Numbers, times and names as a reader wants them. Times are UTC, as the API's windows are.

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

/** "cloudChatDaily" as "Cloud chat": the period is shown beside it. */
export const metricName = (metric) =>
  title(metric.replace(/(Daily|Weekly)$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));

export function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

/** "Fri 15 May 2026" */
export function day(seconds) {
  const date = new Date(seconds * 1000);
  return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** "14:03:22" */
export function time(seconds) {
  const date = new Date(seconds * 1000);
  return [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
}

/** "Sat 16 May, 00:00 UTC" */
export function moment(iso) {
  const date = new Date(iso);
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  return `${DAYS[date.getUTCDay()]} ${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}, ${clock} UTC`;
}

/** "2 days 4 h", "5 h 12 min", "40 s": the two largest parts. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const days = Math.floor(whole / 86400);
  const hours = Math.floor((whole % 86400) / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (days >= 60) return plural(days, "day");
  if (days) return plural(days, "day") + (hours ? ` ${hours} h` : "");
  if (hours) return `${hours} h` + (minutes ? ` ${minutes} min` : "");
  if (minutes) return `${minutes} min`;
  return `${whole} s`;
}

/** "in 5 h 12 min" or "3 days ago", seen from `now` (epoch seconds). */
export function relative(iso, now) {
  const seconds = Date.parse(iso) / 1000 - now;
  if (Math.abs(seconds) < 1) return "now";
  return seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

export function bytes(count) {
  if (count < 1000) return plural(count, "byte");
  if (count < 1e6) return `${(count / 1000).toFixed(1)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

export function milliseconds(count) {
  if (count < 1) return "<1 ms";
  return count < 1000 ? `${Math.round(count)} ms` : `${(count / 1000).toFixed(1)} s`;
}

const REASONS = {
  200: "OK",
  201: "Created",
  301: "Moved",
  308: "Moved",
  400: "Bad request",
  401: "Not authorised",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  413: "Too large",
  429: "Limit reached",
  500: "Failed",
  502: "Bad gateway",
  503: "Unavailable",
  504: "Timed out",
};

export const reason = (status) => REASONS[status] ?? "";

/** "limit-reached" as "Limit reached". */
export function title(name) {
  const words = name.replaceAll("-", " ").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The shape of a status for colours: good, bad by the caller, bad by the server. */
export function tone(status) {
  if (status >= 500 || status === 0) return "bad";
  if (status >= 400) return "warn";
  return "good";
}

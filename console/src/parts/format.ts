/** Numbers and instants in words: short, in the viewer's zone, the same everywhere. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in at most two units: `840 ms`, `7 s`, `7 m`, `1 h 39 m`, `3 d 4 h`. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 1000) return `${String(Math.round(span))} ms`;
  if (span < 10_000) return `${(span / 1000).toFixed(1).replace(/\.0$/, "")} s`;
  if (span < MINUTE) return `${String(Math.floor(span / 1000))} s`;
  if (span < HOUR) return `${String(Math.floor(span / MINUTE))} m`;
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${String(big)} ${bigUnit}` : `${String(big)} ${bigUnit} ${String(small)} ${smallUnit}`;
  if (span < DAY) return pair(Math.floor(span / HOUR), "h", Math.floor((span % HOUR) / MINUTE), "m");
  const days = Math.floor(span / DAY);
  return days >= 14 ? `${String(days)} d` : pair(days, "d", Math.floor((span % DAY) / HOUR), "h");
}

/** Age or distance without a direction: `now`, `7 m`, `in 8 m`. Ages under five seconds read `now`. */
export function relative(iso: string, now: number): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "";
  const age = now - at;
  if (Math.abs(age) < 5000) return "now";
  if (age < 0) return `in ${duration(-age)}`;
  return age < MINUTE ? `${String(Math.floor(age / 1000))} s` : duration(age);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const ZONED = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  fractionalSecondDigits: 3, hour12: false, timeZoneName: "short",
});
const DAY_NAME = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export const clock = (iso: string): string => CLOCK.format(new Date(iso));
export const dayName = (iso: string): string => DAY_NAME.format(new Date(iso));

const SHORT_CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

/** The clock time to the minute, with its day if that is not the present one: `03:12`, `Fri 20 Nov, 03:12`. */
export function moment(iso: string, now: number): string {
  const date = new Date(iso);
  const time = SHORT_CLOCK.format(date);
  return DAY_NAME.format(date) === DAY_NAME.format(new Date(now)) ? time : `${DAY_NAME.format(date)}, ${time}`;
}

/** The exact instant for a tooltip: the viewer's zone, then UTC. */
export function exact(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return `${ZONED.format(date)}\n${date.toISOString().replace("T", " ").replace("Z", " UTC")}`;
}

const WHOLE = new Intl.NumberFormat("en-US");
const FINE = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });

export const count = (value: number): string => WHOLE.format(value);

/** A measured value with its unit; per cents and ratios keep the sign close, as in `97.2 %`. */
export function measure(value: number | null | undefined, unit: string | null | undefined): string {
  if (value === null || value === undefined) return "";
  if (unit === "bytes" || unit === "B") return bytes(value);
  if (unit === "s" || unit === "seconds") return duration(value * 1000);
  const number = Math.abs(value) >= 10_000 ? WHOLE.format(Math.round(value)) : FINE.format(value);
  if (!unit || unit === "1") return number;
  return `${number} ${unit === "percent" ? "%" : unit}`;
}

export function bytes(value: number): string {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let amount = Math.abs(value);
  let at = 0;
  while (amount >= 1000 && at < units.length - 1) {
    amount /= 1000;
    at += 1;
  }
  return `${value < 0 ? "-" : ""}${at === 0 ? String(amount) : amount.toPrecision(3)} ${units[at] ?? ""}`;
}

/** `1 alert`, `2 alerts`, `0 alerts`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `in_progress` as `In progress`. */
export const sentence = (code: string): string => capital(code.replaceAll("_", " "));

/** A text with a capital first, and else as it is: it may hold names and expressions. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Initials for an avatar: `basis-1` is `B1`. */
export function initials(name: string): string {
  const parts = name.split(/[^\p{L}\p{N}]+/u).filter((part) => part !== "");
  const letters = parts.length > 1 ? parts.map((part) => part.charAt(0)).slice(0, 2).join("") : name.slice(0, 2);
  return letters.toUpperCase();
}

/** `outbound.refused: 10.0.0.1 is private` without the code, for where the code stands beside it. */
export function without(code: string | null | undefined, text: string): string {
  return code && text.startsWith(`${code}: `) ? text.slice(code.length + 2) : text;
}

/** What keeps alerts quiet, in words. */
import type { Quiet, WindowView, WrittenMatcher } from "../../data/types";
import { nameOf } from "../../data/me";
import { duration, moment } from "../../parts/format";

export function operator(matcher: WrittenMatcher): string {
  const equal = matcher.is_equal ?? true;
  return matcher.is_regex ? (equal ? "=~" : "!~") : equal ? "=" : "!=";
}

/** `resource=~"db-.*", check="disk"` */
export function matchersText(matchers: readonly WrittenMatcher[]): string {
  return matchers.map((matcher) => `${matcher.name}${operator(matcher)}"${matcher.value}"`).join(", ");
}

/** `open until 03:00`, `opens Sat 28 Nov, 22:00 for 4 h`, or that it is over. */
export function whenText(window: Pick<WindowView, "state" | "open" | "next">, now: number): string {
  if (window.open) return `open until ${moment(window.open.ends_at, now)}`;
  const next = window.next[0];
  if (!next) return "over, never opens again";
  return `opens ${moment(next.starts_at, now)} ${lengthOf(next)}`;
}

export function lengthOf(occurrence: { starts_at: string; ends_at: string }): string {
  return `for ${duration(Date.parse(occurrence.ends_at) - Date.parse(occurrence.starts_at))}`;
}

const DAYS: Record<string, string> = { MO: "Mon", TU: "Tue", WE: "Wed", TH: "Thu", FR: "Fri", SA: "Sat", SU: "Sun" };
const EVERY: Record<string, readonly [string, string]> = { DAILY: ["every day", "days"], WEEKLY: ["every week", "weeks"], MONTHLY: ["every month", "months"], YEARLY: ["every year", "years"] };
const NTH: Record<string, string> = { "1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last" };

/** `every week on Mon, Tue`, `every month on the first Sun`; a rule that has more to it as it is written. */
export function ruleText(rule: string): string {
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=") as [string, string | undefined]));
  const { FREQ, INTERVAL = "1", BYDAY, BYHOUR, BYMINUTE, UNTIL, COUNT, ...others } = parts;
  const every = EVERY[FREQ ?? ""];
  // Hours without a minute are those of its first time, which the rule does not say.
  if (every === undefined || Object.keys(others).length > 0 || (BYHOUR === undefined) !== (BYMINUTE === undefined) || BYMINUTE?.includes(",")) return rule;
  const days = (BYDAY ?? "").split(",").filter(Boolean).map((day) => {
    const [, nth = "", name = ""] = /^([+-]?\d+)?([A-Z]{2})$/.exec(day) ?? [];
    const word = DAYS[name];
    if (word === undefined || (nth !== "" && NTH[nth] === undefined)) return null;
    return nth === "" ? word : `the ${NTH[nth] ?? ""} ${word}`;
  });
  if (days.includes(null)) return rule;
  const on = days.length > 0 ? ` on ${days.join(", ")}` : "";
  const times = (BYHOUR ?? "").split(",").filter(Boolean).map((hour) => `${hour.padStart(2, "0")}:${(BYMINUTE ?? "").padStart(2, "0")}`);
  const at = times.length > 0 ? ` at ${times.join(", ")}` : "";
  const end = COUNT ? `, ${COUNT} times` : UNTIL ? `, until ${UNTIL.slice(0, 4)}-${UNTIL.slice(4, 6)}-${UNTIL.slice(6, 8)}` : "";
  return `${INTERVAL === "1" ? every[0] : `every ${INTERVAL} ${every[1]}`}${on}${at}${end}`;
}

/** Quiet that ends within so long is said to end, and not only to be there. */
const SOON_MS = 3_600_000;

/** `ends in 12 m` where that is soon; else null. */
export function endsSoon(at: string | null | undefined, now: number): string | null {
  if (!at) return null;
  const left = Date.parse(at) - now;
  return left > 0 && left < SOON_MS ? `ends in ${duration(left < 60_000 ? Math.floor(left / 1000) * 1000 : left)}` : null;
}

/** What a reason for quiet means, and what happens when it ends. */
export function reasonText(quiet: Pick<Quiet, "reason" | "by">): { text: string; then: string } {
  const told = "who was not told before is told then";
  switch (quiet.reason) {
    case "silenced": return { text: "A silence is about it", then: told };
    case "maintenance": return { text: "A maintenance window is open", then: told };
    case "inhibited": return { text: "Another alert that fires explains it", then: told };
    case "downstream_of": return { text: "What it needs is broken", then: told };
    case "duplicate": return { text: "Another alert is about the same thing", then: told };
    case "throttled": return { text: "As many as are to call people did", then: "it is told of when its turn comes" };
    case "suppressed": return { text: "A policy suppresses it", then: told };
    case "snoozed": return { text: `${nameOf(quiet.by) || "Someone"} snoozed it`, then: "people are told again then" };
    case "transient_wait": return { text: "It may go away by itself", then: "people are told then" };
    case "late": return { text: "It was reported late, and may be over", then: "people are told then" };
    case "expected_by_change": return { text: "A change is expected to cause it", then: "if it still fires, people are told some minutes after the change" };
    case "flapping": return { text: "It comes and goes", then: "people are told when it is steady" };
    default: return { text: quiet.reason.replaceAll("_", " "), then: told };
  }
}

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

/** What a reason for quiet means, and what happens when it ends. */
export function reasonText(quiet: Pick<Quiet, "reason" | "by">): { text: string; then: string } {
  const told = "who was not told before is told then";
  switch (quiet.reason) {
    case "silenced": return { text: "A silence is about it", then: told };
    case "maintenance": return { text: "A maintenance window is open", then: told };
    case "inhibited": return { text: "Another alert that fires explains it", then: told };
    case "snoozed": return { text: `${nameOf(quiet.by) || "Someone"} snoozed it`, then: "people are told again then" };
    case "transient_wait": return { text: "It may go away by itself", then: "people are told then" };
    case "late": return { text: "It was reported late, and may be over", then: "people are told then" };
    case "flapping": return { text: "It comes and goes", then: "people are told when it is steady" };
    default: return { text: quiet.reason.replaceAll("_", " "), then: told };
  }
}

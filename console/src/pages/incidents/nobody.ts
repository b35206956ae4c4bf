/** Why nobody is told of an incident, or nobody else: in one sentence. */
import { nameOf } from "../../data/me";
import type { Alert, Escalation, Incident } from "../../data/types";
import { moment, plural } from "../../parts/format";
import { live } from "./called";

/** What a reason for quiet makes of alerts: `2 are silenced`. */
const MADE: Record<string, string> = {
  silenced: "silenced", maintenance: "in maintenance", inhibited: "explained by another alert", downstream_of: "downstream of what is broken",
  duplicate: "duplicates", throttled: "held back by a throttle", expected_by_change: "expected by a change", snoozed: "snoozed",
  suppressed: "suppressed by a policy", transient_wait: "waited for, as they may go away", late: "late, and may be over", flapping: "flapping",
};

/** `silenced` or, of several, `2 silenced, 1 snoozed`, by the first reason of each. */
function made(alerts: readonly Alert[]): string {
  const counts = new Map<string, number>();
  for (const alert of alerts) {
    const reason = alert.quiet[0]?.reason ?? "";
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const words = [...counts].toSorted((a, b) => b[1] - a[1]).map(([reason, n]) => [n, MADE[reason] ?? reason.replaceAll("_", " ")] as const);
  return words.length === 1 ? words[0]?.[1] ?? "" : words.map(([n, word]) => `${String(n)} ${word}`).join(", ");
}

/** When the first of them is heard again: when the last of its reasons has ended. Null while that is not known of any. */
function heardAgain(alerts: readonly Alert[]): string | null {
  const ends = alerts.flatMap((alert) => {
    const untils = alert.quiet.map((quiet) => quiet.until);
    return untils.every((until) => until !== null) ? [untils.toSorted().at(-1) ?? ""] : [];
  });
  return ends.toSorted()[0] ?? null;
}

/** The sentence; null where people are told, and where what is known is not enough to say why not. */
export function nobody(incident: Incident, alerts: readonly Alert[], escalations: readonly Escalation[], now: number): string | null {
  if (incident.state !== "open") return null;
  const firing = alerts.filter((alert) => alert.state === "firing");
  // The whole of them must be at hand to say something of all.
  if (firing.length > 0 && firing.length >= incident.alerts_firing && firing.every((alert) => alert.quiet.length > 0)) {
    const until = heardAgain(firing);
    const which = firing.length === 1 ? "the alert that fires is" : `all ${plural(firing.length, "alert")} that fire are`;
    return `Nobody is told now: ${which} ${made(firing)}${until === null ? "" : `, until ${moment(until, now)}`}.`;
  }
  if (escalations.some(live)) return null;
  const silent = incident.told.filter((channel) => channel in incident.unheard);
  const named = (channels: readonly string[]): string => channels.map((channel) => (channel.startsWith(`${incident.namespace}/`) ? channel.slice(incident.namespace.length + 1) : channel)).join(", ");
  if (incident.told.length > 0 && silent.length === incident.told.length) return `Nothing has reached ${named(silent)} yet; nobody else is called by itself.`;
  if (incident.told.length > 0) return `${named(incident.told)} ${incident.told.length === 1 ? "was" : "were"} told; nobody else is called by itself.`;
  if (incident.owner !== null) return `${nameOf(incident.owner)} owns it, and no one was told so far: why stands under “Who was told”.`;
  return "Nobody was told: no service with an owner is concerned, and no policy named anyone.";
}

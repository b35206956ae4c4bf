/** Who is called for an incident, and who is next, from its escalations. */
import type { Reaching } from "../../data/calling";
import type { Escalation, Incident, Manifest } from "../../data/types";
import { duration } from "../../parts/format";

/** How long is left: `4 m 10 s` under an hour, `now` when it is due. */
export function countdown(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  if (seconds <= 0) return "now";
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} m ${String(seconds % 60)} s`;
  return duration(seconds * 1000);
}

export const levelsOf = (one: Escalation): Escalation["branches"][number]["levels"] => one.branches[one.branch]?.levels ?? [];

/** Whether it goes by a policy; else people are told by several ways, one after the other. */
export const byPolicy = (one: Escalation): boolean => one.policy.includes("@");

/** Its policy's name, without the namespace and the version. */
export const policyName = (one: Escalation): string => one.policy.split("@")[0]?.split("/")[1] ?? one.policy;

export const live = (one: Escalation): boolean => one.state !== "ended";

export interface Next {
  /** Whom it tells. */
  who: string;
  /** What it does, as a clause: `level 2 of 3, team:managers, is told`. */
  clause: string;
}

/** The policy that goes on after it. One that went before does not come again, nor does the policy itself. */
export function following(one: Escalation): string | null {
  return one.then !== null && one.then !== policyName(one) && !one.before.includes(one.then) ? one.then : null;
}

/** What comes after the level told last; null if nothing does. */
export function nextOf(one: Escalation): Next | null {
  const levels = levelsOf(one);
  const ahead = levels[one.level];
  if (ahead) return { who: ahead.tell.join(", "), clause: `level ${String(one.level + 1)} of ${String(levels.length)}, ${ahead.tell.join(", ")}, is told` };
  const repeat = one.branches[one.branch]?.repeat ?? 0;
  const first = levels[0];
  if (one.cycle < repeat && first) return { who: first.tell.join(", "), clause: `round ${String(one.cycle + 2)} of ${String(repeat + 1)} begins with ${first.tell.join(", ")}` };
  const then = following(one);
  return then === null ? null : { who: `escalation:${then}`, clause: `the policy ${then} goes on with its first level` };
}

/** `round 2 of 3`; nothing where there is but one. */
export function roundOf(one: Escalation): string {
  const repeat = one.branches[one.branch]?.repeat ?? 0;
  return repeat > 0 ? `round ${String(one.cycle + 1)} of ${String(repeat + 1)}` : "";
}

/** Where it is, in a clause that needs no instant. */
export function whereItIs(one: Escalation, incident: Pick<Incident, "acknowledged_by">, named: (actor: string | null) => string): string {
  const levels = levelsOf(one);
  switch (one.state) {
    case "running":
      return byPolicy(one) ? `Level ${String(one.level)} of ${String(levels.length)} was told` : `${one.policy} is told`;
    case "held":
      return `Held: all that fires is quiet. When something is heard again, it goes on with level ${String(Math.max(1, one.level))}`;
    case "acknowledged":
      return `Stopped: ${incident.acknowledged_by ? `${named(incident.acknowledged_by)} acknowledged it` : "it was acknowledged"}`;
    case "exhausted":
      return "Everyone was told, and nobody has acknowledged";
    case "ended":
      return one.ended_by === "resolved" ? "Ended: the incident was over" : one.ended_by === "merged" ? "Ended: the incident became part of another" : `Ended: ${one.ended_by ?? "it"} went on`;
  }
}

/** What happens at `next_at`, to stand before the instant; null if nothing does. */
export function whatThen(one: Escalation): string | null {
  if (one.next_at === null) return null;
  if (one.state === "acknowledged") {
    const first = levelsOf(one)[0];
    return `If it is not over, it is open again and level 1${first ? `, ${first.tell.join(", ")},` : ""} is told`;
  }
  if (one.state !== "running") return null;
  const next = nextOf(one);
  return next === null ? "Nobody comes after: unless someone acknowledges, it is exhausted" : `Unless someone acknowledges, ${next.clause}`;
}

/** What a level is: told, the one that has its turn, or still to come. */
export function turnOf(one: Escalation, index: number): "told" | "turn" | "later" {
  if (index + 1 > one.level) return "later";
  return index + 1 === one.level && (one.state === "running" || one.state === "held") ? "turn" : "told";
}

export type Target = { text: string; at: string | null; missed: boolean };

/** How fast it is to be taken up and over, and which of these was missed. */
export function targetsOf(incident: Pick<Incident, "respond_by" | "resolve_by" | "missed">): Target[] {
  return [
    ...(incident.missed.includes("respond") ? [{ text: "not acknowledged in time", at: null, missed: true }] : []),
    ...(incident.respond_by ? [{ text: "acknowledge", at: incident.respond_by, missed: false }] : []),
    ...(incident.missed.includes("resolve") ? [{ text: "not resolved in time", at: null, missed: true }] : []),
    ...(incident.resolve_by ? [{ text: "resolve", at: incident.resolve_by, missed: false }] : []),
  ];
}

/** The escalation whose next level an escalation by hand tells, as the engine chooses it: the first that has one. */
export function nextByHand(incident: Pick<Incident, "escalations">, all: readonly Escalation[]): Escalation | null {
  const found = incident.escalations.flatMap((id) => all.find((one) => one.id === id) ?? []);
  return found.find((one) => one.level < levelsOf(one).length || following(one) !== null) ?? null;
}

/** What the next level by hand does, as a sentence. */
export function byHand(one: Escalation): string {
  const levels = levelsOf(one);
  const ahead = levels[one.level];
  if (ahead) return `Level ${String(one.level + 1)} of ${String(levels.length)} of ${policyName(one)} is told now: ${ahead.tell.join(", ")}.`;
  return `All levels of ${policyName(one)} were told: the policy ${following(one) ?? ""} begins now with its first level.`;
}

type Manifests = Record<Reaching, readonly Manifest[]>;

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
const rungs = (value: unknown): string[] => (Array.isArray(value) ? value.map((rung: { channel?: string; after?: string }) => `${rung.channel ?? ""}${rung.after && rung.after !== "0s" ? ` after ${rung.after}` : ""}`) : []);

/** Whom one can call, in the order of the form. */
export function addressees(manifests: Manifests): { group: string; items: { value: string; label: string }[] }[] {
  const named = (kind: Reaching, prefix: string) => manifests[kind].map((one) => ({ value: `${prefix}:${one.name}`, label: kind === "Person" && typeof one.spec["title"] === "string" ? `${one.name} (${one.spec["title"]})` : one.name }));
  return [
    { group: "People", items: named("Person", "user") },
    { group: "Teams", items: named("Team", "team") },
    { group: "Channels", items: named("Channel", "channel") },
    { group: "Escalation policies", items: named("EscalationPolicy", "escalation") },
  ].filter(({ items }) => items.length > 0);
}

/** What calling them does, as the engine would do it. */
export function reached(to: string, manifests: Manifests, incident: Pick<Incident, "priority" | "state">): string {
  const [kind = "", name = ""] = to.split(":");
  const found = (of: Reaching, wanted: string): Manifest | undefined => manifests[of].find((one) => one.name === wanted);
  const important = incident.priority === "P1" || incident.priority === "P2";
  if (kind === "channel") return `The channel ${name} is told now.`;
  if (kind === "user") {
    const spec = found("Person", name)?.spec ?? {};
    const ways = rungs(important && list(spec["important"]).length > 0 ? spec["important"] : spec["default"]);
    const waits = !important && typeof spec["quiet_hours"] === "string" ? `, but not in their quiet hours (${spec["quiet_hours"]})` : "";
    return `${name} is told by ${ways.join(", then ")}${waits}.`;
  }
  const team = kind === "team" ? found("Team", name) : undefined;
  const policy = kind === "escalation" ? name : typeof team?.spec["escalation"] === "string" ? team.spec["escalation"] : null;
  if (policy !== null && (incident.state === "open" || kind === "escalation")) {
    const levels = found("EscalationPolicy", policy)?.spec["levels"];
    const first = Array.isArray(levels) ? list((levels[0] as { tell?: unknown } | undefined)?.tell).join(", ") : "";
    return incident.state === "open" ? `The escalation policy ${policy} begins${first ? `, or begins again, with ${first}` : ""}; its further levels follow until someone acknowledges.` : `The first level of ${policy} is told now: ${first}. Its further levels do not follow, as someone works on the incident.`;
  }
  const channels = list(team?.spec["channels"]);
  if (channels.length > 0) return `The channels of ${name} are told now: ${channels.join(", ")}.`;
  return `The members of ${name} are told, each in their own way: ${list(team?.spec["members"]).join(", ") || "it has none"}.`;
}

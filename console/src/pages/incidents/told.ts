/** Who was told of an incident, and who was not, from its timeline. */
import type { Decision, Fact } from "../../data/types";

export interface Telling {
  id: string;
  /** When it was asked for, and when that was last heard of. */
  at: string;
  last: string;
  to: string;
  uses: string;
  channel: string;
  reason: string;
  state: string;
  attempt: number;
  error: string;
}

/** Why somebody is told, in words. */
export const REASONS: Record<string, string> = {
  first: "the first that is said of it",
  repeat: "it came back after it was resolved",
  not_acknowledged: "nobody acknowledged in time",
  unreachable: "those before could not be reached",
  acknowledgement_lapsed: "it was acknowledged, and went on for too long",
  target_missed: "a target was missed",
  called: "someone had more people called",
  audible: "all of it was quiet, and something is heard again",
  bundle: "many incidents, together",
  again: "it was reported again after a long silence",
  new_alerts: "alerts joined it",
  update_due: "a promised status update has not come",
  escalated: "its priority rose",
  steady: "it stopped flapping",
  snooze_over: "a snooze ended, and it still fires",
  resolved: "it is over",
  message: "a policy wanted it said",
};

interface NotifyEffect {
  id?: string;
  kind?: string;
  uses?: string;
  state?: string;
  attempt?: number;
  reason?: string | null;
  payload?: { channel?: string; reason?: string; with?: { to?: string[] | string } };
}

/** Each notification once, as it is now, the newest first. */
export function tellings(facts: readonly Fact[]): Telling[] {
  const found = new Map<string, Telling>();
  for (const fact of facts.toReversed()) {
    const data = (fact.event.data ?? {}) as NotifyEffect;
    if (!fact.type.startsWith("oncue.effect.") || data.kind !== "notify") continue;
    const to = data.payload?.with?.to;
    found.set(fact.id, {
      id: fact.id, at: found.get(fact.id)?.at ?? fact.recorded_at, last: fact.recorded_at,
      to: (Array.isArray(to) ? to.join(", ") : to) ?? data.payload?.channel ?? data.uses ?? "", uses: data.uses ?? "", channel: data.payload?.channel ?? "", reason: data.payload?.reason ?? "",
      state: data.state ?? "pending", attempt: data.attempt ?? 1, error: data.reason ?? "",
    });
  }
  return [...found.values()].toReversed();
}

export interface Silent {
  position: string;
  /** The newest of them. */
  at: string;
  times: number;
  reason: string;
  detail: string;
}

/** When nobody was told though somebody should have been, and why; what was for the same reason is said once. */
export function silent(facts: readonly Fact[]): Silent[] {
  const found = new Map<string, Silent>();
  for (const fact of facts) {
    if (fact.type !== "oncue.notification.skipped") continue;
    const { reason = "", detail = "" } = (fact.event.data ?? {}) as { reason?: string; detail?: string };
    const known = found.get(`${reason} ${detail}`);
    if (known) known.times += 1;
    else found.set(`${reason} ${detail}`, { position: fact.position, at: fact.recorded_at, times: 1, reason, detail });
  }
  return [...found.values()];
}

export function decisionsIn(facts: readonly Fact[]): { fact: Fact; decision: Partial<Decision> }[] {
  return facts.filter((fact) => fact.type.startsWith("oncue.policy.")).map((fact) => ({ fact, decision: fact.event.data as Partial<Decision> }));
}

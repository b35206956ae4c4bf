/** Escalation policies, channels and people, as one reads them. */
import type { EscalationPlan, Manifest, PersonSpec, Rung } from "../../data/types";
import { duration } from "../../parts/format";

interface LevelSpec {
  tell: string[];
  wait?: string | number;
}

/** A length as manifests write it. */
const length = (value: string | number | undefined, otherwise: string): string => (value === undefined ? otherwise : typeof value === "number" ? duration(value * 1000) : value);

/** The levels of a policy, for what fits no branch. */
export function levels(policy: Pick<Manifest, "spec">): { tell: string; wait: string }[] {
  const found = Array.isArray(policy.spec["levels"]) ? (policy.spec["levels"] as LevelSpec[]) : [];
  return found.map((level) => ({ tell: level.tell.join(", "), wait: length(level.wait, "5m") }));
}

/** What else a policy says, in short clauses. */
export function terms(policy: Pick<Manifest, "spec">): string[] {
  const { spec } = policy;
  const branches = Array.isArray(spec["branches"]) ? spec["branches"].length : 0;
  const repeat = typeof spec["repeat"] === "number" ? spec["repeat"] : 0;
  const timeout = spec["acknowledge_timeout"] as string | number | undefined;
  return [
    ...(branches > 0 ? [`${String(branches)} ${branches === 1 ? "branch" : "branches"} with other levels`] : []),
    ...(repeat > 0 ? [`repeats ${repeat === 1 ? "once" : `${String(repeat)} times`}`] : []),
    ...(typeof spec["then"] === "string" ? [`then ${spec["then"]}`] : []),
    ...(timeout !== undefined && timeout !== null ? [`begins again ${length(timeout, "")} after it was acknowledged`] : []),
  ];
}

/** `push, then mail after 2m`. */
export function waysOf(rungs: readonly Rung[] | undefined): string {
  return (rungs ?? []).map((rung) => `${rung.channel}${rung.after !== undefined && rung.after !== "0s" ? ` after ${length(rung.after, "")}` : ""}`).join(", then ");
}

/** What the policy says that it is for. */
export const said = (policy: Pick<Manifest, "description" | "spec">): string => (typeof policy.spec["description"] === "string" ? policy.spec["description"] : policy.description ?? "");

export const person = (manifest: Pick<Manifest, "spec">): PersonSpec => manifest.spec as unknown as PersonSpec;

/** How long after the incident opened: `at once`, `+5 m`. */
export function after(at: string, begin: string): string {
  const ms = Date.parse(at) - Date.parse(begin);
  return ms < 1000 ? "at once" : `+${duration(ms)}`;
}

/** Which branch of the policy the plan takes, in words; nothing where there are none. */
export function branchText(plan: Pick<EscalationPlan, "branch" | "priority">, policy: Pick<Manifest, "spec">): string {
  const branches = Array.isArray(policy.spec["branches"]) ? (policy.spec["branches"] as { priorities?: string[]; during?: string }[]) : [];
  const taken = branches[plan.branch];
  if (branches.length === 0) return "";
  if (taken === undefined) return "No branch fits: the policy’s own levels.";
  const fits = [taken.priorities?.length ? taken.priorities.join(", ") : "", taken.during ?? ""].filter(Boolean).join(", ");
  return `Branch ${String(plan.branch + 1)} of ${String(branches.length)}${fits ? `, for ${fits}` : ""}.`;
}

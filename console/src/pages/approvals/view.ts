/** An approval in words: how far it is, and who is meant. */
import type { Approval } from "../../data/types";
import { nameOf } from "../../data/me";

/** Who is asked: `team basis`, `basis-1`. */
export const whom = (by: string): string => (by.startsWith("team:") ? `team ${by.slice(5)}` : nameOf(by));

export interface StageLine {
  name: string;
  /** `1 of 2`. */
  count: string;
  by: string;
  /** The stage that is asked now, one that has agreed, one that follows, or one that ended it. */
  now: "asked" | "agreed" | "follows" | "ended";
  said: { by: string; decision: "approve" | "reject"; at: string; reason: string; insteadOf: string }[];
}

/** Its stages, with what was said in each. */
export function stagesOf(approval: Approval): StageLine[] {
  const at = approval.at ?? 0;
  return approval.stages.map((stage, index) => {
    const said = (approval.decisions ?? []).filter((one) => one.stage === stage.stage);
    const agreed = said.filter((one) => one.decision === "approve").length;
    const passed = index < at || approval.state === "approved";
    return {
      name: stage.stage, count: `${String(agreed)} of ${String(stage.quorum)}`, by: stage.by.map(whom).join(", "),
      now: passed ? "agreed" : index > at ? "follows" : approval.state === "pending" ? "asked" : "ended",
      said: said.map((one) => ({ by: nameOf(one.by), decision: one.decision, at: one.at, reason: one.reason ?? "", insteadOf: nameOf(one.instead_of) })),
    };
  });
}

/** What happens to the run, or to what was asked for, if nobody decides in time. */
export function onExpiry(approval: Approval): string {
  if (approval.request) return "then the request ends";
  return approval.stages[approval.at ?? 0]?.on_expiry === "reject" ? "then it counts as rejected" : "then the step fails";
}

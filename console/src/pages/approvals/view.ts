/** An approval in words: how far it is, and who is meant. */
import type { Approval, ApprovalDetail, RunDetail } from "../../data/types";
import { nameOf } from "../../data/me";

export interface StageLine {
  name: string;
  /** `1 of 2`. */
  count: string;
  by: string;
  /** The stage that is asked now, one that has agreed, one that follows, or one that ended it. */
  now: "asked" | "agreed" | "follows" | "ended";
  /** Whose word counts in it, if that needs saying: `who agrees in another stage may agree in it, too`. */
  also: string;
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
      name: stage.stage, count: `${String(agreed)} of ${String(stage.quorum)}`, by: stage.by.map(nameOf).join(", "),
      also: approval.stages.length > 1 && stage.same_people ? "who agrees in another stage may agree in it, too" : "",
      now: passed ? "agreed" : index > at ? "follows" : approval.state === "pending" ? "asked" : "ended",
      said: said.map((one) => ({ by: nameOf(one.by), decision: one.decision, at: one.at, reason: one.reason ?? "", insteadOf: nameOf(one.instead_of) })),
    };
  });
}

/** Who said what to it, and why: `approved by basis-1: looks right`. Empty while nobody did. */
export const said = (approval: Approval): string =>
  (approval.decisions ?? []).map((one) => `${one.decision === "approve" ? "approved" : "rejected"} by ${nameOf(one.by)}${one.reason ? `: ${one.reason}` : ""}`).join(", ");

/** Those whose time is up first come first. */
export const soonest = (approvals: readonly Approval[]): Approval[] => approvals.toSorted((one, other) => Date.parse(one.expires_at) - Date.parse(other.expires_at));

/** What happens to the run, the change, or to what was asked for, if nobody decides in time. */
export function onExpiry(approval: Approval): string {
  if (approval.request) return "then the request ends";
  if (approval.change) return "then the change needs another look";
  const stage = approval.stages[approval.at ?? 0];
  const may = Date.parse(approval.expires_at) - Date.parse(approval.created_at);
  if (stage !== undefined && may < stage.expires_s * 1000) return "then the time of the run is up";
  return stage?.on_expiry === "reject" ? "then it counts as rejected" : "then the step fails";
}

/** Who may still say something, whoever looks first: `you, basis-2`. */
export function mayApprove(people: readonly string[], me: string | null): string {
  const names = people.map(nameOf);
  const others = names.filter((name) => name !== me);
  return [...(others.length < names.length ? ["you"] : []), ...others].join(", ");
}

/** That it cannot be approved as it is: fewer people may decide than must agree. Empty while there are enough. */
export function short(approval: ApprovalDetail): string {
  const stage = approval.stages[approval.at ?? 0];
  if (stage === undefined) return "";
  const agreed = (approval.decisions ?? []).filter((one) => one.stage === stage.stage && one.decision === "approve").length;
  const missing = stage.quorum - agreed;
  if (approval.may_decide.length >= missing) return "";
  const able = approval.may_decide.length === 0 ? "nobody who is asked may decide" : `only ${mayApprove(approval.may_decide, null)} may decide`;
  return `It cannot be approved as it is: ${able}, and ${String(missing)} must agree. Change the team, give one of them a role that may decide, as approver, or have one who is asked hand it on.`;
}

/** What comes of a failure after it was approved: what was done before and can be undone, and what of the steps to come. */
export function ifItFailsLater(run: RunDetail, done: readonly string[], toCome: readonly string[]): string {
  const { rollback = "none", pause = false } = run.definition?.on_failure ?? {};
  if (pause) return "the run stands still until a person decides";
  if (rollback !== "all") return "what was done stays done";
  const steps = [...toCome.toReversed(), ...done];
  return steps.length === 0 ? "nothing of it can be undone" : `undone, as far as it came: ${steps.join(", ")}`;
}

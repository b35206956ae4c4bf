/** Offers and requests in words: who must agree, how often, where a request stands. */
import { isSettled } from "../../data/requests";
import { nameOf } from "../../data/me";
import type { Approval, ApprovalSpec, Awaited, Offer, Request } from "../../data/types";
import { sentence } from "../../parts/format";
import { concealed } from "../../parts/json";
import { stagesOf } from "../approvals/view";
import { stateOf, waitText } from "../runs/view";

/** What an offer is called in addresses. */
export const keyOf = (offer: Pick<Offer, "namespace" | "workflow">): string => `${offer.namespace}/${offer.workflow}`;

/** `2 of team basis, basis-2` for each stage; nothing where nobody is asked. */
export function agreeing(stages: readonly ApprovalSpec[]): string {
  return stages.map(({ by, quorum = 1 }) => `${by.length > 1 || quorum > 1 ? `${String(quorum)} of ` : ""}${by.map(nameOf).join(", ")}`).join(", then ");
}

/** `3 times within 1d`. */
export function howOften(limit: Offer["limit"]): string {
  return limit === null ? "" : `${limit.count === 1 ? "once" : `${String(limit.count)} times`} within ${limit.within}`;
}

export interface Stand {
  /** Which mark it has. */
  mark: string;
  words: string;
  /** Whom it waits for, or why it ended so. */
  detail: string;
}

/** Where a request stands: before its run what people say, then what the run says, or waits for. */
export function standOf(request: Request, now: number, approval?: Approval | null, waits: readonly Awaited[] | undefined = request.outcome?.waits): Stand {
  const { outcome } = request;
  switch (request.state) {
    case "pending": return { mark: "waiting", words: "Waiting for approval", detail: approval ? waitsFor(approval) : "" };
    case "started": {
      if (outcome === null) return { mark: "queued", words: "Starts", detail: "" };
      const stands = stateOf(outcome, waits);
      return { ...stands, detail: stands.mark === "waiting" ? waitText(waits ?? [], now) : outcome.reason ?? "" };
    }
    case "rejected": return { mark: "rejected", words: "Rejected", detail: saidBy(request.said) };
    case "expired": return { mark: "timed_out", words: "Expired", detail: "nobody decided in time" };
    case "withdrawn": return { mark: "cancelled", words: "Withdrawn", detail: request.said ?? "" };
    case "failed": return { mark: "failed", words: "Could not start", detail: request.said ?? "" };
  }
}

/** `team basis, 1 of 2 agreed`. */
export function waitsFor(approval: Approval): string {
  const stage = stagesOf(approval).find((one) => one.now === "asked");
  return stage === undefined ? "" : `${stage.by}, ${stage.count} agreed`;
}

/** `user:basis-2: not tonight` as `by basis-2: not tonight`. */
export function saidBy(said: string | null): string {
  const found = /^(user:[^:\s]+): (.*)$/s.exec(said ?? "");
  return found ? `by ${nameOf(found[1])}: ${found[2] ?? ""}` : said ?? "";
}

/** `host web-1, size 20`. */
export function inputsText(inputs: Readonly<Record<string, unknown>>): string {
  return Object.entries(inputs).map(([name, value]) => `${name} ${valueText(value)}`).join(", ");
}

/** A value in a line: texts as they are, lists by their parts, all else as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return String(concealed(value));
  if (Array.isArray(value) && value.every((each) => typeof each === "string" || typeof each === "number")) return value.join(", ");
  return JSON.stringify(value);
}

/** The inputs by the titles that the form gave them, as far as the form is known. */
export function titled(inputs: Readonly<Record<string, unknown>>, form?: Offer["form"]): [string, string][] {
  const properties = (form?.["properties"] ?? {}) as Record<string, { title?: unknown }>;
  return Object.entries(inputs).map(([name, value]) => {
    const title = properties[name]?.title;
    return [typeof title === "string" ? title : sentence(name), valueText(value)];
  });
}

/** How many of them are not over. */
export const underWay = (requests: readonly Request[]): number => requests.filter((each) => !isSettled(each)).length;

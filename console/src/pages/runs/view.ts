/** A run in words: where it stands, what started it, and how it ended. */
import { nameOf } from "../../data/me";
import type { Awaited, Run, RunDetail, RunState, Step, StepState } from "../../data/types";
import { duration, plural, relative, without } from "../../parts/format";

const OVER: ReadonlySet<RunState> = new Set(["succeeded", "failed", "cancelled", "rolled_back"]);
const ACTIVE: ReadonlySet<StepState> = new Set(["running", "waiting", "validating"]);
const BAD: ReadonlySet<StepState> = new Set(["failed", "rejected", "failed_validation", "unknown"]);

export const isOver = (run: Run): boolean => OVER.has(run.state);
export const isActive = (step: Step): boolean => ACTIVE.has(step.state);
export const isBad = (step: Step): boolean => BAD.has(step.state);

/** How a run's state reads. */
export const RUN_WORDS: Record<RunState, string> = {
  queued: "Queued", running: "Running", paused: "Paused", rolling_back: "Rolling back", succeeded: "Succeeded",
  failed: "Failed", cancelled: "Cancelled", rolled_back: "Rolled back", rollback_failed: "Rollback failed",
};

/** How a step's state reads. */
export const STEP_WORDS: Record<StepState, string> = {
  running: "Running", waiting: "Waiting", validating: "Validating", succeeded: "Succeeded", approved: "Approved", timed_out: "Timed out",
  skipped: "Skipped", failed: "Failed", rejected: "Rejected", failed_validation: "Failed validation", unknown: "Unknown", cancelled: "Cancelled",
};

/** What a run says of where it stands. */
export type Standing = Pick<Run, "state" | "wants">;

/** Whether it was stopped, and does what is done in any case. */
export const isStopping = (run: Standing): boolean => run.state === "running" && Boolean(run.wants);

/** How its state reads. */
export const wordsOf = (run: Standing): string => (isStopping(run) ? "Stopping" : RUN_WORDS[run.state]);

/** What a run waits for, by the code of `Waits`. */
const WAITING: Record<string, string> = {
  approval: "Waiting for approval", event: "Waiting for an event", time: "Waiting for a time", run: "Waiting for another run", retry: "Waiting for the next try", worker: "Waiting for a worker", silent: "Its worker says nothing",
};

/** Whether it goes on as far as its state says, and so may be waiting for something. */
export const mayWait = (run: Standing): boolean => run.state === "running" && !isStopping(run);

/** A state in words, and the mark for it. */
export interface Stand {
  mark: string;
  words: string;
}

/** What only waits, in words; null where something is at work, or that is not known. */
function waitingOf(waits: readonly Awaited[]): Stand | null {
  const kinds = new Set(waits.map((one) => WAITING[one.code]));
  if (kinds.size === 0 || kinds.has(undefined)) return null;
  return { mark: "waiting", words: kinds.size === 1 ? [...kinds].join("") : "Waiting" };
}

/** How a run stands: one that only waits is not at work. Without `waits` that is not known yet. */
export function stateOf(run: Standing, waits: readonly Awaited[] | undefined): Stand {
  return (mayWait(run) ? waitingOf(waits ?? []) : null) ?? { mark: run.state, words: wordsOf(run) };
}

/** How a step stands, by what is waited for in it: one that nobody has in hand is not at work. */
export function stepStand(step: Pick<Step, "state" | "address">, waits: readonly Awaited[] | undefined): Stand {
  const within = (waits ?? []).filter(({ step: at }) => at === step.address || (at?.startsWith(step.address) && "/[~".includes(at.charAt(step.address.length))));
  return (ACTIVE.has(step.state) ? waitingOf(within) : null) ?? { mark: step.state, words: STEP_WORDS[step.state] };
}

/** What exactly it waits for, beside its state: `org.example.seen about web-1`, `goes on in 8 m`. Of several, how many more there are. */
export function waitText(waits: readonly Awaited[], now: number): string {
  const [first] = waits;
  if (first === undefined) return "";
  const more = waits.length > 1 ? `, and ${String(waits.length - 1)} more` : "";
  switch (first.code) {
    case "event": return `${(first.types ?? []).join(" or ")}${first.resource ? ` about ${first.resource}` : ""}${more}`;
    case "time": return first.until ? `goes on ${relative(first.until, now)}${more}` : "";
    case "retry": return first.until ? `tried again ${relative(first.until, now)}${more}` : "";
    case "run": return first.run ? `${first.run}${more}` : "";
    case "approval": return `${(first.asks ?? []).map(nameOf).join(", ")}${more}`;
    case "worker": case "silent": return `${(first.what ?? "").replace(/^.*?attempt \d+(?: \(begun\))?: /, "")}${more}`;
    default: return "";
  }
}

/** Whether the rollback of its run stopped at this step: nobody but a person takes it on. */
export const isStuckAt = (run: Run, step: Step): boolean => run.state === "rollback_failed" && run.undoing === step.address;

/** What is left of the time that a paused run may take, `59 m`; null where it does not stand still. */
export function timeLeft(run: Run): string | null {
  return run.state === "paused" && run.paused_at && run.deadline_at ? duration(Date.parse(run.deadline_at) - Date.parse(run.paused_at)) : null;
}

/** When a run's time is up, or that it stands still; null where it has no such time, as in a rollback. */
export function untilText(run: Run, now: number): string | null {
  const left = timeLeft(run);
  if (left !== null) return `its time stands still, with ${left} left`;
  return run.state === "running" && run.deadline_at ? `ends at the latest ${relative(run.deadline_at, now)}` : null;
}

export const TONES: Record<StepState, string> = {
  running: "active-tone", waiting: "active-tone", validating: "active-tone", succeeded: "clear", approved: "clear", timed_out: "neutral",
  skipped: "neutral", failed: "critical", rejected: "critical", failed_validation: "critical", unknown: "critical", cancelled: "neutral",
};

export interface Ending {
  sentence: string;
  pairs: [string, string][];
}

/** Why a run ended as it did; null when it went well, or is not over. */
export function endingOf(run: RunDetail): Ending | null {
  if (!isOver(run) || run.state === "succeeded") return null;
  const failed = (run.steps ?? []).find((step) => step.address === run.failed_at) ?? (run.steps ?? []).find(isBad);
  const pairs: [string, string][] = [];
  const add = (name: string, value: string | null | undefined): void => {
    if (value) pairs.push([name, value]);
  };
  if (failed) {
    add("Step", failed.address);
    add("Error", failed.error_code);
    add("Says", without(failed.error_code, failed.reason ?? ""));
    add("Attempts", (failed.attempt ?? 0) > 1 ? String(failed.attempt) : null);
  }
  if (run.reason && run.reason !== failed?.reason) add("Reason", run.reason);
  const after = failed ? ` Step ${failed.address} ${failed.state === "unknown" ? "may or may not have acted, so it was not tried again" : failed.state.replaceAll("_", " ")}.` : "";
  const words: Partial<Record<RunState, string>> = {
    cancelled: "It was cancelled.", rolled_back: `What its own steps did was undone.${after}`,
  };
  return { sentence: words[run.state] ?? (after.trim() || "It failed."), pairs };
}

export interface Bar {
  left: number;
  width: number;
}

/** Where a step lies in the run's time, as shares of its length; null before it begins. */
export function barOf(step: Step, run: Run, now: number): Bar | null {
  if (!step.started_at || !run.started_at) return null;
  const from = Date.parse(run.started_at);
  const to = run.ended_at ? Date.parse(run.ended_at) : now;
  const length = Math.max(1, to - from);
  const start = Date.parse(step.started_at);
  const end = step.ended_at ? Date.parse(step.ended_at) : now;
  const share = (value: number): number => Math.min(1, Math.max(0, value / length));
  return { left: Math.min(0.98, share(start - from)), width: Math.max(0.02, share(end - start)) };
}

/** `2 done, 1 under way, 1 skipped`; steps that hold others are not counted. */
export function progress(run: RunDetail): string {
  const steps = (run.steps ?? []).filter((step) => !HOLDING.has(step.uses));
  const number = (fits: (step: Step) => boolean, word: string): string => {
    const found = steps.filter(fits).length;
    return found === 0 ? "" : `${String(found)} ${word}`;
  };
  const parts = [
    number((step) => step.state === "succeeded" || step.state === "approved" || step.state === "timed_out", "done"),
    number(isActive, "under way"), number(isBad, "failed"), number((step) => step.state === "skipped", "skipped"), number((step) => step.state === "cancelled", "cancelled"),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "no step has begun" : parts.join(", ") + (run.more_steps ? ` of the first ${plural(run.steps?.length ?? 0, "step")}` : "");
}

const HOLDING: ReadonlySet<string> = new Set(["steps", "parallel", "switch", "try", "for_each", "item"]);

/** Whether the step holds others. */
export const holds = (step: Step): boolean => HOLDING.has(step.uses);

const TAKEN = new Set<StepState>(["succeeded", "timed_out", "skipped"]);

/** Whether a run anew from a later step takes over what it came to. */
export const isTakenOver = (step: Step): boolean => TAKEN.has(step.state) && !step.undone && step.uses !== "approval" && !holds(step);

/** What started it, in words. */
export function startedBy(run: Run): string {
  const trigger = run.trigger ?? {};
  const text = (name: string): string => (typeof trigger[name] === "string" ? trigger[name] : "");
  if (text("kind") === "policy" || text("policy") !== "") return `policy ${text("policy")}`;
  if (text("kind") === "event") return `trigger ${text("trigger")}`;
  if (text("kind") === "schedule") return `schedule ${text("trigger")}`;
  return text("actor") || text("kind") || "someone";
}

/** How long it took, or is under way; while it waits for its turn, how long it does. */
export function lengthOf(run: Run, now: number): number {
  return (run.ended_at ? Date.parse(run.ended_at) : now) - Date.parse(run.started_at ?? run.created_at);
}

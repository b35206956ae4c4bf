/** A run in words: where it stands, and why it is not moving. */
import type { Run, Step, StepState } from "../../data/types";
import { duration, relative, without } from "../../parts/format";

export interface Why {
  sentence: string;
  pairs: [string, string][];
}

function current(run: Run): Step | undefined {
  return run.steps.find((step) => step.state === "running" || step.state === "waiting" || step.state === "unknown")
    ?? run.steps.find((step) => step.state === "pending");
}

/** Why a run is not moving; null when it has ended well. */
export function whyNot(run: Run, now: number): Why | null {
  const pairs: [string, string][] = [];
  const add = (name: string, value: string | null | undefined): void => {
    if (value) pairs.push([name, value]);
  };
  if (run.state === "succeeded") return null;
  if (run.state === "cancelled") {
    add("Reason", run.reason);
    return { sentence: "It was cancelled.", pairs };
  }
  if (run.state === "failed") {
    const failed = run.steps.find((step) => step.state === "failed" || step.state === "unknown");
    add("Step", failed?.address);
    add("Error", failed?.error_code);
    add("Says", failed?.reason ? without(failed.error_code, failed.reason) : run.reason);
    add("Attempts", failed && failed.attempt > 0 ? String(failed.attempt) : null);
    if (failed?.state === "unknown") return { sentence: "It is not known whether the step acted, so it was not tried again.", pairs };
    return { sentence: failed ? `Step ${failed.address} failed.` : "It failed.", pairs };
  }
  const step = current(run);
  if (step === undefined) return { sentence: "Its last step has ended; the run is about to.", pairs };
  add("Step", `${step.address}, ${step.uses}`);
  add("Attempt", step.attempt > 0 ? String(step.attempt) : null);
  add("Since", step.started_at ? duration(now - Date.parse(step.started_at)) : null);
  add("Last error", step.error_code);
  add("Says", without(step.error_code, step.reason ?? ""));
  add("Next try", step.next_try_at ? relative(step.next_try_at, now) : null);
  add("Run ends at the latest", run.deadline_at ? relative(run.deadline_at, now) : null);
  const waiting = step.next_try_at !== null && Date.parse(step.next_try_at) > now;
  if (waiting) return { sentence: `Step ${step.address} failed and waits for its next try.`, pairs };
  if (step.state === "pending") return { sentence: `Step ${step.address} waits for a worker to take it.`, pairs };
  return { sentence: `Step ${step.address} is at work.`, pairs };
}

export interface Bar {
  left: number;
  width: number;
}

/** Where a step lies in the run's time, as shares of its length; null before it begins. */
export function barOf(step: Step, run: Run, now: number): Bar | null {
  if (!step.started_at) return null;
  const from = Date.parse(run.started_at);
  const to = run.ended_at ? Date.parse(run.ended_at) : now;
  const length = Math.max(1, to - from);
  const start = Date.parse(step.started_at);
  const end = step.ended_at ? Date.parse(step.ended_at) : now;
  const share = (value: number): number => Math.min(1, Math.max(0, value / length));
  return { left: share(start - from), width: Math.max(0.02, share(end - start)) };
}

export const TONES: Record<StepState, string> = {
  pending: "neutral", running: "active-tone", waiting: "active-tone", succeeded: "clear", failed: "critical", skipped: "neutral", unknown: "critical",
};

/** `2 of 3 steps done, 1 skipped`. */
export function progress(run: Run): string {
  const done = run.steps.filter((step) => step.state === "succeeded").length;
  const skipped = run.steps.filter((step) => step.state === "skipped").length;
  return `${String(done)} of ${String(run.steps.length)} steps done${skipped > 0 ? `, ${String(skipped)} skipped` : ""}`;
}

/** What started it, in words. */
export function startedBy(run: Run): string {
  const trigger = run.trigger;
  const text = (name: string): string => (typeof trigger[name] === "string" ? trigger[name] : "");
  if (text("kind") === "policy" || text("policy") !== "") return `policy ${text("policy")}`;
  return text("actor") || text("kind") || "someone";
}

/** What a run would do, in words: how many steps, what of each is known, and what is not. */
import type { DryRun, PlannedStep } from "../../data/types";
import { found, type FlowStep } from "../../parts/flow";
import { capital, count, plural } from "../../parts/format";
import type { IconName } from "../../parts/Icon";

type Verdict = PlannedStep["verdict"];

export const VERDICTS: Record<Verdict, { words: string; icon: IconName; tone: string }> = {
  runs: { words: "Runs", icon: "check", tone: "done" },
  "may run": { words: "May run", icon: "unknown", tone: "" },
  skipped: { words: "Skipped", icon: "skipped", tone: "faint" },
  fails: { words: "Fails", icon: "failed", tone: "failed" },
};

/** Those that only hold others are no steps that one would count. */
const HOLDING: ReadonlySet<string> = new Set(["item", "case", "catch", "finally", "steps", "parallel", "switch", "try", "for_each"]);

/** All that do something themselves. */
function acting(steps: readonly PlannedStep[]): PlannedStep[] {
  return steps.flatMap((step) => [...(HOLDING.has(step.form) && step.verdict !== "fails" ? [] : [step]), ...acting(step.steps ?? [])]);
}

/** `4 steps run, 1 may run, 1 is skipped`. */
export function summary(dryRun: Pick<DryRun, "steps">): string {
  const those = acting(dryRun.steps);
  const number = (verdict: Verdict): number => those.filter((step) => step.verdict === verdict).length;
  const parts = [
    number("runs") > 0 ? `${plural(number("runs"), "step")} ${number("runs") === 1 ? "runs" : "run"}` : "no step is sure to run",
    number("may run") > 0 ? `${count(number("may run"))} may run` : "",
    number("skipped") > 0 ? `${count(number("skipped"))} ${number("skipped") === 1 ? "is" : "are"} skipped` : "",
    number("fails") > 0 ? `${count(number("fails"))} ${number("fails") === 1 ? "fails" : "fail"}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** The last part of an address: `each[web-1]/switch` as `switch`, `each[web-1]` as `web-1`. */
export function nameOf(step: PlannedStep): string {
  const last = step.step.slice(step.step.lastIndexOf("/") + 1);
  if (step.form === "case") return step.does === "otherwise" ? "otherwise" : `when ${step.does ?? last}`;
  return step.form === "item" ? last.replace(/^.*\[(.*)\]$/, "$1") : last;
}

const CRASHES: Record<string, string> = {
  pure: "changes nothing", idempotent: "may be done twice without harm", "check-first": "looks first whether it was done", "at-most-once": "is never done twice",
};

/** What else is known of a step: what must hold after it, what undoes it, what a crash in the middle would mean. */
export function notesOf(step: PlannedStep): string[] {
  return [
    step.effect_class ? CRASHES[step.effect_class] ?? step.effect_class : "",
    step.validate ? `then ${step.validate} must hold` : "",
    step.undo ? `undone by ${step.undo}` : "",
  ].filter(Boolean);
}

/** Why it is so; expressions and errors stay as they are. */
export function whyOf(step: PlannedStep): string {
  const why = step.why ?? "";
  return step.verdict === "skipped" ? why.replace(/^if: /, "Its condition is false: ") : step.verdict === "fails" ? why : capital(why);
}

/** What it takes, where there is anything to show. */
export function takesOf(step: PlannedStep): unknown {
  const { inputs } = step;
  if (inputs === undefined || inputs === null || step.form === "item") return null;
  return typeof inputs === "object" && Object.keys(inputs).length === 0 ? null : inputs;
}

/** How many items of a `for_each` are not gone through. */
export function left(step: PlannedStep): number {
  return step.items ? Math.max(0, step.items - (step.steps ?? []).filter((one) => one.form === "item").length) : 0;
}

/** Those of the steps that run, or may, which something undoes, by address. */
export function undone(steps: readonly PlannedStep[]): string[] {
  return acting(steps).filter((step) => step.undo && step.verdict !== "skipped").map((step) => step.step);
}

/** Those of the steps that run, or may, which nothing can undo. */
export function irreversible(steps: readonly PlannedStep[], flow: readonly FlowStep[]): string[] {
  return acting(steps).filter((step) => step.verdict !== "skipped" && found(flow, idOf(step))?.irreversible).map((step) => step.step);
}

/** The id of a step in its workflow. */
const idOf = (step: PlannedStep): string => step.step.slice(step.step.lastIndexOf("/") + 1).replace(/\[.*$/, "");

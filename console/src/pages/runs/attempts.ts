/** What the attempts at a step came to, and what was found when it was looked whether it had its effect, in words. */
import type { RunDetail, Step, StepAttempt } from "../../data/types";
import { valueText } from "../self-service/view";
import { specOf } from "./why";

/** Values longer than this are cut: the whole is below. */
const LONGEST = 120;

interface Validation {
  that: string;
  when: readonly string[];
}

/** What must hold of a step: of the row beside it that looks before it or during it, or undoes it, what is looked at there. */
export function mustHold(run: RunDetail, step: Step): string[] {
  const spec = specOf(run, step.node);
  if (spec === undefined) return [];
  if (step.address.endsWith("~rollback")) return listOf(spec.rollback?.validate).map((one) => one.that);
  const phase = step.address.endsWith("~before") ? "before" : step.address.endsWith("~during") ? "during" : "after";
  return listOf(spec.validate).filter((one) => one.when.includes(phase)).map((one) => one.that);
}

function listOf(written: unknown): Validation[] {
  const all = (Array.isArray(written) ? written : written ? [written] : []) as { that: string; when?: string | string[] }[];
  return all.map(({ that, when = "after" }) => ({ that, when: typeof when === "string" ? [when] : when }));
}

/** A path that begins with `result`, and whether it is called: `result.lines`, `result.lines.size(`. */
const PATH = /\bresult((?:\.\w+(?!\w*\()|\["[^"]*"\]|\[\d+\])*)/g;

/** The values that these expressions asked of a result: `result.status = 200`. */
export function seen(those: readonly string[], result: unknown): string[] {
  const found = new Map<string, string>();
  for (const that of those) {
    for (const [path, rest = ""] of that.matchAll(PATH)) {
      const value = [...rest.matchAll(/\.(\w+)|\["([^"]*)"\]|\[(\d+)\]/g)].reduce<unknown>((held, [, name, quoted, index]) => at(held, name ?? quoted ?? index ?? ""), result);
      found.set(path, value === undefined ? `${path} is not there` : `${path} = ${short(value)}`);
    }
  }
  return [...found.values()];
}

const at = (held: unknown, name: string): unknown => (typeof held === "object" && held !== null ? (held as Record<string, unknown>)[name] : undefined);

function short(value: unknown): string {
  const text = typeof value === "object" ? JSON.stringify(value) : valueText(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

export const looksOf = (attempts: readonly StepAttempt[]): StepAttempt[] => attempts.filter((one) => one.look);

/** Those that are worth a table: one that went well at once is said already. */
export function triesOf(attempts: readonly StepAttempt[]): StepAttempt[] {
  const tries = attempts.filter((one) => !one.look);
  return tries.length > 1 || tries.some((one) => one.state !== "succeeded") ? tries : [];
}

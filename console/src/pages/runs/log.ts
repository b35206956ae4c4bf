/** What steps told, as pages show it: whose lines, in which order, and as a text to take away. */
import type { LogLine, RunDetail, Step, StepProgress } from "../../data/types";
import { count, plural } from "../../parts/format";
import { holds, isActive, isOver } from "./view";

/** What is told of by a step that acts; others decide and wait, and say nothing. */
const SILENT: ReadonlySet<string> = new Set(["wait", "approval", "emit", "set", "run"]);

/** Whether a line was told by the step, or by one that lies in it. */
export function isOf(line: LogLine, address: string): boolean {
  return line.step === address || (line.step.startsWith(address) && /[/[~]/.test(line.step.charAt(address.length)));
}

export interface Excerpt {
  lines: readonly LogLine[];
  /** Whether the lines are of several steps, so that each has to say whose it is. */
  mixed: boolean;
  /** Whether they are of several attempts. */
  tried: boolean;
  /** Whether any was written as an error. */
  erred: boolean;
}

/** The lines of one step, or of all, that have these words in them. */
export function excerpt(lines: readonly LogLine[], address: string | null, words: string): Excerpt {
  const wanted = words.trim().toLowerCase();
  const own = address === null ? lines : lines.filter((line) => isOf(line, address));
  return {
    lines: wanted === "" ? own : own.filter((line) => line.text.toLowerCase().includes(wanted)),
    mixed: address === null || own.some((line) => line.step !== address),
    tried: own.some((line) => line.attempt > 1),
    erred: own.some((line) => line.stream === "err"),
  };
}

/** Whether a step's panel has a place for lines: it acts, or something in it has told some. */
export function tells(step: Step, lines: readonly LogLine[]): boolean {
  return (!SILENT.has(step.uses) && !holds(step)) || lines.some((line) => isOf(line, step.address));
}

/** How far a step said that it is, in the attempt that is the last. */
export function progressOf(progress: readonly StepProgress[], step: Step): StepProgress | null {
  return progress.filter((one) => one.step === step.address && one.attempt === (step.attempt ?? 1))[0] ?? null;
}

/** `13 lines, complete`. */
export function scopeOf(all: number, shown: number, over: boolean): string {
  if (shown < all) return `${count(shown)} of ${plural(all, "line")}`;
  return `${plural(all, "line")}${over ? ", complete" : " so far"}`;
}

/** Whether nothing more comes of it. */
export const isComplete = (run: RunDetail, step: Step | null): boolean => isOver(run) || (step !== null && !isActive(step));

/** What takes the place of lines where there are none. */
export function nothingOf(run: RunDetail, step: Step | null): { title: string; says: string } {
  if (!isComplete(run, step)) return { title: "No line yet", says: "What is told shows here as it comes." };
  return { title: "No lines", says: `${step === null ? "Its steps" : "The step"} told nothing, or it is gone: lines are kept for 30 days, the newest 1 MB of a run, and can be erased.` };
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });

/** The clock time of a line, to the millisecond. */
export const timeOf = (line: LogLine): string => TIME.format(new Date(line.at));

/** One line below the other, each with instant, step and attempt, as `oncue logs` has them. */
export function textOf(lines: readonly LogLine[]): string {
  return lines.map((line) => `${line.at} ${line.step}${line.attempt > 1 ? ` ×${String(line.attempt)}` : ""}${line.stream === "err" ? " err" : ""}  ${line.text}\n`).join("");
}

/** The name of a file with these lines. */
export function fileOf(run: RunDetail, step: Step | null): string {
  return `${[run.workflow, run.id, step?.address].filter(Boolean).join("-").replaceAll(/[^\w.-]+/g, "_")}.log`;
}

/** What an alert has been, as steps to draw. */
import type { AlertChange, Severity } from "../../data/types";

/** What it was between two changes: `from` and `to` are parts of the whole time, 0 to 1. */
export interface Step {
  from: number;
  to: number;
  level: Level;
  value: number | null;
}

/** A severity, or that it was over. */
export type Level = Severity | "resolved";

const RANKS: readonly Level[] = ["resolved", "clear", "info", "warning", "minor", "major", "critical"];

export function levelOf(change: Pick<AlertChange, "state" | "severity">): Level {
  return change.state === "resolved" ? "resolved" : change.severity;
}

/** Changes, newest first as the API gives them, as steps up to `now`, oldest first. */
export function stepsOf(changes: readonly AlertChange[], now: number): Step[] {
  const oldest = changes.toReversed();
  const begin = Date.parse(oldest[0]?.at ?? "");
  const whole = Math.max(1, now - begin);
  const part = (at: string | undefined): number => (at === undefined ? 1 : Math.min(1, Math.max(0, (Date.parse(at) - begin) / whole)));
  return oldest.map((change, index) => ({ from: part(change.at), to: part(oldest[index + 1]?.at), level: levelOf(change), value: change.value }));
}

/** The levels that occur, the worst first: the rows of the drawing. */
export function levelsOf(steps: readonly Step[]): Level[] {
  return RANKS.filter((level) => steps.some((step) => step.level === level)).toReversed();
}

/** A step line through what `y` gives for each step, in a box of 100 by 100; it is broken where there is nothing. */
export function pathOf(steps: readonly Step[], y: (step: Step) => number | null): string {
  let broken = true;
  const parts: string[] = [];
  for (const step of steps) {
    const at = y(step);
    if (at === null) {
      broken = true;
      continue;
    }
    parts.push(`${broken ? "M" : "L"}${fixed(step.from * 100)} ${fixed(at)}L${fixed(step.to * 100)} ${fixed(at)}`);
    broken = false;
  }
  return parts.join("");
}

const fixed = (value: number): string => String(Math.round(value * 100) / 100);

/** How many of its last twenty states were changes, the newest of them in the lowest bit. */
export function turnsOf(turns: number): number {
  return [...Array(20).keys()].filter((bit) => (turns >> bit) & 1).length;
}

/** The next morning at eight, on the viewer's clock. */
export function nextMorning(now: Date): Date {
  const morning = new Date(now);
  morning.setDate(morning.getDate() + 1);
  morning.setHours(8, 0, 0, 0);
  return morning;
}

/** As an input for date and time takes it: the viewer's clock, to the minute. */
export function localMinute(at: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

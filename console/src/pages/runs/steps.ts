/** A run's steps as pages show them: as a tree, on the graph, and what can be done about each. */
import { withNames } from "../../data/me";
import type { Awaited, Run, RunDetail, Step } from "../../data/types";
import { asks, found, type FlowStep } from "../../parts/flow";
import type { Standing } from "../../parts/FlowGraph";
import { count, without } from "../../parts/format";
import type { IconName } from "../../parts/Icon";
import { isActive, isBad, isOver, isStuckAt, STEP_WORDS, stepStand, timeLeft, TONES, type Stand } from "./view";

/** Items up to which a `for_each` is open by itself. */
const FEW = 12;

/** How deep a step lies: an item lies in its `for_each`, and what looks at a step or undoes it in that. */
export function depthOf(address: string): number {
  return (address.match(/[/[~]/g) ?? []).length;
}

/** The address of what a step lies in; null for the outermost ones. */
export function above(address: string): string | null {
  const cut = Math.max(address.lastIndexOf("/"), address.lastIndexOf("~"), address.endsWith("]") ? address.lastIndexOf("[") : -1);
  return cut < 0 ? null : address.slice(0, cut);
}

/** What is last in an address, as it is shown below what it lies in. */
export function nameIn(address: string): string {
  const outer = above(address);
  if (outer === null) return address;
  return address.slice(outer.length).replace(/^\//, "").replace(/^\[(.*)\]$/, "$1").replace(/^~validate/, "looks").replace(/^~rollback/, "undoing").replace(/^~before/, "before").replace(/^~during/, "during");
}

export const isManyItems = (step: Step): boolean => step.uses === "for_each" && (step.total ?? 0) > FEW;

export interface Row {
  step: Step;
  depth: number;
  /** Whether others lie in it, which are shown or not. */
  folds: boolean;
  open: boolean;
}

/** The tree: `turned` are those that the reader opened or closed, against what they are by themselves. */
export function rowsOf(steps: readonly Step[], turned: ReadonlySet<string>): Row[] {
  const holding = new Set(steps.map((step) => above(step.address)).filter((address) => address !== null));
  const closed = new Set<string>();
  const rows: Row[] = [];
  for (const step of steps) {
    const outer = above(step.address);
    const folds = holding.has(step.address);
    const open = folds && (opensItself(step) !== turned.has(step.address));
    if (outer !== null && closed.has(outer)) {
      closed.add(step.address);
      continue;
    }
    if (!open) closed.add(step.address);
    rows.push({ step, depth: depthOf(step.address), folds, open });
  }
  return rows;
}

/** A line of the list: a step that has begun, or one to come. */
export type Line = { row: Row } | { coming: FlowStep; address: string; depth: number };

/** The rows with the steps to come among them, in the workflow's order; what lies in a step to come is left to the graph. */
export function linesOf(rows: readonly Row[], flow: readonly FlowStep[]): Line[] {
  const left = new Map(rows.map((row) => [row.step.address, row]));
  const take = (row: Row): Line => {
    left.delete(row.step.address);
    return { row };
  };
  /** What else is shown of a step: items, what looks at it, what undoes it. */
  const below = (address: string): Line[] => [...left.values()].filter((row) => row.step.address.startsWith(address) && "/[~".includes(row.step.address.charAt(address.length))).map(take);
  const walk = (steps: readonly FlowStep[], outer: string): Line[] => steps.flatMap((step): Line[] => {
    const address = `${outer}${step.id}`;
    const row = left.get(address);
    if (row === undefined) return [{ coming: step, address, depth: depthOf(address) }, ...below(address)];
    const own = take(row);
    const goesOn = row.open && isActive(row.step) && step.form !== "for_each";
    const lanes = goesOn ? step.lanes.filter((lane) => lane.steps.some((one) => left.has(`${address}/${one.id}`))) : [];
    return [own, ...lanes.flatMap((lane) => walk(lane.steps, `${address}/`)), ...below(address)];
  });
  return [...walk(flow, ""), ...[...left.values()].map(take)];
}

/** What went well needs no reading; many items are counts. */
function opensItself(step: Step): boolean {
  if (isManyItems(step)) return false;
  return step.uses !== "item" || step.state !== "succeeded";
}

/** `7 of 4,000 begun, 2 under way, 1 failed`. */
export function itemsOf(step: Step): string {
  const at = step.at ?? 0;
  const parts = [`${count(at)} of ${count(step.total ?? 0)} begun`];
  if (isActive(step) && (step.under_way ?? 0) > 0) parts.push(`${count(step.under_way ?? 0)} under way`);
  if ((step.failures ?? 0) > 0) parts.push(`${count(step.failures ?? 0)} failed`);
  return parts.join(", ");
}

const ICONS: Partial<Record<Step["state"], IconName>> = {
  running: "running", waiting: "waiting", validating: "running", succeeded: "check", approved: "check", timed_out: "clock", skipped: "skipped",
  failed: "failed", rejected: "failed", failed_validation: "failed", unknown: "unknown", cancelled: "close",
};
/** The worse comes first: of many items, a step stands as the worst of them. */
const WORST: readonly Step["state"][] = ["failed", "rejected", "failed_validation", "unknown", "running", "validating", "waiting", "cancelled", "timed_out", "approved", "succeeded", "skipped"];

/** How each step of the workflow stands, by its id; those that have not begun are absent. */
export function standings(steps: readonly Step[], run: Run, waits?: readonly Awaited[]): Map<string, Standing> {
  const byNode = new Map<string, Step[]>();
  const undone = new Map<string, string>();
  for (const step of steps) {
    if (step.undone) undone.set(step.node, step.settled ? "settled by hand" : "undone");
    if (step.uses === "item" || step.address.includes("~")) continue;
    byNode.set(step.node, [...(byNode.get(step.node) ?? []), step]);
  }
  const found = new Map<string, Standing>();
  for (const [node, those] of byNode) {
    const stands = new Map(those.map((step) => [step, stepStand(step, waits)]));
    const state = WORST.find((each) => those.some((step) => stands.get(step)?.mark === each)) ?? "unknown";
    const note = [noteOf(those, state, stands), undone.get(node)].filter(Boolean).join(", ");
    if (those.some((step) => isStuckAt(run, step))) found.set(node, { state: "rollback_failed", tone: "critical", icon: "failed", note: "not undone" });
    else if (run.state === "rolling_back" && those.some((step) => step.address === run.undoing)) found.set(node, { state: "rolling_back", tone: "active-tone", icon: "undo", note: "is being undone" });
    else found.set(node, { state, tone: TONES[state], icon: undone.has(node) ? "undo" : ICONS[state] ?? "unknown", ...(note === "" ? {} : { note }) });
  }
  return found;
}

export interface Sign {
  words: string;
  icon: IconName;
  tone: string;
}

/** What the marks on the graph mean, of those that are on it. */
export function legendOf(flow: readonly FlowStep[], standing: ReadonlyMap<string, Standing>, over: boolean): Sign[] {
  const all = allOf(flow);
  const is = (...states: string[]): boolean => all.some((step) => states.includes(standing.get(step.id)?.state ?? ""));
  const signs: [boolean, Sign][] = [
    [is("succeeded", "approved", "timed_out"), { words: "Done", icon: "check", tone: "done" }],
    [is("running", "validating"), { words: "Running", icon: "running", tone: "moving" }],
    [is("waiting"), { words: "Waiting", icon: "waiting", tone: "moving" }],
    [is("failed", "rejected", "failed_validation", "unknown"), { words: "Failed", icon: "failed", tone: "failed" }],
    [is("rollback_failed"), { words: "Rollback failed", icon: "failed", tone: "failed" }],
    [all.some((step) => !standing.has(step.id)), { words: over ? "Not reached" : "To come", icon: "resolved", tone: "" }],
    [is("cancelled"), { words: "Cancelled", icon: "close", tone: "" }],
    [is("skipped"), { words: "Skipped", icon: "skipped", tone: "" }],
    [all.some((step) => step.undone), { words: "Rollback", icon: "undo", tone: "" }],
  ];
  return signs.filter(([shown]) => shown).map(([, sign]) => sign);
}

const allOf = (flow: readonly FlowStep[]): FlowStep[] => flow.flatMap((step) => [step, ...step.lanes.flatMap((lane) => allOf(lane.steps))]);

function noteOf(those: readonly Step[], state: Step["state"], stands: ReadonlyMap<Step, Stand>): string {
  const [first] = those;
  if (first === undefined) return "";
  if (those.length > 1) return `${count(those.filter((step) => stands.get(step)?.mark === state).length)} of ${count(those.length)} ${state.replaceAll("_", " ")}`;
  if (first.uses === "for_each") return itemsOf(first);
  if (isBad(first) && (first.error_code || first.reason)) return first.error_code ?? first.reason ?? "";
  if (first.state === "waiting" && first.awaits?.startsWith("event ")) return `waits for ${first.awaits}`;
  const { mark, words = "" } = stands.get(first) ?? {};
  if (mark === "waiting" && words !== STEP_WORDS.waiting) return words.toLowerCase();
  return (first.attempt ?? 0) > 1 ? `${first.uses}, attempt ${String(first.attempt)}` : "";
}

/** What can be done about a step, and what that will do. */
export interface Acts {
  retry: string | null;
  skip: string | null;
  /** What the act of skipping is called. */
  skipWord: string;
  fork: string | null;
}

const NOTHING: Acts = { retry: null, skip: null, skipWord: "Skip", fork: null };

export function actsOf(step: Step, run: RunDetail, flow: readonly FlowStep[]): Acts {
  const node = found(flow, step.node);
  const fork = depthOf(step.address) === 0 ? `Starts another run of ${run.workflow} that takes over what the steps before ${step.address} came to. This run stays as it is.` : null;
  if (run.state === "rollback_failed") {
    if (step.address !== run.undoing) return { ...NOTHING, fork };
    return {
      retry: `It is tried again to undo ${step.address}; then the rollback goes on.`,
      skip: `Say that ${step.address} is settled by hand. The rollback goes on with what was done before it.`, skipWord: "Settled by hand", fork,
    };
  }
  if (isOver(run) || step.address.includes("~") || step.uses === "item") return { ...NOTHING, fork: step.uses === "item" || step.address.includes("~") ? null : fork };
  const open = run.state === "running" || run.state === "paused";
  const failed = isBad(step) || step.state === "cancelled";
  const left = timeLeft(run);
  const skips = open && (isActive(step) || (failed && run.state === "paused")) && node !== null && !asks(node);
  return {
    retry: run.state === "paused" && failed ? `${step.address} is done again from its beginning, and the run goes on from there${left === null ? "" : `, with ${left} left`}.` : null,
    skip: skips ? `${isActive(step) ? `What ${step.address} is doing is dropped, and the` : "The"} run goes on with the step after it. What needs its outputs may fail.` : null,
    skipWord: "Skip", fork,
  };
}

/** What a step says of itself beside its state. */
export function saysOf(step: Step): string {
  return withNames(without(step.error_code, step.reason ?? ""));
}

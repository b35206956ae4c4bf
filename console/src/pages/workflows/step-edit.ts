/**
 * What can be done to a workflow on its graph, as changes of its text: a step added, removed, moved, renamed, or said
 * otherwise. Each gives what the editor takes and the step that one goes on with, or throws `CannotEdit`.
 */
import type { ChangeSet } from "@codemirror/state";

import { flowOf, type FlowStep, type Place } from "../../parts/flow";
import { CannotEdit, Manuscript } from "../../parts/manuscript";
import { ORDER, type NewStep } from "./step-forms";

export interface Edit {
  /** The text that was changed. */
  before: string;
  changes: ChangeSet;
  text: string;
  /** Id of the step that is chosen afterwards. */
  chosen: string | null;
}

const STEP_ID = /^[a-z][a-z0-9_]{0,62}$/;
const inSpec = (place: Place): Place => ["spec", ...place];

function edited(text: string, chosen: string | null, change: (manuscript: Manuscript) => void): Edit {
  const manuscript = new Manuscript(text);
  change(manuscript);
  return { before: text, changes: manuscript.changes, text: manuscript.text, chosen };
}

/** The list that a step stands in, and which one of it it is. */
export function standing(step: FlowStep): { list: Place; index: number } {
  return { list: step.place.slice(0, -1), index: Number(step.place.at(-1)) };
}

/** Every step, in the order of the text. */
export function all(steps: readonly FlowStep[]): FlowStep[] {
  return steps.flatMap((step) => [step, ...step.lanes.flatMap((lane) => all(lane.steps))]);
}

export const idsOf = (steps: readonly FlowStep[]): ReadonlySet<string> => new Set(all(steps).map((step) => step.id));

/** How many steps stand beside this one, itself included. */
export function beside(steps: readonly FlowStep[], step: FlowStep): number {
  const { list } = standing(step);
  return all(steps).filter((one) => String(standing(one).list) === String(list)).length;
}

/** A step comes before or after another one. */
export function add(text: string, anchor: FlowStep, side: "before" | "after", step: NewStep): Edit {
  const { list, index } = standing(anchor);
  return edited(text, step.id, (manuscript) => manuscript.insert(inSpec(list), side === "before" ? index : index + 1, step));
}

/** The first step of a workflow that has none. */
export function addFirst(text: string, step: NewStep): Edit {
  return edited(text, step.id, (manuscript) => manuscript.put(["spec", "steps"], [step]));
}

/** What a step may have besides: a case of a `switch`, what a `try` does when it failed, and at last. */
export function addLane(text: string, holder: FlowStep, lane: "case" | "catch" | "finally", step: NewStep): Edit {
  return edited(text, step.id, (manuscript) => {
    const place = inSpec(holder.place);
    if (lane !== "case") return manuscript.put([...place, lane], [step], ORDER);
    const cases = manuscript.value([...place, "switch"]);
    const last = Array.isArray(cases) ? (cases.at(-1) as { when?: unknown } | undefined) : undefined;
    const index = Array.isArray(cases) ? cases.length : 0;
    // What goes without a condition has to stay the last.
    manuscript.insert([...place, "switch"], last !== undefined && last.when === undefined ? index - 1 : index, { when: "true", steps: [step] });
  });
}

export function remove(text: string, step: FlowStep, next: string | null): Edit {
  const { list, index } = standing(step);
  return edited(text, next, (manuscript) => manuscript.remove(inSpec(list), index));
}

/** A step goes up or down among those beside it. */
export function nudge(text: string, step: FlowStep, by: 1 | -1): Edit {
  const { list, index } = standing(step);
  return edited(text, step.id, (manuscript) => manuscript.swap(inSpec(list), by < 0 ? index - 1 : index));
}

/** A step goes right before or after another one, wherever that lies. */
export function move(text: string, step: FlowStep, anchor: FlowStep, side: "before" | "after"): Edit {
  const from = standing(step);
  const to = standing(anchor);
  if (step.place.every((part, index) => anchor.place[index] === part)) throw new CannotEdit("it cannot lie in itself");
  return edited(text, step.id, (manuscript) => manuscript.move(inSpec(from.list), from.index, inSpec(to.list), side === "before" ? to.index : to.index + 1));
}

/** A member of a step says something else; undefined takes it out. */
export function put(text: string, step: FlowStep, member: Place, value: unknown): Edit {
  return edited(text, step.id, (manuscript) => {
    manuscript.put([...inSpec(step.place), ...member], value, member.length === 1 ? ORDER : []);
    // An empty `with` says nothing.
    const [outer] = member;
    if (member.length > 1 && outer === "with" && Object.keys((manuscript.value([...inSpec(step.place), outer]) as object | undefined) ?? { left: 1 }).length === 0) manuscript.put([...inSpec(step.place), outer], undefined);
  });
}

/** A step is called otherwise, and all that speak of it follow. */
export function rename(text: string, step: FlowStep, id: string, taken: ReadonlySet<string>): Edit {
  if (!STEP_ID.test(id)) throw new CannotEdit("an id is lower-case letters, digits and underscores, a letter first");
  if (id !== step.id && taken.has(id)) throw new CannotEdit(`there is a step ${id} already`);
  return edited(text, id, (manuscript) => {
    manuscript.put([...inSpec(step.place), "id"], id, ORDER);
    manuscript.rewrite(["spec"], (source, place) => {
      if (place.at(-1) === "repeat" && place.at(-2) === "validate") return source.replace(new RegExp(`^(["']?)${step.id}\\1$`), `$1${id}$1`);
      return spoken(source, step.id, id, place.some((part) => TEMPLATES.has(part)));
    });
  });
}

/** Members whose texts are taken as they are, but for `${...}`. */
const TEMPLATES: ReadonlySet<string | number> = new Set(["with", "emit", "set", "ask", "title", "description", "resource", "inputs"]);

/** An expression that speaks of a step by its other name. */
function spoken(source: string, from: string, to: string, template: boolean): string {
  const named = new RegExp(`(?<![\\w.])steps(\\.${from}(?![\\w])|\\[\\\\?(["'])${from}\\\\?\\2\\])`, "g");
  const rewritten = (expression: string): string => expression.replaceAll(named, (found) => `steps${found.slice(5).replace(from, to)}`);
  return template ? source.replaceAll(/\$\{[^}]*\}/g, rewritten) : rewritten(source);
}

/** The steps of a text that can be read. */
export function stepsIn(text: string): FlowStep[] {
  return flowOf(new Manuscript(text).value(["spec", "steps"]));
}

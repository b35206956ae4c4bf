/**
 * A workflow's steps as a drawing has them: what holds others, and how they lie in it. Read from a document that may be
 * half written: what is not there yet is left out, and never in the way.
 */
import { nameOf } from "../data/me";
import { plural } from "./format";

export type Form = "uses" | "run" | "steps" | "for_each" | "parallel" | "switch" | "try" | "wait" | "approvals" | "emit" | "set" | "none";

/** Keys and numbers of items, from what the steps were read of. */
export type Place = readonly (string | number)[];

/** Steps that follow each other within a step. */
export interface Lane {
  /** Where they stand in the document: `steps`, 2, `try`. Those of `parallel` share a place. */
  place: Place;
  /** What leads into it: a case's condition, `try`, `catch`, `finally`; empty where that goes without saying. */
  label: string;
  steps: readonly FlowStep[];
}

export interface FlowStep {
  id: string;
  /** Where it stands in the document: `steps`, 2, `parallel`, 0. */
  place: Place;
  title: string;
  form: Form;
  /** What it is or does, in a few words. */
  about: string;
  /** When it is done at all. */
  condition: string;
  lanes: readonly Lane[];
  /** Whether something undoes it. */
  undone: boolean;
  irreversible: boolean;
}

type Data = Record<string, unknown>;

const record = (value: unknown): Data => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Data) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The outermost steps of a workflow, which stand at `place`. */
export function flowOf(steps: unknown, place: Place = ["steps"]): FlowStep[] {
  return list(steps).map((each, index) => stepOf(record(each), [...place, index]));
}

function stepOf(step: Data, place: Place): FlowStep {
  const form = formOf(step);
  return {
    id: text(step["id"]) || `step ${String(Number(place.at(-1)) + 1)}`, place, title: text(step["title"]), form, about: aboutOf(form, step), condition: text(step["if"]),
    lanes: lanesOf(form, step, place), undone: isGiven(step["rollback"]), irreversible: step["irreversible"] === true,
  };
}

function formOf(step: Data): Form {
  if (isGiven(step["for_each"])) return "for_each";
  const forms = ["uses", "run", "parallel", "switch", "try", "wait", "approvals", "emit", "set", "steps"] as const;
  return forms.find((form) => isGiven(step[form])) ?? "none";
}

function aboutOf(form: Form, step: Data): string {
  switch (form) {
    case "uses": return text(step["uses"]);
    case "run": return `run ${text(record(step["run"])["workflow"])}`;
    case "for_each": {
      const each = record(step["for_each"]);
      const items = each["items"];
      return `for each of ${Array.isArray(items) ? `${String(items.length)} items` : text(items)}`;
    }
    case "parallel": return "at the same time";
    case "switch": return "the first case that fits";
    case "try": return "try";
    case "wait": return waitOf(record(step["wait"]));
    case "approvals": return `approval by ${approversOf(step)}`;
    case "emit": return `event ${text(record(step["emit"])["type"])}`;
    case "set": return `set ${Object.keys(record(step["set"])).join(", ")}`;
    case "steps": return "in sequence";
    case "none": return "says nothing yet";
  }
}

/** Who is asked first, and how many are after them: `team storage, basis-1, then 2 more stages`. */
function approversOf(step: Data): string {
  const stages = list(step["approvals"]).map(record);
  const first = list(stages[0]?.["by"]).map((one) => nameOf(text(one))).join(", ");
  return stages.length > 1 ? `${first}, then ${plural(stages.length - 1, "more stage")}` : first;
}

function waitOf(wait: Data): string {
  if (isGiven(wait["event"])) return `wait for ${list(record(wait["event"])["types"]).map(text).join(", ")}`;
  return isGiven(wait["until"]) ? `wait until ${text(wait["until"])}` : `wait ${text(wait["for"])}`;
}

function lanesOf(form: Form, step: Data, place: Place): Lane[] {
  const lane = (label: string, steps: unknown, ...at: Place): Lane => ({ place: [...place, ...at], label, steps: flowOf(steps, [...place, ...at]) });
  switch (form) {
    case "steps":
    case "for_each": return [lane("", step["steps"], "steps")];
    case "parallel": return flowOf(step["parallel"], [...place, "parallel"]).map((branch) => ({ place: [...place, "parallel"], label: "", steps: [branch] }));
    case "switch": return list(step["switch"]).map(record).map((one, index) => lane(text(one["when"]) || "otherwise", one["steps"], "switch", index, "steps"));
    case "try": return (["try", "catch", "finally"] as const).filter((name) => isGiven(step[name])).map((name) => lane(name, step[name], name));
    default: return [];
  }
}

/** The step with this id, and all that lies in it; null if there is none. */
export function found(steps: readonly FlowStep[], id: string): FlowStep | null {
  for (const step of steps) {
    if (step.id === id) return step;
    for (const lane of step.lanes) {
      const inner = found(lane.steps, id);
      if (inner !== null) return inner;
    }
  }
  return null;
}

/** Whether the step asks people, or holds one that does: such a step cannot be passed over. */
export function asks(step: FlowStep): boolean {
  return step.form === "approvals" || step.lanes.some((lane) => lane.steps.some(asks));
}

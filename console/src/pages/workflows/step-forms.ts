/** The forms of a step, and what a new one of each says at first: the least that can be applied, for the author to go on from. */
import type { Form, Place } from "../../parts/flow";
import { inputFields, objectOf, type InputField, type InputSchema } from "./action-inputs";

type Data = Record<string, unknown>;

export type NewStep = Data & { id: string };

export interface NewForm {
  form: Exclude<Form, "none">;
  label: string;
  /** What it is for, in a few words. */
  about: string;
}

export const FORMS: readonly NewForm[] = [
  { form: "uses", label: "Action", about: "something is done or looked at" },
  { form: "wait", label: "Wait", about: "for a time, or for an event" },
  { form: "approvals", label: "Approval", about: "people must agree before it goes on" },
  { form: "steps", label: "Sequence", about: "several steps as one" },
  { form: "parallel", label: "In parallel", about: "several steps at the same time" },
  { form: "for_each", label: "For each", about: "its steps once for each item of a list" },
  { form: "switch", label: "Switch", about: "the first case that fits" },
  { form: "try", label: "Try", about: "what is done when steps fail" },
  { form: "run", label: "Another workflow", about: "run as a step of this one" },
  { form: "emit", label: "Event", about: "goes out for others to react to" },
  { form: "set", label: "Variables", about: "for the steps after it" },
];

/** The order in which people write the members of a step. */
export const ORDER: readonly string[] = [
  "id", "title", "if", "uses", "with", "run", "for_each", "steps", "parallel", "switch", "try", "catch", "finally", "wait", "ask", "approvals", "emit", "set",
  "outputs", "timeout", "retry", "validate", "on_failed_validation", "rollback", "irreversible", "on_failure",
];

export interface Action {
  name: string;
  inputs: unknown;
}

/** An id that no other step has, made of the words of `wish`. */
export function freshId(wish: string, taken: ReadonlySet<string>): string {
  const base = wish.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^[^a-z]+|_+$/g, "").slice(0, 56) || "step";
  if (!taken.has(base)) return base;
  for (let number = 2; ; number += 1) if (!taken.has(`${base}_${String(number)}`)) return `${base}_${String(number)}`;
}

/** What an id of a new step is made of. */
export const wishOf = (form: NewForm["form"], action: Action | null): string => (form === "uses" ? (action?.name.split(".").at(-1) ?? "act") : { wait: "wait", approvals: "ask", steps: "block", parallel: "both", for_each: "each", switch: "which", try: "safe", run: "sub", emit: "tell", set: "note" }[form]);

/** A new step. `taken` are the ids that there are; `owner` decides where people are asked. */
export function newStep(form: NewForm["form"], id: string, { action, taken, owner }: { action: Action | null; taken: ReadonlySet<string>; owner: string }): NewStep {
  const used = new Set([...taken, id]);
  const inner = (wish: string): NewStep => {
    const name = freshId(wish, used);
    used.add(name);
    return { id: name, set: { done: true } };
  };
  switch (form) {
    case "uses": return { id, uses: action?.name ?? "", ...withOf(action) };
    case "wait": return { id, wait: { for: "5m" } };
    case "approvals": return { id, ask: "Go on?", approvals: [{ by: [/^(team|user):/.test(owner) ? owner : "team:operators"] }] };
    case "steps": return { id, steps: [inner("first")] };
    case "parallel": return { id, parallel: [inner("one"), inner("other")] };
    case "for_each": return { id, for_each: { items: ["one", "two"], as: "item" }, steps: [inner("do_it")] };
    case "switch": return { id, switch: [{ when: "true", steps: [inner("this")] }, { steps: [inner("otherwise")] }] };
    case "try": return { id, try: [inner("attempt")], catch: [inner("failed")] };
    case "run": return { id, run: { workflow: "another-workflow" } };
    case "emit": return { id, emit: { type: "org.example.noted" } };
    case "set": return { id, set: { noted: true } };
  }
}

function withOf(action: Action | null): Data {
  const schema = objectOf(action?.inputs);
  const needed = (schema.required ?? []).map((name): [string, unknown] => [name, emptyOf(schema.properties?.[name])]);
  return needed.length === 0 ? {} : { with: Object.fromEntries(needed) };
}

function emptyOf(schema: InputSchema | undefined): unknown {
  if (schema?.enum !== undefined) return schema.enum[0];
  switch (schema?.type) {
    case "integer":
    case "number": return schema.minimum ?? 0;
    case "boolean": return false;
    case "array": return [];
    case "object": return {};
    default: return "";
  }
}

/** A member of a step that has a field. */
export interface Member extends Pick<InputField, "kind" | "options" | "hint" | "required"> {
  /** Where it stands in the step. */
  place: Place;
  label: string;
}

const member = (label: string, place: Place, more: Partial<Member> = {}): Member => ({ label, place, kind: "text", options: [], hint: "", required: false, ...more });
const record = (value: unknown): Data => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Data) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** What is asked of every step, before what its form asks. */
export const COMMON: readonly Member[] = [
  member("Title", ["title"], { hint: "what people call it" }),
  member("If", ["if"], { hint: "CEL; it is skipped if that is false" }),
];

/** What the form of a step asks. */
export function membersOf(form: Form, step: Data): Member[] {
  switch (form) {
    case "uses": return [];
    case "wait": return record(step["wait"])["event"] === undefined
      ? [member("For", ["wait", "for"], { hint: "a duration, such as 5m" }), member("Until", ["wait", "until"], { hint: "CEL that gives an instant" })]
      : [
        member("Types of the event", ["wait", "event", "types"], { kind: "lines", hint: "one a line", required: true }), member("Resource", ["wait", "event", "resource"]), member("Where", ["wait", "event", "where"], { hint: "CEL over event" }),
        member("At most", ["wait", "timeout"], { hint: "a duration" }), member("When it does not come", ["wait", "on_timeout"], { kind: "choice", options: ["fail", "continue"] }),
      ];
    case "approvals": return [
      member("Question", ["ask"]),
      ...list(step["approvals"]).flatMap((stage, index) => {
        const name = list(step["approvals"]).length > 1 ? `, stage ${String(record(stage)["stage"] ?? index + 1)}` : "";
        return [
          member(`Who decides${name}`, ["approvals", index, "by"], { kind: "lines", hint: "team:name or user:name, one a line", required: true }),
          member(`How many must agree${name}`, ["approvals", index, "quorum"], { kind: "value", hint: "1 if not given" }), member(`Expires${name}`, ["approvals", index, "expires"], { hint: "24h if not given" }),
        ];
      }),
    ];
    case "for_each": return [
      member("Items", ["for_each", "items"], { kind: Array.isArray(record(step["for_each"])["items"]) ? "value" : "text", hint: "a list, or CEL that gives one", required: true }),
      member("Called", ["for_each", "as"], { hint: "item if not given" }), member("At the same time", ["for_each", "max_parallel"], { kind: "value", hint: "1 if not given" }),
      member("May fail", ["for_each", "max_failures"], { kind: "value", hint: "how many, or a share such as 10%" }),
    ];
    case "switch": return list(step["switch"]).map((one, index) => member(`Case ${String(index + 1)}`, ["switch", index, "when"], { hint: record(one)["when"] === undefined ? "CEL; without it, it takes all others" : "CEL" }));
    case "run": return [member("Workflow", ["run", "workflow"], { required: true }), member("Inputs", ["run", "with"], { kind: "value", hint: "YAML, such as {host: erp-1}" })];
    case "emit": return [member("Type of the event", ["emit", "type"], { required: true }), member("Resource", ["emit", "resource"]), member("Data", ["emit", "data"], { kind: "value", hint: "YAML" })];
    case "set": return [member("Variables", ["set"], { kind: "value", hint: "YAML, such as {tries: 3}", required: true })];
    case "steps":
    case "parallel":
    case "try":
    case "none": return [];
  }
}

/** What is asked of what may fail, after what its form asks. */
export function boundsOf(form: Form): Member[] {
  const fails = member("If it fails", ["on_failure"], { kind: "choice", options: ["fail", "continue"], hint: "fail if not given: the run fails with it" });
  return form === "uses" ? [member("At most", ["timeout"], { hint: "a duration; 1m if not given" }), fails] : [fails];
}

/** The inputs of an action: those that it needs or is given, and the others. */
export function inputsOf(action: Action | null, step: Data): { shown: Member[]; others: Member[] } {
  const given = record(step["with"]);
  const known = inputFields(action?.inputs);
  const unknown = Object.keys(given).filter((name) => known.every((field) => field.name !== name));
  const members = known.map((field) => ({ needed: field.required || given[field.name] !== undefined, of: member(field.name, ["with", field.name], field) }));
  return {
    shown: [...members.filter((each) => each.needed).map((each) => each.of), ...unknown.map((name) => member(name, ["with", name], { kind: typeof given[name] === "string" ? "text" : "value", hint: action === null ? "" : "the action does not know it" }))],
    others: members.filter((each) => !each.needed).map((each) => each.of),
  };
}

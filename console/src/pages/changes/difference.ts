/** What differs between two plans of a change, or between a change and what it is edited to, as people read it. */
import type { WantedChange } from "../../data/changes";
import type { Change, ChangeSpec, PlanDifference } from "../../data/types";
import { sentence } from "../../parts/format";
import { instantOf, planSteps, termsOf } from "./view";

type Difference = PlanDifference["differences"][number];

/** One line of it: something that came or went, or a value that was and the one that is. */
export interface Line {
  name: string;
  was: string;
  now: string;
}

export interface Told {
  term: string;
  lines: Line[];
  /** Whether it is part of what people agree to. */
  agreed: boolean;
}

/** More names than these are counted. */
const NAMED = 6;

const TERMS: Record<string, string> = {
  not_before: "Not before", input_schema: "What it is given", max_parallel: "At the same time", max_failures: "At most may fail of a wave", gate: "Must agree between waves", wave_bake: "Must stay well after each wave",
  bake: "Must stay well at the end", approvals: "Must agree", preconditions: "Before each wave", expects: "May cause", on_failure: "If it fails", timeout: "Takes at most", review: "Reviewed", max_risk: "Risk that is taken at most",
};
const named = (part: string): string => TERMS[part] ?? sentence(part);

/** The differences that the server found, by what they are about. */
export function toldOf(differences: readonly Difference[]): Told[] {
  const found = new Map<string, Told>();
  const of = (part: string, agreed: boolean): Line[] => {
    const told = found.get(part) ?? { term: named(part), lines: [], agreed };
    found.set(part, told);
    return told.lines;
  };
  for (const one of differences.filter(({ part }) => part !== "targets")) of(one.part, one.agreed).push(...linesOf(one));
  const targets = differences.filter(({ part }) => part === "targets");
  const names = (what: Difference["what"]): string => counted(targets.flatMap((one) => (one.what === what && one.name !== null ? [one.name] : [])));
  const [came, went] = [names("added"), names("removed")];
  const first: Told[] = targets.length > 0 ? [{ term: "Targets", agreed: true, lines: [...(came ? [{ name: "", was: "", now: came }] : []), ...(went ? [{ name: "", was: went, now: "" }] : [])] }] : [];
  return [...first, ...found.values()];
}

function linesOf({ what, name, before, after }: Difference): Line[] {
  if (what === "changed") return name === null ? otherwise("", before, after) : otherwise(name, before, after);
  return [{ name: name ?? "", was: what === "removed" ? brief(before) : "", now: what === "added" ? brief(after) : "" }];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** What is left out, and what is there and empty, are the same to whoever reads it. */
const isNothing = (value: unknown): boolean => value === undefined || value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);

/** Of two values, the members that differ, each by its path. */
function otherwise(path: string, before: unknown, after: unknown): Line[] {
  if (isObject(before) && isObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => otherwise(path === "" ? name : `${path}.${name}`, before[name], after[name]));
  }
  if (isNothing(before) && isNothing(after)) return [];
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ name: path, was: brief(before), now: brief(after) }];
}

/** A value in a line; of a step, what it calls. */
function brief(value: unknown): string {
  if (isNothing(value)) return "nothing";
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return counted(value);
  if (isObject(value) && typeof value["uses"] === "string") return value["uses"];
  return typeof value === "string" ? value : JSON.stringify(value);
}

const counted = (names: readonly string[]): string => (names.length > NAMED ? `${names.slice(0, NAMED).join(", ")} and ${String(names.length - NAMED)} more` : names.join(", "));

/** What can be edited of a change, as it is typed. */
export interface Typed {
  title: string;
  reason: string;
  targets: readonly string[];
  startAt: string;
  deadline: string;
}

/** What a change has by now, as a form begins with it. */
export function typedOf(change: Pick<Change, "title" | "reason" | "wanted" | "not_before" | "deadline_at" | "template" | "spec">): Typed {
  const own = change.title === (change.spec.description ?? change.template) ? "" : change.title;
  return { title: own, reason: change.reason, targets: change.wanted, startAt: localOf(change.not_before), deadline: localOf(change.deadline_at) };
}

/** An instant as a field for local time takes it. */
export function localOf(at: string | null): string {
  if (at === null) return "";
  const instant = new Date(at);
  return new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What an edit makes otherwise: what was typed, and the template where that is another by now. */
export function editedOf(change: Change, typed: Typed, inputs: Record<string, unknown>, spec: ChangeSpec): Told[] {
  const was = typedOf(change);
  const line = (term: string, before: string, after: string, agreed = true): Told[] => (before === after ? [] : [{ term, agreed, lines: [{ name: "", was: before, now: after }] }]);
  const title = (words: string): string => words.trim() || (spec.description ?? change.template ?? change.id);
  const all = "all that fit";
  const given = otherwise("", change.inputs, inputs);
  return [
    ...line("Title", change.title, title(typed.title)),
    ...line("Reason", change.reason, typed.reason.trim(), false),
    ...line("Targets", counted(was.targets) || all, counted(typed.targets) || all),
    ...(given.length > 0 ? [{ term: "Inputs", agreed: true, lines: given }] : []),
    ...line("Not before", instantOf(was.startAt) ?? "nothing", instantOf(typed.startAt) ?? "nothing"),
    ...line("Cancelled unless begun by", instantOf(was.deadline) ?? "nothing", instantOf(typed.deadline) ?? "nothing", false),
    ...drifted(change.spec, spec),
  ];
}

/** What the template says by now, and did not when the change was drafted. */
function drifted(before: ChangeSpec, after: ChangeSpec): Told[] {
  const [was, now] = [new Map(termsOf(before)), new Map(termsOf(after))];
  const terms = [...new Set([...was.keys(), ...now.keys()])].filter((term) => was.get(term) !== now.get(term));
  const steps = (spec: ChangeSpec): Record<string, unknown> => Object.fromEntries((Array.isArray(spec.steps) ? (spec.steps as { id: string }[]) : []).map((step) => [step.id, step]));
  const other = otherwise("", steps(before), steps(after));
  const order = (spec: ChangeSpec): string => planSteps(spec.steps).map(({ id }) => id).join(", ");
  return [
    ...(other.length > 0 ? [{ term: "Steps", agreed: true, lines: other }] : order(before) === order(after) ? [] : [{ term: "Steps", agreed: true, lines: [{ name: "", was: order(before), now: order(after) }] }]),
    ...terms.map((term) => ({ term, agreed: true, lines: [{ name: "", was: was.get(term) ?? "nothing", now: now.get(term) ?? "nothing" }] })),
  ];
}

/** What was typed, as the API takes it. */
export function wantedOf(typed: Typed, inputs: Record<string, unknown>): Pick<WantedChange, "title" | "reason" | "with" | "targets" | "start_at" | "deadline"> {
  const [title, start_at, deadline] = [typed.title.trim(), instantOf(typed.startAt), instantOf(typed.deadline)];
  return { reason: typed.reason.trim(), with: inputs, targets: [...typed.targets], ...(title ? { title } : {}), ...(start_at ? { start_at } : {}), ...(deadline ? { deadline } : {}) };
}

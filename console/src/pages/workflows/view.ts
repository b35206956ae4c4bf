/** A workflow in words. */
import type { Manifest } from "../../data/types";
import { plural } from "../../parts/format";
import { fieldsOf } from "./form";

export interface StepLine {
  id: string;
  uses: string;
  /** What bounds it: its condition, its tries, what a failure does. */
  notes: string[];
}

const record = (value: unknown): Record<string, unknown> => (typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {});

export function stepsOf(workflow: Pick<Manifest, "spec">): StepLine[] {
  const steps = workflow.spec["steps"];
  return (Array.isArray(steps) ? steps : []).map((each, index) => {
    const step = record(each);
    const attempts = record(step["retry"])["attempts"];
    const notes = [
      typeof step["if"] === "string" ? `if ${step["if"]}` : "",
      typeof attempts === "number" && attempts > 1 ? `up to ${String(attempts)} attempts` : "",
      typeof step["timeout"] === "string" ? `at most ${step["timeout"]}` : "",
      step["on_failure"] === "continue" ? "the run goes on if it fails" : "",
    ];
    return { id: typeof step["id"] === "string" ? step["id"] : String(index + 1), uses: typeof step["uses"] === "string" ? step["uses"] : "", notes: notes.filter((note) => note !== "") };
  });
}

export function describe(workflow: Pick<Manifest, "spec" | "description">): string {
  const own = workflow.spec["description"];
  return workflow.description ?? (typeof own === "string" ? own : "");
}

/** `takes host, used`: what one has to know before starting it. */
export function takes(workflow: Pick<Manifest, "spec">): string {
  const fields = fieldsOf(workflow.spec["inputs"]);
  if (fields.length === 0) return "takes no inputs";
  if (fields.length > 4) return `takes ${plural(fields.length, "input")}`;
  return `takes ${fields.map((field) => (field.required ? field.name : `${field.name} (optional)`)).join(", ")}`;
}

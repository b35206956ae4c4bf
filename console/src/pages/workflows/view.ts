/** A workflow in words. */
import type { Manifest, Run } from "../../data/types";
import { plural } from "../../parts/format";
import { toYaml } from "../../parts/yaml";
import { fieldsOf } from "./form";

type Data = Record<string, unknown>;

const record = (value: unknown): Data => (typeof value === "object" && value !== null ? (value as Data) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

/** The ids of its outermost steps. */
export function stepsOf(workflow: Pick<Manifest, "spec">): string[] {
  return list(workflow.spec["steps"]).map((step, index) => text(record(step)["id"]) || String(index + 1));
}

/** The step with this id as it is written, wherever it lies. */
function written(value: unknown, id: string): Data | null {
  if (Array.isArray(value)) {
    for (const each of value) {
      const inner = written(each, id);
      if (inner !== null) return inner;
    }
    return null;
  }
  const step = record(value);
  if (step["id"] === id) return step;
  for (const name of ["steps", "parallel", "switch", "try", "catch", "finally"]) {
    const inner = step[name] === undefined ? null : written(step[name], id);
    if (inner !== null) return inner;
  }
  return null;
}

/** What a step takes, as YAML; empty for one that takes nothing. */
export function stepTakes(steps: unknown, id: string): string {
  const given = record(written(steps, id)?.["with"]);
  return Object.keys(given).length === 0 ? "" : toYaml(given);
}

/** What bounds a step: its condition, its tries, what follows it, what a failure does. */
export function stepNotes(steps: unknown, id: string): string[] {
  const step = written(steps, id);
  if (step === null) return [];
  const attempts = record(step["retry"])["attempts"];
  const each = record(step["for_each"]);
  const notes = [
    step["if"] === undefined ? "" : `if ${text(step["if"])}`,
    each["items"] === undefined ? "" : `${text(each["max_parallel"]) || "1"} at a time`,
    each["max_failures"] === undefined ? "" : `up to ${text(each["max_failures"])} may fail`,
    typeof attempts === "number" && attempts > 1 ? `up to ${String(attempts)} attempts` : "",
    step["timeout"] === undefined ? "" : `at most ${text(step["timeout"])}`,
    step["validate"] === undefined ? "" : `then ${text(record(step["validate"])["that"])} must hold`,
    step["rollback"] === undefined ? "" : `undone by ${text(record(step["rollback"])["uses"])}`,
    step["irreversible"] === true ? "cannot be undone" : "",
    step["on_failure"] === "continue" ? "the run goes on if it fails" : "",
    step["on_failed_validation"] === "continue" ? "the run goes on if that does not hold" : "",
  ];
  return notes.filter((note) => note !== "");
}

const BUSY: Record<string, string> = { queue: "further ones wait", reject: "further ones are refused", restart: "a further one cancels them" };

/** What holds for every run of it. */
export function bounds(workflow: Pick<Manifest, "spec">): [string, string][] {
  const { spec } = workflow;
  const busy = record(spec["concurrency"]);
  const rate = record(spec["rate"]);
  const failed = record(spec["on_failure"]);
  const by = list(busy["by"]).map(text).join(", ");
  const then = [failed["pause"] === true ? "it waits for a person" : "", failed["rollback"] === "all" ? "what it did is undone" : "", list(failed["notify"]).length > 0 || record(failed["notify"])["escalation"] ? "people are told" : ""].filter(Boolean);
  return [
    ["A run takes", `at most ${text(spec["timeout"]) || "1h"}`],
    ["At the same time", spec["concurrency"] === undefined ? "" : `${plural(Number(busy["limit"] ?? 1), "run")}${by === "" ? "" : ` for each ${by}`}; ${BUSY[text(busy["when_busy"]) || "queue"] ?? ""}`],
    ["How often", spec["rate"] === undefined ? "" : `${text(rate["count"])} within ${text(rate["within"])}`],
    ["If it fails", then.join(", then ") || "it ends"],
  ];
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

/** The last runs of each workflow, by `namespace/name`, the newest first. */
export function lastRuns(runs: readonly Run[], most: number): Map<string, Run[]> {
  const found = new Map<string, Run[]>();
  for (const run of runs.toSorted((a, b) => b.created_at.localeCompare(a.created_at))) {
    const key = `${run.namespace}/${run.workflow}`;
    const those = found.get(key) ?? [];
    if (those.length < most) found.set(key, [...those, run]);
  }
  return found;
}

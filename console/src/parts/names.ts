/** Names that a manifest may speak of where the cursor is: actions and workflows, what they take, and in expressions the workflow's own steps and inputs. */
import { flowOf, type FlowStep } from "./flow";
import { at, offers, type Offer, type Schema, type Spot } from "./schema";
import { readYaml } from "./yaml-read";

/** What the server knows of. */
export interface Names {
  actions: readonly Named[];
  /** Of the manifest's namespace. */
  workflows: readonly Named[];
}

export interface Named {
  name: string;
  summary: string;
  /** JSON Schema of what it takes. */
  inputs: Schema;
}

export interface Spoken {
  from: number;
  offers: Offer[];
}

type Data = Record<string, unknown>;

const HERE = "here__";
const record = (value: unknown): Data => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Data) : {});
const written = (name: string, info = "", detail = ""): Offer => ({ label: name, detail, info, apply: name });

/** The names for the spot at this offset; null where none are spoken of. */
export function namesAt(text: string, offset: number, spot: Spot, names: Names): Spoken | null {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  const spoken = /(?<![\w.])(steps|inputs)\.(\w*)$/.exec(line);
  if (spoken !== null && !/^\s*#|\s#\s/.test(line)) {
    const spec = record(record(readYaml(mended(text, offset, 0, spot)))["spec"]);
    return { from: offset - (spoken[2] ?? "").length, offers: spoken[1] === "steps" ? idsIn(flowOf(spec["steps"])) : inputsOf(record(spec["inputs"])) };
  }
  if (spot.at === "value" && spot.key === "uses") return { from: spot.from, offers: names.actions.map((one) => written(one.name, one.summary)) };
  if (spot.at === "value" && spot.key === "workflow") return { from: spot.from, offers: names.workflows.map((one) => written(one.name, one.summary)) };
  const within = spot.path.lastIndexOf("with");
  if (within < 0) return null;
  const document = readYaml(mended(text, offset, spot.word.length, spot));
  const taken = spot.path.includes("triggers") ? (record(record(record(document)["spec"])["inputs"]) as Schema) : takenBy(document, names);
  return taken === null ? null : { from: spot.from, offers: offers(taken, { ...spot, path: spot.path.slice(within + 1) }) };
}

/** The text with a mark in place of what is being written there, and its line ended as it was begun: one that is half written reads on into the next. */
function mended(text: string, offset: number, drop: number, spot: Spot): string {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const line = text.slice(start, offset - drop);
  return `${text.slice(0, start)}${line}${HERE}${spot.at === "key" ? ": 0" : ""}${closing(line)}${end < 0 ? "" : text.slice(end)}`;
}

/** What ends the quotes and brackets that a line leaves open. */
function closing(line: string): string {
  let open = "";
  let quote = "";
  for (const [index, one] of [...line].entries()) {
    if (quote !== "") quote = one === quote ? "" : quote;
    else if ((one === '"' || one === "'") && /[\s{[,:]/.test(line.charAt(index - 1))) quote = one;
    else if (one === "{" || one === "[") open = (one === "{" ? "}" : "]") + open;
    else if (open !== "" && one === open.charAt(0)) open = open.slice(1);
  }
  return quote + open;
}

/** What the innermost `with` takes in which the mark is; null where that is not known. */
function takenBy(document: unknown, names: Names): Schema | null {
  const holder = holders(document)?.findLast((one) => one["with"] !== undefined);
  if (holder === undefined) return null;
  const { uses, workflow } = holder;
  return (typeof uses === "string" ? names.actions.find((one) => one.name === uses) : names.workflows.find((one) => one.name === workflow))?.inputs ?? null;
}

/** The mappings that the mark is in, the outermost first; null where it is not. */
function holders(value: unknown): Data[] | null {
  if (typeof value === "string") return value.includes(HERE) ? [] : null;
  if (typeof value !== "object" || value === null) return null;
  if (!Array.isArray(value) && HERE in value) return [record(value)];
  for (const inner of Object.values(value)) {
    const found = holders(inner);
    if (found !== null) return Array.isArray(value) ? found : [record(value), ...found];
  }
  return null;
}

const idsIn = (steps: readonly FlowStep[]): Offer[] =>
  steps.flatMap((step) => [...(/^[a-z]\w*$/.test(step.id) ? [written(step.id, step.title, step.about)] : []), ...step.lanes.flatMap((lane) => idsIn(lane.steps))]);

function inputsOf(schema: Schema): Offer[] {
  return at(schema, []).flatMap((one) => Object.entries(one.properties ?? {})).map(([name, property]) => written(name, property.description ?? "", property.type ?? ""));
}

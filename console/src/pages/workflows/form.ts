/**
 * A workflow's inputs as a form: its JSON Schema becomes fields, what was typed becomes inputs or a word at the field.
 * The server checks again, and its refusal finds its field, too.
 */
import { sentence } from "../../parts/format";

/**
 * `lines` is a list of texts, one a line; `hidden` must not be written down; `instant` is a date and a time, in the zone of the
 * browser while it is typed; `json` is whatever has no field of its own.
 */
export type Kind = "text" | "date" | "instant" | "hidden" | "long" | "number" | "switch" | "choice" | "lines" | "json";

export interface Field {
  name: string;
  label: string;
  description: string;
  kind: Kind;
  required: boolean;
  /** The values of a choice, in the schema's order; shown and sent as they are. */
  options: readonly unknown[];
  rule: Rule;
}

/** What the form reads of one property's schema. */
interface Rule {
  type?: unknown;
  title?: unknown;
  description?: unknown;
  default?: unknown;
  enum?: unknown;
  format?: unknown;
  items?: unknown;
  minimum?: unknown;
  maximum?: unknown;
  exclusiveMinimum?: unknown;
  exclusiveMaximum?: unknown;
  minItems?: unknown;
  maxItems?: unknown;
  minLength?: unknown;
  maxLength?: unknown;
  pattern?: unknown;
  writeOnly?: unknown;
}

/** What stands in the fields: text for all of them, `true` and `false` for switches, the option's number for choices. */
export type Typed = Readonly<Record<string, string>>;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

export function fieldsOf(schema: unknown): Field[] {
  if (!isObject(schema) || !isObject(schema["properties"])) return [];
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return Object.entries(schema["properties"]).map(([name, value]) => {
    const rule: Rule = isObject(value) ? value : {};
    const needed = required.has(name) && rule.default === undefined;
    const options: readonly unknown[] = Array.isArray(rule.enum) ? rule.enum : rule.type === "boolean" && !needed && rule.default === undefined ? [true, false] : [];
    return {
      name,
      label: typeof rule.title === "string" ? rule.title : sentence(name),
      description: typeof rule.description === "string" ? rule.description : "",
      kind: kindOf(rule, options),
      required: needed,
      options,
      rule,
    };
  });
}

function kindOf(rule: Rule, options: readonly unknown[]): Kind {
  if (rule.writeOnly === true && rule.type === "string") return "hidden";
  if (options.length > 0) return "choice";
  switch (rule.type) {
    case "boolean": return "switch";
    case "integer":
    case "number": return "number";
    case "array": return isObject(rule.items) && rule.items["type"] === "string" ? "lines" : "json";
    case "string": return rule.format === "date" ? "date" : rule.format === "date-time" ? "instant" : rule.format === "multiline" || rule.format === "textarea" || (typeof rule.maxLength === "number" && rule.maxLength > 200) ? "long" : "text";
    default: return "json";
  }
}

/** What the fields hold before anything is typed: what is given, else the defaults. */
export function initial(fields: readonly Field[], given: Readonly<Record<string, unknown>> = {}): Typed {
  return Object.fromEntries(fields.map((field) => [field.name, shown(field, given[field.name] ?? field.rule.default)]));
}

function shown(field: Field, value: unknown): string {
  if (field.kind === "switch") return value === true ? "true" : "false";
  if (field.kind === "hidden") return ""; // what stands for it is no value, and that of another run is forgotten
  if (value === undefined || value === null) return "";
  if (field.kind === "choice") {
    const at = field.options.indexOf(value);
    return at < 0 ? "" : String(at);
  }
  if (field.kind === "instant") return typeof value === "string" ? localMinute(value) : "";
  if (field.kind === "lines" && Array.isArray(value)) return value.map(String).join("\n");
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** `2026-11-20T10:00:00Z` as the browser's clock has it, to the minute; empty for what is no instant. */
function localMinute(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** How a choice reads. */
export function optionLabel(field: Field, option: unknown): string {
  if (field.rule.type === "boolean") return option === true ? "Yes" : "No";
  return typeof option === "string" ? option : JSON.stringify(option);
}

export interface Reading {
  inputs: Record<string, unknown>;
  /** Field to what is wrong with it. */
  errors: Readonly<Record<string, string>>;
}

/** The inputs as they are sent. An empty field that need not be filled is left out, so that the default holds. */
export function read(fields: readonly Field[], typed: Typed): Reading {
  const inputs: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const text = typed[field.name] ?? "";
    if (field.kind !== "switch" && text.trim() === "") {
      if (field.required) errors[field.name] = field.kind === "choice" ? "Choose one" : "Fill this in";
      continue;
    }
    const outcome = value(field, text);
    if ("error" in outcome) errors[field.name] = outcome.error;
    else inputs[field.name] = outcome.value;
  }
  return { inputs, errors };
}

type Outcome = { value: unknown } | { error: string };

function value(field: Field, text: string): Outcome {
  const { rule } = field;
  switch (field.kind) {
    case "switch": return { value: text === "true" };
    case "choice": return { value: field.options[Number(text)] };
    case "lines": return lines(rule, text);
    case "number": return number(rule, text.trim());
    case "json": return json(rule, text);
    case "instant": return Number.isNaN(Date.parse(text)) ? { error: "Not a date and a time" } : { value: new Date(text).toISOString().replace(".000Z", "Z") };
    case "date":
    case "text":
    case "hidden":
    case "long": return words(rule, text);
  }
}

function number(rule: Rule, text: string): Outcome {
  const found = Number(text);
  if (!Number.isFinite(found)) return { error: "Not a number" };
  if (rule.type === "integer" && !Number.isInteger(found)) return { error: "Must be a whole number" };
  if (typeof rule.minimum === "number" && found < rule.minimum) return { error: `At least ${String(rule.minimum)}` };
  if (typeof rule.maximum === "number" && found > rule.maximum) return { error: `At most ${String(rule.maximum)}` };
  if (typeof rule.exclusiveMinimum === "number" && found <= rule.exclusiveMinimum) return { error: `More than ${String(rule.exclusiveMinimum)}` };
  if (typeof rule.exclusiveMaximum === "number" && found >= rule.exclusiveMaximum) return { error: `Less than ${String(rule.exclusiveMaximum)}` };
  return { value: found };
}

function lines(rule: Rule, text: string): Outcome {
  const found = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  if (typeof rule.minItems === "number" && found.length < rule.minItems) return { error: `At least ${String(rule.minItems)} lines` };
  if (typeof rule.maxItems === "number" && found.length > rule.maxItems) return { error: `At most ${String(rule.maxItems)} lines` };
  return { value: found };
}

function words(rule: Rule, text: string): Outcome {
  const length = Array.from(text).length; // characters, as the server counts them
  if (typeof rule.minLength === "number" && length < rule.minLength) return { error: `At least ${String(rule.minLength)} characters` };
  if (typeof rule.maxLength === "number" && length > rule.maxLength) return { error: `At most ${String(rule.maxLength)} characters` };
  if (typeof rule.pattern === "string" && !fits(rule.pattern, text)) return { error: `Must fit ${rule.pattern}` };
  return { value: text };
}

function fits(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    // A pattern that browsers do not know is the server's to judge.
    return true;
  }
}

const JSON_TYPES: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: Array.isArray,
};

function json(rule: Rule, text: string): Outcome {
  try {
    const found: unknown = JSON.parse(text);
    const wanted = typeof rule.type === "string" ? JSON_TYPES[rule.type] : undefined;
    return wanted && !wanted(found) ? { error: `Must be a JSON ${String(rule.type)}` } : { value: found };
  } catch (failure) {
    return { error: `Not JSON: ${failure instanceof Error ? failure.message : String(failure)}` };
  }
}

/** The field that the server's refusal begins with, and the rest of what it says; null if it names none. */
export function refusedField(detail: string, fields: readonly Field[]): { name: string; error: string } | null {
  const field = fields.find((each) => detail.startsWith(`${each.name} `));
  return field ? { name: field.name, error: sentence(detail.slice(field.name.length + 1)) } : null;
}

/** What a field takes, in words, for what its look does not say. */
export function hint(field: Field): string {
  const { rule } = field;
  const parts: string[] = [];
  if (field.kind === "lines") parts.push("one a line");
  if (field.kind === "hidden") parts.push(rule.default === undefined ? "kept encrypted until the run is over" : "kept encrypted until the run is over; left empty, the workflow has one of its own");
  if (field.kind === "instant") parts.push(`${Intl.DateTimeFormat().resolvedOptions().timeZone} time`);
  if (field.kind === "json") parts.push(typeof rule.type === "string" ? `JSON ${rule.type}` : "JSON");
  if (rule.type === "integer") parts.push("a whole number");
  if (typeof rule.minimum === "number" && typeof rule.maximum === "number") parts.push(`${String(rule.minimum)} to ${String(rule.maximum)}`);
  else if (typeof rule.minimum === "number") parts.push(`at least ${String(rule.minimum)}`);
  else if (typeof rule.maximum === "number") parts.push(`at most ${String(rule.maximum)}`);
  const text = parts.join(", ");
  return [text === "" ? field.description : field.description.replace(/\.$/, ""), text === "" ? "" : sentence(text)].filter(Boolean).join(". ");
}

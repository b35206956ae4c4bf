/** An action's inputs as fields of a step: what its JSON Schema says of each, and what was typed as a value. */
import { parse, stringify } from "yaml";

/** What is read of one input's schema. */
export interface InputSchema {
  $ref?: string;
  $defs?: Record<string, InputSchema>;
  anyOf?: InputSchema[];
  type?: string;
  enum?: unknown[];
  items?: InputSchema;
  properties?: Record<string, InputSchema>;
  required?: string[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

export interface InputField {
  name: string;
  required: boolean;
  /** `lines` is a list of texts, one a line; `value` whatever YAML says. */
  kind: "text" | "lines" | "choice" | "value";
  options: readonly string[];
  /** What it takes, in words. */
  hint: string;
}

const isObject = (value: unknown): value is InputSchema => typeof value === "object" && value !== null && !Array.isArray(value);

/** The schema of the object that the inputs are. */
export function objectOf(schema: unknown): InputSchema {
  return isObject(schema) ? meant(schema, schema) : {};
}

/** References followed, and of "this or nothing" this. */
function meant(schema: InputSchema, root: InputSchema): InputSchema {
  if (schema.$ref !== undefined) return { ...meant(root.$defs?.[schema.$ref.split("/").at(-1) ?? ""] ?? {}, root), $defs: root.$defs };
  const given = (schema.anyOf ?? []).filter((one) => one.type !== "null");
  const [only] = given;
  return given.length === 1 && only !== undefined ? { ...meant(only, root), default: schema.default } : schema;
}

/** The fields of an action, those that it needs first. */
export function inputFields(inputs: unknown): InputField[] {
  const schema = objectOf(inputs);
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => fieldOf(name, meant(property, isObject(inputs) ? inputs : {}), required.has(name)));
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

function fieldOf(name: string, schema: InputSchema, required: boolean): InputField {
  const options = (schema.enum ?? (schema.type === "boolean" ? [false, true] : [])).map(String);
  const kind = options.length > 0 ? "choice" : schema.type === "string" ? "text" : schema.type === "array" && schema.items?.type === "string" ? "lines" : "value";
  const parts = [schema.description ?? "", kind === "lines" ? "one a line" : kind === "value" ? (schema.type === "integer" ? "a whole number" : schema.type === "number" ? "a number" : "YAML") : ""];
  if (schema.default !== undefined && schema.default !== null && JSON.stringify(schema.default).length < 40 && !["", "[]", "{}", '""'].includes(JSON.stringify(schema.default))) parts.push(`${JSON.stringify(schema.default)} if not given`);
  return { name, required, kind, options, hint: parts.filter(Boolean).join("; ") };
}

/** A value as it is shown in its field. */
export function shownAs(kind: InputField["kind"], value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (kind === "lines" && Array.isArray(value) && value.every((one) => typeof one === "string" && !one.includes("\n"))) return value.join("\n");
  return typeof value === "object" ? stringify(value, { collectionStyle: "flow", lineWidth: 0 }).trim() : String(value);
}

export type Typed = { value: unknown } | { error: string };

/** What was typed, as a value; nothing typed is no value. An expression stays a text, whatever the field takes. */
export function typedAs(kind: InputField["kind"], text: string): Typed {
  if (text.trim() === "") return { value: undefined };
  if (kind === "text") return { value: text };
  if (/^\$\{[^]*\}$/.test(text.trim())) return { value: text.trim() };
  if (kind === "lines" && !text.trim().startsWith("[")) return { value: text.split("\n").map((line) => line.trim()).filter((line) => line !== "") };
  try {
    return { value: parse(text) as unknown };
  } catch (failure) {
    return { error: failure instanceof Error ? (failure.message.split("\n")[0] ?? "Not YAML") : "Not YAML" };
  }
}

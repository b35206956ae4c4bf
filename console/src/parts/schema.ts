/** Where one is in a YAML document, and what its JSON Schema has to say there. */

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  anyOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  type?: string;
  description?: string;
  default?: unknown;
}

/** Keys from the document's root; `[]` is an item of a list. */
export type Path = readonly string[];

export interface Spot {
  /** Of the mapping or list that one is in. */
  path: Path;
  /** What one writes: a key of that, or the value of `key`. */
  at: "key" | "value";
  key: string | null;
  word: string;
  /** Where the word begins. */
  from: number;
}

interface Token {
  column: number;
  /** null for an item of a list. */
  key: string | null;
}

const KEY = /^(["']?)([A-Za-z_][\w.-]*)\1[ \t]*:(?=[ \t]|$)/;

/** What a line opens: items, then one key; and where the rest of it begins. */
function opened(line: string): { tokens: Token[]; rest: number } {
  const tokens: Token[] = [];
  let at = line.length - line.trimStart().length;
  while (/^-(\s|$)/.test(line.slice(at))) {
    tokens.push({ column: at, key: null });
    at += 1;
    at += line.slice(at).length - line.slice(at).trimStart().length;
  }
  const key = KEY.exec(line.slice(at));
  if (key?.[2] !== undefined) {
    tokens.push({ column: at, key: key[2] });
    at += key[0].length;
  }
  return { tokens, rest: at };
}

/** Where one is at this offset. */
export function spotAt(text: string, offset: number): Spot {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(start, offset);
  const { tokens, rest } = opened(line);
  const own = tokens.map((token) => token.key ?? "[]");
  const first = tokens[0];
  const indent = line.length - line.trimStart().length;
  const above = parents(text.slice(0, Math.max(0, start - 1)), start === 0 ? -1 : (first?.column ?? indent), first?.key === null);
  const value = line.slice(rest);
  const last = tokens.at(-1);
  const word = /[\w.*-]*$/.exec(value)?.[0] ?? "";
  const from = offset - word.length;
  const flow = inFlow(value);
  if (flow === null && (last === undefined || last.key === null)) return { path: [...above, ...own], at: "key", key: null, word, from };
  if (flow === null) return { path: [...above, ...own.slice(0, -1)], at: "value", key: last?.key ?? null, word, from };
  return { path: [...above, ...own, ...flow.path], at: flow.key === null && flow.inMap ? "key" : "value", key: flow.key ?? (flow.inMap ? null : "[]"), word, from };
}

function parents(text: string, column: number, isItem: boolean): string[] {
  if (column < 0) return [];
  const found: string[] = [];
  let [needed, item] = [column, isItem];
  for (const line of text.split("\n").toReversed()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    for (const token of opened(line).tokens.toReversed()) {
      // An item may stand right below its list's key.
      if (token.column < needed || (item && token.key !== null && token.column === needed)) {
        found.unshift(token.key ?? "[]");
        [needed, item] = [token.column, token.key === null];
      }
    }
    if (needed === 0 && !item) break;
  }
  return found;
}

/** Where one is inside `{...}` and `[...]` that are still open; null if none is. */
function inFlow(value: string): { path: string[]; inMap: boolean; key: string | null } | null {
  const stack: { map: boolean; key: string | null }[] = [];
  let quote = "";
  let word = "";
  for (let at = 0; at < value.length; at += 1) {
    const one = value.charAt(at);
    if (quote !== "") {
      if (one === quote) quote = "";
      continue;
    }
    const top = stack.at(-1);
    if (one === '"' || one === "'") quote = one;
    else if (one === "{" || one === "[") {
      stack.push({ map: one === "{", key: null });
      word = "";
    } else if (one === "}" || one === "]") {
      stack.pop();
      word = "";
    } else if (one === ",") {
      if (top) top.key = null;
      word = "";
    } else if (one === ":" && top?.map && /[\s]|^$/.test(value.charAt(at + 1))) {
      top.key = word.trim();
      word = "";
    } else word += one;
  }
  const inner = stack.at(-1);
  if (inner === undefined) return null;
  const path = stack.slice(0, -1).flatMap((level) => (level.map ? (level.key === null ? [] : [level.key]) : ["[]"]));
  if (!inner.map) path.push("[]");
  return { path: inner.map ? path : path.slice(0, -1), inMap: inner.map, key: inner.map ? inner.key : null };
}

/** The alternatives that a schema stands for, references followed. */
function variants(schema: Schema | undefined, root: Schema, depth = 0): Schema[] {
  if (schema === undefined || depth > 8) return [];
  if (schema.$ref !== undefined) return variants(root.$defs?.[schema.$ref.split("/").at(-1) ?? ""], root, depth + 1);
  const parts = [...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  return parts.length > 0 ? parts.flatMap((part) => variants(part, root, depth + 1)) : [schema];
}

function step(schemas: readonly Schema[], key: string, root: Schema): Schema[] {
  return schemas.flatMap((schema) => {
    if (key === "[]") return variants(schema.items, root);
    const own = schema.properties?.[key];
    if (own !== undefined) return variants(own, root);
    return typeof schema.additionalProperties === "object" ? variants(schema.additionalProperties, root) : [];
  });
}

/** The schemas of what stands at a path. */
export function at(root: Schema, path: Path): Schema[] {
  return path.reduce((found, key) => step(found, key, root), variants(root, root));
}

export interface Offer {
  label: string;
  detail: string;
  info: string;
  /** Text that goes in. */
  apply: string;
}

const kindOf = (schemas: readonly Schema[]): string =>
  [...new Set(schemas.map((schema) => (schema.const !== undefined ? String(schema.const) : schema.enum ? schema.enum.map(String).join(" | ") : schema.properties ? "mapping" : schema.type === "array" ? "list" : schema.type ?? "")).filter((kind) => kind !== "" && kind !== "null"))].join(" or ");

/** What may be written at this spot. */
export function offers(root: Schema, spot: Spot): Offer[] {
  const here = at(root, spot.path);
  if (spot.at === "key") {
    const found = new Map<string, Offer>();
    for (const schema of here) {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const meant = variants(property, root);
        const needed = schema.required?.includes(name) ? "needed" : "";
        found.set(name, { label: name, detail: [needed, kindOf(meant)].filter(Boolean).join(", "), info: property.description ?? meant[0]?.description ?? "", apply: `${name}: ` });
      }
    }
    return [...found.values()];
  }
  const values = step(here, spot.key ?? "", root).flatMap((schema) => (schema.const !== undefined ? [schema.const] : schema.enum ?? (schema.type === "boolean" ? [true, false] : schema.items?.enum ?? [])));
  return [...new Set(values.map(String))].map((value) => ({ label: value, detail: "", info: "", apply: value }));
}

/** What the schema says of a key. */
export function described(root: Schema, path: Path, key: string): { detail: string; info: string } | null {
  for (const schema of at(root, path)) {
    const property = schema.properties?.[key];
    if (property === undefined) continue;
    const meant = variants(property, root);
    const info = property.description ?? meant.map((one) => one.description).find((text) => text !== undefined) ?? "";
    const standard = property.default === undefined || property.default === null ? "" : `, ${JSON.stringify(property.default)} if not given`;
    return { detail: `${kindOf(meant)}${standard}`, info };
  }
  return null;
}

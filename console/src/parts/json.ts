/** JSON with its tokens named, so that a payload can be coloured without markup from data. */

export type TokenKind = "k" | "s" | "n" | "c" | "";
export interface Token {
  kind: TokenKind;
  text: string;
}

const PATTERN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export function tokens(value: unknown): Token[] {
  const source = JSON.stringify(value, null, 2) ?? "null";
  const out: Token[] = [];
  let from = 0;
  for (const match of source.matchAll(PATTERN)) {
    if (match.index > from) out.push({ kind: "", text: source.slice(from, match.index) });
    const [whole, string, colon] = match;
    if (string !== undefined && colon !== undefined) out.push({ kind: "k", text: string }, { kind: "", text: colon });
    else out.push({ kind: string !== undefined ? "s" : "n", text: whole });
    from = match.index + whole.length;
  }
  if (from < source.length) out.push({ kind: "", text: source.slice(from) });
  return out;
}

const OF_RUNS = "secret://run/";
export const HIDDEN = "(hidden)";

/** A value as people read it: what must not be written down was given, and nothing stands here but that it was. */
export function concealed(value: unknown): unknown {
  if (typeof value === "string") return value.startsWith(OF_RUNS) ? HIDDEN : value;
  if (Array.isArray(value)) return value.map(concealed);
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, concealed(inner)]));
  return value;
}

/** Plain values as YAML, in block style, for reading. Strings are quoted whenever YAML could read them as something else. */

const SAFE = /^[A-Za-z_/][A-Za-z0-9_ ./()%+-]*$/;
const WORDS = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"]);

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  if (SAFE.test(value) && !value.endsWith(" ") && !WORDS.has(value.toLowerCase())) return value;
  return JSON.stringify(value);
}

function isBranch(value: unknown): value is Record<string, unknown> | unknown[] {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      if (!isBranch(item)) return [`${indent}- ${leaf(item)}`];
      const [first = "", ...rest] = lines(item, `${indent}  `);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  return Object.entries(value as Record<string, unknown>).flatMap(([name, item]) => {
    if (isBranch(item)) return [`${indent}${scalar(name)}:`, ...lines(item, `${indent}  `)];
    if (typeof item === "string" && item.includes("\n")) {
      return [`${indent}${scalar(name)}: |`, ...item.replace(/\n$/, "").split("\n").map((line) => `${indent}  ${line}`)];
    }
    return [`${indent}${scalar(name)}: ${leaf(item)}`];
  });
}

function leaf(value: unknown): string {
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object" && value !== null) return "{}";
  return scalar(value);
}

export function toYaml(value: unknown): string {
  return isBranch(value) ? `${lines(value, "").join("\n")}\n` : `${leaf(value)}\n`;
}

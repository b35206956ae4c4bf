/** What a YAML text says, as far as it can be read: one that is being typed is never wrong here, only shorter. */
import { yamlLanguage } from "@codemirror/lang-yaml";
import type { SyntaxNode } from "@lezer/common";

/** The value of the text's first document. */
export function readYaml(text: string): unknown {
  const document = yamlLanguage.parser.parse(text).topNode.getChild("Document");
  return document === null ? undefined : valueIn(document, text);
}

const VALUES = new Set(["BlockMapping", "FlowMapping", "BlockSequence", "FlowSequence", "Literal", "QuotedLiteral", "BlockLiteral"]);

/** The first value that a node holds. */
function valueIn(node: SyntaxNode, text: string): unknown {
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (VALUES.has(child.name)) return valueOf(child, text);
    if (child.name === "Tagged" || child.name === "Anchored") return valueIn(child, text);
  }
  return undefined;
}

function valueOf(node: SyntaxNode, text: string): unknown {
  const source = text.slice(node.from, node.to);
  switch (node.name) {
    case "BlockMapping":
    case "FlowMapping": return Object.fromEntries(node.getChildren("Pair").flatMap((pair): [string, unknown][] => {
      const key = pair.getChild("Key");
      const name = key === null ? null : valueIn(key, text);
      return typeof name === "string" || typeof name === "number" ? [[String(name), afterKey(pair, text)]] : [];
    }));
    case "BlockSequence":
    case "FlowSequence": return node.getChildren("Item").map((item) => valueIn(item, text));
    case "QuotedLiteral": return unquoted(source);
    case "BlockLiteral": return node.getChild("BlockLiteralContent") === null ? "" : folded(source);
    default: return plain(source);
  }
}

function afterKey(pair: SyntaxNode, text: string): unknown {
  for (let child = pair.firstChild; child !== null; child = child.nextSibling) {
    if (VALUES.has(child.name)) return valueOf(child, text);
    if (child.name === "Tagged" || child.name === "Anchored") return valueIn(child, text);
  }
  return null;
}

function unquoted(source: string): string {
  if (source.startsWith("'")) return source.slice(1, -1).replaceAll("''", "'");
  try {
    return String(JSON.parse(source));
  } catch {
    // An escape that JSON does not know: what stands there is near enough to be shown.
    return source.slice(1, -1);
  }
}

function folded(source: string): string {
  const [, ...lines] = source.split("\n");
  const indent = Math.min(...lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join("\n");
}

function plain(source: string): unknown {
  if (/^(true|false)$/i.test(source)) return source.toLowerCase() === "true";
  if (/^(null|~)$/i.test(source)) return null;
  return /^-?\d+(\.\d+)?$/.test(source) ? Number(source) : source;
}

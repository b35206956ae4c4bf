/** The audit log in words. */
import { sentence } from "../../parts/format";

/** `oncue.audit.sign_in_refused` as `Sign in refused`. */
export function deed(type: string): string {
  return sentence(type.replace(/^oncue\.(audit|command|config)\./, (_, kind: string) => (kind === "config" ? "configuration " : "")).replaceAll(".", " "));
}

/** The data in one line: what it was done to. */
export function object(data: unknown): string {
  if (typeof data !== "object" || data === null) return "";
  return Object.entries(data)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => (name === "changes" && Array.isArray(value) ? changed(value) : `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`))
    .join(", ");
}

/** What a configuration change was done to, without the documents: the event has those. */
function changed(changes: readonly unknown[]): string {
  const names = changes.map((each) => {
    const { op, kind, namespace, name } = each as Record<string, unknown>;
    return `${op === "delete" ? "deleted " : ""}${String(kind)} ${String(namespace)}/${String(name)}`;
  });
  return names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${String(names.length - 6)} more` : names.join(", ");
}

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
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}

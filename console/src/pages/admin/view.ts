/** The audit log in words. */
import type { Itself, Monitor } from "../../data/types";
import { sentence } from "../../parts/format";

/** `oncue.audit.sign_in_refused` as `Sign in refused`. */
export function deed(type: string): string {
  return sentence(type.replace(/^oncue\.(audit|command|config)\./, (_, kind: string) => (kind === "config" ? "configuration " : "")).replaceAll(".", " "));
}

/** The data in one line: what it was done to. */
export function object(data: unknown): string {
  if (typeof data !== "object" || data === null) return "";
  return Object.entries(data)
    // Who did it stands beside it.
    .filter(([name, value]) => name !== "actor" && value !== null && value !== "" && value !== false)
    .map(([name, value]) => (name === "changes" && Array.isArray(value) ? changed(value) : name === "bindings" && Array.isArray(value) ? value.map(role).join(", ") : `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`))
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

/** `admin in every namespace`. */
function role(binding: unknown): string {
  const { role: name, namespace } = binding as Record<string, unknown>;
  return `${String(name)} in ${namespace === "*" ? "every namespace" : String(namespace)}`;
}

/** The dead-man ping in one mark. */
export const OUTSIDE: Record<Itself["outside"]["state"], { state: string; text: string }> = {
  ok: { state: "ok", text: "Watched" },
  warn: { state: "pending", text: "Not watched" },
  fail: { state: "failed", text: "Not reached" },
};

/** Whether a monitor found something, or cannot measure. One that has not measured yet is not unwell. */
export function unwell(monitor: Pick<Monitor, "state">): boolean {
  return monitor.state !== null && !["clear", "ok", "info", "pending"].includes(monitor.state.state);
}

/** A manifest as the document it was applied as, with its comments where they were kept; what a policy selects, in words. */
import type { Manifest, Policy } from "../../data/types";
import { toYaml } from "../../parts/yaml";

const present = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && !(typeof value === "object" && Object.keys(value).length === 0)));

export function document(kind: string, thing: Pick<Manifest, "name" | "namespace" | "labels" | "owner" | "description" | "spec"> & { review_by?: string | null; text?: string }): string {
  if (thing.text) return thing.text;
  const { name, namespace, labels, owner, review_by, description, spec } = thing;
  return toYaml({ apiVersion: "oncue/v1", kind, metadata: present({ name, namespace, owner, review_by, description, labels }), spec });
}

/** `net.lacp.flap, role core` - what it looks at, as far as its selector says. */
export function selects(policy: Pick<Policy, "spec">): string {
  const match = (policy.spec["match"] ?? {}) as Record<string, unknown>;
  const parts: string[] = [];
  const list = (name: string): string[] => (Array.isArray(match[name]) ? (match[name] as unknown[]).map(String) : []);
  parts.push(...list("types"));
  if (list("severities").length > 0) parts.push(list("severities").join(" or "));
  for (const [name, value] of Object.entries((match["labels"] ?? {}) as Record<string, unknown>)) parts.push(`${name} ${Array.isArray(value) ? value.join(" or ") : String(value)}`);
  parts.push(...list("resources"), ...list("services"));
  if (typeof match["where"] === "string") parts.push(match["where"]);
  return parts.join(", ") || "every event";
}

/** What it does when it fires. */
export function responds(policy: Pick<Policy, "spec">): string[] {
  const { alert, notify, respond, set } = policy.spec as { alert?: unknown; notify?: Record<string, unknown>; respond?: Record<string, unknown>[]; set?: Record<string, unknown> };
  const out: string[] = [];
  const given = Object.keys(set ?? {}).filter((name) => name !== "quiet");
  if (given.length > 0) out.push(`sets ${given.join(", ")}`);
  if (set?.["quiet"]) out.push("makes it quiet");
  if (alert) out.push("shapes the alert");
  if (notify) out.push(`tells ${Object.values(notify).map(String).join(", ")}`);
  for (const each of respond ?? []) {
    const run = each["run"] as { workflow?: string } | undefined;
    if (run?.workflow) out.push(`runs ${run.workflow}`);
    if (each["ticket"]) out.push("writes a ticket");
  }
  return out;
}

/** A journal position, which near-misses give as a number, as the text that addresses use. */
export function positionText(position: string | number): string {
  const text = String(position);
  return text.includes("-") ? text : `0-${text}`;
}

/** The name that a manifest's text gives itself; empty where none can be read. */
export function namedIn(text: string): string {
  const block = /^metadata:[ \t]*(\{[^\n]*|\n(?:[ \t]+[^\n]*\n?)*)/m.exec(text)?.[1] ?? "";
  return /(?:^|[\s{,])name:[ \t]*["']?([a-z0-9][a-z0-9.-]*)/.exec(block)?.[1] ?? "";
}

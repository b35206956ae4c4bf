/** What an incident's page says before any list. */
import type { Alert, Incident, Membership, Suspects } from "../../data/types";
import { duration, plural } from "../../parts/format";
import type { IconName } from "../../parts/Icon";

/** The acts that its state allows, the first one being the next thing to do. */
export function actsOf(state: Incident["state"]): ("acknowledge" | "resolve" | "reopen" | "close")[] {
  switch (state) {
    case "open": return ["acknowledge", "resolve"];
    case "acknowledged": return ["resolve"];
    case "resolved": return ["close", "reopen"];
    case "closed": return [];
  }
}

/** How long it was, or has been, open. */
export function openFor(incident: Pick<Incident, "opened_at" | "resolved_at">, now: number): string {
  const end = incident.resolved_at ? Date.parse(incident.resolved_at) : now;
  return duration(end - Date.parse(incident.opened_at));
}

/** How long until someone took it on; null while nobody has. */
export function respondedAfter(incident: Pick<Incident, "opened_at" | "acknowledged_at">): string | null {
  return incident.acknowledged_at ? duration(Date.parse(incident.acknowledged_at) - Date.parse(incident.opened_at)) : null;
}

/** An alert of the incident, and why it is there. */
export interface Member {
  alert: Alert;
  membership: Membership | undefined;
}

/** What an alert is to the others, in the order in which they are shown. */
export const ROLES: Record<Membership["role"], { word: string; title: string; icon: IconName }> = {
  cause: { word: "cause", title: "It explains others of the incident, as far as the topology tells", icon: "effect" },
  symptom: { word: "symptom", title: "Something that it needs fails, too", icon: "skipped" },
  related: { word: "related", title: "It belongs together with the others", icon: "link" },
};
const ORDER: readonly Membership["role"][] = ["cause", "symptom", "related"];

/** The alerts of an incident by role, each with its membership; and the memberships of those that went elsewhere. */
export function membersOf(alerts: readonly Alert[], memberships: ReadonlyMap<string, Membership>, incident: Pick<Incident, "id" | "cause">): { here: Member[]; gone: Membership[] } {
  const here = alerts.flatMap((alert): Member[] => {
    const membership = memberships.get(alert.id);
    if (membership?.left_at) return [];
    return [{ alert, membership: membership && incident.cause === alert.id ? { ...membership, role: "cause" } : membership }];
  });
  const rank = ({ membership }: Member): number => ORDER.indexOf(membership?.role ?? "related");
  return { here: here.toSorted((a, b) => rank(a) - rank(b)), gone: [...memberships.values()].filter((one) => one.left_at !== null) };
}

/** `1 cause, 12 symptoms, 2 related`; nothing while all are alike. */
export function rolesText(members: readonly Member[]): string {
  const n = (role: Membership["role"]): number => members.filter(({ membership }) => membership?.role === role).length;
  const [causes, symptoms] = [n("cause"), n("symptom")];
  if (causes + symptoms === 0) return "";
  const others = members.length - causes - symptoms;
  return [causes > 0 && plural(causes, "cause"), symptoms > 0 && plural(symptoms, "symptom"), others > 0 && `${String(others)} related`].filter(Boolean).join(", ");
}

/** The place of the alert that explains the others, as far as the topology tells. */
export function causeOf(found: Pick<Suspects, "suspects">, incident: Pick<Incident, "cause">): string | null {
  return incident.cause === null ? null : found.suspects.find((suspect) => suspect.alerts.includes(incident.cause ?? ""))?.place?.id ?? null;
}

export interface Hung {
  node: Suspects["nodes"][number];
  depth: number;
}

/** The excerpt as an outline: each place once, under what it needs; what needs nothing shown comes first. */
export function chainOf(found: Pick<Suspects, "nodes" | "edges">): Hung[] {
  const nodes = new Map(found.nodes.map((node) => [node.place.id, node]));
  const above = new Map<string, string[]>();
  const needs = new Set<string>();
  for (const edge of found.edges) {
    if (!nodes.has(edge.of) || !nodes.has(edge.on)) continue;
    above.set(edge.on, [...(above.get(edge.on) ?? []), edge.of]);
    needs.add(edge.of);
  }
  const seen = new Set<string>();
  const rows: Hung[] = [];
  const visit = (id: string, depth: number): void => {
    const node = nodes.get(id);
    if (node === undefined || seen.has(id)) return;
    seen.add(id);
    rows.push({ node, depth });
    for (const other of above.get(id) ?? []) visit(other, depth + 1);
  };
  for (const id of nodes.keys()) if (!needs.has(id)) visit(id, 0);
  // What is left needs itself all round.
  for (const id of nodes.keys()) visit(id, 0);
  return rows;
}

/** The fields by which alerts are narrowed, and what each means in the address. */
import { SEVERITIES, type Facet, type Facets } from "../../data/types";
import type { Search } from "../../shell/filters";

export interface Group {
  field: Exclude<keyof Facets, "total">;
  title: string;
  /** Its values are words of OnCue's, and not names of others. */
  words: boolean;
}

export const GROUPS: readonly Group[] = [
  { field: "state", title: "State", words: true },
  { field: "severity", title: "Severity", words: true },
  { field: "quiet", title: "Quiet because", words: true },
  { field: "namespace", title: "Namespace", words: false },
  { field: "service", title: "Service", words: false },
  { field: "resource", title: "Resource", words: false },
  { field: "type", title: "Type", words: false },
];

/** What a state that is counted is called in the address: there, `firing` is the default, and takes quiet ones in. */
const STATES: Record<string, Search> = {
  firing: { state: "unacknowledged", quiet: undefined },
  acknowledged: { state: "acknowledged", quiet: undefined },
  quiet: { state: undefined, quiet: "1" },
  resolved: { state: "resolved", quiet: undefined },
};

/** The value of a field to which the address narrows; null if it does not. */
export function heldBy(group: Pick<Group, "field">, filters: Search): string | null {
  if (group.field === "state") {
    if (filters["quiet"] === "1") return "quiet";
    return { unacknowledged: "firing", acknowledged: "acknowledged", resolved: "resolved" }[filters["state"] ?? ""] ?? null;
  }
  return filters[group.field === "quiet" ? "reason" : group.field] || null;
}

/** What narrows the address to a value of a field, or with null no more. */
export function narrowedTo(group: Pick<Group, "field">, value: string | null): Search {
  if (group.field === "state") return value === null ? { state: undefined, quiet: undefined } : STATES[value] ?? {};
  return { [group.field === "quiet" ? "reason" : group.field]: value ?? undefined };
}

/** Whether a field is worth showing: it tells some apart, or one has narrowed to it. A namespace is taken back elsewhere. */
export function worth(group: Pick<Group, "field" | "words">, values: readonly Facet[], held: string | null): boolean {
  if (held !== null) return group.field !== "namespace" || values.length > 1;
  return values.length > 1 && (group.words || (values[0]?.count ?? 0) > 1);
}

/** The commonest first, as they come; severities with the worst first. */
export function ordered(group: Pick<Group, "field">, values: readonly Facet[]): readonly Facet[] {
  const rank = (one: Facet): number => SEVERITIES.findIndex((severity) => severity === one.value);
  return group.field === "severity" ? values.toSorted((a, b) => rank(a) - rank(b)) : values;
}

/** What the address asks of the list of alerts, in the words of the API. */
export function askedOf(filters: Search, since: string | undefined): Record<string, string | boolean | undefined> {
  const { q, severity, service, resource, type, namespace, reason } = filters;
  const state = { "": "firing", unacknowledged: "firing", acknowledged: "firing", firing: "firing", resolved: "resolved", all: "" }[filters["state"] ?? ""] ?? filters["state"];
  const view = viewOf(filters);
  return {
    q, state, severity, service, resource, type, namespace, since, quiet_reason: reason,
    ...(view === "quiet" ? { quiet: true } : view === "unacknowledged" ? { quiet: false, acknowledged: false } : view === "acknowledged" ? { quiet: false, acknowledged: true } : {}),
  };
}

/** Which part of those that fire is asked for, if not all. */
export function viewOf(filters: Search): "quiet" | "unacknowledged" | "acknowledged" | undefined {
  if (filters["quiet"]) return "quiet";
  return filters["state"] === "unacknowledged" || filters["state"] === "acknowledged" ? filters["state"] : undefined;
}

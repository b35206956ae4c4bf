/** What the alerts' list shows of what was read, and its facets. */
import type { AlertFilter } from "../../data/commands";
import type { Alert } from "../../data/types";
import { alertState } from "../../parts/marks";

/** Those of the chosen alerts on which acknowledging does something. */
export function acknowledgeable(alerts: readonly Alert[]): Alert[] {
  return alerts.filter((alert) => alert.state === "firing" && !alert.acknowledged_at);
}

/** What still belongs to a view: the API chose the rows, the stream may have changed them since. */
export function inView(alerts: readonly Alert[], view: string | undefined): Alert[] {
  switch (view) {
    case "quiet": return alerts.filter((alert) => alertState(alert) === "quiet");
    case "acknowledged": return alerts.filter((alert) => alertState(alert) === "acknowledged");
    case "unacknowledged": return alerts.filter((alert) => alertState(alert) === "firing");
    default: return [...alerts];
  }
}

const EXPORTED = "export:";

/** The namespace that its event is at home in, where another one shares it with this; else null. */
export function homeOf(alert: Pick<Alert, "source">): string | null {
  return alert.source.startsWith(EXPORTED) ? alert.source.slice(EXPORTED.length) : null;
}

/** Matchers that fit this alert and no more than it says: its check on its resource, or else its fingerprint. */
export function matchersFor(alert: Alert): { name: string; value: string; is_regex: boolean; is_equal: boolean }[] {
  const matcher = (name: string, value: string) => ({ name, value, is_regex: false, is_equal: true });
  if (alert.check) return [matcher("resource", alert.resource), matcher("check", alert.check)];
  return [matcher("fingerprint", alert.fingerprint)];
}

/** Labels as people write them, `rack=r7, owner=dba`; null if it is not that. */
export function labelsIn(text: string): Record<string, string> | null {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (parts.some((part) => part.indexOf("=") < 1)) return null;
  return Object.fromEntries(parts.map((part) => [part.slice(0, part.indexOf("=")).trim(), part.slice(part.indexOf("=") + 1).trim()]));
}

type Held = Readonly<Record<string, string | undefined>>;

/** What the address's filters mean to the server; null where it cannot be said, or would be about everything. */
export function filterOf(held: Held, state: string | undefined, since: string | undefined): AlertFilter | null {
  // That they are quiet, or not acknowledged, is no part of it: then only what is chosen by hand is meant.
  if (held["quiet"] || held["reason"] || held["state"] === "unacknowledged" || held["state"] === "acknowledged") return null;
  const listed = Object.fromEntries((["severity", "namespace", "resource", "service", "type"] as const).flatMap((name) => (held[name] ? [[name, [held[name]]]] : []))) as AlertFilter;
  const narrowed = { ...listed, ...(held["q"] ? { q: held["q"] } : {}), ...(since ? { since } : {}) };
  return Object.keys(narrowed).length === 0 ? null : { ...narrowed, ...(state ? { state: [state] } : {}) };
}

/** Matchers of a silence for what the filters are about; empty where they name nothing that a silence can. */
export function matchersOf(held: Held): { name: string; value: string; is_regex: boolean; is_equal: boolean }[] {
  return ["resource", "service", "type", "severity"].flatMap((name) => (held[name] ? [{ name, value: held[name], is_regex: false, is_equal: true }] : []));
}

/** The columns that one may take away. */
export const OPTIONAL = [["incident", "Incident"], ["count", "Count"], ["age", "Since"], ["seen", "Last seen"]] as const;

/** Hidden columns, as the browser keeps them; what is not known is left out. */
export function hiddenFrom(stored: string | null): ReadonlySet<string> {
  return new Set((stored ?? "").split(",").filter((name) => OPTIONAL.some(([known]) => known === name)));
}

/** The links that policies gave these alerts, each address once; nothing but web addresses. */
export function linksOf(alerts: readonly { links?: Alert["links"] }[]): Alert["links"] {
  const found = new Map<string, Alert["links"][number]>();
  for (const link of alerts.flatMap((alert) => alert.links ?? [])) {
    if (/^https?:\/\//i.test(link.url) && !found.has(link.url)) found.set(link.url, link);
  }
  return [...found.values()];
}

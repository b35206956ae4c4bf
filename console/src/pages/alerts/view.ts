/** What the alerts' list shows of what was read, and its facets. */
import type { Alert } from "../../data/types";
import { alertState } from "../../parts/marks";

export interface Facet {
  value: string;
  n: number;
}

/** The commonest values of a field, with how often each occurs. */
export function facets(alerts: readonly Alert[], field: (alert: Alert) => string | null, limit = 6): Facet[] {
  const counts = new Map<string, number>();
  for (const alert of alerts) {
    const value = field(alert);
    if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].map(([value, n]) => ({ value, n })).toSorted((a, b) => b.n - a.n || a.value.localeCompare(b.value)).slice(0, limit);
}

/** Those of the chosen alerts on which acknowledging does something. */
export function acknowledgeable(alerts: readonly Alert[]): Alert[] {
  return alerts.filter((alert) => alert.state === "firing" && !alert.acknowledged_at);
}

/** What still belongs to a view: the API chose the rows, the stream may have changed them since. */
export function inView(alerts: readonly Alert[], view: string | undefined): Alert[] {
  switch (view) {
    case "quiet": return alerts.filter((alert) => alertState(alert) === "quiet");
    case "unacknowledged": return alerts.filter((alert) => alertState(alert) === "firing");
    default: return [...alerts];
  }
}

/** Matchers that fit this alert and no more than it says: its check on its resource, or else its fingerprint. */
export function matchersFor(alert: Alert): { name: string; value: string; is_regex: boolean; is_equal: boolean }[] {
  const matcher = (name: string, value: string) => ({ name, value, is_regex: false, is_equal: true });
  if (alert.check) return [matcher("resource", alert.resource), matcher("check", alert.check)];
  return [matcher("fingerprint", alert.fingerprint)];
}

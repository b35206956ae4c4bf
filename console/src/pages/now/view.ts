/** What Now opens with: one sentence, and the figures behind it. */
import { nameOf } from "../../data/me";
import { count, plural } from "../../parts/format";
import type { Incident, Run, Service, Severity } from "../../data/types";
import type { Stats } from "../../data/stats";
import type { Stand } from "../runs/view";

const RANK: Record<Severity, number> = { critical: 5, major: 4, minor: 3, warning: 2, info: 1, clear: 0 };

/** By priority, then age, the oldest first: the order in which the API gives them, kept while the stream changes them. */
export function worstFirst(incidents: readonly Incident[]): Incident[] {
  return incidents.toSorted((a, b) => a.priority.localeCompare(b.priority) || a.opened_at.localeCompare(b.opened_at) || a.id.localeCompare(b.id));
}

/** The stream may have resolved what the list was asked for as open. */
export function isOpen(incident: Pick<Incident, "state">): boolean {
  return incident.state === "open" || incident.state === "acknowledged";
}

/** The answer first: what is wrong, in one sentence. */
export function headline(stats: Pick<Stats, "openIncidents" | "firingAlerts" | "alerts_quiet">, incidents: readonly Incident[]): string {
  const worst = worstFirst(incidents)[0];
  if (worst !== undefined) {
    return worst.service ? `${worst.service}: ${worst.title}` : worst.title;
  }
  const audible = stats.firingAlerts - stats.alerts_quiet;
  if (audible > 0) return `${plural(audible, "alert")} ${audible === 1 ? "fires" : "fire"}, no incident is open`;
  return "All is well";
}

export function subline(stats: Stats, services: readonly Service[]): string[] {
  const p1 = stats.incidents_by_priority["P1"] ?? 0;
  const ill = services.filter((service) => service.severity !== "clear").length;
  const parts = [
    stats.openIncidents === 0 ? "No incident is open" : `${plural(stats.openIncidents, "incident")} open${p1 > 0 ? `, ${count(p1)} of them P1` : ""}`,
    services.length === 0 ? "" : `${count(ill)} of ${plural(services.length, "service")} affected`,
    stats.policies_failed.length > 0 ? `${plural(stats.policies_failed.length, "policy", "policies")} failed in the last 24 h` : "",
    stats.monitors_failing > 0 ? `${plural(stats.monitors_failing, "monitor")} cannot measure` : "",
    stats.dead_letters > 0 ? `${plural(stats.dead_letters, "dead letter")} ${stats.dead_letters === 1 ? "waits" : "wait"}` : "",
  ];
  return parts.filter((part) => part !== "");
}

export interface FunnelStage {
  name: string;
  value: number;
  note: string;
  /** Width of its bar: logarithmic, so that four calls from a million events still show. */
  share: number;
}

/** How many events became how few calls. Of one namespace all stages but the first: events are counted as a whole. */
export function funnelOf(funnel: Stats["funnel"], ofOneNamespace = false): FunnelStage[] {
  const stages: [string, number][] = [
    ["Events", funnel.events], ["Alerts", funnel.alerts], ["Incidents", funnel.incidents], ["Notifications", funnel.notifications],
  ];
  const top = Math.log1p(Math.max(funnel.events, 1));
  return stages.map(([name, value], index) => {
    const before = stages[index - 1]?.[1] ?? 0;
    if (ofOneNamespace && index < 2) return { name, value, note: index === 0 ? "every namespace" : "last 24 h", share: Math.min(1, Math.log1p(value) / top) };
    const ratio = value > 0 && before >= 1.5 * value ? `1 in ${count(Math.round(before / value))}` : "";
    return { name, value, note: index === 0 ? "last 24 h" : value === 0 ? "none" : ratio || `${value > before ? "for" : "of"} ${count(before)}`, share: Math.min(1, Math.log1p(value) / top) };
  });
}

/** Services that are not well first, by how bad; then the well ones by name. */
export function byHealth(services: readonly Service[]): Service[] {
  return services.toSorted((a, b) => RANK[b.severity] - RANK[a.severity] || a.name.localeCompare(b.name));
}

/** Those that need someone first: what could not be undone, what stands still, what is paused. */
export function byNeed(runs: readonly Run[]): Run[] {
  const need = (run: Run) => (run.state === "rollback_failed" ? 0 : run.stuck ? 1 : run.state === "paused" ? 2 : 3);
  return runs.toSorted((a, b) => need(a) - need(b));
}

/** Where a run stands, in a few words, beside its state. */
export function standing(run: Run, { mark, detail }: Pick<Stand, "mark"> & { detail: string }): string {
  switch (run.state) {
    case "queued": return "waits for its turn";
    case "paused": return `paused by ${run.paused_by === "oncue" ? "OnCue" : nameOf(run.paused_by) || "someone"}${run.reason ? `: ${run.reason}` : ""}`;
    case "rolling_back": return `undoes ${run.undoing ?? "what it did"}`;
    case "rollback_failed": return `could not undo ${run.undoing ?? "what it did"}`;
    default: {
      const what = detail || (run.resource ? `for ${run.resource}` : mark === "running" && !run.stuck ? "at work" : "");
      return [run.stuck ? "stands still" : "", what].filter((part) => part !== "").join(", ");
    }
  }
}

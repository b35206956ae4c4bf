/** What starts a workflow by itself, in words: events, and instants on the wall clock of a zone. */
import type { Manifest, Run, ScheduleSpec, ScheduleView } from "../../data/types";
import { flowOf, type FlowStep } from "../../parts/flow";
import { plural } from "../../parts/format";
import { selects } from "../policies/view";
import { ruleText } from "../quiet/view";

export interface TriggerLine {
  id: string;
  /** What of events it looks at; null for a schedule. */
  event: string | null;
  schedule: ScheduleSpec | null;
}

/** The triggers that a workflow has written. */
export function triggersOf(workflow: Pick<Manifest, "spec">): TriggerLine[] {
  const written = workflow.spec["triggers"];
  if (!Array.isArray(written)) return [];
  return (written as { id: string; event?: Record<string, unknown>; schedule?: ScheduleSpec }[]).map(({ id, event, schedule }) => ({
    id, event: event ? selects({ spec: { match: event } }) : null, schedule: schedule ?? null,
  }));
}

const DAYS: Record<string, string> = { "0": "Sun", "1": "Mon", "2": "Tue", "3": "Wed", "4": "Thu", "5": "Fri", "6": "Sat", "7": "Sun", SUN: "Sun", MON: "Mon", TUE: "Tue", WED: "Wed", THU: "Thu", FRI: "Fri", SAT: "Sat" };
const two = (text: string): string => text.padStart(2, "0");

/** `0 3 * * MON-FRI` as `Mon to Fri at 03:00`; null for a line that has more to it. */
export function cronText(cron: string): string | null {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = cron.trim().toUpperCase().split(/\s+/);
  if (month !== "*") return null;
  const everyDay = day === "*" && weekday === "*";
  const step = /^\*\/(\d+)$/;
  const [, minutes] = step.exec(minute) ?? [];
  if (everyDay && hour === "*" && minutes !== undefined) return `every ${minutes} minutes`;
  if (everyDay && hour === "*" && minute === "*") return "every minute";
  if (!/^\d+$/.test(minute)) return null;
  const [, hours] = step.exec(hour) ?? [];
  if (everyDay && hours !== undefined) return `every ${hours} hours at :${two(minute)}`;
  if (everyDay && hour === "*") return `every hour at :${two(minute)}`;
  if (!/^\d+(,\d+)*$/.test(hour)) return null;
  const at = `at ${hour.split(",").map((one) => `${two(one)}:${two(minute)}`).join(", ")}`;
  if (everyDay) return `every day ${at}`;
  if (weekday === "*") return /^(\d+|L)$/.test(day) ? `on ${day === "L" ? "the last day" : `day ${day}`} of the month ${at}` : null;
  const days = day === "*" ? weekdays(weekday) : null;
  return days === null ? null : `${days} ${at}`;
}

function weekdays(text: string): string | null {
  const parts = text.split(",").map((part) => {
    const names = part.split("-").map((one) => DAYS[one]);
    return names.length > 2 || names.includes(undefined) ? null : names.join(" to ");
  });
  return parts.includes(null) ? null : parts.join(", ");
}

/** The schedule in words, or as it is written where there is more to it. */
export function scheduleText(spec: ScheduleSpec): string {
  if (spec.cron) return cronText(spec.cron) ?? spec.cron;
  return ruleText(spec.rrule ?? "");
}

/** As it is written: `0 3 * * MON`. */
export const written = (spec: ScheduleSpec): string => spec.cron ?? spec.rrule ?? "";

/** What is done about instants that passed while OnCue was not running. */
export function catchUpText(spec: ScheduleSpec): string {
  const within = spec.catch_up_within ?? "24h";
  if (spec.catch_up === "none") return "what was missed stays missed";
  return `${spec.catch_up === "all" ? "each that was missed starts" : "the last that was missed starts"}, up to ${within} late`;
}

/**
 * What the wall clock of a zone shows then: `03:00`, and the day where that is not the viewer's. Null where the clock is
 * the viewer's own, or none that the browser knows.
 */
export function inZone(iso: string, zone: string): string | null {
  if (zone === Intl.DateTimeFormat().resolvedOptions().timeZone) return null;
  const at = new Date(iso);
  const day = { weekday: "short", day: "numeric", month: "short" } as const;
  try {
    const there = new Intl.DateTimeFormat(undefined, { ...day, timeZone: zone }).format(at);
    const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: zone }).format(at);
    return there === new Intl.DateTimeFormat(undefined, day).format(at) ? clock : `${there}, ${clock}`;
  } catch {
    // The server's list of zones is newer than the browser's.
    return null;
  }
}

/** That instants were passed over the last time, and why; null if none were. */
export function trouble(row: Pick<ScheduleView, "missed" | "fault">): string | null {
  const passed = row.missed === 0 ? "" : `${plural(row.missed, "instant")} passed over`;
  return [passed, row.fault ?? ""].filter(Boolean).join(": ") || null;
}

/** The newest run that a trigger of the workflow started. */
export function lastOf(runs: readonly Run[], trigger: string): Run | undefined {
  return runs.filter((run) => run.trigger?.["trigger"] === trigger).toSorted((a, b) => b.created_at.localeCompare(a.created_at))[0];
}

const NAMES: Record<string, string> = { anyone: "everyone in the namespace" };

/** Who may ask for it in self-service; empty if it is offered to nobody. */
export function offeredTo(workflow: Pick<Manifest, "spec">): string {
  const how = workflow.spec["self_service"] as { by?: string[] } | undefined;
  return (how?.by ?? []).map((one) => NAMES[one] ?? one.replace(/^team:/, "team ").replace(/^user:/, "")).join(", ");
}

type Named = Pick<Manifest, "namespace" | "name" | "spec">;

/** What starts a workflow besides people with the right to: `policy latency`, `event storage.path.lost`, `every day at 03:00`. */
export function startsOf(workflow: Named, policies: readonly Named[], workflows: readonly Named[]): string[] {
  const near = (one: Named): boolean => one.namespace === workflow.namespace;
  const names = (policy: Named): boolean => ((policy.spec["respond"] ?? []) as { run?: { workflow?: string } }[]).some((one) => one.run?.workflow === workflow.name);
  return [
    ...policies.filter((one) => near(one) && names(one)).map((one) => `policy ${one.name}`),
    ...triggersOf(workflow).map((one) => (one.schedule === null ? `event ${one.event ?? ""}` : scheduleText(one.schedule))),
    ...(offeredTo(workflow) === "" ? [] : ["self-service"]),
    ...workflows.filter((one) => near(one) && runs(flowOf(one.spec["steps"]), workflow.name)).map((one) => `workflow ${one.name}`),
  ];
}

/** Whether one of the steps runs the workflow of this name. */
function runs(steps: readonly FlowStep[], name: string): boolean {
  return steps.some((step) => (step.form === "run" && step.about === `run ${name}`) || step.lanes.some((lane) => runs(lane.steps, name)));
}

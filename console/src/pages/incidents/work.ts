/** What the work on an incident reads as: pure functions over what the API gives. */
import type { Checklist, Incident, Task } from "../../data/types";
import { duration } from "../../parts/format";

export const CAUSES = ["capacity", "change", "configuration", "dependency", "false_alarm", "hardware", "human", "network", "security", "software", "unknown", "other"] as const;
export const PARTS = ["commander", "communications", "scribe", "responder"] as const;
export const PERIODS = [["", "As before"], ["15m", "In 15 minutes"], ["30m", "In 30 minutes"], ["1h", "In 1 hour"], ["4h", "In 4 hours"], ["0s", "None is promised"]] as const;

/** Open ones first, those that are due first of all; then what has ended, the newest first. */
export function inOrder(tasks: readonly Task[]): Task[] {
  const key = (task: Task): string => (task.state === "open" ? `0${task.due_at ?? "9"}${task.created_at}` : "1");
  return [...tasks].sort((a, b) => key(a).localeCompare(key(b)) || (b.ended_at ?? "").localeCompare(a.ended_at ?? "") || a.id.localeCompare(b.id));
}

export function overdue(task: Pick<Task, "state" | "due_at">, now: number): boolean {
  return task.state === "open" && task.due_at !== null && new Date(task.due_at).getTime() < now;
}

/** `2 of 5 open`. */
export function progress(checklist: Pick<Checklist, "items">): string {
  const open = checklist.items.filter((item) => item.state === "open").length;
  return open === 0 ? "all done" : `${String(open)} of ${String(checklist.items.length)} open`;
}

/** When the next status update is due, or since when it is. Null if none is promised. */
export function nextUpdate(incident: Pick<Incident, "updates">, now: number): { text: string; late: boolean } | null {
  const plan = incident.updates;
  if (!plan) return null;
  const left = new Date(plan.due_at).getTime() - now;
  const missed = plan.missed ?? 0;
  if (missed > 0) return { text: `an update is missing; ${missed === 1 ? "one was" : `${String(missed)} were`} not sent`, late: true };
  return left <= 0 ? { text: "the next is due now", late: true } : { text: `the next in ${duration(left)}`, late: false };
}

/** Seconds as people say them; "not known" where nothing is. */
export function took(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "not known";
  return seconds < 1 ? "at once" : duration(seconds * 1000);
}

/** Whether an incident ought to have a review. */
export function reviewDue(incident: Pick<Incident, "state" | "priority" | "merged_into">): boolean {
  return (incident.state === "resolved" || incident.state === "closed") && !incident.merged_into && (incident.priority === "P1" || incident.priority === "P2");
}

export function isLive(incident: Pick<Incident, "state">): boolean {
  return incident.state === "open" || incident.state === "acknowledged";
}

/** Of several the one that others become part of: taken on before not, then the oldest. */
export function firstOf<T extends Pick<Incident, "id" | "state" | "opened_at">>(incidents: readonly T[]): T | undefined {
  const key = (one: T): string => `${one.state === "acknowledged" ? "0" : "1"}${one.opened_at}`;
  return [...incidents].sort((a, b) => key(a).localeCompare(key(b)) || a.id.localeCompare(b.id))[0];
}

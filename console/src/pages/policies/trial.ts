/** What trying policies on an event comes to, in words. */
import type { Trial, TriedPolicy } from "../../data/types";
import type { IconName } from "../../parts/Icon";

export const OUTCOMES: Record<TriedPolicy["outcome"], { word: string; icon: IconName }> = {
  fires: { word: "Fires", icon: "effect" },
  held_back: { word: "Is held back", icon: "quiet" },
  waits: { word: "Does not fire yet", icon: "waiting" },
  not_taken: { word: "Does not fire", icon: "quiet" },
  failed: { word: "Fails", icon: "failed" },
};

/** The event that was pasted, or what is wrong with the text. */
export function parseEvent(text: string): { event: Record<string, unknown> } | { wrong: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (failure) {
    return { wrong: failure instanceof Error ? failure.message : String(failure) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { wrong: "Write one JSON object, a CloudEvent" };
  const event = value as Record<string, unknown>;
  return typeof event["type"] === "string" && event["type"] !== "" ? { event } : { wrong: "It needs a type" };
}

/** What would be done, a line each; that nothing would be is said, too. */
export function wouldDo(trial: Pick<Trial, "alerts" | "notifications" | "runs" | "tickets">): string[] {
  const lines = [
    ...trial.alerts.map((alert) => `${alert.state === "firing" ? "An alert" : "A resolved alert"}: ${alert.title}, ${alert.severity}, on ${alert.resource}${alert.quiet.length > 0 ? `, quiet: ${alert.quiet.join(", ")}` : ""}`),
    ...trial.notifications.map((one) => `A message to ${one.to}: ${one.title ?? one.reason}`),
    ...trial.runs.map((workflow) => `A run of ${workflow}`),
    ...trial.tickets.map((title) => `A ticket: ${title}`),
  ];
  return lines.length > 0 ? lines : ["Nothing: it is recorded, and no more"];
}

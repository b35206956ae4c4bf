/** What can be done with a ticket in each state; the engine holds the same table and decides. */
import type { Mirrored, TicketState } from "../../data/types";

export const NEXT: Record<TicketState, readonly TicketState[]> = {
  new: ["in_progress", "resolved", "closed"],
  in_progress: ["resolved", "new", "closed"],
  resolved: ["closed", "in_progress"],
  closed: [],
};

export const VERBS: Record<TicketState, string> = { new: "Put back", in_progress: "Begin work", resolved: "Resolve", closed: "Close" };

/** The word on the button that leads from one state to another. */
export function verb(from: TicketState, to: TicketState): string {
  return from === "resolved" && to === "in_progress" ? "Reopen" : VERBS[to];
}

/** What another system lacks of the ticket, and why; empty where it lacks nothing. */
export function waits(one: Pick<Mirrored, "waiting" | "error" | "error_code">): string {
  const comments = one.waiting?.length ?? 0;
  const waiting = comments > 0 ? `${String(comments)} ${comments === 1 ? "comment waits" : "comments wait"}` : "";
  return [waiting, one.error_code ? (one.error ?? "") : ""].filter((part) => part !== "").join("; ");
}

/** How its counterpart stands: one that failed so far is not merely on its way. */
export function mirrorWords(one: Pick<Mirrored, "state" | "failures">): string {
  switch (one.state) {
    case "in_step": return "In step";
    case "failing": return "Failing";
    case "ended": return "Ended";
    case "pending": return one.failures > 0 ? "Not through yet" : "On its way";
  }
}

/** What an incident's page says before any list. */
import type { Incident } from "../../data/types";
import { duration } from "../../parts/format";

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

/** What a subscription's figures say, and the manifest of a new one. */
import type { Subscription } from "../../data/types";
import { count, plural } from "../../parts/format";
import { toYaml } from "../../parts/yaml";

/** A subscription's state in words, and the mark for it. */
export function healthOfSubscription(one: Subscription): { state: string; text: string } {
  if (one.state === "paused") return { state: "skipped", text: "Paused" };
  if (one.state === "stopped") return { state: "failing", text: "Stopped: it wants no more" };
  if (one.state === "failing") return { state: "failing", text: one.behind_events ? `Failing, ${plural(one.behind_events, "event")} behind` : "Failing" };
  if (one.delivery === "stream") return { state: "ok", text: "Read by its consumer" };
  return one.behind_events ? { state: "running", text: `${plural(one.behind_events, "event")} behind` } : { state: "ok", text: "Up to date" };
}

/** How far behind: events and time where they are known, else records of the journal. */
export function behindText(one: Subscription): string | null {
  if (one.behind_events === null) return one.behind_records > 0 ? `${plural(one.behind_records, "record")} of the journal, for it or not` : null;
  if (one.behind_events === 0) return null;
  return `${plural(one.behind_events, "event")}${one.behind_events >= QUEUED ? " or more" : ""}, the oldest waits for ${lasting(one.behind_s ?? 0)}`;
}

/** From so many on the server counts no further. */
const QUEUED = 1000;

function lasting(seconds: number): string {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]] as const) if (seconds >= size) return `${count(Math.round(seconds / size))} ${unit}`;
  return `${count(Math.round(seconds))} s`;
}

/** What it asks for, in a line. */
export function wantsText(one: Subscription): string {
  const which = { inputs: "Events from outside", facts: "What OnCue says", both: "Everything" }[one.events] ?? one.events;
  const match = one.match;
  const parts = [
    match.types?.join(", "), match.severities?.join(", "), match.services?.map((each) => `service ${each}`).join(", "), match.resources?.map((each) => `resource ${each}`).join(", "),
    Object.entries(match.labels ?? {}).map(([name, value]) => `${name}=${[value].flat().join("|")}`).join(", "), match.where,
  ].filter((part) => part !== undefined && part !== "" && part !== null);
  return parts.length > 0 ? `${which}: ${parts.join("; ")}` : which;
}

export interface Draft {
  name: string;
  namespace: string;
  events: string;
  types: string;
  url: string;
  secret: string;
  mode: string;
}

/** The manifest that a draft makes; without an address its consumer reads it. */
export function subscriptionOf(draft: Draft): Record<string, unknown> {
  const types = draft.types.split(/[\s,]+/).filter((each) => each !== "");
  return {
    apiVersion: "oncue/v1",
    kind: "Subscription",
    metadata: { name: draft.name, namespace: draft.namespace },
    spec: {
      events: draft.events,
      ...(types.length > 0 ? { match: { types } } : {}),
      ...(draft.url === "" ? {} : { webhook: { url: draft.url, ...(draft.mode === "structured" ? {} : { mode: draft.mode }), ...(draft.secret === "" ? {} : { secrets: [`secret://${draft.secret}`] }) } }),
    },
  };
}

export const yamlOf = (draft: Draft): string => toYaml(subscriptionOf(draft));

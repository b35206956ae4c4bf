/**
 * The live stream, applied to what the page holds. A changed entity is written over its old version where it stands;
 * one that a list does not hold yet is announced (`arrivals`) and let in when the reader asks, so that nothing jumps.
 */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { queryString, type Page } from "./http";
import { openStream, type Connection, type Message } from "./stream";
import type { Came, Run } from "./types";

export type Resource = "alerts" | "incidents" | "tickets" | "runs" | "policies" | "workflows" | "silences" | "monitors" | "quiet" | "tasks" | "problems" | "handovers" | "escalations" | "changes" | "change-records" | "pauses" | "approvals" | "requests" | "schedules";

/** What a fact changes: an entity, carried whole or not, and the details of others that show it. */
export interface Change {
  resource: Resource | null;
  id: string;
  entity: { id: string } | null;
  /** Of a run that was asked for: the request, with what became of it. */
  request: { id: string; outcome: Came } | null;
  /** Resource and id of what shows it in a timeline; an empty id stands for all of them. */
  shownBy: readonly (readonly [Resource, string])[];
}

const RESOURCES: Record<string, Resource> = {
  alert: "alerts",
  incident: "incidents",
  ticket: "tickets",
  run: "runs",
  silence: "silences",
  policy: "policies",
  manifest: "policies",
  monitor: "monitors",
  task: "tasks",
  problem: "problems",
  handover: "handovers",
  escalation: "escalations",
  change: "changes",
  change_record: "change-records",
  pause: "pauses",
  approval: "approvals",
  request: "requests",
  schedule: "schedules",
};

/** Those that come without what is at its default: what a new state does not say must not be kept from the old one. */
const SPARSE: ReadonlySet<Resource> = new Set(["runs", "approvals"]);

/** Kinds of manifests that pages read apart from the policies. */
const MANIFESTS: Record<string, Resource> = { Workflow: "workflows", MaintenanceWindow: "quiet", Inhibition: "quiet", ChangeTemplate: "changes", ChangeCalendar: "changes", ChangeRule: "changes" };

/** The fields of a fact's data that name something else. */
const REFERENCES: readonly (readonly [string, Resource])[] = [["incident", "incidents"], ["alert", "alerts"], ["run", "runs"], ["ticket", "tickets"]];

/** Reads one of the stream's records: the kind and id of the entity, and the CloudEvent with its state. */
export function changeOf(record: { kind?: unknown; id?: unknown; event?: unknown }): Change | null {
  if (typeof record.kind !== "string" || typeof record.id !== "string" || record.kind === "") return null;
  const resource = (record.kind === "manifest" ? MANIFESTS[record.id.split("/")[0] ?? ""] : undefined) ?? RESOURCES[record.kind] ?? null;
  const event = typeof record.event === "object" && record.event !== null ? (record.event as { data?: unknown }) : {};
  const data = typeof event.data === "object" && event.data !== null ? (event.data as Record<string, unknown>) : {};
  const whole = resource !== null && record.kind !== "policy" && record.kind !== "manifest" && data["id"] === record.id;
  const shownBy = REFERENCES.flatMap(([field, other]): [Resource, string][] => {
    const value = data[field];
    return typeof value === "string" && value !== "" ? [[other, value]] : [];
  });
  const request = resource === "runs" ? asked(data) : null;
  if (request !== null) shownBy.push(["requests", request.id]);
  if (resource === "runs" && (data["trigger"] as { kind?: unknown } | undefined)?.kind === "schedule") shownBy.push(["schedules", ""]);
  const onKind = typeof data["on_kind"] === "string" ? RESOURCES[data["on_kind"]] : undefined;
  if (onKind !== undefined && typeof data["on_id"] === "string") shownBy.push([onKind, data["on_id"]]);
  return { resource, id: record.id, entity: whole ? (data as { id: string }) : null, request, shownBy };
}

/** The request that a run was asked for by, with what the run says of itself. */
function asked(data: Record<string, unknown>): Change["request"] {
  const { id, state, reason = null, outputs = {}, ended_at = null, trigger } = data as unknown as Run;
  const request = trigger?.["request"];
  return typeof request === "string" ? { id: request, outcome: { id, state, reason, outputs, ended_at, waits: [] } } : null;
}

/** The pages of a list with one entity's new state in place, or over the old one; null when the list does not hold it. */
export function patched<T extends { id: string }>(pages: InfiniteData<Page<T>>, entity: T, whole = false): InfiniteData<Page<T>> | null {
  let found = false;
  const next = pages.pages.map((page) => {
    const at = page.items.findIndex((item) => item.id === entity.id);
    if (at < 0) return page;
    found = true;
    const items = page.items.slice();
    items[at] = whole ? entity : { ...items[at], ...entity };
    return { ...page, items };
  });
  return found ? { ...pages, pages: next } : null;
}

interface Live {
  connection: Connection;
  /** Ids of entities that came into being since the list was last read. */
  arrivals: Readonly<Record<string, ReadonlySet<string>>>;
}

let live: Live = { connection: "connecting", arrivals: {} };
const listeners = new Set<() => void>();

function publish(next: Partial<Live>): void {
  live = { ...live, ...next };
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const NONE: ReadonlySet<string> = new Set();

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => live.connection);
}

export function useArrivals(resource: Resource): ReadonlySet<string> {
  return useSyncExternalStore(subscribe, () => live.arrivals[resource] ?? NONE);
}

export function letIn(client: QueryClient, resource: Resource): void {
  publish({ arrivals: { ...live.arrivals, [resource]: NONE } });
  void client.invalidateQueries({ queryKey: [resource, "list"] });
}

/** Runs whose log somebody follows, and who they are. */
const followed = new Map<string, Set<() => void>>();
/** Asks the stream for the logs that are followed by now. */
let turn: (() => void) | null = null;

/** Says when the log of a run may have grown, until the returned function is called. */
export function follow(run: string, grew: () => void): () => void {
  const those = followed.get(run) ?? new Set();
  followed.set(run, those.add(grew));
  if (those.size === 1) turn?.();
  return () => {
    those.delete(grew);
    // The stream tells of it on until it connects anew for another one: that costs less than to connect for this.
    if (those.size === 0) followed.delete(run);
  };
}

const streamPath = (): string => `/api/v1/stream${queryString({ log: [...followed.keys()] })}`;

/** How long changes are gathered before the queries they touch are read again. */
const GATHER_MS = 700;
/** The server counts its figures at most every few seconds: they are read once more when those have passed. */
const RECOUNT_MS = 6_000;

/** Connects the query cache to the stream until the returned function is called. */
export function connect(client: QueryClient, onSignedOut: () => void): () => void {
  const stale = new Map<string, readonly unknown[]>();
  let timer: ReturnType<typeof setTimeout> | null = null;
  let wasLost = false;
  let recount: ReturnType<typeof setTimeout> | null = null;

  const touch = (key: readonly unknown[]): void => {
    stale.set(JSON.stringify(key), key);
    timer ??= setTimeout(() => {
      timer = null;
      const keys = [...stale.values()];
      stale.clear();
      for (const queryKey of keys) void client.invalidateQueries({ queryKey: [...queryKey] });
    }, GATHER_MS);
  };

  /** Writes the entity into the lists that hold it; false if there are lists, and none does. */
  const write = (resource: Resource, entity: { id: string }, whole: boolean): boolean => {
    const lists = client.getQueriesData<InfiniteData<Page<{ id: string }>>>({ queryKey: [resource, "list"] });
    let known = lists.length === 0;
    for (const [key, pages] of lists) {
      if (!pages || !("pages" in pages)) continue;
      const next = patched(pages, entity, whole);
      if (next === null) continue;
      known = true;
      client.setQueryData(key, next);
    }
    return known;
  };

  const apply = (message: Message): void => {
    if (message.event === "reset") {
      void client.invalidateQueries();
      return;
    }
    let body: unknown;
    try {
      body = JSON.parse(message.data);
    } catch {
      // Heartbeats have no data, and nothing to apply.
      return;
    }
    if (typeof body !== "object" || body === null) return;
    if (message.event === "log") {
      for (const grew of followed.get(String((body as { run?: unknown }).run)) ?? []) grew();
      return;
    }
    const change = changeOf(body);
    if (change === null) return;
    for (const [resource, id] of change.shownBy) touch(id === "" ? [resource] : [resource, "detail", id]);
    if (change.request !== null) {
      write("requests", change.request, false);
      touch(["requests", "short"]);
    }
    touch(["stats"]);
    if (change.resource === "alerts") touch(["services"]);
    if (recount !== null) clearTimeout(recount);
    recount = setTimeout(() => {
      recount = null;
      touch(["stats"]);
      touch(["services"]);
    }, RECOUNT_MS);
    if (change.resource === null) return;
    touch([change.resource, "detail", change.id]);
    const { entity } = change;
    if (entity === null) {
      touch([change.resource]);
      return;
    }
    if (!write(change.resource, entity, SPARSE.has(change.resource))) {
      const arrivals = new Set(live.arrivals[change.resource] ?? NONE);
      arrivals.add(entity.id);
      publish({ arrivals: { ...live.arrivals, [change.resource]: arrivals } });
    }
    touch([change.resource, "short"]);
    if (change.resource === "approvals") touch(["approvals", "inbox"]);
  };

  const stream = openStream(streamPath, {
    onMessage: apply,
    onState: (connection) => {
      publish({ connection });
      if (connection === "lost") wasLost = true;
      if (connection === "live" && wasLost) {
        wasLost = false;
        void client.invalidateQueries();
      }
      // What grew before it was asked for was not told.
      if (connection === "live") for (const grew of [...followed.values()].flatMap((those) => [...those])) grew();
    },
    onSignedOut,
  });
  turn = stream.again;
  return () => {
    turn = null;
    stream.close();
    if (timer !== null) clearTimeout(timer);
    if (recount !== null) clearTimeout(recount);
    publish({ connection: "connecting", arrivals: {} });
  };
}

/** Calling people: escalations of incidents, the manifests that say who is reached, and trying channels. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, post, put, queryString, type Page } from "./http";
import { useShort } from "./lists";
import type { Alert, Effect, Escalation, EscalationPlan, Explanation, Incident, Manifest, PersonSpec } from "./types";

const of = (id: string, part: string): string => `/incidents/${encodeURIComponent(id)}/${part}`;
const TOUCHED = ["incidents", "alerts", "escalations", "stats"] as const;

/** Calls the next level, or whom `to` names. */
export const useEscalate = () =>
  useCommand(({ id, to }: { id: string; to: string | null }) => post<Incident>(of(id, "escalate"), to === null ? {} : { to }), TOUCHED);

/** Says that nobody works on it any more. */
export const useGiveBack = () =>
  useCommand(({ id, reason }: { id: string; reason: string }) => post<Incident>(of(id, "unacknowledge"), reason ? { reason } : {}), TOUCHED);

export const useSnoozeIncident = () =>
  useCommand(({ id, until, reason }: { id: string; until: string; reason: string }) => post<Incident>(of(id, "snooze"), { until, ...(reason ? { reason } : {}) }), TOUCHED);

export const useUnsnoozeIncident = () => useCommand((id: string) => post<Incident>(of(id, "unsnooze")), TOUCHED);

/** The escalations of an incident, the last changed first; read again with whatever changes the incident. */
export function useEscalationsOf(incident: string) {
  return useQuery({
    queryKey: ["incidents", "detail", incident, "escalations"],
    queryFn: async ({ signal }) => (await get<Page<Escalation>>(of(incident, "escalations"), {}, signal)).items,
  });
}

/** Kinds of manifests that say who is reached. */
export const REACHING = ["Person", "Team", "Channel", "EscalationPolicy"] as const;
export type Reaching = (typeof REACHING)[number];

/** All manifests that say who is reached, by kind. */
export function useReaching(namespace: string | undefined, enabled = true) {
  return useQuery({
    queryKey: ["policies", "reaching", namespace ?? ""],
    queryFn: async ({ signal }): Promise<Record<Reaching, Manifest[]>> => {
      const pages = await Promise.all(REACHING.map((kind) => get<Page<Manifest>>(`/manifests/${kind}`, {}, signal)));
      const found = pages.map((page) => page.items.filter((one) => namespace === undefined || one.namespace === namespace));
      return Object.fromEntries(REACHING.map((kind, index) => [kind, found[index] ?? []])) as Record<Reaching, Manifest[]>;
    },
    enabled,
  });
}

/** By incident: escalations in which nobody is called any more, though nobody has acknowledged, or not for now. */
export function useStuck(): ReadonlyMap<string, "exhausted" | "held"> {
  const found = useShort<Escalation>("escalations", { state: "exhausted,held", limit: 500 }).data?.items ?? [];
  const stuck = new Map<string, "exhausted" | "held">();
  for (const one of found) if (one.state === "exhausted" || (one.state === "held" && !stuck.has(one.incident))) stuck.set(one.incident, one.state);
  return stuck;
}

/** Who would be told when, of an incident of this priority that opens then; now if no instant is given. */
export function usePlan(namespace: string, name: string, priority: string, at: string | undefined) {
  return useQuery({
    queryKey: ["policies", "plan", namespace, name, priority, at ?? ""],
    queryFn: ({ signal }) => get<EscalationPlan>(`/escalation-policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/plan`, { priority, at }, signal),
    placeholderData: keepPreviousData,
  });
}

/** Sends a message by a channel, to see whether it works. */
export const useTestChannel = () =>
  useCommand(({ namespace, name }: { namespace: string; name: string }) => post<Effect>(`/channels/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/test`), ["mailbox"]);

export interface Tried {
  state: string;
  attempt: number;
  error: string;
}

const OVER = ["succeeded", "failed", "unknown", "cancelled"];

/** How the last of an effect's facts says that it stands. */
export function triedOf(found: Pick<Explanation, "id" | "facts">): Tried {
  const at = (position: string): number => Number(position.split("-")[1] ?? 0);
  const last = found.facts.filter((fact) => fact.id === found.id).toSorted((a, b) => at(a.position) - at(b.position)).at(-1);
  const data = (last?.event.data ?? {}) as { state?: string; attempt?: number; reason?: string | null };
  return { state: data.state ?? "pending", attempt: data.attempt ?? 1, error: data.reason ?? "" };
}

/** What became of an effect, asked until it is over. */
export function useTried(effect: string | undefined) {
  return useQuery({
    queryKey: ["tried", effect],
    queryFn: async ({ signal }) => triedOf(await get<Explanation>(`/explain/effect/${encodeURIComponent(effect ?? "")}`, {}, signal)),
    enabled: effect !== undefined,
    refetchInterval: (query) => (query.state.data && OVER.includes(query.state.data.state) ? false : 1000),
  });
}

/** Alerts about channels that cannot be reached, by `namespace/name`. */
export function useFailingChannels(): ReadonlyMap<string, Alert> {
  const alerts = useShort<Alert>("alerts", { type: "oncue.channel.failing", state: "firing", limit: 500 }).data?.items ?? [];
  return new Map(alerts.map((alert) => [`${alert.namespace}/${(alert.resource ?? "").replace("channel/", "")}`, alert]));
}

/** How one is told oneself in a namespace: one's own `Person`; null if there is none. */
export function useContact(namespace: string) {
  return useQuery({ queryKey: ["policies", "contact", namespace], queryFn: ({ signal }) => get<Manifest | null>("/me/contact", { namespace }, signal), retry: false });
}

export const useSetContact = () =>
  useCommand(({ namespace, spec }: { namespace: string; spec: PersonSpec }) => put<Manifest>(`/me/contact${queryString({ namespace })}`, spec), ["policies"]);

/** Commands: each is one POST, answered after the commit; afterwards what it touched is read again. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { post, remove } from "./http";
import type { Incident, Silence } from "./types";

/** Runs a command and refreshes the named resources. `mutate` takes the command's arguments. */
export function useCommand<A, R = unknown>(run: (args: A) => Promise<R>, touches: readonly string[]) {
  const client = useQueryClient();
  return useMutation<R, Error, A>({
    mutationFn: run,
    onSettled: async () => {
      await Promise.all(touches.map((resource) => client.invalidateQueries({ queryKey: [resource] })));
    },
  });
}

const at = (resource: string, id: string, verb: string): string => `/${resource}/${encodeURIComponent(id)}/${verb}`;

export type AlertVerb = "acknowledge" | "unacknowledge" | "resolve" | "unsnooze" | "distinct";
export type IncidentVerb = "acknowledge" | "resolve" | "reopen" | "close";

export const useAlertCommand = () =>
  useCommand(({ id, verb, reason }: { id: string; verb: AlertVerb; reason?: string }) =>
    post(at("alerts", id, verb), reason ? { reason } : {}), ["alerts", "incidents", "stats"]);

/** What became of one command on many things: how many it was done to, which were refused, and how many more a filter finds. */
export interface Outcome {
  done: number;
  refused: { id: string; why: string }[];
  left: number;
}

/** The server takes so many at a time. */
export const AT_ONCE = 1000;

/** What a list's filters narrow alerts to, as far as many can be meant by them. */
export type AlertFilter = Partial<Record<"state" | "severity" | "namespace" | "resource" | "service" | "type", string[]>> & { q?: string; since?: string };

export interface ManyAlerts {
  do: Exclude<AlertVerb, "distinct"> | "snooze";
  ids?: readonly string[];
  filter?: AlertFilter;
  until?: string;
  reason?: string;
}

interface Outcomes {
  items: { id: string; code: string | null; detail: string }[];
  done: number;
  left: number;
}

/** One command on many alerts, chosen or found by a filter; the result names those that were refused. */
export const useActOnAlerts = () =>
  useCommand(async (asked: ManyAlerts): Promise<Outcome> => {
    const found = await post<Outcomes>("/alerts/bulk", asked);
    return { done: found.done, left: found.left, refused: found.items.flatMap((one) => (one.code === null ? [] : [{ id: one.id, why: one.detail || one.code }])) };
  }, ["alerts", "incidents", "stats"]);

export const useIncidentCommand = () =>
  useCommand(({ id, verb, reason }: { id: string; verb: IncidentVerb; reason?: string }) =>
    post(at("incidents", id, verb), reason ? { reason } : {}), ["incidents", "alerts", "stats"]);

export const useMerge = () =>
  useCommand(({ id, ...asked }: { id: string; incidents: string[]; reason?: string }) => post<Incident>(at("incidents", id, "merge"), asked), ["incidents", "alerts", "stats"]);

/** Gives the incident that the alerts became. */
export const useSplit = () =>
  useCommand(({ id, ...asked }: { id: string; alerts: string[]; reason?: string }) => post<Incident>(at("incidents", id, "split"), asked), ["incidents", "alerts", "stats"]);

/** To another incident, or, with `to` null, out of every one. */
export const useMoveAlerts = () =>
  useCommand(({ id, ...asked }: { id: string; alerts: string[]; to: string | null; reason?: string }) => post<Incident>(at("incidents", id, "move"), asked), ["incidents", "alerts", "stats"]);

export const useAssign = (resource: "incidents" | "tickets") =>
  useCommand(({ id, assignee }: { id: string; assignee: string }) => post(at(resource, id, "assign"), { assignee }), [resource]);

export const useComment = (resource: "incidents" | "tickets") =>
  useCommand(({ id, text }: { id: string; text: string }) => post(at(resource, id, "comments"), { text }), [resource]);

export interface NewTicket {
  type: string;
  title: string;
  description: string;
  severity?: string;
  priority?: string;
  service?: string;
  resource?: string;
  incident?: string;
  namespace?: string;
}

export const useCreateTicket = () =>
  useCommand((ticket: NewTicket) => post<unknown>("/tickets", ticket), ["tickets", "incidents"]);

export const useTransition = () =>
  useCommand(({ id, state }: { id: string; state: string }) => post(at("tickets", id, "transition"), { state }), ["tickets"]);

/** What of a ticket waits for another try in another system is tried now. */
export const useRetryMirror = () =>
  useCommand((asked: { namespace: string; ticket: string; mirror: string }) => post("/ticket-mirrors/retry", asked), ["tickets", "ticket-mirrors"]);

export interface Findings {
  labels?: Record<string, string>;
  links?: { url: string; title?: string }[];
  note?: string;
}

/** What was found out about an alert is added to it. */
export const useEnrich = () =>
  useCommand(({ id, ...found }: Findings & { id: string }) => post(at("alerts", id, "enrich"), found), ["alerts", "incidents"]);

/** Another alert is about the same thing, and enough as long as it fires. */
export const useDuplicate = () =>
  useCommand(({ id, of, reason }: { id: string; of: string; reason: string }) => post(at("alerts", id, "duplicate"), { of, ...(reason ? { reason } : {}) }), ["alerts", "incidents", "stats"]);

/** Nobody is told of it until then; a later snooze takes the place of this one. */
export const useSnooze = () =>
  useCommand(({ id, until, reason }: { id: string; until: string; reason?: string }) =>
    post(at("alerts", id, "snooze"), { until, ...(reason ? { reason } : {}) }), ["alerts", "incidents", "stats"]);

export interface NewSilence {
  /** Of the silence that is changed. */
  id?: string;
  matchers: { name: string; value: string; is_regex: boolean; is_equal: boolean }[];
  starts_at: string;
  ends_at: string;
  comment: string;
  namespace?: string;
}

export const useCreateSilence = () =>
  useCommand((silence: NewSilence) => post<Silence>("/silences", silence), ["silences", "alerts", "matching"]);

export const useExpireSilence = () =>
  useCommand(({ id }: { id: string }) => remove(`/silences/${encodeURIComponent(id)}`), ["silences", "alerts"]);

export const useRedrive = () =>
  useCommand(({ id }: { id: number }) => post(at("dead-letters", String(id), "redrive")), ["dead-letters"]);

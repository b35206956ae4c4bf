/** Commands: each is one POST, answered after the commit; afterwards what it touched is read again. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { post, remove } from "./http";
import type { Silence } from "./types";

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

export type AlertVerb = "acknowledge" | "unacknowledge" | "resolve" | "unsnooze";
export type IncidentVerb = "acknowledge" | "resolve" | "reopen" | "close";

export const useAlertCommand = () =>
  useCommand(({ id, verb, reason }: { id: string; verb: AlertVerb; reason?: string }) =>
    post(at("alerts", id, verb), reason ? { reason } : {}), ["alerts", "incidents", "stats"]);

/** One command on many alerts; the result names those that were refused. */
export const useBulkAlerts = () =>
  useCommand(async ({ ids, verb }: { ids: readonly string[]; verb: AlertVerb }) => {
    const outcomes = await Promise.allSettled(ids.map((id) => post(at("alerts", id, verb))));
    const refused = outcomes.flatMap((outcome, index) =>
      outcome.status === "rejected" ? [{ id: ids[index] ?? "", why: String((outcome.reason as Error).message) }] : []);
    return { done: ids.length - refused.length, refused };
  }, ["alerts", "incidents", "stats"]);

export const useIncidentCommand = () =>
  useCommand(({ id, verb, reason }: { id: string; verb: IncidentVerb; reason?: string }) =>
    post(at("incidents", id, verb), reason ? { reason } : {}), ["incidents", "alerts", "stats"]);

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

export const useCancelRun = () =>
  useCommand(({ id, reason }: { id: string; reason?: string }) => post(at("runs", id, "cancel"), reason ? { reason } : {}), ["runs"]);

export const useRedrive = () =>
  useCommand(({ id }: { id: number }) => post(at("dead-letters", String(id), "redrive")), ["dead-letters"]);

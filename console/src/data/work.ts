/** Work on incidents: tasks, checklists, status updates, responders, links, reviews, known errors, handovers. */
import { useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, patch, post, remove, type Page } from "./http";
import type { Checklist, HandedOver, Handover, Incident, Manifest, ProblemRecord, Review, Task } from "./types";

const of = (resource: string, id: string, part = ""): string => `/${resource}/${encodeURIComponent(id)}${part}`;

export interface NewTask {
  title: string;
  assignee?: string;
  due_at?: string;
}

export const useAddTask = () =>
  useCommand(({ incident, ...task }: NewTask & { incident: string }) => post<Task>(of("incidents", incident, "/tasks"), task), ["incidents", "tasks"]);

export const useAddAction = () =>
  useCommand(({ incident, ...task }: NewTask & { incident: string }) => post<Task>(of("incidents", incident, "/review/actions"), task), ["incidents", "tasks"]);

export const useTurnTask = () =>
  useCommand(({ id, state, reason = "" }: { id: string; state: Task["state"]; reason?: string }) => post<Task>(of("tasks", id, "/state"), { state, reason }), ["incidents", "tasks"]);

export const useAddChecklist = () =>
  useCommand(({ incident, runbook }: { incident: string; runbook: string }) => post<Checklist>(of("incidents", incident, "/checklists"), { runbook }), ["incidents"]);

export const useMarkStep = () =>
  useCommand(({ id, step, state, reason = "" }: { id: string; step: number; state: "open" | "done" | "skipped"; reason?: string }) =>
    post<Checklist>(of("checklists", id, `/steps/${String(step)}`), { state, reason }), ["incidents"]);

export interface NewUpdate {
  text?: string;
  template?: string;
  next_update_in?: string;
}

export const usePostUpdate = () =>
  useCommand(({ incident, ...update }: NewUpdate & { incident: string }) => post(of("incidents", incident, "/updates"), update), ["incidents"]);

export const usePromise = () =>
  useCommand(({ incident, within }: { incident: string; within: string }) => post(of("incidents", incident, "/updates/promise"), { next_update_in: within }), ["incidents"]);

export const useRespond = () =>
  useCommand(({ incident, name, role }: { incident: string; name: string; role: string | null }) => post<Incident>(of("incidents", incident, "/responders"), { name, role }), ["incidents"]);

export const useLinkIncident = () =>
  useCommand(({ incident, target, title }: { incident: string; target: string; title: string }) => post<Incident>(of("incidents", incident, "/links"), { target, title }), ["incidents"]);

export const useUnlinkIncident = () =>
  useCommand(({ incident, target }: { incident: string; target: string }) => remove<Incident>(of("incidents", incident, `/links?target=${encodeURIComponent(target)}`)), ["incidents"]);

export interface IncidentEdit {
  title?: string;
  description?: string;
  severity?: string;
  priority?: string;
  note?: string;
  cause?: string;
  take_back?: string[];
  reason?: string;
}

export const useEditIncident = () =>
  useCommand(({ id, ...edit }: IncidentEdit & { id: string }) => patch<Incident>(of("incidents", id), edit), ["incidents", "stats"]);

export const useBeginReview = () => useCommand(({ id }: { id: string }) => post<Review>(of("incidents", id, "/review")), ["incidents"]);
export const useWriteReview = () =>
  useCommand(({ id, ...sections }: { id: string } & Record<string, string>) => patch<Review>(of("incidents", id, "/review"), sections), ["incidents"]);
export const useTurnReview = () =>
  useCommand(({ id, to }: { id: string; to: "publish" | "withdraw" }) => post<Review>(of("incidents", id, `/review/${to}`)), ["incidents"]);

export interface NewIncident {
  title: string;
  severity: string;
  description: string;
  namespace: string;
  service?: string;
}

export const useOpenIncident = () => useCommand((asked: NewIncident) => post<Incident>("/incidents", asked), ["incidents", "stats"]);

export interface BulkAct {
  do: "acknowledge" | "assign" | "resolve" | "merge";
  assignee?: string;
  note?: string;
  reason?: string;
  into?: string;
}

/** What became of each of them. */
export interface BulkOutcomes {
  items: { id: string; code: string | null; detail: string }[];
  done: number;
  refused: number;
}

export const useActOnIncidents = () =>
  useCommand((asked: BulkAct & { ids: string[] }) => post<BulkOutcomes>("/incidents/bulk", asked), ["incidents", "alerts", "stats"]);

// problems

export interface NewProblem {
  title: string;
  workaround: string;
  root_cause: string;
  incident?: string;
  namespace?: string;
  matchers?: { name: string; value: string; is_regex: boolean; is_equal: boolean }[];
}

export const useCreateProblem = () => useCommand((asked: NewProblem) => post<ProblemRecord>("/problems", asked), ["problems", "incidents"]);

export const useChangeProblem = () =>
  useCommand(({ id, ...texts }: { id: string } & Record<string, string>) => patch<ProblemRecord>(of("problems", id), texts), ["problems"]);

export const useMoveProblem = () =>
  useCommand(({ id, state }: { id: string; state: ProblemRecord["state"] }) => post<ProblemRecord>(of("problems", id, "/transition"), { state }), ["problems"]);

export const useTakeFromProblem = () =>
  useCommand(({ id, incident }: { id: string; incident: string }) => remove<ProblemRecord>(of("problems", id, `/incidents/${encodeURIComponent(incident)}`)), ["problems", "incidents"]);

/** Names of what one can choose from: runbooks, or templates of updates. */
export function useNames(kind: "Runbook" | "StatusTemplate", namespace: string, enabled: boolean) {
  return useQuery({
    queryKey: ["policies", "names", kind, namespace],
    queryFn: async ({ signal }) => (await get<Page<Manifest>>(`/manifests/${kind}`, {}, signal)).items.filter((one) => one.namespace === namespace).map((one) => one.name),
    enabled,
  });
}

// handovers

/** How things stand moves by the clock, too. */
const LOOKED_AGAIN_MS = 30_000;

export function useStanding(namespace: string, team: string | undefined) {
  return useQuery({
    queryKey: ["handovers", "preview", namespace, team ?? ""],
    queryFn: ({ signal }) => get<HandedOver>("/handovers/preview", { namespace, team }, signal),
    refetchInterval: LOOKED_AGAIN_MS,
  });
}

export const useHandOver = () =>
  useCommand((asked: { namespace: string; team?: string; notes: string }) => post<Handover>("/handovers", asked), ["handovers"]);

export const useConfirmHandover = () =>
  useCommand(({ id, remark }: { id: string; remark: string }) => post<Handover>(of("handovers", id, "/confirm"), { remark }), ["handovers"]);

export const useNoteHandover = () =>
  useCommand(({ id, notes }: { id: string; notes: string }) => post<Handover>(of("handovers", id, "/notes"), { notes }), ["handovers"]);

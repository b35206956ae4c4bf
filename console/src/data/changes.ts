/** Changes: what is planned, agreed to and made; how kinds of them are made; and the calendar of them. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { file, get, post, put, type Page } from "./http";
import type { Change, ChangeCalendar, ChangeSpec, ChangeTemplate, CloseCode, Manifest } from "./types";

/** Windows and freezes begin by the clock: nothing in the stream says so. */
const BY_THE_CLOCK_MS = 60_000;

export function useTemplates() {
  return useQuery({ queryKey: ["changes", "templates"], queryFn: ({ signal }) => get<Page<ChangeTemplate>>("/manifests/ChangeTemplate", {}, signal) });
}

/** Resources of the catalogue, for choosing targets from. */
export function useResources(enabled: boolean) {
  return useQuery({ queryKey: ["policies", "resources"], queryFn: ({ signal }) => get<Page<Manifest>>("/manifests/Resource", {}, signal), enabled });
}

export function useChangeCalendar(since: string, until: string, namespace: string | undefined) {
  return useQuery({
    queryKey: ["changes", "short", "calendar", since, until, namespace ?? ""],
    queryFn: ({ signal }) => get<ChangeCalendar>("/change-calendar", { since, until, namespace }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: BY_THE_CLOCK_MS,
  });
}

export interface WantedChange {
  template: string;
  namespace: string;
  title?: string;
  reason: string;
  with: Record<string, unknown>;
  targets: string[];
  start_at?: string;
  deadline?: string;
  submit: boolean;
}

const TOUCHED = ["changes", "approvals", "tickets", "runs"];
const at = (id: string, verb: string): string => `/changes/${encodeURIComponent(id)}/${verb}`;

export const useWantChange = () => useCommand((wanted: WantedChange) => post<Change>("/changes", wanted), TOUCHED);

/** By its template, or with the plan that it has of its own. */
export type EditedChange = Omit<WantedChange, "template" | "namespace"> & ({ template: string } | { plan: ChangeSpec });

export const useEditChange = () => useCommand(({ id, ...wanted }: EditedChange & { id: string }) => put<Change>(`/changes/${encodeURIComponent(id)}`, wanted), TOUCHED);

/** Those that need nothing said. */
export const useMoveChange = () => useCommand(({ id, verb }: { id: string; verb: "submit" | "start" }) => post<Change>(at(id, verb), {}), TOUCHED);

export const useCancelChange = () =>
  useCommand(({ id, reason }: { id: string; reason: string }) => post<Change>(at(id, "cancel"), reason ? { reason } : {}), TOUCHED);

export const useBreakGlass = () => useCommand(({ id, reason }: { id: string; reason: string }) => post<Change>(at(id, "break-glass"), { reason }), TOUCHED);

export const useReviewChange = () =>
  useCommand(({ id, ...said }: { id: string; code: CloseCode; note: string }) => post<Change>(at(id, "review"), said), TOUCHED);

/** Proposes what was in force before a change of configuration. Gives the change that would bring it back. */
export const useRevertChange = () => useCommand(({ id, reason }: { id: string; reason: string }) => post<Change>(at(id, "revert"), { reason }), TOUCHED);

/** The sealed bundle of its evidence; as `zip` with the PDF of it, in one archive. */
export const evidenceOf = (id: string, format: "json" | "zip"): Promise<Blob> => file(`/changes/${encodeURIComponent(id)}/evidence`, { format });

/** Workflows: their manifests, and starting one by hand. */
import { useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, post, type Page } from "./http";
import type { ActionView, Manifest, Run } from "./types";

/** All workflows that the person may read; the API gives manifests whole. */
export function useWorkflows() {
  return useQuery({ queryKey: ["workflows", "all"], queryFn: ({ signal }) => get<Page<Manifest>>("/workflows", {}, signal), refetchInterval: 30_000 });
}

export function useWorkflow(namespace: string, name: string) {
  return useQuery({
    queryKey: ["workflows", "detail", `${namespace}/${name}`],
    queryFn: ({ signal }) => get<Manifest>(`/manifests/Workflow/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, {}, signal),
  });
}

/** What a step may use. */
export function useActions() {
  return useQuery({ queryKey: ["actions"], queryFn: ({ signal }) => get<Page<ActionView>>("/actions", {}, signal), staleTime: Infinity });
}

export const useStartRun = () =>
  useCommand((start: { workflow: string; namespace: string; inputs: Record<string, unknown> }) => post<Run>("/runs", start), ["runs", "stats"]);

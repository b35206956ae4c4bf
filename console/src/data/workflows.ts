/** Workflows: their manifests, and starting one by hand. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Names } from "../parts/names";
import type { Schema } from "../parts/schema";
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

/** What a manifest of this namespace may name; undefined until it is known. What one may not read is left out. */
export function useNames(namespace: string): Names | undefined {
  const actions = useActions();
  const workflows = useWorkflows();
  const isKnown = !actions.isPending && !workflows.isPending;
  return useMemo(() => {
    if (!isKnown) return undefined;
    const own = (workflows.data?.items ?? []).filter((one) => one.namespace === namespace);
    return {
      actions: (actions.data?.items ?? []).map(({ name, summary, inputs }) => ({ name, summary, inputs: inputs as Schema })),
      workflows: own.map(({ name, description, spec }) => ({ name, summary: description ?? "", inputs: (spec["inputs"] ?? {}) as Schema })),
    };
  }, [isKnown, actions.data, workflows.data, namespace]);
}

export const useStartRun = () =>
  useCommand((start: { workflow: string; namespace: string; inputs: Record<string, unknown> }) => post<Run>("/runs", start), ["runs", "stats"]);

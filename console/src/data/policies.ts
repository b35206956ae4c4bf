/** Policies as documents: what is wrong with one, applying it, its versions; and trying policies on an event. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import type { Schema } from "../parts/schema";
import { useCommand } from "./commands";
import { get, post, postYaml, Problem, type Fault, type Page } from "./http";
import type { Applied, Explanation, Manifest, TriedOn, Version } from "./types";

export function useSchema(kind: string) {
  return useQuery({ queryKey: ["schema", kind], queryFn: ({ signal }) => get<Schema>(`/schemas/${kind}`, {}, signal), staleTime: Infinity });
}

export interface Checked {
  faults: readonly Fault[];
  /** What the server said where it could not even read the text. */
  refusal: Problem | null;
}

/** Where a text is no YAML, and why; nothing of another refusal. */
export function unreadable({ code, detail }: Pick<Problem, "code" | "detail">): Fault[] {
  const found = /^line (\d+), column (\d+): (.*)$/s.exec(detail);
  return found === null ? [] : [{ code, line: Number(found[1]), column: Number(found[2]), detail: `This is not valid YAML: ${found[3] ?? ""}` }];
}

/** What the server would say to this text, without taking it. */
export function useCheck(text: string, namespace: string, enabled: boolean) {
  const client = useQueryClient();
  return useQuery({
    queryKey: ["check", namespace, text],
    queryFn: async (): Promise<Checked> => {
      try {
        const applied = await postYaml<Applied>("/manifests", { dry_run: true, namespace }, text);
        return { faults: (applied.warnings ?? []).map((detail) => ({ code: "warning", detail, level: "warning" as const })), refusal: null };
      } catch (failure) {
        if (failure instanceof Problem && failure.status === 401) void client.invalidateQueries({ queryKey: ["me"] });
        if (!(failure instanceof Problem) || failure.status === 0 || failure.status === 401 || failure.status >= 500) throw failure;
        return { faults: failure.problems.length > 0 ? failure.problems : unreadable(failure), refusal: failure };
      }
    },
    placeholderData: keepPreviousData, staleTime: 60_000, retry: false, enabled,
  });
}

/** Applies one document; `basedOn` is the generation that was looked at, 0 for a new one. */
export function useApply() {
  const client = useQueryClient();
  return useMutation<Applied, Error, { text: string; namespace: string; basedOn: number }>({
    mutationFn: ({ text, namespace, basedOn }) => postYaml("/manifests", { namespace, based_on: basedOn }, text),
    onSuccess: async () => {
      await Promise.all(["policies", "workflows", "versions"].map((resource) => client.invalidateQueries({ queryKey: [resource] })));
    },
  });
}

/** Whether it was refused because configuration is changed by changes alone there. */
export const isProtected = (error: Error | null): error is Problem => error instanceof Problem && error.code === "manifest.protected";

/** Proposes a manifest, as YAML or JSON: a change takes it when people have agreed. Gives the change's id. */
export const usePropose = () =>
  useCommand(async ({ text, namespace, basedOn, reason }: { text: string; namespace: string; basedOn: number | undefined; reason: string }) => {
    const { proposed } = await postYaml<{ proposed: string }>("/manifests", { namespace, based_on: basedOn, propose: reason }, text);
    return proposed;
  }, ["changes", "approvals", "tickets", "runs"]);

/** The document in force, whole: what a page shows of a policy leaves parts of it out. */
export function useDocument(kind: string, namespace: string, name: string) {
  return useQuery({
    queryKey: ["policies", "document", kind, namespace, name],
    queryFn: ({ signal }) => get<Manifest>(`/manifests/${kind}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, {}, signal),
  });
}

export function useVersions(kind: string, namespace: string, name: string) {
  return useQuery({
    queryKey: ["versions", kind, namespace, name],
    queryFn: ({ signal }) => get<Page<Version>>(`/manifests/${kind}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/versions`, {}, signal),
  });
}

export interface Asked {
  position?: string;
  event?: unknown;
  policy?: string;
  namespace?: string;
}

/** What policies would make of an event; nothing is changed by it. */
export function useTry(asked: Asked | null) {
  return useQuery({
    queryKey: ["try", asked], queryFn: () => post<TriedOn>("/policies/try", asked ?? {}),
    placeholderData: keepPreviousData, staleTime: 10_000, retry: false, enabled: asked !== null,
  });
}

/** Why a thing is as it is, in sentences. */
export function useExplanation(kind: string, id: string, enabled = true) {
  return useQuery({ queryKey: [`${kind}s`, "detail", id, "explain"], queryFn: ({ signal }) => get<Explanation>(`/explain/${kind}/${id}`, {}, signal), enabled });
}

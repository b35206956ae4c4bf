/** What keeps alerts quiet: maintenance windows and inhibitions, and which alerts matchers are about. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { get, post, type Page } from "./http";
import type { Inhibition, Manifest, Matching, WindowPreview, WindowView, WrittenMatcher } from "./types";

/** Windows open and close by the clock: nothing in the stream says so of one that no alert matches. */
const BY_THE_CLOCK_MS = 15_000;

export function useWindows() {
  return useQuery({ queryKey: ["quiet", "windows"], queryFn: ({ signal }) => get<Page<WindowView>>("/maintenance-windows", {}, signal), refetchInterval: BY_THE_CLOCK_MS });
}

const path = (namespace: string, name: string): string => `${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;

/** When a window is open, and which of the firing alerts it is about. */
export function useWindow(namespace: string, name: string) {
  return useQuery({
    queryKey: ["quiet", "window", `${namespace}/${name}`],
    queryFn: ({ signal }) => get<WindowPreview>(`/maintenance-windows/${path(namespace, name)}`, {}, signal),
    refetchInterval: BY_THE_CLOCK_MS,
  });
}

export function useInhibitions() {
  return useQuery({ queryKey: ["quiet", "inhibitions"], queryFn: ({ signal }) => get<Page<Inhibition>>("/manifests/Inhibition", {}, signal) });
}

export function useManifest(kind: "MaintenanceWindow" | "Inhibition", namespace: string, name: string) {
  return useQuery({
    queryKey: ["quiet", "manifest", kind, `${namespace}/${name}`],
    queryFn: ({ signal }) => get<Manifest>(`/manifests/${kind}/${path(namespace, name)}`, {}, signal),
  });
}

/** How long a count stays as it is: the server looks at every firing alert for each. */
const COUNTED_FOR_MS = 60_000;

/** Which of the firing alerts these matchers are about; nothing is asked while they are not `complete`. */
export function useMatching(matchers: readonly WrittenMatcher[], namespace: string, options: { complete?: boolean; live?: boolean } = {}) {
  return useQuery({
    queryKey: ["matching", namespace, matchers],
    queryFn: () => post<Matching>("/silences/preview", { matchers, namespace }),
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: options.live ? 2_000 : COUNTED_FOR_MS,
    refetchInterval: options.live ? BY_THE_CLOCK_MS : false,
    enabled: options.complete ?? true,
  });
}

/** What needs what: suspects of an incident, the surroundings of a place, and the map of a namespace. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { get, type Query } from "./http";
import { useDetail } from "./lists";
import type { Place, Suspects, Surroundings, TopologyMap } from "./types";

/** Who is suspected to be behind an incident, what is affected, and how it hangs together. */
export const useSuspects = (incident: string) => useDetail<Suspects>("incidents", incident, "suspects");

/** Resources and services whose name has this part. */
export function usePlaces(namespace: string, q: string) {
  return useQuery({
    queryKey: ["services", "places", namespace, q],
    queryFn: ({ signal }) => get<{ items: Place[]; total: number }>("/topology", { namespace, q, limit: 8 }, signal),
    placeholderData: keepPreviousData,
    enabled: q !== "",
  });
}

/** Health changes with alerts, of which the stream tells; what is on the map is read anew as well, now and then. */
const ANEW_MS = 15_000;

export interface MapQuery extends Query {
  namespace: string;
  fold?: string | undefined;
  open?: readonly string[];
  depth?: number | undefined;
}

/** A namespace's topology as far as it can be drawn. */
export function useMap(query: MapQuery, enabled = true) {
  return useQuery({
    queryKey: ["services", "map", query],
    queryFn: ({ signal }) => get<TopologyMap>("/topology/map", query, signal),
    placeholderData: keepPreviousData, refetchInterval: ANEW_MS, enabled,
  });
}

/** A place, what it needs and what needs it, so many steps away. */
export function useSurroundings(namespace: string, id: string, hops: number, enabled = true) {
  return useQuery({
    queryKey: ["services", "around", namespace, id, hops],
    queryFn: ({ signal }) => get<Surroundings>(`/topology/${encodeURIComponent(namespace)}/${encodeURIComponent(id)}`, { hops }, signal),
    placeholderData: keepPreviousData, refetchInterval: ANEW_MS, enabled, retry: false,
  });
}

/** The figures of the whole: what Now opens with and the rail counts. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { get } from "./http";
import type { NowView } from "./types";

const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, each) => sum + each, 0);

export interface Stats extends NowView {
  openIncidents: number;
  firingAlerts: number;
}

export function withTotals(now: NowView): Stats {
  return { ...now, openIncidents: total(now.incidents_by_priority), firingAlerts: total(now.alerts_by_severity) };
}

/** The figures of one namespace, or of all that the person may read. */
export function useStats(namespace: string | undefined) {
  return useQuery({
    queryKey: ["stats", namespace ?? ""],
    queryFn: async ({ signal }) => withTotals(await get<NowView>("/stats/now", { namespace }, signal)),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

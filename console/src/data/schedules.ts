/** Schedules: when workflows start by themselves. */
import { useQuery } from "@tanstack/react-query";

import { get, type Page } from "./http";
import type { ScheduleView } from "./types";

/** They go on by the clock: that one passed over nothing is told by nobody. */
const BY_THE_CLOCK_MS = 30_000;

/** All that the person may see, the next to start a run first. */
export function useSchedules(enabled = true) {
  return useQuery({ queryKey: ["schedules", "short"], queryFn: ({ signal }) => get<Page<ScheduleView>>("/schedules", {}, signal), refetchInterval: BY_THE_CLOCK_MS, enabled });
}

/** How available a service was. */
import { useQuery } from "@tanstack/react-query";

import { get } from "./http";
import type { Availability } from "./types";

/** It moves by the clock. */
const LOOKED_AGAIN_MS = 60_000;

export function useAvailability(namespace: string, name: string) {
  return useQuery({
    queryKey: ["services", "availability", namespace, name],
    queryFn: ({ signal }) => get<Availability>(`/services/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/availability`, {}, signal),
    refetchInterval: LOOKED_AGAIN_MS,
  });
}

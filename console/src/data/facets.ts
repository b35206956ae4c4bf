/** How many alerts have which values, over everything that filters find. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { get, type Query } from "./http";
import type { Facets } from "./types";

/** The server counts everything at most every few seconds: what is read at once after a change may be from before it. */
const COUNTED_AGAIN_MS = 8_000;

export function useFacets(query: Query) {
  return useQuery({
    // Read again when the stream says that alerts changed, as short lists are.
    queryKey: ["alerts", "short", "facets", query],
    queryFn: ({ signal }) => get<Facets>("/alerts/facets", query, signal),
    placeholderData: keepPreviousData,
    refetchInterval: COUNTED_AGAIN_MS,
  });
}

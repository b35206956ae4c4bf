/** Who watches this server: something outside, and its own monitors. */
import { useQuery } from "@tanstack/react-query";

import { get } from "./http";
import type { Itself } from "./types";

/** For those who may see the figures of every namespace; it is of none. */
export function useItself(enabled: boolean) {
  return useQuery({ queryKey: ["itself"], queryFn: ({ signal }) => get<Itself>("/itself", {}, signal), refetchInterval: 15_000, enabled });
}

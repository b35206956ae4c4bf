/** Pauses: where policies start no runs for a while. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { put, remove } from "./http";
import { useShort } from "./lists";
import { useMay } from "./me";
import type { Pause } from "./types";

/** A pause of everything is told of in one namespace alone: who may not read that one learns of it by asking. */
const LOOKED_AGAIN_MS = 15_000;
/** The id of the pause of every namespace. */
export const EVERYWHERE = "*";

export const where = (id: string): string => (id === EVERYWHERE ? "everywhere" : `in ${id}`);

const at = (namespace: string): string => `/pause?namespace=${encodeURIComponent(namespace)}`;

/** The pauses that hold in a namespace, that of everything first; without one, all that one may see. */
export function usePauses(namespace: string | undefined): Pause[] {
  const may = useMay();
  const pauses = useShort<Pause>("pauses", {}, { refetchInterval: LOOKED_AGAIN_MS, enabled: may("run:read") });
  return holding(pauses.data?.items ?? [], namespace);
}

export function holding(pauses: readonly Pause[], namespace: string | undefined): Pause[] {
  return pauses
    .filter((pause) => !namespace || pause.id === EVERYWHERE || pause.id === namespace)
    .toSorted((a, b) => Number(b.id === EVERYWHERE) - Number(a.id === EVERYWHERE) || a.id.localeCompare(b.id));
}

function useChanged<A>(run: (asked: A) => Promise<Pause>) {
  const client = useQueryClient();
  return useMutation<Pause, Error, A>({ mutationFn: run, onSettled: () => client.invalidateQueries({ queryKey: ["pauses"] }) });
}

export const usePause = () => useChanged(({ namespace, ...asked }: { namespace: string; reason: string; length: string }) => put<Pause>(at(namespace), asked));
export const useResume = () => useChanged((namespace: string) => remove<Pause>(at(namespace)));

/** Why runs are not moving. Lists have many of them: those that are asked about at about the same time are asked about together. */
import { useQuery } from "@tanstack/react-query";

import { get, Problem, type Page } from "./http";
import type { Why } from "./types";

/** As many as the server answers of at once. */
const AT_ONCE = 100;
const GATHER_MS = 20;
/** That a worker has come, or is gone, no event tells. */
const LOOKED_AGAIN_MS = 20_000;

interface Asker {
  tell: (why: Why) => void;
  refuse: (error: Error) => void;
}

type Ask = (ids: readonly string[]) => Promise<readonly Why[]>;

/** Gives a function that asks about one run, and with it about the others that are asked about meanwhile. */
export function together(ask: Ask, gatherMs = GATHER_MS): (id: string) => Promise<Why> {
  let askers = new Map<string, Asker[]>();
  const send = async (those: ReadonlyMap<string, Asker[]>): Promise<void> => {
    try {
      const said = new Map((await ask([...those.keys()])).map((why) => [why.run, why]));
      for (const [id, waiting] of those) {
        const why = said.get(id);
        for (const one of waiting) {
          if (why) one.tell(why);
          else one.refuse(new Problem("run.not_found", "There is no such run", 404, id, "It may have been deleted, or you may not see it any more."));
        }
      }
    } catch (failure) {
      for (const one of [...those.values()].flat()) one.refuse(failure as Error);
    }
  };
  return (id) =>
    new Promise((tell, refuse) => {
      if (askers.size === AT_ONCE && !askers.has(id)) {
        void send(askers);
        askers = new Map();
      }
      if (askers.size === 0) {
        const own = askers;
        setTimeout(() => {
          if (askers !== own) return;
          askers = new Map();
          void send(own);
        }, gatherMs);
      }
      askers.set(id, [...(askers.get(id) ?? []), { tell, refuse }]);
    });
}

const whyOf = together(async (ids) => (await get<Page<Why>>("/runs/why", { run: ids })).items);

/** Why a run is not moving, looked at again now and then. */
export function useWhy(run: string, { enabled = true, refetchInterval = LOOKED_AGAIN_MS }: { enabled?: boolean; refetchInterval?: number } = {}) {
  return useQuery({ queryKey: ["runs", "detail", run, "why"], queryFn: () => whyOf(run), refetchInterval, enabled });
}

/** What the steps of a run tell while they are under way: read on as it grows, and kept as long as the page wants it. */
import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { useCommand } from "./commands";
import { get, remove } from "./http";
import { follow } from "./live";
import type { LogLine, RunLogPart, StepProgress } from "./types";

export interface RunLog {
  /** All that are kept, the oldest first. */
  lines: readonly LogLine[];
  /** Of every attempt that told any, the newest word first. */
  progress: readonly StepProgress[];
  /** Lines before the first one that went because the run told too many. */
  leftOut: number;
}

const NOTHING: RunLog = { lines: [], progress: [], leftOut: 0 };
/** Lines of one request. */
const AT_ONCE = 5_000;
/** Lines that are held of a run that tells more and more; the server keeps fewer. */
const HELD = 50_000;
/** How long the log is left alone after it was read: that many lines come at once to whoever reads along. */
const REST_MS = 250;

/** The log with what came since. Where more was told than is kept meanwhile, it begins anew with what is kept. */
export async function readOn(known: RunLog, read: (after: number) => Promise<RunLogPart>, held = HELD): Promise<RunLog> {
  const came: LogLine[] = [];
  for (;;) {
    const part = await read(came.at(-1)?.sequence ?? known.lines.at(-1)?.sequence ?? 0);
    came.push(...part.items);
    if (part.next !== null) continue;
    const begins = known.lines.length === 0;
    const missed = part.left_out > known.leftOut + known.lines.length;
    if (begins || missed) return { lines: came, progress: part.progress, leftOut: part.left_out };
    const lines = came.length === 0 ? known.lines : [...known.lines, ...came];
    const over = Math.max(0, lines.length - held);
    return { lines: over === 0 ? lines : lines.slice(over), progress: part.progress, leftOut: known.leftOut + over };
  }
}

const keyOf = (run: string): readonly string[] => ["run-log", run];

/** Reads on whenever it is told to, but never twice at a time and not without a rest. */
function follower(client: QueryClient, run: string): () => void {
  let wanted = false;
  let busy = false;
  const work = async (): Promise<void> => {
    busy = true;
    while (wanted) {
      wanted = false;
      await client.refetchQueries({ queryKey: keyOf(run) });
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
    busy = false;
  };
  return () => {
    wanted = true;
    if (!busy) void work();
  };
}

/** A run's log as it grows. */
export function useRunLog(run: string) {
  const client = useQueryClient();
  useEffect(() => follow(run, follower(client, run)), [client, run]);
  return useQuery({
    structuralSharing: false, // thousands of lines that never change need no comparing
    queryKey: keyOf(run),
    queryFn: ({ signal }) => readOn(client.getQueryData<RunLog>(keyOf(run)) ?? NOTHING, (after) => get<RunLogPart>(`/runs/${encodeURIComponent(run)}/log`, { after, limit: AT_ONCE }, signal)),
  });
}

/** For good: nobody reads it any more. */
export function useEraseRunLog(run: string) {
  const client = useQueryClient();
  return useCommand(async () => {
    await remove(`/runs/${encodeURIComponent(run)}/log`);
    client.setQueryData(keyOf(run), NOTHING);
  }, ["run-log"]);
}

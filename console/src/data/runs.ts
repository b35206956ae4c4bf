/** Runs: what people do with them. Every act names who did it, and why, in the journal. */
import { useCommand } from "./commands";
import { post } from "./http";
import type { DryRun, RunDetail } from "./types";

const at = (id: string, verb: string): string => `/runs/${encodeURIComponent(id)}/${verb}`;
const TOUCHED = ["runs", "approvals", "stats"];
const because = (reason: string | undefined): { reason?: string } => (reason ? { reason } : {});

/** It begins nothing more, or goes on. */
export const usePauseRun = () =>
  useCommand(({ id, verb, reason }: { id: string; verb: "pause" | "resume"; reason?: string }) => post<RunDetail>(at(id, verb), because(reason)), TOUCHED);

export const useCancelRun = () =>
  useCommand(({ id, rollback, atOnce, reason }: { id: string; rollback: boolean; atOnce: boolean; reason?: string }) => post<RunDetail>(at(id, "cancel"), { rollback, at_once: atOnce, ...because(reason) }), TOUCHED);

/** A step that failed is tried again, or one passed over. */
export const useOnStep = () =>
  useCommand(({ id, verb, step, reason }: { id: string; verb: "retry" | "skip"; step: string; reason?: string }) =>
    post<RunDetail>(at(id, verb), { step, ...because(reason) }), TOUCHED);

/** Gives the run that begins there. */
export const useForkRun = () =>
  useCommand(({ id, ...asked }: { id: string; step: string; inputs: Record<string, unknown>; again?: boolean; reason?: string }) => post<RunDetail>(at(id, "fork"), asked), TOUCHED);

/** What a run would do; nothing is started. */
export const useDryRun = () =>
  useCommand((start: { workflow: string; namespace: string; inputs: Record<string, unknown> }) => post<DryRun>("/runs/dry-run", start), []);

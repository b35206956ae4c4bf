/** Approvals: what waits for people, and what they say. */
import { useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, post } from "./http";
import type { Approval } from "./types";

export interface Inbox {
  /** Those that the person who asks may decide, the oldest first. */
  items: Approval[];
  /** Those about what they asked for themselves. */
  own: Approval[];
}

export function useInbox(enabled = true) {
  return useQuery({ queryKey: ["approvals", "inbox"], queryFn: ({ signal }) => get<Inbox>("/approvals/inbox", {}, signal), refetchInterval: 60_000, enabled });
}

/** One approval, for where several are read at once; the same as `useDetail` reads. */
export const detailOf = (id: string) => ({
  queryKey: ["approvals", "detail", id, "", {}],
  queryFn: ({ signal }: { signal: AbortSignal }) => get<Approval>(`/approvals/${encodeURIComponent(id)}`, {}, signal),
});

const at = (id: string, verb: string): string => `/approvals/${encodeURIComponent(id)}/${verb}`;
const TOUCHED = ["approvals", "runs"];

export const useDecide = () =>
  useCommand(({ id, decision, reason }: { id: string; decision: "approve" | "reject"; reason?: string }) =>
    post<Approval>(at(id, "decide"), { decision, ...(reason ? { reason } : {}) }), TOUCHED);

/** `to` is a person's name. */
export const useDelegate = () =>
  useCommand(({ id, to }: { id: string; to: string }) => post<Approval>(at(id, "delegate"), { to: to.startsWith("user:") ? to : `user:${to}` }), TOUCHED);

/** Self-service: what is offered to me, what was asked for, and what became of that. */
import { useQuery } from "@tanstack/react-query";

import { useCommand } from "./commands";
import { get, post, type Page } from "./http";
import type { Offer, RequestDetail } from "./types";

/** Whoever is offered something by name may have no role in its namespace, and so no stream of what happens there. */
export const UNTOLD_MS = 15_000;

export function useOffers() {
  return useQuery({ queryKey: ["offers"], queryFn: ({ signal }) => get<Page<Offer>>("/self-service", {}, signal), refetchInterval: 60_000 });
}

/** Whether nothing more comes of it. */
export const isSettled = (request: Pick<RequestDetail, "state" | "outcome">): boolean =>
  request.state !== "pending" && (request.state !== "started" || Boolean(request.outcome?.ended_at));

/** One request. Once it runs it is kept with what is known of its run, so that each step that begins or ends renews it. */
export function useRequest(id: string) {
  const one = useQuery({ queryKey: ["requests", "detail", id], queryFn: ({ signal }) => read(id, signal), refetchInterval: untilSettled });
  const run = one.data?.run ?? "";
  const running = useQuery({
    queryKey: ["runs", "detail", run, "request", id], queryFn: ({ signal }) => read(id, signal), refetchInterval: untilSettled, enabled: run !== "",
  });
  return running.data && running.dataUpdatedAt > one.dataUpdatedAt ? { ...one, data: running.data } : one;
}

const read = (id: string, signal: AbortSignal): Promise<RequestDetail> => get<RequestDetail>(`/requests/${encodeURIComponent(id)}`, {}, signal);
const untilSettled = ({ state }: { state: { data: RequestDetail | undefined } }): number | false => (state.data && isSettled(state.data) ? false : UNTOLD_MS);

const TOUCHED = ["requests", "approvals", "runs", "stats"];

export const useAskFor = () =>
  useCommand(({ reason, ...asked }: { workflow: string; namespace: string; inputs: Record<string, unknown>; reason: string }) =>
    post<RequestDetail>("/requests", { ...asked, ...(reason ? { reason } : {}) }), TOUCHED);

export const useWithdraw = () =>
  useCommand(({ id, reason }: { id: string; reason: string }) => post<RequestDetail>(`/requests/${encodeURIComponent(id)}/withdraw`, reason ? { reason } : {}), TOUCHED);

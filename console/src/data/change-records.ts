/** Changes in the landscape: written down by hand, ended by hand. */
import { useCommand } from "./commands";
import { post } from "./http";
import type { ChangeRecord, Matcher } from "./types";

export interface NewChange {
  title: string;
  kind?: string;
  resources: string[];
  services: string[];
  links?: { url: string }[];
  expects?: Matcher[];
  lasts: string;
  namespace: string;
}

export const useBeginChange = () => useCommand((change: NewChange) => post<ChangeRecord>("/change-records", change), ["change-records", "alerts", "handovers"]);

export const useFinishChange = () =>
  useCommand(({ id, outcome }: { id: string; outcome: "succeeded" | "failed" | "cancelled" }) =>
    post<ChangeRecord>(`/change-records/${encodeURIComponent(id)}/finish`, { outcome }), ["change-records", "alerts", "handovers"]);

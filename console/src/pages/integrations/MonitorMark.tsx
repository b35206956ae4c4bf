/** How a monitor is, in one mark: well, what it found, or that it cannot measure. */
import type { Monitor } from "../../data/types";
import { isSeverity, SeverityMark, StateMark } from "../../parts/marks";

export function MonitorMark({ state }: { state: Monitor["state"] }) {
  if (state === null) return <StateMark state="pending" text="No reading yet" />;
  if (state.state === "clear" || state.state === "ok") return <StateMark state="ok" text="Well" />;
  if (isSeverity(state.state)) return <SeverityMark severity={state.state} />;
  return <StateMark state={state.state} text={state.state === "failing" ? "Cannot measure" : state.state === "pending" ? "No reading yet" : state.state} />;
}

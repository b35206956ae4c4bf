/** The marks that carry meaning: severity by colour, shape and word; priority by weight; state by form. */
import type { Alert, Incident, Severity } from "../data/types";
import { sentence } from "./format";
import { Icon, type IconName } from "./Icon";

const SHAPES: Record<Severity, React.ReactNode> = {
  critical: <><path fill="currentColor" d="M5.1.8h5.8l4.3 4.3v5.8l-4.3 4.3H5.1L.8 10.9V5.1z" /><path d="M8 4.4v4.4M8 11.3v.2" stroke="var(--glyph)" strokeWidth="1.9" /></>,
  major: <><path fill="currentColor" d="M8 .9c.4 0 .7.2.9.5l6.4 11.8c.4.8-.1 1.7-1 1.7H1.7c-.9 0-1.4-.9-1-1.7L7.1 1.4c.2-.3.5-.5.9-.5z" /><path d="M8 6v3.7M8 12v.2" stroke="var(--glyph)" strokeWidth="1.7" /></>,
  minor: <><path fill="currentColor" d="M8 .6 15.4 8 8 15.4.6 8z" /><path d="M5.6 8h4.8" stroke="var(--glyph)" strokeWidth="1.7" /></>,
  warning: <><rect fill="currentColor" x="1.6" y="1.6" width="12.8" height="12.8" rx="2.2" /><path d="m5 6.3 3 3.2 3-3.2" stroke="var(--glyph)" strokeWidth="1.7" /></>,
  info: <><circle cx="8" cy="8" r="6.4" stroke="currentColor" strokeWidth="1.6" /><path d="M8 7.4v3.7M8 4.7v.2" stroke="currentColor" strokeWidth="1.7" /></>,
  clear: <path d="m3 8.5 3.2 3.2L13 4.8" stroke="currentColor" strokeWidth="2" />,
};

export function isSeverity(value: unknown): value is Severity {
  return typeof value === "string" && value in SHAPES;
}

/** The shape alone, for dense places; it still has its word for assistive technology. */
export function SeverityShape({ severity, small }: { severity: Severity; small?: boolean }) {
  return (
    <svg className={`severity-shape ${severity}${small ? " s" : ""}`} viewBox="0 0 16 16" role="img" aria-label={severity}>
      {SHAPES[severity]}
    </svg>
  );
}

export function SeverityMark({ severity, text }: { severity: string | null | undefined; text?: string }) {
  if (!isSeverity(severity)) return <span className="dim3">No severity</span>;
  return (
    <span className={`severity ${severity}`}>
      <svg className="severity-shape" viewBox="0 0 16 16" aria-hidden="true">{SHAPES[severity]}</svg>
      {text ?? sentence(severity)}
    </span>
  );
}

export function PriorityTag({ priority }: { priority: string }) {
  return <span className={`priority ${priority.toLowerCase()}`} title={`Priority ${priority.slice(1)}`}>{priority}</span>;
}

const STATES: Record<string, { icon: IconName; tone: string }> = {
  firing: { icon: "open", tone: "strong-state" },
  open: { icon: "open", tone: "strong-state" },
  new: { icon: "open", tone: "strong-state" },
  acknowledged: { icon: "acknowledged", tone: "" },
  known_error: { icon: "acknowledged", tone: "" },
  in_progress: { icon: "acknowledged", tone: "" },
  quiet: { icon: "quiet", tone: "faint" },
  resolved: { icon: "resolved", tone: "faint" },
  closed: { icon: "check", tone: "faint" },
  running: { icon: "running", tone: "moving" },
  waiting: { icon: "waiting", tone: "moving" },
  pending: { icon: "resolved", tone: "faint" },
  validating: { icon: "running", tone: "moving" },
  queued: { icon: "clock", tone: "" },
  paused: { icon: "pause", tone: "moving" },
  rolling_back: { icon: "undo", tone: "moving" },
  rolled_back: { icon: "undo", tone: "" },
  rollback_failed: { icon: "failed", tone: "failed" },
  succeeded: { icon: "check", tone: "done" },
  approved: { icon: "check", tone: "done" },
  rejected: { icon: "failed", tone: "failed" },
  failed_validation: { icon: "failed", tone: "failed" },
  timed_out: { icon: "clock", tone: "" },
  failed: { icon: "failed", tone: "failed" },
  in_step: { icon: "check", tone: "done" },
  failing: { icon: "failed", tone: "failed" },
  unknown: { icon: "unknown", tone: "" },
  skipped: { icon: "skipped", tone: "faint" },
  lapsed: { icon: "unknown", tone: "" },
  cancelled: { icon: "close", tone: "faint" },
  ok: { icon: "check", tone: "" },
  active: { icon: "open", tone: "strong-state" },
  observe: { icon: "quiet", tone: "" },
  expired: { icon: "resolved", tone: "faint" },
  draft: { icon: "form", tone: "faint" },
  assess: { icon: "problem", tone: "moving" },
  authorise: { icon: "waiting", tone: "moving" },
  scheduled: { icon: "clock", tone: "" },
  implement: { icon: "running", tone: "moving" },
  review: { icon: "acknowledged", tone: "moving" },
};

export function StateMark({ state, text }: { state: string; text?: string }) {
  const mark = STATES[state] ?? { icon: "resolved" as const, tone: "" };
  return (
    <span className={`state ${mark.tone}`}>
      <Icon name={mark.icon} />
      {text ?? sentence(state)}
    </span>
  );
}

/** What an alert's state reads as, with acknowledgement and quiet taken in. */
export function alertState(alert: Pick<Alert, "state" | "quiet" | "acknowledged_at">): "firing" | "acknowledged" | "quiet" | "resolved" {
  if (alert.state === "resolved") return "resolved";
  if (alert.quiet.length > 0) return "quiet";
  return alert.acknowledged_at ? "acknowledged" : "firing";
}

const EDGES: Record<string, string> = { firing: "", open: "", acknowledged: "hollow", quiet: "dashed", resolved: "none", closed: "none" };

/** Class of a row's left edge: solid, hollow or dashed by state, in the severity's colour. */
export function edge(severity: Severity, state: ReturnType<typeof alertState> | Incident["state"]): string {
  return `edge ${severity} ${EDGES[state] ?? ""}`;
}

/** A decision's reason code. Outlined when it says why something did not happen; loud when it should have, and failed. */
export function ReasonChip({ code, not, failed, title }: { code: string; not?: boolean; failed?: boolean; title?: string }) {
  if (failed) return <span className="reason failed" title={title ?? `Failed: ${code}`}><Icon name="failed" size="s" />{code}</span>;
  return <span className={not ? "reason not" : "reason"} title={title ?? (not ? `Did not happen: ${code}` : code)}>{code}</span>;
}

/** Which of its policy's overrides a decision was made by, and which others fitted too. */
export function OverrideNote({ decision }: { decision: { override?: string | null; also_fitted?: readonly string[] } }) {
  if (!decision.override) return null;
  const others = decision.also_fitted ?? [];
  return <span className="tag" title={others.length > 0 ? `It counts before ${others.join(", ")}, which fitted too` : "The override of the policy that fitted"}>override {decision.override}</span>;
}

/** A policy's decision in one mark: it fired, it held back, or it should have responded and could not. */
export function DecisionChip({ decision }: { decision: { outcome?: string; reason?: string } }) {
  const { outcome = "", reason } = decision;
  return <ReasonChip code={reason ?? outcome} not={outcome === "blocked"} failed={outcome === "failed"} />;
}

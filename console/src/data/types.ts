/** The API's entities, as the engine's structs put them into JSON. Instants are RFC 3339 strings. */

export type Severity = "clear" | "info" | "warning" | "minor" | "major" | "critical";
export const SEVERITIES: readonly Severity[] = ["critical", "major", "minor", "warning", "info", "clear"];

export interface Quiet {
  reason: string;
  by: string;
  since: string;
  until?: string | null;
}

export interface Crossing {
  value?: number | null;
  limit?: number | null;
  unit?: string | null;
  metric?: string | null;
  since?: string | null;
}

export interface Alert {
  id: string;
  fingerprint: string;
  namespace: string;
  title: string;
  severity: Severity;
  category: string;
  state: "firing" | "resolved";
  resource: string;
  service: string | null;
  check: string | null;
  labels: Record<string, string>;
  count: number;
  first_seen_at: string;
  last_seen_at: string;
  updated_at: string;
  deadline_at?: string | null;
  resolved_at?: string | null;
  resolved_by?: string | null;
  quiet: Quiet[];
  acknowledged_by?: string | null;
  acknowledged_at?: string | null;
  incident?: string | null;
  source: string;
  type: string;
  annotations: Record<string, string>;
  crossing?: Crossing | null;
  policies: string[];
  event_id: string;
  event_severity: string;
  reopened: number;
  position: string;
}

export type IncidentState = "open" | "acknowledged" | "resolved" | "closed";
export type Priority = "P1" | "P2" | "P3" | "P4" | "P5";

export interface Incident {
  id: string;
  namespace: string;
  title: string;
  state: IncidentState;
  severity: Severity;
  priority: Priority;
  priority_reason: string;
  service: string | null;
  resource: string | null;
  alerts_firing: number;
  alerts_total: number;
  opened_at: string;
  updated_at: string;
  acknowledged_by?: string | null;
  acknowledged_at?: string | null;
  resolved_by?: string | null;
  resolved_at?: string | null;
  closed_at?: string | null;
  assignee?: string | null;
  owner?: string | null;
  tickets: string[];
  runs: string[];
  reopened: number;
  position: string;
}

export type TicketState = "new" | "in_progress" | "resolved" | "closed";

export interface Ticket {
  id: string;
  namespace: string;
  type: string;
  title: string;
  description: string;
  state: TicketState;
  severity: Severity | null;
  priority: Priority | null;
  service: string | null;
  resource: string | null;
  opened_by: string;
  opened_at: string;
  updated_at: string;
  assignee?: string | null;
  resolved_at?: string | null;
  closed_at?: string | null;
  incident?: string | null;
  run?: string | null;
  position: string;
}

export type RunState = "running" | "succeeded" | "failed" | "cancelled";
export type StepState = "pending" | "running" | "waiting" | "succeeded" | "failed" | "skipped" | "unknown";

export interface Step {
  address: string;
  uses: string;
  state: StepState;
  reason: string | null;
  attempt: number;
  inputs: unknown;
  result: unknown;
  outputs: Record<string, unknown>;
  error_code: string | null;
  started_at: string | null;
  ended_at: string | null;
  next_try_at: string | null;
  effect: string | null;
}

export interface Run {
  id: string;
  namespace: string;
  workflow: string;
  workflow_hash: string;
  state: RunState;
  reason: string | null;
  inputs: Record<string, unknown>;
  trigger: Record<string, unknown>;
  steps: Step[];
  started_at: string;
  updated_at: string;
  ended_at?: string | null;
  incident?: string | null;
  alert?: string | null;
  service?: string | null;
  resource?: string | null;
  deadline_at?: string | null;
  position: string;
}

export interface Matcher {
  name: string;
  value: string;
  is_regex: boolean;
  is_equal: boolean;
}

export interface Silence {
  id: string;
  namespace: string;
  matchers: Matcher[];
  starts_at: string;
  ends_at: string;
  created_by: string;
  comment: string;
  state: "pending" | "active" | "expired";
  updated_at: string;
}

/** A CloudEvent in structured mode. */
export interface CloudEvent {
  specversion: string;
  id: string;
  source: string;
  type: string;
  subject?: string;
  time?: string;
  severity?: Severity;
  resource?: string;
  service?: string;
  namespace?: string;
  title?: string;
  data?: unknown;
  [extension: string]: unknown;
}

/** One row of the journal. */
export interface JournalEvent {
  position: string;
  recorded_at: string;
  id: string;
  type: string;
  event: CloudEvent;
  namespace?: string;
  origin?: string;
  actor?: string;
  derived?: boolean;
  rejected?: boolean;
}

export interface Comment {
  id: string;
  namespace: string;
  on_kind: "incident" | "ticket";
  on_id: string;
  by: string;
  text: string;
  at: string;
}

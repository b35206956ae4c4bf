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

/** A fact of the engine's own, as lists of facts and the stream show it. */
export interface Fact extends JournalEvent {
  kind: string;
  input_position: string;
  cause_position: string;
}

export interface Decision {
  position: string;
  recorded_at: string;
  namespace: string;
  policy: string;
  generation: number;
  outcome: "fired" | "blocked";
  reason: string;
  detail: string;
  event: string;
  key: string | null;
  alert: string | null;
  incident: string | null;
  runs: string[];
  tickets: string[];
  values: Record<string, unknown>;
}

export interface StoryNode {
  id: string;
  kind: "input" | "fact" | "decision" | "near_miss" | "quiet";
  position: string | null;
  at: string;
  type: string;
  title: string;
  about_kind: string | null;
  about_id: string | null;
  outcome: string | null;
  reason: string | null;
  detail: string | null;
  severity: string | null;
}

export interface StoryEdge {
  from: string;
  to: string;
  kind: "caused" | "asked" | "prevented";
}

export interface Story {
  root: string;
  nodes: StoryNode[];
  edges: StoryEdge[];
  truncated: boolean;
}

export interface NearMiss {
  at: string;
  event: string;
  position: string;
  reason: string;
  detail: string;
}

export interface Policy {
  id: string;
  namespace: string;
  name: string;
  generation: number;
  mode: string;
  description: string | null;
  owner: string | null;
  labels: Record<string, string>;
  spec: Record<string, unknown>;
  stats: { fired: number; blocked: number; last_fired_at: string | null; near_misses: NearMiss[] };
  updated_at: string;
  applied_by: string;
}

export interface Service {
  id: string;
  namespace: string;
  name: string;
  description: string | null;
  owner: string | null;
  criticality: string;
  severity: Severity;
  alerts_firing: number;
  incidents_open: number;
}

export interface Manifest {
  id: string;
  kind: string;
  namespace: string;
  name: string;
  generation: number;
  labels: Record<string, string>;
  owner: string | null;
  review_by: string | null;
  description: string | null;
  spec: Record<string, unknown>;
  applied_by: string;
  updated_at: string;
}

export interface MonitorState {
  id: string;
  namespace: string;
  name: string;
  uses: string;
  state: string;
  detail: string | null;
  since: string;
  updated_at: string;
  error_code?: string | null;
}

export interface Monitor {
  manifest: Manifest | null;
  state: MonitorState | null;
}

export interface Source {
  id: string;
  namespace: string;
  name: string;
  type: string;
  path: string;
  description: string | null;
  configured: boolean;
  accepted: number;
  duplicates: number;
  rejected: number;
  rate_per_minute: number;
  last_event_at: string | null;
  last_error: string | null;
  last_error_at: string | null;
}

export interface DeadLetter {
  id: number;
  namespace: string;
  origin: string;
  code: string;
  detail: string;
  at: string;
  position: string | null;
  redriven_at: string | null;
  state: "waiting" | "redriven";
  body: string;
}

export interface SampleSeries {
  series: string;
  namespace: string;
  resource: string;
  metric: string;
  labels: Record<string, string>;
  step_s: number;
  points: { at: string; count: number; mean: number; min: number; max: number }[];
}

export interface Mail {
  id: string;
  at: string;
  sender: string;
  to: string[];
  subject: string;
  text: string | null;
  html: string | null;
}

export interface NowView {
  at: string;
  position: string;
  incidents_by_priority: Record<string, number>;
  alerts_by_severity: Record<string, number>;
  alerts_quiet: number;
  incidents: Incident[];
  rate: { at: string; inputs: number; events: number }[];
  funnel: { events: number; alerts: number; incidents: number; notifications: number };
  runs_active: number;
  monitors_failing: number;
  dead_letters: number;
}

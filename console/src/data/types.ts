/**
 * The API's entities. Their shapes come from the OpenAPI document (`schema.ts`, made by `npm run generate`); here they
 * get their names, and the closed sets of words that the engine keeps but the document leaves open.
 */
import type { components } from "./schema";

type Schemas = components["schemas"];

/** An answer as the server encodes it: every field is there, also those that have a default. */
type Whole<Name extends keyof Schemas, Narrowed = unknown> = Omit<Required<Schemas[Name]>, keyof Narrowed> & Narrowed;

export type Severity = "clear" | "info" | "warning" | "minor" | "major" | "critical";
export const SEVERITIES: readonly Severity[] = ["critical", "major", "minor", "warning", "info", "clear"];

export type Crossing = Schemas["Crossing"];
export type Quiet = Whole<"Quiet">;
export type Peak = Whole<"Peak", { severity: Severity; crossing: Crossing | null }>;
export type Alert = Whole<"Alert", { severity: Severity; quiet: Quiet[]; crossing: Crossing | null; peak: Peak | null }>;

export type Incident = Whole<"Incident", { severity: Severity }>;
export type IncidentState = Incident["state"];
/** How far an incident is in calling people. */
export type Escalation = Whole<"Escalation", { branches: Whole<"Branch">[] }>;
export type PlannedLevel = Whole<"PlannedLevel">;
export type EscalationPlan = Whole<"EscalationPlan", { steps: PlannedLevel[] }>;
export type Rung = Schemas["Rung"];
export type PersonSpec = Schemas["PersonSpec"];
export type Effect = Whole<"Effect">;
export type Task = Whole<"Task">;
export type Checklist = Whole<"Checklist", { items: Whole<"Item">[] }>;
export type Comment = Whole<"Comment">;
export type StatusUpdate = Whole<"StatusUpdate">;
export type ProblemRecord = Whole<"ProblemRecord", { matchers: Matcher[] }>;
export type Similar = Whole<"Similar">;
/** What was drawn from the journal when a review was begun. */
export interface Drawn {
  detect_s: number | null;
  acknowledge_s: number | null;
  resolve_s: number | null;
  people: string[];
  alerts_total: number;
  updates: number;
  suspects: { name: string; score: number; reasons: string[] }[];
  timeline: { at: string; position: string; type: string; about: string; said: string }[];
  timeline_cut: boolean;
}
export type Review = Whole<"Review", { drawn: Drawn }>;
/** How available a service was. */
export type Availability = Whole<"ServiceAvailability">;
/** How many alerts have each value of a field, over all that filters find. */
export type Facet = Whole<"Facet">;
export type Facets = Whole<"Facets">;
/** That policies start no runs in a namespace, or in all. */
export type Pause = Whole<"Pause">;
/** Something that is to be changed, from a draft to its review. */
export type Change = Whole<"ChangeView", { spec: ChangeSpec; plan: Whole<"ChangePlan"> | null }>;
/** What the plan of a change has otherwise than an earlier one. */
export type PlanDifference = Whole<"PlanDifference">;
export type ChangeState = Change["state"];
export type CloseCode = NonNullable<Change["close_code"]>;
/** How a change is made, as it is written: what is at its default is left out. */
export interface ChangeSpec {
  description?: string;
  type?: Change["type"];
  inputs?: unknown;
  targets?: { names?: string[]; labels?: Record<string, string[]>; type?: string; service?: string; at_most?: number };
  steps?: unknown;
  waves?: { canary?: number; then?: number | string; growth?: number; spread_by?: string; max_parallel?: number; max_failures?: number | string; gate?: ApprovalSpec[]; bake?: string };
  preconditions?: { healthy?: boolean; no_incidents?: string[]; alone?: boolean; that?: string };
  window?: { calendar: string; on_close?: string };
  approvals?: ApprovalSpec[];
  bake?: string;
  expects?: { types: string[]; at_most?: string }[];
  on_failure?: { rollback?: "none" | "target" | "wave" | "all"; pause?: boolean; notify?: string[] };
  timeout?: string;
  review?: "always" | "on_failure" | "never";
  max_risk?: "low" | "medium" | "high" | "very_high";
  owner?: string;
}
export type ChangeTemplate = Omit<Manifest, "spec"> & { spec: ChangeSpec };
/** When changes may be made, when not, and which are planned. */
export type ChangeCalendar = Whole<"ForwardSchedule">;
export type ChangeSlot = Whole<"CalendarSlot">;
export type PlannedChange = ChangeCalendar["changes"][number];
/** Something that is, or was, changed in the landscape. */
export type ChangeRecord = Whole<"ChangeRecord", { expects: Matcher[] }>;
export type HandoverLine = Whole<"Line">;
export interface HandoverLines {
  items: HandoverLine[];
  total: number;
}
export type HandoverPart = "open" | "acknowledged" | "resolved" | "updates" | "snoozed" | "silences" | "maintenance" | "runs" | "overdue" | "due" | "changes";
/** How things stood; one that was drawn long ago may lack a part. */
export type HandedOver = { at: string } & Partial<Record<HandoverPart, HandoverLines>>;
export type Handover = Whole<"Handover", { drawn: HandedOver }>;
export type Priority = Incident["priority"];

export type Ticket = Whole<"Ticket", { severity: Severity | null; priority: Priority | null }>;
export type Mirrored = Whole<"Mirrored">;
export type TicketState = Ticket["state"];

/** An answer that leaves out what is at its default. */
type Sparse<Name extends keyof Schemas, Given extends keyof Schemas[Name]> = Pick<Schemas[Name], Given> & Partial<Omit<Schemas[Name], Given>>;

/** What a step may use: its name, and the schemas of what it takes and gives. */
export type ActionView = Schemas["ActionView"];
export type WorkflowSpec = Schemas["WorkflowSpec"];
/** What a workflow does when a run of it has failed. */
export type OnFailure = Schemas["OnFailure"];
/** A step as a workflow has it written. */
export type StepSpec = Sparse<"StepSpec", "id">;
export type Step = Sparse<"Step", "id" | "run" | "namespace" | "address" | "node" | "uses" | "state">;
export type StepState = Step["state"];
export type Run = Sparse<"Run", "id" | "namespace" | "workflow" | "version" | "state" | "created_at" | "updated_at">;
export type RunState = Run["state"];
/** A run with the version of its workflow that it goes by, and its steps in the order of that. */
export type RunDetail = Run & { definition?: WorkflowSpec; steps?: Step[]; more_steps?: boolean };
/** A part of what a run's steps told, and how far each attempt is. */
export type RunLogPart = Schemas["RunLog"];
export type LogLine = Schemas["LogLine"];
export type StepProgress = Schemas["StepProgress"];
/** An attempt at a step that is over, or a look whether the step had its effect. */
export type StepAttempt = Schemas["StepAttempt"];
export type StepAttempts = Schemas["StepAttempts"];
export type Waits = Sparse<"Waits", "step" | "what" | "code">;
/** What is waited for, as far as it is told: of the run of a request less is. */
export type Awaited = Pick<Waits, "step" | "code"> & Partial<Waits>;
/** Why a run is not moving. */
export type Why = Omit<Schemas["Why"], "waits"> & { waits: Waits[] };
export type Approval = Pick<Schemas["Approval"], "id" | "namespace" | "run" | "step" | "workflow" | "ask" | "state" | "stages" | "created_at" | "updated_at" | "expires_at"> & Partial<Schemas["Approval"]>;
/** An approval with those whose word it waits for. */
export type ApprovalDetail = Approval & { may_decide: string[] };
export type Decided = Schemas["Decided"];
/** A stage of an approval, as a workflow has it written. */
export type ApprovalSpec = Sparse<"ApprovalSpec", "by">;
/** A workflow that whoever asks may have run. */
export type Offer = Whole<"Offer", { approvals: ApprovalSpec[] }>;
/** What became of the run of a request. */
export type Came = Whole<"Came", { state: RunState; waits: Awaited[] }>;
/** What one person asked for. */
export type Request = Whole<"RequestView", { outcome: Came | null }>;
export type RequestDetail = Whole<"RequestDetail", { outcome: Came | null; approving: Approval | null; steps: Whole<"StepCame", { state: StepState }>[] }>;
export type ScheduleSpec = Partial<Schemas["ScheduleSpec"]>;
export type ScheduleView = Whole<"ScheduleView", { spec: ScheduleSpec }>;
/** A step as far as it is known before the run. */
export type PlannedStep = Omit<Schemas["rehearsal_dry_run_Planned"], "steps"> & { steps?: PlannedStep[] };
/** What a run would do from here on. */
export type Ahead = Omit<Schemas["Ahead"], "steps"> & { steps: PlannedStep[] };
export type DryRun = Omit<Schemas["DryRun"], "steps"> & { steps: PlannedStep[] };

export type Matcher = Whole<"Matcher">;
export type Silence = Whole<"Silence", { matchers: Matcher[] }>;

export type WindowView = Whole<"WindowView", { next: Schemas["Occurrence"][]; spec: MaintenanceWindowSpec }>;
export type WindowPreview = Whole<"WindowPreview", { alerts: Matched[] }>;
export type Matched = Whole<"Matched", { severity: Severity }>;
export type Matching = Whole<"Matching", { alerts: Matched[] }>;
/** From when on an alert was so. */
export type AlertChange = Whole<"store_life_Change", { severity: Severity }>;

/** A matcher as people write it in a manifest. */
export interface WrittenMatcher {
  name: string;
  value: string;
  is_regex?: boolean;
  is_equal?: boolean;
}
export interface MaintenanceWindowSpec extends Record<string, unknown> {
  matchers: WrittenMatcher[];
  rrule?: string;
  duration?: string | number;
  zone?: string;
}
export interface InhibitionSpec extends Record<string, unknown> {
  description?: string;
  source: WrittenMatcher[];
  target: WrittenMatcher[];
  equal?: string[];
}
export type Inhibition = Omit<Manifest, "spec"> & { spec: InhibitionSpec };

/** That an alert belongs, or belonged, to an incident, and which rule put it there. */
export type Membership = Whole<"Membership">;

/** A resource or service, and how it is. */
export type Place = Whole<"Place", { severity: Severity }>;
export type Edge = Whole<"EdgeView">;
export type Suspect = Whole<"SuspectView", { place: Place | null; parts: Whole<"suspects_Part">[] }>;
export type Affected = Whole<"AffectedView", { place: Place }>;
export type Suspects = Whole<"SuspectsView", { suspects: Suspect[]; affected: Affected[]; nodes: Whole<"ExcerptNode", { place: Place }>[]; edges: Edge[] }>;

export type Reached = Whole<"Reached", { place: Place }>;
export type Surroundings = Whole<"Surroundings", { place: Place; needs: Reached[]; needed_by: Reached[]; edges: Edge[] }>;
export type MapNode = Whole<"MapNode", { place: Place }>;
export type TopologyMap = Whole<"TopologyMap", { nodes: MapNode[] }>;

/** A consumer of events, and how far it is. */
export type Subscription = Whole<"SubscriptionView">;
export type Undelivered = Whole<"Undelivered">;
export type Clause = Whole<"ClauseView">;
export type TriedPolicy = Whole<"TriedPolicy", { clauses: Clause[] }>;
export type Trial = Whole<"Trial", { policies: TriedPolicy[] }>;
export type TriedOn = Whole<"TriedOn", { in_force: Trial; edited: Trial | null }>;
export type Version = Whole<"Version", { manifest: Manifest }>;
export type Applied = Schemas["Applied"];
export type Explanation = Whole<"Explanation">;

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
export type JournalEvent = Whole<"EventRecord", { event: CloudEvent }>;
/** A fact of the engine's own, as timelines and the stream show it. */
export type Fact = Whole<"Fact", { event: CloudEvent }>;

export type Decision = Whole<"DecisionRecord">;
export type StoryNode = Whole<"StoryNode">;
export type StoryEdge = Whole<"StoryEdge">;
export type Story = Whole<"Story", { nodes: StoryNode[]; edges: StoryEdge[] }>;

export type NearMiss = Whole<"NearMiss">;
export type Policy = Whole<"PolicyView", { stats: Whole<"PolicyStats", { near_misses: NearMiss[] }> }>;
export type PolicyWindow = Whole<"Contents", { parts: Whole<"conditions_contents_Part">[] }>;
export type Service = Whole<"ServiceView", { severity: Severity }>;
export type Manifest = Whole<"Manifest", { spec: Record<string, unknown> }>;
export type MonitorState = Whole<"MonitorState">;
export type Metric = Whole<"MetricView">;
export type Monitor = Whole<"MonitorView", { manifest: Manifest | null; state: MonitorState | null; metrics: Metric[] }>;
export type Itself = Whole<"ItselfView", { outside: Whole<"OutsideView">; monitors: Monitor[] }>;
export type SapInstance = Whole<"SAPInstanceView">;
export type SapSystem = Whole<"SAPSystemView", { severity: Severity; instances: SapInstance[] }>;
export type Source = Whole<"SourceView">;
export type SourceType = Whole<"SourceType">;
export type DeadLetter = Whole<"DeadLetter">;
export type SampleSeries = Whole<"Series">;
export type Mail = Whole<"Mail">;
export type NowView = Whole<"Now", { incidents: Incident[] }>;

export type Binding = Whole<"Binding">;
export type Me = Whole<"Me">;
export type LinkInfo = Whole<"LinkInfo">;
export type User = Whole<"UserView">;
export type Token = Whole<"TokenView">;
export type Secret = Whole<"SecretView">;

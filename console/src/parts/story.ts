/** Facts in words: what a timeline, a graph node and a palette entry say about one of OnCue's own events. */
import { nameOf } from "../data/me";
import type { Alert, CloudEvent, Incident, Run, Ticket } from "../data/types";
import { measure, moment, sentence, without } from "./format";
import type { IconName } from "./Icon";

export interface Entry {
  icon: IconName;
  text: string;
  /** Reason code or outcome. */
  code: string | null;
  detail: string;
  /** What someone said, shown as a quotation. */
  said: string | null;
  milestone: boolean;
  /** It says why something did not happen. */
  not: boolean;
  /** It should have happened, and could not, or not wholly. */
  failed: boolean;
}

type Data = Record<string, unknown>;

const record = (value: unknown): Data => (typeof value === "object" && value !== null ? (value as Data) : {});
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

const ICONS: Record<string, IconName> = {
  alert: "alert", incident: "incident", policy: "policy", run: "run", step: "run", ticket: "ticket", silence: "quiet",
  effect: "effect", manifest: "policy", event: "event", monitor: "chart", comment: "comment", approval: "user", request: "form", schedule: "clock",
};

/** `97 %, limit 90 %`, or as much of it as is known. */
export function crossingText(crossing: Alert["crossing"]): string {
  if (!crossing) return "";
  const value = measure(crossing.value, crossing.unit);
  const limit = measure(crossing.limit, crossing.unit);
  if (value !== "" && limit !== "") return `${value}, limit ${limit}`;
  return value !== "" ? value : limit !== "" ? `limit ${limit}` : "";
}

/** The worst that an alert has been, where that is not what it is: `critical, 97 % at 03:12`. */
export function worstText(alert: Pick<Alert, "peak" | "severity">, now: number): string {
  const { peak } = alert;
  if (!peak || peak.severity === alert.severity) return "";
  return `${[peak.severity, measure(peak.crossing?.value, peak.crossing?.unit)].filter(Boolean).join(", ")} at ${moment(peak.at, now)}`;
}

const PLAIN: Record<string, string> = {
  fired: "fired", updated: "changed", severity_changed: "changed severity", resolved: "resolved", reopened: "fires again",
  acknowledged: "acknowledged", unacknowledged: "is no longer acknowledged", quieted: "was made quiet", audible: "is audible again",
};

/** The newest of what was added to an alert: all that came at its last instant, by one. */
function lastFound(alert: Alert): { by: string; run: boolean; what: string } | null {
  const found = record(alert.enriched);
  const list = (value: unknown): Data[] => (Array.isArray(value) ? value.map(record) : []);
  const named = { ...record(found["labels"]), ...record(found["annotations"]) };
  const all = [
    ...list(found["notes"]).map((one) => ({ one, what: text(one["text"]) })),
    ...Object.entries(named).map(([name, given]) => ({ one: record(given), what: `${name}=${text(record(given)["value"])}` })),
    ...list(found["links"]).map((one) => ({ one, what: text(one["title"]) || text(one["url"]) })),
  ];
  const newest = all.reduce((at, { one }) => (text(one["at"]) > at ? text(one["at"]) : at), "");
  const those = all.filter(({ one }) => text(one["at"]) === newest);
  const by = text(those[0]?.one["by"]);
  return by === "" ? null : { by, run: by.startsWith("run:"), what: those.map(({ what }) => what).join(", ") };
}

function alertEntry(verb: string, data: Data): Partial<Entry> {
  const alert = data as unknown as Alert;
  const title = text(data["title"]) || "Alert";
  switch (verb) {
    case "fired":
      return { text: title, code: "fired", detail: crossingText(alert.crossing) || text(data["resource"]), milestone: true };
    case "resolved":
      return { text: `${title}: resolved`, code: text(data["resolved_by"]) || "resolved", milestone: true, icon: "check" };
    case "acknowledged":
      return { text: `${title}: acknowledged by ${nameOf(text(data["acknowledged_by"])) || "someone"}`, icon: "acknowledged" };
    case "enriched": {
      const found = lastFound(alert);
      return { text: found ? `${title}: ${found.run ? "a run" : nameOf(found.by)} found out more` : `${title}: what was added was taken back`, detail: found?.what ?? "", milestone: true };
    }
    case "severity_changed":
      return { text: `${title}: now ${text(data["severity"])}`, detail: crossingText(alert.crossing), milestone: true };
    case "quieted": {
      const quiet = Array.isArray(alert.quiet) ? alert.quiet[0] : undefined;
      return { text: `${title} was made quiet`, icon: "quiet", code: quiet?.reason ?? "quiet", detail: quiet ? `by ${quiet.by}` : "" };
    }
    default:
      return { text: `${title} ${PLAIN[verb] ?? verb.replaceAll("_", " ")}` };
  }
}

function incidentEntry(verb: string, data: Data): Partial<Entry> {
  const incident = data as unknown as Incident;
  switch (verb) {
    case "opened":
      return { text: `Opened: ${text(data["title"])}`, code: text(data["priority"]) || null, detail: text(data["priority_reason"]), milestone: true };
    case "acknowledged":
      return { text: `Acknowledged by ${nameOf(text(data["acknowledged_by"])) || "someone"}`, icon: "acknowledged", milestone: true };
    case "resolved":
      return { text: "Resolved", icon: "check", milestone: true, detail: incident.resolved_by ? `by ${nameOf(incident.resolved_by)}` : "" };
    case "assigned":
      return { text: incident.assignee ? `Assigned to ${nameOf(incident.assignee)}` : "Assigned to nobody", icon: "user", milestone: true };
    case "commented": {
      const said = text(data["text"]) || text(record(data["comment"])["text"]);
      const by = text(data["by"]) || text(record(data["comment"])["by"]);
      return { text: nameOf(by) || "Comment", icon: "comment", said: said || null };
    }
    case "alert_added":
      return { text: `An alert joined ${text(data["incident"])}`.trim(), code: text(data["rule"]) || null, detail: text(data["reason"]) };
    case "alert_removed":
      return { text: `An alert left ${text(data["incident"])}${data["left_for"] ? ` for ${text(data["left_for"])}` : ""}`, code: text(data["rule"]) || null, detail: text(data["reason"]) };
    case "status_updated":
      return { text: `${nameOf(text(data["by"])) || "Someone"} told stakeholders`, icon: "mail", said: text(data["text"]) || null, milestone: true };
    case "update_due":
      return { text: "A promised status update has not come", icon: "clock", milestone: true };
    case "edited":
      return { text: "Edited by hand", icon: "user", detail: incident.edited.map((edit) => edit.field).join(", "), milestone: true };
    case "responders_changed":
      return { text: "Responders changed", icon: "user", detail: incident.responders.map((one) => `${one.name}: ${one.role}`).join(", ") };
    case "linked":
      return { text: "Linked", icon: "link", detail: incident.links.at(-1)?.title ?? "" };
    case "merged":
      return { text: `${text(data["id"])} became part of ${text(data["merged_into"])}`, icon: "link", milestone: true };
    default:
      return { text: sentence(verb), milestone: verb === "reopened" || verb === "closed", detail: text(data["reason"]) };
  }
}

function policyEntry(verb: string, data: Data): Partial<Entry> {
  const name = text(data["policy"]) || text(data["name"]) || "policy";
  const failed = data["reason"] === "shape_failed" ? "matched, but a text of its alert failed" : "fired, but its response failed";
  const words: Record<string, string> = { fired: "fired", failed };
  return {
    text: `Policy ${name} ${words[verb] ?? "did not act"}`,
    code: text(data["reason"]) || verb,
    detail: [data["generation"] === undefined ? "" : `gen ${text(data["generation"])}`, text(data["detail"])].filter(Boolean).join(", "),
    milestone: verb === "fired" || verb === "failed",
    not: verb === "blocked",
    failed: verb === "failed",
  };
}

/** What happens to a run at once when somebody asks for it. */
const ASKED = new Set(["started", "paused", "resumed", "cancelled", "rolling_back"]);

function runEntry(verb: string, data: Data, actor?: string | null): Partial<Entry> {
  const run = data as unknown as Run;
  const states: Record<string, IconName> = { succeeded: "check", failed: "failed", cancelled: "close", paused: "pause", stopping: "close", rolling_back: "undo", rolled_back: "undo", rollback_failed: "failed" };
  const words: Record<string, string> = { rolling_back: "is being rolled back", rolled_back: "was rolled back", rollback_failed: "could not be rolled back", queued: "waits for its turn", stopping: "was stopped; what is under “finally” is still being done" };
  return { text: `${text(run.workflow) || "Run"} ${words[verb] ?? verb}${ASKED.has(verb) && actor ? ` by ${nameOf(actor)}` : ""}`, icon: states[verb] ?? "run", detail: text(run.reason), milestone: true, failed: verb === "rollback_failed" };
}

function approvalEntry(verb: string, data: Data): Partial<Entry> {
  const said = (Array.isArray(data["decisions"]) ? data["decisions"] : []).map(record).at(-1);
  const by = nameOf(text(said?.["by"]));
  const id = text(data["id"]);
  const words: Record<string, string> = {
    requested: `${id} asks people`, decided: `${by} ${said?.["decision"] === "reject" ? "rejected" : "approved"} ${id}`, approved: `${id} approved, last by ${by}`,
    rejected: said?.["decision"] === "reject" ? `${id} rejected by ${by}` : `${id} counts as rejected`, expired: `Nobody decided ${id} in time`, cancelled: `${id} is not needed any more`, delegated: `${id} was handed on`,
  };
  return {
    text: words[verb] ?? `${id} ${verb}`, icon: verb === "approved" ? "check" : verb === "rejected" || verb === "expired" ? "failed" : "user", milestone: true,
    detail: verb === "requested" ? text(data["ask"]) : "", said: (verb === "decided" || verb === "approved" || verb === "rejected") && text(said?.["reason"]) !== "" ? text(said?.["reason"]) : null,
  };
}

function requestEntry(verb: string, data: Data): Partial<Entry> {
  const id = text(data["id"]);
  const what = `${id}, ${text(data["title"])}`;
  const by = nameOf(text(data["requester"]));
  const words: Record<string, string> = { asked: `${by} asked for ${what}`, started: `${what}: it runs`, rejected: `${what}: rejected`, expired: `Nobody decided ${what} in time`, withdrawn: `${by} withdrew ${what}`, failed: `${what} could not start` };
  return { text: words[verb] ?? `${id} ${verb}`, detail: text(data["said"]), said: verb === "asked" ? text(data["reason"]) || null : null, milestone: true, failed: verb === "failed" };
}

const SCHEDULED: Record<string, string> = { blocked: "started nothing: runs are paused", failed: "could not start a run", missed: "passed instants over" };

function stepEntry(verb: string, data: Data): Partial<Entry> {
  const address = text(data["step"]) || text(data["address"]) || "step";
  return { text: `Step ${address} ${verb.replaceAll("_", " ")}`, code: text(data["error_code"]) || null, detail: without(text(data["error_code"]), text(data["reason"])) || text(data["uses"]), not: verb === "skipped" };
}

function effectEntry(verb: string, data: Data): Partial<Entry> {
  const uses = text(data["uses"]) || "effect";
  const payload = record(data["payload"]);
  const channel = text(payload["channel"]);
  const notify = data["kind"] === "notify";
  const what = notify ? `Notification by ${uses}${channel ? ` to ${channel}` : ""}` : `Action ${uses}`;
  const words: Record<string, string> = { requested: "requested", succeeded: notify ? "sent" : "succeeded", retrying: "will be tried again" };
  return {
    text: `${what} ${words[verb] ?? verb}`,
    icon: notify ? "mail" : "effect",
    code: text(payload["reason"]) || null,
    detail: text(data["reason"]),
    milestone: verb === "succeeded" || verb === "failed",
  };
}

function ticketEntry(verb: string, data: Data): Partial<Entry> {
  const ticket = data as unknown as Ticket;
  if (verb === "commented") return { text: nameOf(text(data["by"])) || "Comment", icon: "comment", said: text(data["text"]) || null };
  return { text: `${text(ticket.id) || "Ticket"} ${verb}`, detail: [text(ticket.title), text(ticket.state)].filter(Boolean).join(", "), milestone: verb === "created" };
}

function taskEntry(verb: string, data: Data): Partial<Entry> {
  const by = nameOf(text(data["ended_by"]) || (verb === "created" ? text(data["created_by"]) : ""));
  const what = data["kind"] === "action" ? "Action" : "Task";
  return { text: `${what} ${verb}: ${text(data["title"])}`, icon: verb === "done" ? "check" : "event", detail: [by && `by ${by}`, text(data["reason"])].filter(Boolean).join(", "), milestone: verb === "done" || verb === "created" };
}

function checklistEntry(verb: string, data: Data): Partial<Entry> {
  const items = (Array.isArray(data["items"]) ? data["items"] : []).map(record);
  // The step that was marked is the one with the newest instant; a step that is open again has none.
  const last = items.filter((item) => text(item["at"]) !== "").sort((a, b) => text(b["at"]).localeCompare(text(a["at"])))[0];
  if (verb === "added") return { text: `Checklist ${text(data["runbook"])} added`, icon: "event" };
  if (verb === "unticked" || last === undefined) return { text: `A step of ${text(data["runbook"])} is open again`, icon: "event" };
  return { text: `${text(last["title"])}: ${verb}`, icon: verb === "ticked" ? "check" : "skipped", detail: [`by ${nameOf(text(last["by"]))}`, text(last["reason"])].filter(Boolean).join(", "), milestone: true, not: verb === "skipped" };
}

const PLANNED: Record<string, string> = {
  created: "is wanted", edited: "was edited", updated: "was brought up to date", assess: "needs another look", authorise: "asks for agreement", scheduled: "is scheduled", held: "cannot begin yet",
  implement: "began", review: "is over", closed: "is closed", cancelled: "is cancelled",
};
const CHANGED: Record<string, string> = { started: "began", finished: "is over", lapsed: "lapsed", settled: "is looked at no more by what it expected", updated: "was brought up to date" };

/** What one event says, own fact or not. */
const ENDING: Record<string, string> = { silence: "The silence", maintenance: "The maintenance window", alert: "The snooze", incident: "The snooze" };

/** That quiet ends soon, and who was told. */
function expiring(kind: string, data: Data): Partial<Entry> {
  const heard = typeof data["heard"] === "number" ? data["heard"] : 0;
  const told = Array.isArray(data["told"]) && data["told"].length > 0 ? `${nameOf(text(data["by"]))} was reminded` : "nobody was reminded";
  return { icon: "clock", text: `${ENDING[kind] ?? "What keeps it quiet"} ends soon`, detail: `${heard === 1 ? "1 firing alert" : `${String(heard)} firing alerts`} will be heard then; ${told}` };
}

/** `actor` is who asked for what the event says of a run, where somebody did. */
export function entryOf(event: CloudEvent, actor?: string | null): Entry {
  const [own, kind = "", verb = ""] = event.type.split(".");
  const data = record(event.data);
  const plain: Entry = { icon: "event", text: event.title ?? event.type, code: null, detail: event.resource ?? "", said: null, milestone: false, not: false, failed: false };
  if (own !== "oncue") return plain;
  if (verb.endsWith("expiring")) return { ...plain, ...expiring(kind, data) };
  const base: Entry = { ...plain, icon: ICONS[kind] ?? "event", text: sentence([kind, verb].filter(Boolean).join(" ")), detail: "" };
  switch (kind) {
    case "alert": return { ...base, ...alertEntry(verb, data) };
    case "incident": return { ...base, ...incidentEntry(verb, data) };
    case "policy": return { ...base, ...policyEntry(verb, data) };
    case "run": return { ...base, ...runEntry(verb, data, actor) };
    case "approval": return { ...base, ...approvalEntry(verb, data) };
    case "request": return { ...base, ...requestEntry(verb, data) };
    case "schedule": return { ...base, text: `Schedule ${text(data["trigger"])} of ${text(data["workflow"])} ${SCHEDULED[verb] ?? verb}`, detail: text(data["fault"]), milestone: true, failed: verb === "failed" };
    case "step": return { ...base, ...stepEntry(verb, data) };
    case "effect": return { ...base, ...effectEntry(verb, data) };
    case "ticket": return { ...base, ...ticketEntry(verb, data) };
    case "task": return { ...base, ...taskEntry(verb, data) };
    case "checklist": return { ...base, ...checklistEntry(verb, data) };
    case "pause": return { ...base, text: `Automatic runs ${verb === "began" ? "paused" : "resumed"} ${data["id"] === "*" ? "everywhere" : `in ${text(data["id"])}`}`, icon: "pause", detail: [`by ${nameOf(text(data["by"]))}`, text(data["reason"])].filter(Boolean).join(", "), milestone: true };
    case "change": return { ...base, text: `${text(data["id"])} ${PLANNED[verb] ?? verb}: ${text(data["title"])}`, icon: "change", detail: text(data["said"]), milestone: verb !== "updated" && verb !== "edited" };
    case "change_record": return { ...base, text: `${text(data["id"])} ${CHANGED[verb] ?? verb}: ${text(data["title"])}`, icon: "change", detail: verb === "finished" ? text(data["state"]) : "", milestone: verb === "started" || verb === "finished" };
    case "problem": return { ...base, text: verb === "recurred" ? `Known error ${text(data["id"])}: ${text(data["title"])}` : `Problem ${text(data["id"])} ${verb}: ${text(data["title"])}`, icon: "incident", detail: text(data["workaround"]), milestone: verb === "recurred" };
    case "review": return { ...base, text: `Review ${verb}`, icon: "event", milestone: verb === "published" };
    case "silence": return { ...base, text: `Silence ${verb}`, detail: text(data["comment"]) };
    case "manifest": return { ...base, text: `${text(data["kind"]) || "Manifest"} ${text(data["name"])} ${verb}`.trim(), detail: `gen ${text(data["generation"])}` };
    default: return base;
  }
}

/** A change in words: where it stands and why, and what its plan says. */
import { nameOf } from "../../data/me";
import type { Change, ChangeSpec, ChangeState, CloseCode, PlannedChange, RunDetail } from "../../data/types";
import { flowOf } from "../../parts/flow";
import { duration, plural } from "../../parts/format";
import { agreeing } from "../self-service/view";
import { isOfConfiguration } from "./configuration";

/** The way of a change, in order; one that is cancelled leaves it. */
export const WAY: readonly ChangeState[] = ["draft", "assess", "authorise", "scheduled", "implement", "review", "closed"];
const UNBEGUN: ReadonlySet<ChangeState> = new Set(["draft", "assess", "authorise", "scheduled"]);

export const isUnbegun = (change: Pick<Change, "state">): boolean => UNBEGUN.has(change.state);
export const isEnded = (change: Pick<Change, "state">): boolean => change.state === "closed" || change.state === "cancelled";

export const STATE_WORDS: Record<ChangeState, string> = {
  draft: "Draft", assess: "Needs another look", authorise: "Waits for approval", scheduled: "Scheduled", implement: "Under way", review: "To be reviewed", closed: "Closed", cancelled: "Cancelled",
};
export const CLOSE_WORDS: Record<CloseCode, string> = { successful: "Successful", successful_with_issues: "Successful, with issues", unsuccessful: "Unsuccessful", backed_out: "Rolled back" };
const CLOSE_MARKS: Record<CloseCode, string> = { successful: "succeeded", successful_with_issues: "succeeded", unsuccessful: "failed", backed_out: "rolled_back" };

export interface Standing {
  /** Which mark it has. */
  mark: string;
  words: string;
}

/** Where it stands; while it is made how its run does says more. */
export function standingOf(change: Pick<Change, "state" | "close_code" | "run_state">): Standing {
  if (change.state === "closed" && change.close_code) return { mark: CLOSE_MARKS[change.close_code], words: CLOSE_WORDS[change.close_code] };
  if (change.state === "review" && change.close_code) return { mark: "review", words: `${CLOSE_WORDS[change.close_code]}, to be reviewed` };
  if (change.state === "implement" && change.run_state === "paused") return { mark: "paused", words: "Paused" };
  if (change.state === "implement" && change.run_state === "rolling_back") return { mark: "rolling_back", words: "Rolling back" };
  if (change.state === "implement" && change.run_state === "rollback_failed") return { mark: "rollback_failed", words: "Rollback stopped" };
  return { mark: change.state, words: STATE_WORDS[change.state] };
}

export interface Station {
  state: ChangeState;
  is: "passed" | "here" | "coming" | "left out";
}

/** Its way from draft to closed, and how far it is. */
export function wayOf(change: Pick<Change, "state" | "type" | "began_at">): Station[] {
  if (change.state === "cancelled") {
    return [...WAY.slice(0, -1).map((state): Station => ({ state, is: state === "draft" ? "passed" : "left out" })), { state: "cancelled", is: "here" }];
  }
  const at = WAY.indexOf(change.state);
  return WAY.map((state, index) => ({
    state,
    is: index === at ? "here" : change.type === "standard" && state === "authorise" ? "left out" : index < at ? "passed" : "coming",
  }));
}

/** What is to be known first: in one sentence where it stands, and why. */
export function headline(change: Change, run: RunDetail | undefined): { title: string; detail: string } {
  const said = change.said ? sentenceOf(plain(change.said)) : "";
  switch (change.state) {
    case "draft": return { title: "A draft: nobody was asked yet", detail: said || "Submit it, and its targets are looked up, its plan is made, and those who must agree are asked." };
    case "assess": return { title: "Something speaks against it", detail: said };
    case "authorise": return { title: "It waits until others agree", detail: said };
    case "scheduled": return { title: change.starts_at ? "It is agreed to, and begins by itself" : "It is agreed to, and waits to be started", detail: change.starts_at ? said : "" };
    case "implement":
      if (run?.state === "paused") return { title: "It stands still", detail: said || sentenceOf(plain(run.reason ?? "")) };
      if (run?.state === "rolling_back") return { title: "It failed, and is being rolled back", detail: sentenceOf(plain(run.reason ?? "")) };
      if (run?.state === "rollback_failed") return { title: "It failed, and could not be rolled back", detail: sentenceOf(plain(run.reason ?? "")) };
      return { title: change.closing ? "It finishes this wave: its window has closed" : "It is under way", detail: said };
    case "review": return { title: outcome(change), detail: said || "Someone looks back on it, and closes it." };
    case "closed": return { title: outcome(change), detail: change.close_note ?? said };
    case "cancelled": return { title: "It was cancelled before it began", detail: said };
  }
}

function outcome(change: Change): string {
  switch (change.close_code) {
    case "successful": return "It succeeded";
    case "successful_with_issues": return "It succeeded, with issues";
    case "unsuccessful": return "It failed";
    case "backed_out": return "It failed, and was rolled back by itself";
    default: return "It is over";
  }
}

/** A text of the engine with the addresses of steps as people say them: `web-3: upgrade` for `waves[wave-1]/targets[web-3]/upgrade`. */
export function plain(words: string): string {
  return words.replace(/\b(?:step )?waves\[[^\]]+\]\/targets\[([^\]]+)\]\/([\w/.-]*\w)/g, "$1: $2").replace(/\b(?:step )?waves\[([^\]]+)\]\/(\w+)/g, "$1: $2");
}

/** As a sentence; a name that it begins with, as in `web-1: ...`, stays as it is. */
function sentenceOf(text: string): string {
  if (text === "") return "";
  const first = /^[^\s:]+: /.test(text) ? text.charAt(0) : text.charAt(0).toUpperCase();
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** `5 targets in 3 waves`; of one that is not planned, what it names; of a change of configuration, its manifests. */
export function reachOf(change: Pick<Change, "configuration" | "plan" | "wanted" | "spec">): string {
  if (isOfConfiguration(change)) return plural(change.configuration.length, "manifest");
  if (change.plan) {
    const targets = change.plan.waves.reduce((sum, wave) => sum + wave.targets.length, 0);
    return `${plural(targets, "target")} in ${plural(change.plan.waves.length, "wave")}`;
  }
  if (change.wanted.length > 0) return plural(change.wanted.length, "target");
  return targetsText(change.spec.targets);
}

/** Where it is made, for a list: `web-1, web-2 and 3 more`. */
export function targetsOf(change: Pick<Change, "configuration" | "plan" | "wanted" | "spec">, most = 3): string {
  const names = isOfConfiguration(change) ? change.configuration.map(({ edit }) => `${edit.kind} ${edit.name}`) : change.plan ? change.plan.waves.flatMap((wave) => wave.targets) : change.wanted;
  if (names.length === 0) return targetsText(change.spec.targets);
  const left = names.length - most;
  return left > 0 ? `${names.slice(0, most).join(", ")} and ${String(left)} more` : names.join(", ");
}

/** What a template may change: `role web, type host`. */
export function targetsText(targets: ChangeSpec["targets"]): string {
  if (targets === undefined) return "";
  const { names = [], labels = {}, type, service } = targets;
  const rule = [
    ...Object.entries(labels).map(([label, values]) => `${label} ${values.join(" or ")}`),
    ...(type ? [`type ${type}`] : []), ...(service ? [`service ${service}`] : []),
  ].join(", ");
  return [names.join(", "), rule].filter(Boolean).join("; ");
}

/** Resources that a template may change, as the engine will find them; names that the catalogue does not know among them. */
export function choosable(targets: ChangeSpec["targets"], resources: readonly { name: string; namespace: string; spec: Record<string, unknown> }[], namespace: string): string[] {
  const { names = [], labels = {}, type, service } = targets ?? {};
  const narrows = Object.keys(labels).length > 0 || type !== undefined || service !== undefined;
  const fitting = !narrows ? [] : resources.filter(({ spec, namespace: where }) => {
    const has = (spec["labels"] ?? {}) as Record<string, string>;
    return where === namespace && (type === undefined || spec["type"] === type) && (service === undefined || spec["service"] === service)
      && Object.entries(labels).every(([label, values]) => values.includes(has[label] ?? ""));
  }).map(({ name }) => name);
  return [...new Set([...names, ...fitting])];
}

/** When it is, was or may be made, as of `now`. The instant to show, and what it is. */
export function whenOf(change: Pick<Change, "state" | "began_at" | "ended_at" | "closed_at" | "starts_at" | "not_before" | "updated_at">, now: number): { what: string; at: string | null } {
  if (change.state === "cancelled") return { what: "cancelled", at: change.closed_at };
  if (change.ended_at) return { what: "done", at: change.ended_at };
  if (change.began_at) return { what: "began", at: change.began_at };
  if (change.starts_at) return { what: "begins", at: change.starts_at };
  if (change.not_before && Date.parse(change.not_before) > now) return { what: "not before", at: change.not_before };
  if (change.not_before && change.state === "authorise") return { what: "once agreed", at: null };
  return { what: change.state === "scheduled" ? "when started" : "not set", at: null };
}

const SCOPES = { none: "nothing is undone", target: "the target is rolled back", wave: "the wave is rolled back", all: "all of it is rolled back" };

/** What the plan says beside its steps, as terms and their values; what does not apply is left out. */
export function termsOf(spec: ChangeSpec): [string, string][] {
  const { waves = {}, preconditions = {}, on_failure = {}, window, expects = [], approvals = [] } = spec;
  const { healthy = true, no_incidents = ["P1", "P2"], alone = true, that } = preconditions;
  const before = [
    ...(healthy ? ["no alert that calls a person fires on a target"] : []),
    ...(no_incidents.length > 0 ? [`no ${no_incidents.join(" or ")} is open there, or behind it`] : []),
    ...(alone ? ["no other change runs there"] : []), ...(that ? [that] : []),
  ];
  const failures = waves.max_failures ?? 0;
  const { rollback = "all", pause = false, notify = [] } = on_failure;
  const terms: [string, string][] = [
    ["Targets", targetsText(spec.targets)],
    ["Waves", wavesText(waves)],
    ["At most may fail", failures === 0 || failures === "0" ? "none of a wave" : `${String(failures)} of a wave`],
    ["Before each wave", [...before, ...((waves.gate ?? []).length > 0 ? [`${agreeing(waves.gate ?? [])} must agree`] : [])].join("; ")],
    ["Must stay well", [...(waves.bake ? [`${waves.bake} after each wave`] : []), ...(spec.bake ? [`${spec.bake} at the end`] : [])].join(", ")],
    ["If it fails", `${pause ? "it pauses, then " : ""}${SCOPES[rollback]}${notify.length > 0 ? `; ${notify.map(nameOf).join(", ")} told` : ""}`],
    ["Window", window ? `${window.calendar}; when it closes: ${CLOSING[window.on_close ?? "finish_wave_then_pause"] ?? window.on_close ?? ""}` : "at any time that is not frozen"],
    ["May cause", expects.map((one) => `${one.types.join(", ")} for at most ${one.at_most ?? "30m"}`).join("; ")],
    ["Must agree", agreeing(approvals) || (spec.type === "standard" ? "nobody: it is a standard change" : "")],
    ["Reviewed", spec.type === "emergency" ? "always" : REVIEWED[spec.review ?? "on_failure"]],
    ["Takes at most", spec.timeout ?? "8h"],
  ];
  return terms.filter(([, value]) => value !== "");
}

const CLOSING: Record<string, string> = {
  finish_wave_then_pause: "the wave is finished, then it pauses", pause: "it pauses", rollback: "it is rolled back", continue: "it goes on",
};
const REVIEWED = { always: "always", on_failure: "if it fails", never: "never" };

function wavesText(waves: NonNullable<ChangeSpec["waves"]>): string {
  const { canary = 0, then = "100%", growth = 1, spread_by, max_parallel = 10 } = waves;
  const rest = then === "100%" ? "all" : typeof then === "number" ? plural(then, "target") : then;
  return [
    canary > 0 ? `${plural(canary, "target")} first, then ${rest} at a time` : then === "100%" ? "all in one" : `${rest} at a time`,
    ...(growth > 1 ? [`each ${String(growth)} times as large`] : []), ...(spread_by ? [`spread over ${spread_by}`] : []), `at most ${String(max_parallel)} at the same time`,
  ].join(", ");
}

/** What one change of the calendar says of its time: `02:00, for 3 h`. */
export function lengthOf(change: Pick<PlannedChange, "starts_at" | "ends_at">): string {
  return change.ends_at ? duration(Date.parse(change.ends_at) - Date.parse(change.starts_at)) : "";
}

/** A step of the plan as people read it before they agree to it. */
export interface PlanStep {
  id: string;
  title: string;
  does: string;
  /** How it is found out whether it worked. */
  looks: string;
  /** What undoes it; empty if nothing does. */
  undoes: string;
  irreversible: boolean;
  /** Whether there is anything to undo: a wait changes nothing. */
  acts: boolean;
}

type Data = Record<string, unknown>;
const record = (value: unknown): Data => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Data) : {});
const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");

export function planSteps(steps: unknown): PlanStep[] {
  const written = Array.isArray(steps) ? steps.map(record) : [];
  return flowOf(steps).map((step, index) => {
    const validate = record(written[index]?.["validate"]);
    const looks = [
      [text(validate["uses"]), text(validate["that"])].filter(Boolean).join(": "),
      validate["every"] ? `every ${text(validate["every"])}` : "", validate["within"] ? `within ${text(validate["within"])}` : "", validate["lasting"] ? `lasting ${text(validate["lasting"])}` : "",
    ].filter(Boolean).join(", ");
    return { id: step.id, title: step.title || step.id, does: step.about, looks, undoes: undoText(record(written[index]?.["rollback"])), irreversible: step.irreversible, acts: step.form !== "wait" && step.form !== "set" && step.form !== "approvals" };
  });
}

function undoText(rollback: Data): string {
  return text(rollback["uses"]) || text(record(rollback["run"])["workflow"]) || (Object.keys(rollback).length > 0 ? "yes" : "");
}

/** What an auditor keeps of a change: with the PDF of it, where the server can make one. */
export function keptAs(pdf: boolean): { label: string; title: string; format: "json" | "zip" } {
  return pdf ? { label: "PDF and proof", title: "The sealed bundle, which anybody can verify, and the PDF of it", format: "zip" }
    : { label: "Proof", title: "The sealed bundle, which anybody can verify. This server lacks what makes a PDF of it", format: "json" };
}

/** An instant that was typed in the viewer's zone, as the API takes it. */
export const instantOf = (typed: string): string | undefined => (typed === "" || Number.isNaN(Date.parse(typed)) ? undefined : new Date(typed).toISOString());

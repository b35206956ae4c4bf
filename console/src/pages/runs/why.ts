/** Why a run is not moving, in words: what it waits for, what comes next, what a failure would do, and what limits it. */
import type { Approval, OnFailure, RunDetail, Step, StepSpec, Waits, Why } from "../../data/types";
import { nameOf, withNames } from "../../data/me";
import { capital, plural } from "../../parts/format";

/** How the person who is signed in stands to an approval. */
export type Say = "counts" | "barred" | "none";

/** What begins with the name of an action, which is written as it is. */
const NAMED = /^[a-z_]+\.[a-z_]+ /;

/** The sentence that answers the question. */
export function headline(wait: Waits, approval: (Approval & { may_decide?: readonly string[] }) | undefined, say: Say): string {
  const stage = approval?.stages[approval.at ?? 0];
  if (wait.code !== "approval" || approval === undefined || stage === undefined) return `${NAMED.test(wait.what) ? wait.what : capital(withNames(wait.what))}.`;
  const missing = stage.quorum - agreed(approval);
  const later = approval.stages.length - (approval.at ?? 0) - 1;
  const needs = `It needs ${missing === 1 ? "one" : String(missing)} ${missing === 1 ? "approval" : "approvals"}${later > 0 ? `, and then ${later === 1 ? "another stage" : plural(later, "other stage")}` : ""}.`;
  const nobody = approval.may_decide?.length === 0 ? " Nobody who is asked may decide." : "";
  return `${needs}${nobody}${say === "counts" ? " Yours counts." : say === "barred" ? " Yours does not count: you asked for this run." : ""}`;
}

const agreed = (approval: Approval): number => {
  const stage = approval.stages[approval.at ?? 0]?.stage;
  return (approval.decisions ?? []).filter((one) => one.stage === stage && one.decision === "approve").length;
};

/** What it waits for, beside the step: `stage operate, 0 of 1`, `volume.resized about erp-1`; empty where the sentence has said it. */
export function waitingOn(wait: Waits, approval: Approval | undefined): string {
  const stage = approval?.stages[approval.at ?? 0];
  if (wait.code === "approval") return approval === undefined || stage === undefined ? "an approval" : `an approval, stage ${stage.stage}, ${String(agreed(approval))} of ${String(stage.quorum)}`;
  if (wait.code === "event" && wait.types !== undefined && wait.types.length > 0) return `${wait.types.join(" or ")} about ${wait.resource ?? "anything"}`;
  if (wait.code === "time") return "a time";
  return "";
}

export interface Next {
  at: string;
  /** What happens then: `then the step fails`. */
  then: string;
}

/** The next timer that would take it on, or end it. */
export function nextTimer(wait: Waits, approval: Approval | undefined, run: RunDetail): Next | null {
  const found: Next[] = [];
  if (approval?.state === "pending") found.push({ at: approval.expires_at, then: wait.then ? `then ${wait.then}` : approval.stages[approval.at ?? 0]?.on_expiry === "reject" ? "then it counts as rejected" : "then the step fails" });
  else if (wait.until) found.push({ at: wait.until, then: wait.then ? `then ${wait.then}` : "" });
  if (run.deadline_at && run.state === "running") found.push({ at: run.deadline_at, then: "then the time of the run is up" });
  found.sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
  return found[0] ?? null;
}

/** Whether what is waited for can turn out badly at all. */
export const mayFail = (wait: Waits): boolean => wait.code !== "time" && !(wait.code === "event" && wait.then !== "the step fails");

/** Steps that a rollback would undo now, the last that ended first. */
export function undoable(run: RunDetail): string[] {
  return (run.steps ?? [])
    .filter((step) => step.compensation && !step.undone)
    .toSorted((one, other) => (other.ended_in ?? 0) - (one.ended_in ?? 0))
    .map((step) => step.address);
}

/** What becomes of the run if this step fails. */
export function ifItFails(run: RunDetail, step: Step): string {
  const { definition } = run;
  if (definition === undefined) return "";
  const path = pathTo(definition.steps as unknown as StepSpec[], step.node);
  const borne = path.map(bearing).findLast((words) => words !== "");
  return borne ?? ending(run, definition.on_failure ?? {});
}

/** What becomes of a run that fails now. */
function ending(run: RunDetail, { rollback = "none", pause = false, notify = [] }: Partial<OnFailure>): string {
  const steps = undoable(run);
  const named = `${steps.slice(0, MANY).join(", ")}${steps.length > MANY ? ` and ${String(steps.length - MANY)} more` : ""} ${steps.length === 1 ? "is" : "are"}`;
  const then = pause ? "the run stands still until a person decides"
    : steps.length === 0 ? `the run fails; nothing ${rollback === "all" ? "was done so far that can be undone" : "is undone"}`
    : rollback === "all" ? `the run fails; ${named} undone`
    : `the run fails; ${named} not undone`;
  return notify.length === 0 ? then : `${then}; ${notify.map(nameOf).join(", ")} ${notify.length === 1 ? "is" : "are"} told`;
}

/** Steps that are named before the others are only counted. */
const MANY = 4;

/** The step with this id, as the run's version of the workflow has it written. */
export const specOf = (run: RunDetail, node: string): StepSpec | undefined => pathTo((run.definition?.steps ?? []) as unknown as StepSpec[], node).at(-1)?.step;

interface Way {
  step: StepSpec;
  /** Which of its lists leads on; empty at the end of the way. */
  list: string;
}

/** The steps that lead to the one with this id, the outermost first. */
function pathTo(steps: readonly StepSpec[], id: string): Way[] {
  for (const step of steps) {
    if (step.id === id) return [{ step, list: "" }];
    for (const [list, inner] of listsOf(step)) {
      const path = pathTo(inner, id);
      if (path.length > 0) return [{ step, list }, ...path];
    }
  }
  return [];
}

function listsOf(step: StepSpec): [string, StepSpec[]][] {
  const lists = Object.entries({ steps: step.steps, parallel: step.parallel, try: step.try, catch: step.catch, finally: step.finally });
  return [...lists, ...(step.switch ?? []).map((one): [string, StepSpec[]] => ["switch", one.steps])].flatMap(([name, list]) => (list ? [[name, list]] : []));
}

/** What keeps the run from failing with what lies in a step, or with the step itself; empty if nothing does. */
function bearing({ step, list }: Way): string {
  if (list === "try" && step.catch) return `${step.id} takes it up`;
  if (step.on_failure === "continue") return list === "" ? "the run goes on without it" : `${step.id} fails, and the run goes on`;
  const most = step.for_each?.max_failures ?? 0;
  return list !== "" && most !== 0 ? `${step.id} goes on while no more than ${String(most)} fail` : "";
}

/** `1 of 1 for host web-2, this run`; what limits how many of the workflow's runs go beside each other. */
export function limits(run: RunDetail, room: NonNullable<Why["room"]>): string {
  const by = run.definition?.concurrency?.by ?? [];
  const names = by.length === room.by.length ? by.map((text) => /^inputs\.(\w+)$/.exec(text)?.[1] ?? "") : [];
  const values = room.by.map((value, index) => [names[index] ?? "", value].filter(Boolean).join(" ")).join(", ");
  const counted = `${String(room.under_way.length)} of ${String(room.limit)}${values === "" ? "" : ` for ${values}`}`;
  const own = room.under_way.includes(run.id) ? (room.under_way.length === 1 ? ", this run" : ", this run among them") : "";
  const queue = run.state === "queued" ? room.queued - 1 : room.queued;
  return `${counted}${own}${queue > 0 ? `; ${plural(queue, "other run waits", "others wait")}` : ""}`;
}

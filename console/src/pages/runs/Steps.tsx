/** The steps of a run: a tree of all that have begun, and what is known of the chosen one. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import type { RunLog } from "../../data/run-log";
import type { Awaited, RunDetail, Step, StepProgress } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { Json } from "../../parts/Code";
import { found, type FlowStep } from "../../parts/flow";
import { count, duration } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { concealed } from "../../parts/json";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { Clock, RelativeTime, useNow } from "../../parts/time";
import { Attempts } from "./Attempts";
import { StepControls } from "./Controls";
import { progressOf, tells } from "./log";
import { LogView } from "./LogView";
import { itemsOf, linesOf, nameIn, rowsOf, saysOf, type Row } from "./steps";
import { barOf, isBad, isOver, isStuckAt, stepStand, TONES, type Stand } from "./view";

interface Choosing {
  run: RunDetail;
  /** What it waits for, as far as that is known. */
  waits: readonly Awaited[] | undefined;
  chosen: Step | undefined;
  choose: (address: string) => void;
}

/** What is read of a run's log. */
export interface LogReading {
  data: RunLog | undefined;
  error: Error | null;
  refetch: () => unknown;
}

export function Steps({ run, waits, flow, chosen, choose, log }: Choosing & { flow: readonly FlowStep[]; log: LogReading }) {
  return (
    <div className="run-body">
      <Tree run={run} waits={waits} flow={flow} chosen={chosen} choose={choose} />
      {chosen ? <StepPanel key={chosen.address} step={chosen} run={run} waits={waits} flow={flow} choose={choose} log={log} /> : <EmptyState title="No step has begun" />}
    </div>
  );
}

function Tree({ run, waits, flow, chosen, choose }: Choosing & { flow: readonly FlowStep[] }) {
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const now = useNow();
  const turn = (address: string): void => {
    const next = new Set(turned);
    if (!next.delete(address)) next.add(address);
    setTurned(next);
  };
  const rows = rowsOf(run.steps ?? [], turned);
  const lines = run.more_steps ? rows.map((row) => ({ row })) : linesOf(rows, flow);
  const over = isOver(run);
  return (
    <div className="step-list" role="group" aria-label="Steps">
      {lines.map((line) => ("coming" in line ? <Coming key={line.address} {...line} over={over} /> : (
        <div key={line.row.step.address} className="step-row" style={{ paddingLeft: indent(line.row.depth) }}>
          {line.row.folds
            ? <button type="button" className="fold" aria-expanded={line.row.open} aria-label={`${line.row.open ? "Close" : "Open"} ${line.row.step.address}`} onClick={() => turn(line.row.step.address)}><Icon name={line.row.open ? "down" : "right"} size="s" /></button>
            : <span className="fold" />}
          <StepRow row={line.row} title={found(flow, line.row.step.node)?.title ?? ""} run={run} stand={stepStand(line.row.step, waits)} now={now} chosen={line.row.step === chosen} choose={choose} />
        </div>
      )))}
      {run.more_steps && <p className="t12 dim3 card-body">The first {count(run.steps?.length ?? 0)} steps. The API has all of them under <span className="mono">/runs/{run.id}/steps</span>.</p>}
    </div>
  );
}

const indent = (depth: number): string => `${String(Math.min(depth, 6) * 14)}px`;

/** A step that has not begun: there is nothing to choose about it yet. */
function Coming({ coming, depth, over }: { coming: FlowStep; depth: number; over: boolean }) {
  const word = over ? "Not reached" : "To come";
  return (
    <div className="step-row coming" style={{ paddingLeft: indent(depth) }}>
      <span className="fold" />
      <div className="step-line" title={`${coming.id}: ${word.toLowerCase()}`}>
        <StateMark state="pending" text="" />
        <span className="cut"><span className="mono">{coming.id}</span><span className="sr">{word}</span>{coming.title !== "" && <span className="t12"> {coming.title}</span>}</span>
        <span className="gantt" aria-hidden="true" /><span />
      </div>
    </div>
  );
}

const timeOf = (step: Step, now: number): string => (step.started_at ? duration((step.ended_at ? Date.parse(step.ended_at) : now) - Date.parse(step.started_at)) : "");

function StepRow({ row: { step }, title, run, stand, now, chosen, choose }: { row: Row; title: string; run: RunDetail; stand: Stand; now: number; chosen: boolean; choose: (address: string) => void }) {
  const bar = barOf(step, run, now);
  const word = stand.words;
  return (
    <button type="button" className="step-line" aria-pressed={chosen} title={`${step.address}: ${word}`} onClick={() => choose(step.address)}>
      <StateMark state={stand.mark} text="" />
      <span className="cut">
        <span className="mono">{nameIn(step.address)}</span><span className="sr">{word}</span>
        {title !== "" && !step.address.endsWith("]") && !step.address.includes("~") && <span className="t12 dim3"> {title}</span>}
        {step.uses === "for_each" && <span className="t12 dim3"> {itemsOf(step)}</span>}
        {step.undone && <span className="t12 dim3"> {step.settled ? "settled by hand" : "undone"}</span>}
        {isStuckAt(run, step) && <b className="t12 failure"> not undone</b>}
      </span>
      <span className={`gantt ${TONES[step.state]}${stand.mark === "waiting" ? " waits" : ""}`} aria-hidden="true">{bar && <i style={{ left: `${String(bar.left * 100)}%`, width: `${String(bar.width * 100)}%` }} />}</span>
      <span className="t12 dim3 nowrap">{(step.attempt ?? 0) > 1 && <span title={`Attempt ${String(step.attempt)}`}>×{step.attempt} </span>}{timeOf(step, now)}</span>
    </button>
  );
}

function StepPanel({ step, run, waits, flow, choose, log }: { step: Step; run: RunDetail; waits: Choosing["waits"]; flow: readonly FlowStep[]; choose: (address: string) => void; log: LogReading }) {
  const now = useNow();
  const progress = progressOf(log.data?.progress ?? [], step);
  const bad = isBad(step);
  const says = saysOf(step);
  const stand = stepStand(step, waits);
  return (
    <section className="step-panel" aria-label={`Step ${step.address}`}>
      <div className="row wrapping step-head">
        <b className="mono wrap">{step.address}</b><StateMark state={stand.mark} text={stand.words} />
        <span className="dim3">{step.uses}{(step.attempt ?? 0) > 1 ? `, attempt ${String(step.attempt)}` : ""}</span>
        <span className="row end"><StepControls step={step} run={run} flow={flow} /></span>
      </div>
      {progress && <Progress progress={progress} step={step} />}
      {(step.error_code || says !== "") && (
        <div className={`notice ${bad ? "critical" : "info"}`} style={{ margin: 12 }}>
          <div className="wrap">{step.error_code && <span className="reason">{step.error_code}</span>} {says}{step.next_try_at && step.state === "waiting" && <>; tried again <RelativeTime at={step.next_try_at} /></>}</div>
        </div>
      )}
      <div className="card-body">
        <Pairs
          entries={[
            ["Began", step.started_at ? <><Clock key="b" at={step.started_at} /> <span className="dim3">{timeOf(step, now)}</span></> : null],
            ["Waits for", step.again_by ? `another try, asked for by ${step.again_by}, when the run goes on` : awaits(step)],
            ["Items", step.uses === "for_each" ? itemsOf(step) : null],
            [step.compensation?.missing ? "Cannot be undone" : "Can be undone", step.settled ? `settled by hand: ${step.settled}` : step.undone ? "undone" : step.nothing_done ? "nothing was done there, so there is nothing to take back" : step.compensation ? (step.compensation.missing ?? "yes") : null],
            ["Taken over from", step.copied_from ? <Link key="c" className="link mono" to="/runs/$id" params={{ id: step.copied_from }}>{step.copied_from}</Link> : null],
            ["Failed in it", step.failed_at ? <button key="f" type="button" className="as-link mono" onClick={() => choose(step.failed_at ?? "")}>{step.failed_at}</button> : null],
          ]}
        />
      </div>
      <Attempts run={run} step={step} />
      {step.uses === "for_each" && <Failures step={step} run={run} choose={choose} />}
      {(given(step.inputs) || given(step.outputs)) && (
        <div className="in-out">
          {given(step.inputs) && <Value title="Inputs, as resolved" label={`Inputs of ${step.address}`} value={step.inputs} />}
          {given(step.outputs) && <Value title="Outputs" label={`Outputs of ${step.address}`} value={step.outputs} />}
        </div>
      )}
      {step.uses === "item" && <div className="in-out"><Value title="Item" label={`Item of ${step.address}`} value={step.item} /></div>}
      {given(step.result) && <div className="in-out"><Value title="Result" label={`Result of ${step.address}`} value={step.result} /></div>}
      {tells(step, log.data?.lines ?? []) && <Loaded query={log} what="its lines">{(read) => <LogView run={run} log={read} step={step} choose={choose} />}</Loaded>}
    </section>
  );
}

/** How far a step said last that it is. */
function Progress({ progress, step }: { progress: StepProgress; step: Step }) {
  const share = `${String(Math.floor(progress.done * 100))} %`;
  return (
    <div className="step-progress">
      <span className={`meter ${TONES[step.state]}`} role="progressbar" aria-label={`How far ${step.address} is`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(progress.done * 100)}>
        <i style={{ width: share.replace(" ", "") }} />
      </span>
      <span className="med">{share}</span><span className="wrap grow">{progress.text}</span><span className="t12 dim3 nowrap"><RelativeTime at={progress.at} suffix=" ago" /></span>
    </div>
  );
}

function Value({ title, label, value }: { title: string; label: string; value: unknown }) {
  return <div className="stack" style={{ gap: 4 }}><span className="eyebrow">{title}</span><Json value={concealed(value)} label={label} /></div>;
}

const given = (value: unknown): boolean => value !== null && value !== undefined && !(typeof value === "object" && Object.keys(value).length === 0);

/** What a step waits for, with the way to it. */
function awaits(step: Step): React.ReactNode {
  const [kind = "", id = ""] = (step.awaits ?? "").split(" ");
  if (step.state !== "waiting" && step.state !== "running" && step.uses !== "run") return null;
  if (kind === "approval") return <Link className="link mono" to="/approvals" search={{ show: id }}>{id}</Link>;
  if (kind === "run") return <>run <Link className="link mono" to="/runs/$id" params={{ id }}>{id}</Link></>;
  return step.awaits ?? null;
}

/** The items of a `for_each` that went wrong: of thousands those that one looks for. */
function Failures({ step, run, choose }: { step: Step; run: RunDetail; choose: (address: string) => void }) {
  const bad = (run.steps ?? []).filter((one) => one.uses === "item" && one.address.startsWith(`${step.address}[`) && isBad(one));
  if (bad.length === 0) return null;
  return (
    <div className="card-body stack" style={{ gap: 4 }}>
      <span className="eyebrow">Failed</span>
      <ul className="row wrapping">{bad.slice(0, 50).map((one) => <li key={one.address}><button type="button" className="tag critical mono as-tag" onClick={() => choose(one.failed_at ?? one.address)}>{nameIn(one.address)}</button></li>)}</ul>
      {bad.length > 50 && <span className="t12 dim3">and {count(bad.length - 50)} more</span>}
    </div>
  );
}

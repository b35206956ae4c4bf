/** One run: its steps in time, what went in and came out, and why it is not moving. */
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { useCancelRun } from "../../data/commands";
import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Fact, RunDetail, Step, Why } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Card, Pairs } from "../../parts/Card";
import { Json } from "../../parts/Code";
import { duration, relative, without } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { ErrorState, Loaded, Loading } from "../../parts/states";
import { Clock, RelativeTime, useNow } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { useFilters } from "../../shell/filters";
import { PolicyLink } from "../../parts/PolicyLink";
import { barOf, endingOf, holds, isActive, isBad, isOver, lengthOf, progress, RUN_WORDS, startedBy, TONES } from "./view";

export default function RunPage() {
  const { id = "" } = useParams({ strict: false });
  const query = useDetail<RunDetail>("runs", id);
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the run" /></div>;
  return <View run={query.data} />;
}

function View({ run }: { run: RunDetail }) {
  const [filters, change] = useFilters();
  const [cancelling, setCancelling] = useState(false);
  const cancel = useCancelRun();
  const may = useMay();
  const now = useNow();
  const facts = useDetail<Page<Fact>>("runs", run.id, "timeline", { query: { limit: 200 } });
  const steps = run.steps ?? [];
  const interesting = steps.find((step) => !holds(step) && (isBad(step) || isActive(step)));
  const chosen = steps.find((step) => step.address === filters["step"]) ?? interesting ?? steps[0];
  const policy = typeof run.trigger?.["policy"] === "string" ? run.trigger["policy"] : null;

  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <StateMark state={run.state} text={RUN_WORDS[run.state]} />
            <span className="mono dim3">{run.id}</span>
            {run.incident && <span>for <Link className="link" to="/incidents/$id" params={{ id: run.incident }}>{run.incident}</Link></span>}
            <span>{run.started_at ? "started" : "asked for"} <Clock at={run.started_at ?? run.created_at} /> by {policy ? <>policy <PolicyLink policy={policy} /></> : nameOf(startedBy(run))}</span>
            <span className="wide-only">pinned <span className="mono" title={run.version}>{run.version.slice(0, 12)}</span></span>
          </div>
          <h1>{run.workflow} {run.resource && <span className="dim3" style={{ fontWeight: 400 }}>{run.resource}</span>}</h1>
        </div>
        <div className="actions">
          {!isOver(run) && may("run:cancel", run.namespace) && <button type="button" className="btn" onClick={() => setCancelling(true)}>Cancel run</button>}
        </div>
      </div>
      <div className="columns">
        <div>
          <Card title="Steps" scope={progress(run)} end={run.ended_at ? `took ${duration(lengthOf(run, now))}` : duration(lengthOf(run, now))} className="clip">
            <div className="run-body">
              <div className="step-list" role="group" aria-label="Steps">
                {steps.map((step) => <StepRow key={step.address} step={step} run={run} now={now} chosen={step === chosen} choose={() => change({ step: step.address })} />)}
              </div>
              {chosen && <StepDetail step={chosen} now={now} />}
            </div>
          </Card>
          <Card title="Inputs of the run">
            <div className="card-body"><Json value={run.inputs ?? {}} label="Inputs of the run" /></div>
          </Card>
        </div>
        <div>
          {isOver(run) ? <EndCard run={run} /> : <WhyCard run={run} now={now} />}
          <Card title="Timeline" scope="from the journal">
            <Loaded query={facts} what="the timeline">{(page) => <Timeline facts={page.items} />}</Loaded>
          </Card>
        </div>
      </div>
      <Ask
        opened={cancelling} onClose={() => setCancelling(false)} title="Cancel this run?" act="Cancel the run"
        effect="The step at work is told to stop, and no further step begins. What was done already stays done."
        field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }}
        run={(reason) => cancel.mutateAsync({ id: run.id, ...(reason ? { reason } : {}) })}
      />
    </div>
  );
}

function EndCard({ run }: { run: RunDetail }) {
  const ending = endingOf(run);
  if (ending === null) return null;
  return (
    <Card title="Why did it end?" className="why">
      <div className="card-body stack" style={{ gap: 8 }}>
        <p className="med wrap">{ending.sentence}</p>
        <Pairs entries={ending.pairs} />
      </div>
    </Card>
  );
}

function WhyCard({ run, now }: { run: RunDetail; now: number }) {
  const why = useDetail<Why>("runs", run.id, "why");
  return (
    <Card title="Why is it not further?" className="why">
      <Loaded query={why} what="what it waits for">
        {({ waits }) => (
          <ul className="card-body stack" style={{ gap: 8 }}>
            {waits.map((each) => (
              <li key={`${each.code} ${each.step ?? ""}`} className="stack" style={{ gap: 2 }}>
                <span className="med wrap">{each.step && <span className="mono">{each.step} </span>}{each.what}</span>
                <span className="dim3 t12">{[each.since && `for ${duration(now - Date.parse(each.since))}`, each.until && `next ${relative(each.until, now)}`].filter(Boolean).join(", ")}</span>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Card>
  );
}

function StepRow({ step, run, now, chosen, choose }: { step: Step; run: RunDetail; now: number; chosen: boolean; choose: () => void }) {
  const bar = barOf(step, run, now);
  return (
    <button type="button" aria-pressed={chosen} onClick={choose}>
      <StateMark state={step.state} text="" />
      <span className="mono cut" title={`${step.address}: ${step.state}`}>{step.address}<span className="sr">, {step.state}</span></span>
      <span className={`gantt ${TONES[step.state]}`} aria-hidden="true">{bar && <i style={{ left: `${String(bar.left * 100)}%`, width: `${String(bar.width * 100)}%` }} />}</span>
      <span className="t12 dim3 nowrap">{step.started_at ? duration((step.ended_at ? Date.parse(step.ended_at) : now) - Date.parse(step.started_at)) : ""}</span>
    </button>
  );
}

function StepDetail({ step, now }: { step: Step; now: number }) {
  return (
    <div style={{ minWidth: 0 }} aria-live="polite">
      <div className="row wrapping" style={{ padding: "8px 12px", borderBottom: "1px solid var(--line-soft)" }}>
        <b className="mono">{step.address}</b><StateMark state={step.state} /><span className="dim3">{step.uses}{(step.attempt ?? 0) > 1 ? `, attempt ${String(step.attempt)}` : ""}</span>
        {step.started_at && <span className="dim3 end">{duration((step.ended_at ? Date.parse(step.ended_at) : now) - Date.parse(step.started_at))}</span>}
      </div>
      {(step.error_code || step.reason) && (
        <div className={`notice ${isBad(step) ? "critical" : "info"}`} style={{ margin: 12 }}>
          <div className="wrap">{step.error_code && <span className="reason">{step.error_code}</span>} {without(step.error_code, step.reason ?? "")}{step.next_try_at && step.state !== "succeeded" && <> Next try: <RelativeTime at={step.next_try_at} />.</>}</div>
        </div>
      )}
      <div className="in-out">
        <div className="stack" style={{ gap: 4 }}><span className="eyebrow">Inputs, as resolved</span><Json value={step.inputs ?? {}} label={`Inputs of ${step.address}`} /></div>
        <div className="stack" style={{ gap: 4 }}><span className="eyebrow">Outputs</span><Json value={step.outputs ?? {}} label={`Outputs of ${step.address}`} /></div>
      </div>
      {step.result !== null && step.result !== undefined && (
        <div className="card-body stack" style={{ gap: 4 }}><span className="eyebrow">Result</span><Json value={step.result} label={`Result of ${step.address}`} /></div>
      )}
    </div>
  );
}

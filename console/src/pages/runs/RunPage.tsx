/** One run: where it stands and why, its steps as graph and tree, what went in and came out, and what can be done. */
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";

import type { Page } from "../../data/http";
import { useDetail } from "../../data/lists";
import { nameOf, withNames } from "../../data/me";
import { useRunLog } from "../../data/run-log";
import type { Awaited, Fact, RunDetail, Step } from "../../data/types";
import { useWhy } from "../../data/whys";
import { Card, Pairs } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { Json } from "../../parts/Code";
import { flowOf, type FlowStep } from "../../parts/flow";
import { FlowGraph } from "../../parts/FlowGraph";
import { count, duration, exact, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { concealed } from "../../parts/json";
import { StateMark } from "../../parts/marks";
import { ErrorState, Loaded, Loading } from "../../parts/states";
import { Clock, useNow } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { PolicyLink } from "../../parts/PolicyLink";
import { useFilters } from "../../shell/filters";
import { ApprovalsOfRun } from "../approvals/OfRun";
import { RunControls, StepControls } from "./Controls";
import { EraseLog, LogView } from "./LogView";
import { legendOf, standings, type Sign } from "./steps";
import { Steps, type LogReading } from "./Steps";
import { WhyCard } from "./WhyCard";
import { endingOf, holds, isActive, isBad, isOver, lengthOf, progress, startedBy, stateOf, untilText } from "./view";

export default function RunPage() {
  const { id = "" } = useParams({ strict: false });
  const query = useDetail<RunDetail>("runs", id);
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the run" /></div>;
  return <View key={id} run={query.data} />;
}

/** What one wants to see first: what it stopped at; while it goes on what is under way, else what went wrong; else the beginning. */
function mostTelling(steps: readonly Step[], run: RunDetail): Step | undefined {
  const leaves = steps.filter((step) => !holds(step));
  return steps.find((step) => step.address === (run.undoing ?? run.failed_at)) ?? leaves.find(isActive) ?? leaves.find(isBad) ?? leaves[0] ?? steps[0];
}

function View({ run }: { run: RunDetail }) {
  const [filters, change] = useFilters();
  const log = useRunLog(run.id);
  const whole = filters["view"] === "log";
  const facts = useDetail<Page<Fact>>("runs", run.id, "timeline", { query: { limit: 200 } });
  const steps = useMemo(() => run.steps ?? [], [run.steps]);
  const flow = useMemo(() => flowOf(run.definition?.steps), [run.definition]);
  const chosen = steps.find((step) => step.address === filters["step"]) ?? mostTelling(steps, run);
  const choose = (address: string): void => change({ step: address, view: undefined });
  const over = isOver(run);
  const waits = useWhy(run.id, { enabled: !over }).data?.waits;
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <Head run={run} waits={waits} />
          <h1>{run.workflow} {run.resource && <span className="dim3" style={{ fontWeight: 400 }}>{run.resource}</span>}</h1>
        </div>
        <div className="actions"><RunControls run={run} /></div>
      </div>
      {run.state === "rollback_failed" && <RollbackFailed run={run} step={steps.find((step) => step.address === run.undoing)} flow={flow} />}
      <div className="columns telling-first">
        <div>
          <nav className="tabs bare" aria-label="Parts of the run">
            <button type="button" aria-current={whole ? undefined : "page"} onClick={() => change({ view: undefined })}>Steps</button>
            <button type="button" aria-current={whole ? "page" : undefined} onClick={() => change({ view: "log" })}>Log{log.data && log.data.lines.length > 0 && <span className="dim3">{count(log.data.lines.length)}</span>}</button>
          </nav>
          {whole
            ? <section className="card clip"><Loaded query={log} what="its lines">{(read) => <LogView run={run} log={read} step={null} choose={choose}><EraseLog run={run} /></LogView>}</Loaded></section>
            : <ByStep run={run} waits={over ? undefined : waits} flow={flow} chosen={chosen} choose={choose} log={log} />}
        </div>
        <div>
          <div className="telling">
            <ApprovalsOfRun run={run} />
            {over ? <EndCard run={run} choose={choose} /> : run.state !== "rollback_failed" && <WhyCard run={run} choose={choose} />}
          </div>
          <Card title="Timeline" scope="from the journal">
            <Loaded query={facts} what="the timeline">{(page) => <Timeline facts={page.items} />}</Loaded>
          </Card>
        </div>
      </div>
    </div>
  );
}

/** The steps on the graph and as a tree, with what is known of the chosen one. */
function ByStep({ run, waits, flow, chosen, choose, log }: { run: RunDetail; waits: readonly Awaited[] | undefined; flow: readonly FlowStep[]; chosen: Step | undefined; choose: (address: string) => void; log: LogReading }) {
  const now = useNow();
  const steps = useMemo(() => run.steps ?? [], [run.steps]);
  const standing = useMemo(() => standings(steps, run, waits), [steps, run, waits]);
  const ofNode = (node: string): void => {
    const those = steps.filter((step) => step.node === node && step.uses !== "item" && !step.address.includes("~"));
    const step = those.find(isBad) ?? those.find(isActive) ?? those[0];
    if (step) choose(step.address);
  };
  return (
    <>
      {flow.length > 0 && (
        <Card title="Workflow" scope={progress(run)} end={<span className="row"><Legend signs={legendOf(flow, standing, isOver(run))} /><Link className="link" to="/workflows/$namespace/$name" params={{ namespace: run.namespace, name: run.workflow }} title={`Pinned: ${run.version}`}>as of {run.version.slice(0, 8)}</Link></span>} className="clip">
          <FlowGraph label={`The steps of ${run.workflow}`} steps={flow} standing={standing} absent={isOver(run) ? "not reached" : undefined} chosen={chosen?.node ?? null} choose={ofNode} />
        </Card>
      )}
      <Card title="Steps" scope={flow.length > 0 ? undefined : progress(run)} end={`${isOver(run) ? "took " : ""}${duration(lengthOf(run, now))}`} className="clip">
        <Steps run={run} waits={waits} flow={flow} chosen={chosen} choose={choose} log={log} />
      </Card>
      <div className="halves">
        {Object.keys(run.inputs ?? {}).length > 0 && <Card title="Inputs of the run"><div className="card-body"><Json value={concealed(run.inputs)} label="Inputs of the run" /></div></Card>}
        {Object.keys(run.outputs ?? {}).length > 0 && <Card title="Outputs of the run"><div className="card-body"><Json value={concealed(run.outputs)} label="Outputs of the run" /></div></Card>}
        {Object.keys(run.variables ?? {}).length > 0 && <Card title="Variables"><div className="card-body"><Json value={concealed(run.variables)} label="Variables of the run" /></div></Card>}
      </div>
    </>
  );
}

function Legend({ signs }: { signs: readonly Sign[] }) {
  return <ul className="legend-signs" aria-label="What the marks mean">{signs.map((sign) => <li key={sign.words} className={`state ${sign.tone}`}><Icon name={sign.icon} size="s" />{sign.words}</li>)}</ul>;
}

function Head({ run, waits }: { run: RunDetail; waits: readonly Awaited[] | undefined }) {
  const now = useNow();
  const policy = typeof run.trigger?.["policy"] === "string" ? run.trigger["policy"] : null;
  const by = startedBy(run);
  const stands = stateOf(run, waits);
  const until = untilText(run, now);
  return (
    <div className="meta ruled">
      <StateMark state={stands.mark} text={stands.words} />
      <span className="mono dim3">{run.id}</span>
      {run.incident && <span>for <Link className="link" to="/incidents/$id" params={{ id: run.incident }}>{run.incident}</Link></span>}
      {run.alert && !run.incident && <span>for an <Link className="link" to="/alerts/$id" params={{ id: run.alert }}>alert</Link></span>}
      <span>{run.started_at ? "started" : "asked for"} <Clock at={run.started_at ?? run.created_at} /> by {policy ? <>policy <PolicyLink policy={policy} /></> : nameOf(by)}</span>
      {typeof run.trigger?.["request"] === "string" && <span>request <Link className="link mono" to="/self-service/$tab" params={{ tab: "requests" }} search={{ show: run.trigger["request"] }}>{run.trigger["request"]}</Link></span>}
      {run.requester && run.requester !== by && <span>asked for by {nameOf(run.requester)}</span>}
      {typeof run.trigger?.["change"] === "string" && <span>carries out <ChangeLink id={run.trigger["change"]} /></span>}
      {run.parent && <span>a step of <Link className="link mono" to="/runs/$id" params={{ id: run.parent.split("/")[0] ?? "" }} search={{ step: run.parent.slice(run.parent.indexOf("/") + 1) }}>another run</Link></span>}
      {run.forked_from && <span>anew from <Link className="link mono" to="/runs/$id" params={{ id: run.forked_from }}>another run</Link></span>}
      {until !== null && <span title={run.state === "running" && run.deadline_at ? exact(run.deadline_at) : undefined}>{until}</span>}
      {run.stuck && <b className="med failure">stands still</b>}
    </div>
  );
}

function RollbackFailed({ run, step, flow }: { run: RunDetail; step: Step | undefined; flow: ReturnType<typeof flowOf> }) {
  return (
    <div className="alarm" role="alert">
      <Icon name="incident" />
      <div className="stack" style={{ gap: 6 }}>
        <h2>What this run did could not be undone</h2>
        <p className="wrap">{run.undoing ? <>It stopped at <span className="mono">{run.undoing}</span>; what was done before it still stands. </> : null}{sentence(run.reason ?? "")}.</p>
        <p>Find out how things are there. Then try it again, say that it is settled, or give it up.</p>
        {step && <span className="row wrapping"><StepControls step={step} run={run} flow={flow} forks={false} /></span>}
      </div>
    </div>
  );
}

function EndCard({ run, choose }: { run: RunDetail; choose: (address: string) => void }) {
  const ending = endingOf(run);
  if (ending === null) return null;
  return (
    <Card title="Why did it end?" className="why">
      <div className="card-body stack" style={{ gap: 8 }}>
        <p className="med wrap">{ending.sentence}</p>
        <Pairs entries={ending.pairs.map(([term, value]) => [term, term === "Step" ? <button key="step" type="button" className="as-link mono" onClick={() => choose(value)}>{value}</button> : term === "Reason" ? <WithRuns key="reason" text={withNames(value)} /> : value])} />
      </div>
    </Card>
  );
}

/** A text whose runs are links to them, as of what a rollback did not reach. */
function WithRuns({ text }: { text: string }) {
  const named = /^run-[a-z2-7]{16}$/;
  return <>{text.split(/(run-[a-z2-7]{16})/).map((part, index) => (named.test(part) ? <Link key={index} className="link mono" to="/runs/$id" params={{ id: part }}>{part}</Link> : part))}</>;
}

/** Why a run is not moving: the answer in a sentence, then what it waits for, what comes next, and what limits it. */
import { useQueries } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { detailOf, useInbox } from "../../data/approvals";
import type { Approval, RunDetail, Waits, Why } from "../../data/types";
import { useWhy } from "../../data/whys";
import { Card, Pairs } from "../../parts/Card";
import { flowOf } from "../../parts/flow";
import { capital, clock, duration, exact, relative } from "../../parts/format";
import { Loaded } from "../../parts/states";
import { Clock, useNow } from "../../parts/time";
import { StepControls } from "./Controls";
import { isStopping } from "./view";
import { headline, ifItFails, limits, mayFail, nextTimer, waitingOn, type Say } from "./why";

type Entry = readonly [string, ReactNode];

/** That a worker is gone, and another has its work, no event tells. */
const LOOKED_AGAIN_MS = 5_000;

export function WhyCard({ run, choose }: { run: RunDetail; choose: (address: string) => void }) {
  const why = useWhy(run.id, { refetchInterval: LOOKED_AGAIN_MS });
  return (
    <Card title={why.data?.moving ? "What is it doing?" : "Why is it not moving?"} className="why">
      <Loaded query={why} what="what it waits for">{(found) => <Answer run={run} why={found} choose={choose} />}</Loaded>
    </Card>
  );
}

function Answer({ run, why, choose }: { run: RunDetail; why: Why; choose: (address: string) => void }) {
  const ids = why.waits.flatMap((wait) => (wait.approval ? [wait.approval] : []));
  const approvals = useQueries({ queries: ids.map(detailOf) }).flatMap(({ data }) => (data ? [data] : []));
  const inbox = useInbox(ids.length > 0).data;
  const sayOn = (id: string | null | undefined): Say => (inbox?.items.some((one) => one.id === id) ? "counts" : inbox?.own.some((one) => one.id === id) ? "barred" : "none");
  const others = why.room?.under_way.filter((id) => id !== run.id) ?? [];
  const room: Entry[] = [
    ["Limits", why.room && limits(run, why.room)],
    ["Under way", run.state === "queued" && others.length > 0 ? others.slice(0, 3).map((id) => <Link key={id} className="link mono" to="/runs/$id" params={{ id }} style={{ display: "block" }}>{id}</Link>) : null],
  ];
  return (
    <div className="card-body stack">
      {why.waits.length === 0 && <p className="med">It goes on with the next input.</p>}
      <ul className="stack" aria-label="What it waits for">
        {why.waits.map((wait) => {
          const approval = approvals.find((one) => one.id === wait.approval);
          return <Wait key={`${wait.code} ${wait.step ?? ""}`} run={run} wait={wait} approval={approval} say={sayOn(wait.approval)} choose={choose} more={why.waits.length === 1 ? room : []} />;
        })}
      </ul>
      {why.waits.length !== 1 && <Pairs entries={room} />}
    </div>
  );
}

interface WaitProps {
  run: RunDetail;
  wait: Waits;
  approval: Approval | undefined;
  say: Say;
  choose: (address: string) => void;
  /** What is said besides. */
  more: readonly Entry[];
}

function Wait({ run, wait, approval, say, choose, more }: WaitProps) {
  const now = useNow();
  const step = (run.steps ?? []).find((one) => one.address === wait.step);
  const next = nextTimer(wait, approval, run);
  const on = waitingOn(wait, approval);
  return (
    <li className="stack" style={{ gap: 8 }}>
      <p className="med wrap">{headline(wait, approval, say)}</p>
      {wait.code === "person" && step && <span className="row wrapping"><StepControls step={step} run={run} flow={flowOf(run.definition?.steps)} forks={false} /></span>}
      <Pairs
        entries={[
          ["Waiting on", wait.step === null ? null : <><button key="s" type="button" className="as-link mono" onClick={() => choose(wait.step ?? "")}>{wait.step}</button>{on !== "" && <span className="wrap">: {on}</span>}</>],
          ["Run", wait.run && <Link key="r" className="link mono" to="/runs/$id" params={{ id: wait.run }}>{wait.run}</Link>],
          ["Since", wait.since && <><Clock at={wait.since} />, <b className="med">{duration(now - Date.parse(wait.since))}</b></>],
          ["Taken", wait.leased_at && <><Clock at={wait.leased_at} />, <b className="med">{duration(now - Date.parse(wait.leased_at))}</b></>],
          ["Told last", wait.told_at && <><span className="mono wrap">{wait.told}</span> <span className="dim">{relative(wait.told_at, now)}</span></>],
          ["Next timer", next && <><time dateTime={next.at} title={exact(next.at)}>{clock(next.at)}</time> <span className="dim">{relative(next.at, now)}</span>{next.then !== "" && `, ${next.then}`}</>],
          ["If the step fails", step && run.state === "running" && mayFail(wait) && !isStopping(run) ? capital(ifItFails(run, step)) : null],
          ...more,
        ]}
      />
    </li>
  );
}

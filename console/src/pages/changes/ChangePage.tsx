/** One change: where it stands and why, its plan and its waves as they roll, who agreed, and the trail of it. */
import { Link, useParams } from "@tanstack/react-router";

import { useDetail } from "../../data/lists";
import { nameOf } from "../../data/me";
import type { ApprovalDetail, Change, ChangeRecord, RunDetail } from "../../data/types";
import { Card, Pairs } from "../../parts/Card";
import { ChangeLink } from "../../parts/ChangeLink";
import { duration, exact, moment, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { StateMark } from "../../parts/marks";
import { ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { Deciding } from "../approvals/Deciding";
import { ApprovalsOfRun } from "../approvals/OfRun";
import { ChangeActs } from "./Acts";
import { Configuration } from "./Configuration";
import { isOfConfiguration } from "./configuration";
import { PlanDifferences } from "./Differences";
import { Evidence } from "./Evidence";
import { PlanCard } from "./PlanCard";
import { RiskCard } from "./RiskCard";
import { Trail } from "./Trail";
import { headline, reachOf, standingOf, wayOf } from "./view";
import { rescueOf } from "./waves";
import { Waves } from "./Waves";

export default function ChangePage() {
  const { id = "" } = useParams({ strict: false });
  const query = useDetail<Change>("changes", id);
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the change" /></div>;
  return <View key={id} change={query.data} />;
}

function View({ change }: { change: Change }) {
  const run = useDetail<RunDetail>("runs", change.run ?? "", "", { enabled: change.run !== null }).data;
  return (
    <div className="page">
      <div className="page-head">
        <div><Head change={change} /><h1>{change.title}</h1></div>
        <div className="actions"><ChangeActs change={change} /></div>
      </div>
      <Way change={change} />
      <Outcome change={change} run={run} />
      <div className="columns telling-first">
        <div>
          <PlanDifferences change={change} />
          {isOfConfiguration(change) ? <Configuration change={change} /> : <><Waves change={change} run={run} /><PlanCard change={change} /></>}
        </div>
        <div>
          <div className="telling">
            {change.approval && <Asked id={change.approval} />}
            {run && <ApprovalsOfRun run={run} />}
          </div>
          {change.risk && <RiskCard risk={change.risk} />}
          <About change={change} />
          {change.ticket && <Trail ticket={change.ticket} namespace={change.namespace} />}
        </div>
      </div>
    </div>
  );
}

function Head({ change }: { change: Change }) {
  const { mark, words } = standingOf(change);
  return (
    <div className="meta ruled">
      <StateMark state={mark} text={words} />
      <span className="mono dim3">{change.id}</span>
      <span>{change.type}</span>
      <span>wanted by {nameOf(change.requester)} <RelativeTime at={change.created_at} suffix=" ago" /></span>
      {change.template && <span>by <span className="mono">{change.template}</span></span>}
      {change.glass && <b className="med failure">glass broken</b>}
    </div>
  );
}

function Way({ change }: { change: Change }) {
  return (
    <ol className="way" aria-label="State of the change">
      {wayOf(change).map(({ state, is }) => (
        <li key={state} className={is.replace(" ", "-")} aria-current={is === "here" ? "step" : undefined}>{sentence(state)}{is === "left out" && <span className="sr">, left out</span>}</li>
      ))}
    </ol>
  );
}

/** The answer first: where it stands, why, and the numbers that matter. */
function Outcome({ change, run }: { change: Change; run: RunDetail | undefined }) {
  const now = useNow();
  const { title, detail } = headline(change, run);
  const rescue = rescueOf(run);
  const caused = useDetail<ChangeRecord>("change-records", change.record ?? "", "", { enabled: change.record !== null }).data?.incidents ?? [];
  const length = change.began_at ? duration(Date.parse(change.ended_at ?? new Date(now).toISOString()) - Date.parse(change.began_at)) : null;
  return (
    <section className="card outcome" aria-label="Where it stands">
      <div className="grow stack" style={{ gap: 2 }} aria-live="polite">
        <h2>{title}</h2>
        {detail !== "" && <p className="dim wrap">{detail}</p>}
        {change.glass && <p className="wrap"><span className="failure">Glass broken</span> by {nameOf(change.glass.by)} <RelativeTime at={change.glass.at} suffix=" ago" />: {change.glass.reason}</p>}
      </div>
      <dl className="figures">
        {!change.began_at && <Figure term="Reach" value={reachOf(change)} />}
        {!change.began_at && change.starts_at && <Figure term="Begins" value={<time dateTime={change.starts_at} title={exact(change.starts_at)}>{moment(change.starts_at, now)}</time>} />}
        {length && <Figure term={change.ended_at ? "Took" : "For"} value={length} />}
        {rescue && <Figure term="Failure to rollback" value={rescue.toBegin} />}
        {rescue?.toSafe && <Figure term="All undone after" value={rescue.toSafe} />}
        {caused.length > 0 && <Figure term="It caused" value={<span className="row wrapping">{caused.slice(-3).map((id) => <Link key={id} className="link" to="/incidents/$id" params={{ id }}>{id}</Link>)}</span>} />}
      </dl>
    </section>
  );
}

function Figure({ term, value }: { term: string; value: React.ReactNode }) {
  return <div><dt className="eyebrow">{term}</dt><dd>{value}</dd></div>;
}

function Asked({ id }: { id: string }) {
  const query = useDetail<ApprovalDetail>("approvals", id);
  return query.data ? <Deciding approval={query.data} within /> : null;
}

function About({ change }: { change: Change }) {
  const now = useNow();
  const instant = (at: string | null, key: string) => at && <span key={key}><time dateTime={at} title={exact(at)}>{moment(at, now)}</time> <span className="dim3"><RelativeTime at={at} suffix={Date.parse(at) < now ? " ago" : ""} /></span></span>;
  const edited = change.hands.filter((by) => by !== change.requester);
  return (
    <Card title="About it">
      <div className="card-body">
        <Pairs
          entries={[
            ["Reason", <span key="r" className="wrap" style={{ whiteSpace: "pre-wrap" }}>{change.reason}</span>],
            ["Wanted by", nameOf(change.requester)],
            ["Edited by", edited.map(nameOf).join(", ")],
            ["Not before", instant(change.not_before, "n")],
            ["Begins", change.began_at ? null : instant(change.starts_at, "s")],
            ["Deadline", change.began_at ? null : instant(change.deadline_at, "d")],
            ["Window closes", change.ended_at ? null : instant(change.window_until, "w")],
            ["Began", instant(change.began_at, "b")],
            ["Ended", instant(change.ended_at, "e")],
            ["Closed", instant(change.closed_at, "c")],
            ["Note", change.close_note],
            ["Ticket", change.ticket && <Link key="t" className="link mono" to="/tickets/$id" params={{ id: change.ticket }}>{change.ticket}</Link>],
            ["Run", change.run && <Link key="u" className="link mono" to="/runs/$id" params={{ id: change.run }}>{change.run}</Link>],
            ["Evidence", change.run && <Evidence key="v" id={change.id} />],
            ["On record as", change.record && <ChangeLink key="o" id={change.record} />],
            ["Manifest", change.name && <span key="m" className="mono">{change.name}</span>],
            ["Namespace", change.namespace],
          ]}
        />
      </div>
      {change.state === "review" && change.approval && <p className="card-body dim t12"><Icon name="user" size="s" /> It can be closed once those who were asked have agreed.</p>}
    </Card>
  );
}

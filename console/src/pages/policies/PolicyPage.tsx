/** One policy: its document, its decisions, and what it narrowly did not take. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";

import { get } from "../../data/http";
import { useShort } from "../../data/lists";
import type { Decision, Policy, PolicyWindow } from "../../data/types";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { count, plural } from "../../parts/format";
import { DecisionChip, ReasonChip, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { document, positionText, responds, selects } from "./view";

export default function PolicyPage() {
  const { namespace = "", name = "" } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ["policies", "detail", `${namespace}/${name}`],
    queryFn: ({ signal }) => get<Policy>(`/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, {}, signal),
    refetchInterval: 15_000,
  });
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (!query.data) return <div className="page"><Loading what="the policy" /></div>;
  const policy = query.data;
  const text = document("Policy", policy);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <StateMark state={policy.mode === "observe" ? "observe" : "active"} />
            <span>gen {policy.generation}, since <RelativeTime at={policy.updated_at} suffix=" ago" /> by {policy.applied_by}</span>
            <span>fired {plural(policy.stats.fired, "time")}, held back {count(policy.stats.blocked)}</span>
            {policy.stats.failed > 0 && <b className="med failure">failed {plural(policy.stats.failed, "time")}</b>}
            {policy.owner && <span>owner {policy.owner}</span>}
          </div>
          <h1>{policy.name}</h1>
          {policy.description && <p className="dim">{policy.description}</p>}
        </div>
        <div className="actions"><CopyButton text={text} label="Copy as YAML" /></div>
      </div>
      <section className="card strip clip" aria-label="In words">
        <div><span className="eyebrow">Takes</span><span className="wrap">{selects(policy)}</span></div>
        <div><span className="eyebrow">Then</span><span className="wrap">{responds(policy).join(", ") || "records that it would"}</span></div>
        <div><span className="eyebrow">Last fired</span><b><RelativeTime at={policy.stats.last_fired_at} suffix=" ago" /></b></div>
      </section>
      <div className="columns">
        <div>
          <Card title={<span className="mono">{policy.namespace}/{policy.name}</span>} scope="YAML, kind Policy" className="clip"><Yaml text={text} label={`The policy ${policy.name} as YAML`} /></Card>
        </div>
        <div>
          {policy.spec.condition !== undefined && <Windows policy={policy} />}
          <NearMisses policy={policy} />
          <Decisions policy={policy} />
        </div>
      </div>
    </div>
  );
}

function Windows({ policy }: { policy: Policy }) {
  const path = `/policies/${encodeURIComponent(policy.namespace)}/${encodeURIComponent(policy.name)}/windows`;
  const windows = useShort<PolicyWindow>("policies", { limit: 50 }, { path, refetchInterval: 15_000 });
  return (
    <Card title="Windows" scope="the first 50 keys">
      {policy.stats.unjudged > 0 && <div className="moving-row"><span className="wrap failure">{plural(policy.stats.unjudged, "event")} not judged: there were windows for too many keys.</span></div>}
      <Loaded query={windows} what="windows">
        {(page) => page.items.length === 0
          ? <EmptyState title="It remembers nothing now" />
          : page.items.map((window) => (
            <div key={window.key} className="moving-row">
              <span className="row"><span className="mono cut grow" title={window.key}>{window.key}</span><span className={window.holds ? "med" : "dim3"}>{window.holds ? "holds" : "waits"}</span></span>
              <span className="row t12 dim3 wrapping">
                <span className="wrap">{[
                  `${window.condition}, ${count(window.count)} in it`,
                  window.value !== null && `value ${shown(window.value)}`,
                  window.limit !== null && `limit ${shown(window.limit)}`,
                ].filter(Boolean).join(", ")}</span>
                {window.alert !== null && <Link className="link" to="/alerts/$id" params={{ id: window.alert }}>alert</Link>}
                {window.since !== null && <span className="end nowrap">since <RelativeTime at={window.since} /></span>}
              </span>
            </div>
          ))}
      </Loaded>
    </Card>
  );
}

const shown = (value: number) => String(Math.round(value * 1000) / 1000);

function NearMisses({ policy }: { policy: Policy }) {
  const misses = policy.stats.near_misses.toSorted((a, b) => b.at.localeCompare(a.at));
  return (
    <Card title="Near misses" scope={`of gen ${String(policy.generation)}, the last ${count(misses.length)}`}>
      {misses.length === 0 && <EmptyState title="None"><p>Events that the selector takes and a later clause refuses show here, with that clause.</p></EmptyState>}
      {misses.map((miss) => (
        <Link key={`${String(miss.position)}-${miss.reason}`} to="/events/$position" params={{ position: positionText(miss.position) }} className="moving-row">
          <span className="row"><span className="mono cut grow">{miss.event}</span><ReasonChip code={miss.reason} not /></span>
          <span className="row t12 dim3"><span className="cut" title={miss.detail}>{miss.detail}</span><span className="end nowrap"><RelativeTime at={miss.at} /></span></span>
        </Link>
      ))}
    </Card>
  );
}

function Decisions({ policy }: { policy: Policy }) {
  const decisions = useShort<Decision>("policies", { policy: `${policy.namespace}/${policy.name}`, limit: 50 }, { path: "/decisions" });
  return (
    <Card title="Decisions" scope="the newest 50">
      <Loaded query={decisions} what="decisions">
        {(page) => page.items.length === 0
          ? <EmptyState title="It has not decided anything yet" />
          : page.items.map((decision) => (
            <div key={decision.position} className="moving-row">
              <span className="row"><DecisionChip decision={decision} /><span className="cut grow">{decision.key ?? ""}</span><Link className="dim3" to="/events/$position/story" params={{ position: decision.position }} title="The story"><RelativeTime at={decision.recorded_at} /></Link></span>
              <span className="row t12 dim3 wrapping">
                {decision.detail !== "" && <span className={decision.outcome === "failed" ? "failure" : "wrap"}>{decision.detail}</span>}
                {decision.incident && <Link className="link mono" to="/incidents/$id" params={{ id: decision.incident }}>{decision.incident}</Link>}
                {decision.runs.map((run) => <Link key={run} className="link" to="/runs/$id" params={{ id: run }}>run</Link>)}
                {decision.tickets.map((ticket) => <Link key={ticket} className="link mono" to="/tickets/$id" params={{ id: ticket }}>{ticket}</Link>)}
              </span>
            </div>
          ))}
      </Loaded>
    </Card>
  );
}

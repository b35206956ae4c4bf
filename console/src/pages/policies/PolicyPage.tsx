/** One policy: its document, its decisions, and what it narrowly did not take. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { get } from "../../data/http";
import { useShort } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { useDocument, useVersions } from "../../data/policies";
import type { Decision, Manifest, Policy, PolicyWindow } from "../../data/types";
import { Card } from "../../parts/Card";
import { CopyButton } from "../../parts/Code";
import { count, plural } from "../../parts/format";
import { DecisionChip, OverrideNote, ReasonChip, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { Yaml } from "../../parts/Yaml";
import { useFilters } from "../../shell/filters";
import { Editing, type Base } from "./Editing";
import { TryOn } from "./TryOn";
import { Versions } from "./Versions";
import { document, positionText, responds, selects } from "./view";

export default function PolicyPage() {
  const { namespace = "", name = "" } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ["policies", "detail", `${namespace}/${name}`],
    queryFn: ({ signal }) => get<Policy>(`/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, {}, signal),
    refetchInterval: 15_000,
  });
  const manifest = useDocument("Policy", namespace, name);
  const [filters] = useFilters();
  if (query.error && !query.data) return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  if (manifest.error && !manifest.data) return <div className="page"><ErrorState error={manifest.error} retry={() => void manifest.refetch()} /></div>;
  if (!query.data || !manifest.data) return <div className="page"><Loading what="the policy" /></div>;
  return filters["edit"] === undefined ? <Reading policy={query.data} manifest={manifest.data} /> : <Writing policy={query.data} manifest={manifest.data} from={filters["edit"]} />;
}

/** `edit=1` begins with the policy in force, `edit=gen-3` with an earlier version. */
function Writing({ policy, manifest, from }: { policy: Policy; manifest: Manifest; from: string }) {
  const [filters, change] = useFilters();
  const versions = useVersions("Policy", policy.namespace, policy.name);
  const now: Base = { text: document("Policy", manifest), generation: manifest.generation };
  const [base, setBase] = useState(now);
  const close = (): void => change({ edit: undefined });
  const wanted = /^gen-(\d+)$/.exec(from)?.[1];
  const earlier = wanted === undefined ? undefined : versions.data?.items.find((version) => version.generation === Number(wanted) && !version.deleted);
  if (wanted !== undefined && versions.data === undefined && !versions.error) return <div className="page"><Loading what="the earlier version" /></div>;
  return (
    <Editing
      kind="Policy" title={policy.name} namespace={policy.namespace} base={base} latest={manifest.generation === base.generation ? undefined : now} rebase={() => setBase(now)}
      begin={earlier ? document("Policy", earlier.manifest) : base.text} version={earlier ? `gen-${String(earlier.generation)}` : "in force"} close={close} saved={close}
      meta={<span>from gen {base.generation}{earlier ? `, with the text of gen ${String(earlier.generation)}` : ""}</span>}
    >
      {(draft) => (
        <>
          <TryOn namespace={policy.namespace} policy={policy.id} draft={draft.ready ? draft.text : undefined} position={filters["on"]} choose={(position) => change({ on: position })} />
          <NearMisses policy={policy} />
        </>
      )}
    </Editing>
  );
}

function Reading({ policy, manifest }: { policy: Policy; manifest: Manifest }) {
  const [filters, change] = useFilters();
  const may = useMay();
  const text = document("Policy", manifest);
  const writes = may("manifest:write", policy.namespace);
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            <StateMark state={policy.mode === "observe" ? "observe" : "active"} />
            <span>gen {policy.generation}, since <RelativeTime at={policy.updated_at} suffix=" ago" /> by {nameOf(policy.applied_by)}</span>
            <span>fired {plural(policy.stats.fired, "time")}, held back {count(policy.stats.blocked)}</span>
            {policy.stats.failed > 0 && <b className="med failure">failed {plural(policy.stats.failed, "time")}</b>}
            {policy.owner && <span>owner {nameOf(policy.owner)}</span>}
          </div>
          <h1>{policy.name}</h1>
          {policy.description && <p className="dim">{policy.description}</p>}
        </div>
        <div className="actions">
          <CopyButton text={text} label="Copy as YAML" />
          {writes && <button type="button" className="btn primary" onClick={() => change({ edit: "1" })}>Edit</button>}
        </div>
      </div>
      <section className="card strip clip" aria-label="In words">
        <div><span className="eyebrow">Takes</span><span className="wrap">{selects(policy)}</span></div>
        <div><span className="eyebrow">Then</span><span className="wrap">{responds(policy).join(", ") || "records that it would"}</span></div>
        <div><span className="eyebrow">Last fired</span><b><RelativeTime at={policy.stats.last_fired_at} suffix=" ago" /></b></div>
      </section>
      <div className="columns wide-side">
        <div>
          <Card title={<span className="mono">{policy.namespace}/{policy.name}</span>} scope="YAML, kind Policy" className="clip"><Yaml text={text} label={`The policy ${policy.name} as YAML`} /></Card>
          {policy.spec.condition !== undefined && <Windows policy={policy} />}
          <Decisions policy={policy} />
        </div>
        <div>
          <TryOn key={policy.generation} namespace={policy.namespace} policy={policy.id} position={filters["on"]} choose={(position) => change({ on: position })} />
          <NearMisses policy={policy} />
          <Versions kind="Policy" namespace={policy.namespace} name={policy.name} generation={policy.generation} takeBack={writes ? (version) => change({ edit: `gen-${String(version.generation)}` }) : undefined} />
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
  const [, change] = useFilters();
  const misses = policy.stats.near_misses.toSorted((a, b) => b.at.localeCompare(a.at));
  return (
    <Card title="Near misses" scope={`of gen ${String(policy.generation)}, the last ${count(misses.length)}`}>
      {misses.length === 0 && <EmptyState title="None"><p>Events that the selector takes and a later clause refuses show here, with that clause.</p></EmptyState>}
      {misses.map((miss) => (
        <div key={`${String(miss.position)}-${miss.reason}`} className="moving-row">
          <span className="row"><Link to="/events/$position" params={{ position: positionText(miss.position) }} className="mono cut grow">{miss.event}</Link><ReasonChip code={miss.reason} not /></span>
          <span className="row t12 dim3"><span className="wrap">{miss.detail}</span><span className="end nowrap row keep"><button type="button" className="btn small" onClick={() => change({ on: positionText(miss.position) })}>Try it</button><RelativeTime at={miss.at} /></span></span>
        </div>
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
              <span className="row"><DecisionChip decision={decision} /><OverrideNote decision={decision} /><span className="cut grow">{decision.key ?? ""}</span><Link className="dim3" to="/events/$position/story" params={{ position: decision.position }} title="The story"><RelativeTime at={decision.recorded_at} /></Link></span>
              <span className="row t12 dim3 wrapping">
                {decision.detail !== "" && <span className={decision.outcome === "failed" ? "failure" : "wrap"}>{decision.detail}</span>}
                {decision.incident && <Link className="link mono" to="/incidents/$id" params={{ id: decision.incident }}>{decision.incident}</Link>}
                {decision.runs.map((run) => <Link key={run} className="link" to="/runs/$id" params={{ id: run }}>run</Link>)}
                {decision.tickets.map((ticket) => <Link key={ticket} className="link mono" to="/tickets/$id" params={{ id: ticket }}>{ticket}</Link>)}
                {decision.change_records.map((id) => <Link key={id} className="link mono" to="/changes/reported/$id" params={{ id }}>{id}</Link>)}
              </span>
            </div>
          ))}
      </Loaded>
    </Card>
  );
}

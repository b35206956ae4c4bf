/** Integrations: what sends to OnCue, what it probes, whom it tells, who consumes its events, and what could not be taken. */
import { Link, useParams } from "@tanstack/react-router";

import { useShort } from "../../data/lists";
import { useMay } from "../../data/me";
import type { Source } from "../../data/types";
import { Card } from "../../parts/Card";
import { Snippet } from "../../parts/Code";
import { count } from "../../parts/format";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { Tabs } from "../../parts/Tabs";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { AddSource } from "./AddSource";
import { Channels } from "./Channels";
import { DeadLetters } from "./DeadLetters";
import { Mailbox } from "./Mailbox";
import { Monitors } from "./Monitors";
import { SapSystems } from "./SapSystems";
import { Subscriptions } from "./Subscriptions";
import { healthOf, snippet } from "./view";

const TABS = [
  { tab: "sources", label: "Sources", permission: "manifest:read" },
  { tab: "monitors", label: "Monitors", permission: "manifest:read" },
  { tab: "sap", label: "SAP systems", permission: "manifest:read" },
  { tab: "channels", label: "Channels", permission: "manifest:read" },
  { tab: "subscriptions", label: "Subscriptions", permission: "manifest:read" },
  { tab: "mailbox", label: "Local mailbox", permission: "mailbox:read" },
  { tab: "dead-letters", label: "Dead letters", permission: "dead_letter:read" },
] as const;

export default function IntegrationsPage() {
  const { tab = "sources" } = useParams({ strict: false });
  const may = useMay();
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">Integrations</h1></div></div>
      <Tabs label="Integrations" to="/integrations/$tab" tabs={TABS.filter((each) => may(each.permission))} current={tab} />
      {tab === "sources" && <Sources />}
      {tab === "monitors" && <Monitors />}
      {tab === "sap" && <SapSystems />}
      {tab === "channels" && <Channels />}
      {tab === "subscriptions" && <Subscriptions />}
      {tab === "mailbox" && <Mailbox />}
      {tab === "dead-letters" && <DeadLetters />}
      {!TABS.some((each) => each.tab === tab) && <EmptyState title="There is no such part" />}
    </div>
  );
}

function Sources() {
  const [filters] = useFilters();
  const sources = useShort<Source>("sources", {}, { refetchInterval: 2000 });
  return (
    <>
      <Card title="Sources" scope="since the server started" className="clip">
        <Loaded query={sources} what="sources">
          {(page) => inNamespace(page.items, filters["namespace"]).length === 0
            ? <EmptyState title={filters["namespace"] ? `Nothing has sent to ${filters["namespace"]} yet` : "Nothing has sent yet"}><p>Choose what sends below, and follow the steps; its first event shows here by itself.</p></EmptyState>
            : (
              <ul>
                {inNamespace(page.items, filters["namespace"]).map((source) => <SourceRow key={source.id} source={source} />)}
              </ul>
            )}
        </Loaded>
      </Card>
      <AddSource sources={sources.data?.items ?? []} />
    </>
  );
}

function SourceRow({ source }: { source: Source }) {
  const health = healthOf(source);
  return (
    <li className="moving-row">
      <span className="row wrapping">
        <b className="med">{source.name}</b><span className="tag">{source.type}</span><span className="mono dim3">{source.path}</span><span className="dim3">{source.namespace}</span>
        <span className="end"><StateMark state={health.state} text={health.text} /></span>
      </span>
      <span className="row wrapping t12 dim">
        <span>{count(Math.round(source.rate_per_minute * 10) / 10)} a minute</span><span>{count(source.accepted)} accepted</span><span>{count(source.duplicates)} duplicates</span>
        <span>{source.rejected > 0 ? <Link className="link" to="/integrations/$tab" params={{ tab: "dead-letters" }}>{count(source.rejected)} rejected</Link> : "0 rejected"}</span>
        {source.listening && <><span className="mono">{source.listening.address}</span><span>{count(source.listening.connections)} connected</span><span>{count(source.listening.lost)} lost</span></>}
        <span className="end">last event <RelativeTime at={source.last_event_at} suffix=" ago" /></span>
      </span>
      {source.last_error && <span className="t12 wrap" style={{ color: "var(--critical-text)" }}>{source.last_error} <RelativeTime at={source.last_error_at} suffix=" ago" /></span>}
      {source.description && <span className="t12 dim3">{source.description}</span>}
      {source.configured && <details className="t12"><summary className="dim">How to send to it</summary><div style={{ paddingTop: 6 }}><Snippet text={snippet(source, window.location.origin)} label={`How to send to ${source.name}`} /></div></details>}
    </li>
  );
}

/** One alert: what crossed, why it is quiet, which policies shaped it, and its history. */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useState } from "react";

import { useAlertCommand } from "../../data/commands";
import type { Page } from "../../data/http";
import { useDetail, useShort } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Alert, Decision, Fact, SampleSeries } from "../../data/types";
import { Ask } from "../../parts/ask";
import { Pairs } from "../../parts/Card";
import { Chart } from "../../parts/Chart";
import { count, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { alertState, DecisionChip, OverrideNote, ReasonChip, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { ErrorState, Loaded } from "../../parts/states";
import { crossingText, worstText } from "../../parts/story";
import { RelativeTime, useNow } from "../../parts/time";
import { Timeline } from "../../parts/Timeline";
import { sinceOf, useFilters } from "../../shell/filters";
import { NewSilence } from "../quiet/NewSilence";
import { turnsOf } from "./history";
import { FoundOut } from "./FoundOut";
import { SetByPolicies } from "./SetByPolicies";
import { Past } from "./Past";
import { PolicyLink } from "../../parts/PolicyLink";
import { Duplicate } from "./Duplicate";
import { Snooze } from "./Snooze";
import { homeOf, matchersFor } from "./view";
import { WhyQuiet } from "./WhyQuiet";
import { WhyTold } from "./WhyTold";

export default function AlertPanel() {
  const { id = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useDetail<Alert>("alerts", id);
  const close = useCallback(() => void navigate({ to: "/alerts", search: { ...filters, full: undefined } }), [navigate, filters]);
  return (
    <SidePanel label="Alert" onClose={close} title={query.data ? <span className="row"><SeverityMark severity={query.data.severity} /><StateMark state={alertState(query.data)} /></span> : <b>Alert</b>}>
      <Loaded query={query} what="the alert">{(alert) => <Body alert={alert} />}</Loaded>
    </SidePanel>
  );
}

function Body({ alert }: { alert: Alert }) {
  const command = useAlertCommand();
  const may = useMay();
  const now = useNow();
  const worst = worstText(alert, now);
  const [asking, setAsking] = useState<"resolve" | "silence" | null>(null);
  const firing = alert.state === "firing";
  const { runbook, runbook_url, generator_url, description, summary, ...others } = alert.annotations;
  return (
    <>
      <div className="panel-section stack">
        <div>
          <h1 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{alert.title}</h1>
          {(summary ?? description) && <p className="dim wrap">{description ?? summary}</p>}
        </div>
        <div className="row wrapping">
          {firing && !alert.acknowledged_at && may("alert:acknowledge", alert.namespace) && (
            <button type="button" className="btn primary" disabled={command.isPending} onClick={() => command.mutate({ id: alert.id, verb: "acknowledge" })}>Acknowledge</button>
          )}
          {firing && alert.acknowledged_at && may("alert:acknowledge", alert.namespace) && (
            <button type="button" className="btn" disabled={command.isPending} onClick={() => command.mutate({ id: alert.id, verb: "unacknowledge" })}>Take the acknowledgement back</button>
          )}
          {firing && may("alert:snooze", alert.namespace) && <Snooze alert={alert} />}
          {firing && may("alert:snooze", alert.namespace) && <Duplicate alert={alert} />}
          {firing && may("silence:write", alert.namespace) && <button type="button" className="btn" onClick={() => setAsking("silence")}><Icon name="quiet" size="m" />Silence</button>}
          {firing && may("alert:resolve", alert.namespace) && <button type="button" className="btn" onClick={() => setAsking("resolve")}>Resolve</button>}
          {(runbook_url ?? runbook) && <ExternalLink url={runbook_url ?? runbook ?? ""}>Runbook</ExternalLink>}
        </div>
        {command.error && <ErrorState error={command.error} />}
      </div>

      <WhyQuiet alert={alert} />
      <WhyTold alert={alert} />
      <SetByPolicies alert={alert} />
      <FoundOut alert={alert} />
      <Past alert={alert} />

      <div className="panel-section">
        <Pairs
          entries={[
            ["Measured", crossingText(alert.crossing)],
            ["Worst", worst && alert.peak ? <span key="w" className="row" title={alert.peak.title}><SeverityShape severity={alert.peak.severity} small /><span className="wrap">{sentence(worst)}</span></span> : null],
            ["Metric", alert.crossing?.metric ? <span className="mono">{alert.crossing.metric}</span> : null],
            ["Resource", <Link key="r" className="link" to="/alerts" search={{ resource: alert.resource, state: "all" }}>{alert.resource}</Link>],
            ["Service", alert.service ? <Link key="s" className="link" to="/alerts" search={{ service: alert.service }}>{alert.service}</Link> : null],
            ["Incident", alert.incident ? <Link key="i" className="link mono" to="/incidents/$id" params={{ id: alert.incident }}>{alert.incident}</Link> : "none"],
            ["Fires since", <RelativeTime key="f" at={alert.first_seen_at} suffix=" ago" />],
            ["Last seen", <span key="l"><RelativeTime at={alert.last_seen_at} suffix=" ago" />, {count(alert.count)} {alert.count === 1 ? "time" : "times"}</span>],
            ["Acknowledged", alert.acknowledged_at ? <span key="k">by {nameOf(alert.acknowledged_by)}, <RelativeTime at={alert.acknowledged_at} suffix=" ago" /></span> : null],
            ["Resolved", alert.resolved_at ? <span key="v"><ReasonChip code={alert.resolved_by ?? "recovery"} /> <RelativeTime at={alert.resolved_at} suffix=" ago" /></span> : null],
            ["Resolves by itself", firing && alert.deadline_at ? <span key="d"><RelativeTime at={alert.deadline_at} /> unless repeated</span> : null],
            ["Opened again", alert.reopened > 0 ? `${String(alert.reopened)} times` : null],
            ["Comes and goes", turnsOf(alert.turns) > 1 ? `${String(turnsOf(alert.turns))} of its last 20 states were changes${alert.quiet.some((quiet) => quiet.reason === "flapping") ? ": it flaps" : ""}` : null],
            ["Category", alert.category],
            ["Type", <span key="t" className="mono">{alert.type}</span>],
            ["Source", <span key="o" className="mono">{alert.source}</span>],
            ["Namespace", alert.namespace],
            ["At home in", homeOf(alert) === null ? null : <span key="h">{homeOf(alert)} <span className="dim3">which shares the event; what is done here leaves it alone</span></span>],
            ["Fingerprint", <span key="p" className="mono">{alert.fingerprint}</span>],
            ["Sender's page", generator_url ? <ExternalLink key="g" url={generator_url}>open</ExternalLink> : null],
            ...Object.entries(others).map(([name, value]) => [name, value] as const),
          ]}
        />
      </div>

      {Object.keys(alert.labels).length > 0 && (
        <div className="panel-section stack" style={{ gap: 6 }}>
          <h2 className="heading">Labels</h2>
          <div className="row wrapping">{Object.entries(alert.labels).map(([name, value]) => <span key={name} className="tag mono">{name}={value}</span>)}</div>
        </div>
      )}

      {alert.crossing?.metric && <Measured alert={alert} />}
      <Decisions alert={alert} />
      <History alert={alert} />

      <Ask
        opened={asking === "resolve"} onClose={() => setAsking(null)} title="Resolve this alert?" act="Resolve"
        effect="It counts as resolved until its sender reports the problem again; then it fires again."
        field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }}
        run={(reason) => command.mutateAsync({ id: alert.id, verb: "resolve", ...(reason ? { reason } : {}) })}
      />
      <NewSilence opened={asking === "silence"} onClose={() => setAsking(null)} matchers={matchersFor(alert)} namespace={alert.namespace} />
    </>
  );
}

/** Links from events lead anywhere: only web addresses are followed, without telling where from. */
function ExternalLink({ url, children }: { url: string; children: React.ReactNode }) {
  if (!/^https?:\/\//i.test(url)) return <span className="dim wrap">{url}</span>;
  return <a className="link" href={url} target="_blank" rel="noopener noreferrer">{children}</a>;
}

function Measured({ alert }: { alert: Alert }) {
  const now = useNow();
  const metric = alert.crossing?.metric ?? "";
  const series = useShort<SampleSeries>("samples", { resource: alert.resource, metric, namespace: alert.namespace, since: sinceOf("6h", now) });
  const lines = series.data?.items.filter((each) => each.points.length > 1) ?? [];
  if (lines.length === 0) return null;
  const limit = alert.crossing?.limit;
  return (
    <div className="panel-section">
      <h2 className="heading">Last 6 hours</h2>
      <Chart
        label={`${metric} of ${alert.resource} over the last 6 hours`} height={140} unit={alert.crossing?.unit ?? null}
        series={lines.slice(0, 4).map((line) => ({ name: line.metric, kind: "line" as const, tone: "text-2", points: line.points.map((point) => [Date.parse(point.at), point.mean] as const) }))}
        limits={typeof limit === "number" ? [{ name: "limit", value: limit, tone: alert.severity }] : []}
      />
    </div>
  );
}

function Decisions({ alert }: { alert: Alert }) {
  const decisions = useShort<Decision>("policies", { resource: alert.resource, namespace: alert.namespace, limit: 200 }, { path: "/decisions" });
  const own = (decisions.data?.items ?? []).filter((decision) => decision.alert === alert.id);
  if (own.length === 0 && alert.policies.length === 0) return null;
  return (
    <div className="panel-section stack" style={{ gap: 6 }}>
      <h2 className="heading">Decisions</h2>
      {alert.policies.length > 0 && <p className="dim">Shaped by {alert.policies.map((policy) => <PolicyLink key={policy} policy={policy} />)}</p>}
      {own.map((decision) => (
        <div key={decision.position} className="row wrapping">
          <DecisionChip decision={decision} />
          <OverrideNote decision={decision} />
          <PolicyLink policy={`${decision.policy}@${String(decision.generation)}`} />
          <Link className="dim3 end" to="/events/$position/story" params={{ position: decision.position }}><RelativeTime at={decision.recorded_at} suffix=" ago" /></Link>
          {decision.detail !== "" && <span className={`t12 ${decision.outcome === "failed" ? "failure" : "dim3"}`} style={{ flexBasis: "100%" }}>{decision.detail}</span>}
        </div>
      ))}
    </div>
  );
}

function History({ alert }: { alert: Alert }) {
  const facts = useDetail<Page<Fact>>("alerts", alert.id, "timeline", { query: { limit: 200 } });
  return (
    <div className="panel-section" style={{ paddingLeft: 0, paddingRight: 0 }}>
      <h2 className="heading" style={{ padding: "0 16px" }}>Timeline</h2>
      <Loaded query={facts} what="the timeline">{(page) => <Timeline facts={page.items} />}</Loaded>
    </div>
  );
}

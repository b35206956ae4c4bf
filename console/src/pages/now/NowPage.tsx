/** Now: what is wrong, what is in motion, and how much noise there is. */
import { Link } from "@tanstack/react-router";

import { useItself } from "../../data/itself";
import { useShort } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { useStats, type Stats } from "../../data/stats";
import { SEVERITIES, type Incident, type Run, type Service } from "../../data/types";
import { Card } from "../../parts/Card";
import { Chart } from "../../parts/Chart";
import { count, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { IncidentTable } from "../incidents/IncidentTable";
import { useStand } from "../runs/Stands";
import { byHealth, byNeed, funnelOf, headline, isOpen, standing, subline, worstFirst } from "./view";

export default function NowPage() {
  const [filters] = useFilters();
  const namespace = filters["namespace"];
  const stats = useStats(namespace);
  // Not the figures' own list: those are counted every few seconds, an incident shows at once.
  const open = useShort<Incident>("incidents", { state: "open,acknowledged", order: "priority", limit: 20, namespace });
  const services = useShort<Service>("services", { limit: 500, namespace }, { refetchInterval: 5_000 });
  const runs = useShort<Run>("runs", { state: ["running", "queued", "paused", "rolling_back", "rollback_failed"], limit: 20, namespace });

  if (stats.error && !stats.data) return <div className="page"><ErrorState error={stats.error} retry={() => void stats.refetch()} /></div>;
  if (!stats.data) return <div className="page"><Loading what="what is wrong now" /></div>;
  const incidents = worstFirst(open.data?.items ?? stats.data.incidents).filter(isOpen);

  return (
    <div className="page">
      <div className="page-head">
        <div>
          <h1>{headline(stats.data, incidents)}</h1>
          <p className="meta ruled">{subline(stats.data, services.data?.items ?? []).map((part) => <span key={part}>{part}</span>)}</p>
        </div>
      </div>
      <div className="columns">
        <div>
          <Card title="Open incidents" scope={count(Math.max(stats.data.openIncidents, incidents.length))} end={<Link to="/incidents">by priority, then age</Link>} className="clip">
            <OpenIncidents incidents={incidents} total={stats.data.openIncidents} />
          </Card>
          <ServiceHealth services={services} />
          <Noise stats={stats.data} namespace={namespace} />
        </div>
        <div>
          <Severities stats={stats.data} />
          <Card title="In motion" scope={runs.data ? plural(runs.data.items.length, "run") : undefined} end={<Link to="/runs">All runs</Link>}>
            <Loaded query={runs} what="runs">
              {(page) => page.items.length === 0
                ? <EmptyState title="Nothing is in motion"><p>Runs show here while their steps go on.</p></EmptyState>
                : byNeed(page.items).map((run) => <MovingRun key={run.id} run={run} />)}
            </Loaded>
          </Card>
          <Attention stats={stats.data} />
        </div>
      </div>
    </div>
  );
}

/** Incidents on one glance; the list has the rest. */
const SHOWN = 8;

function OpenIncidents({ incidents, total }: { incidents: readonly Incident[]; total: number }) {
  if (incidents.length === 0) {
    return (
      <EmptyState title="No incident is open">
        <p>When an alert of warning or above fires, its incident shows here within a second. <Link className="link" to="/alerts">See all alerts</Link></p>
      </EmptyState>
    );
  }
  const hidden = Math.max(total, incidents.length) - Math.min(SHOWN, incidents.length);
  return (
    <>
      <IncidentTable rows={incidents.slice(0, SHOWN)} />
      {hidden > 0 && <Link to="/incidents" className="list-foot">{plural(hidden, "more open incident")}</Link>}
    </>
  );
}

function ServiceHealth({ services }: { services: ReturnType<typeof useShort<Service>> }) {
  const all = services.data?.items ?? [];
  const ill = all.filter((service) => service.severity !== "clear");
  const counts = SEVERITIES.map((severity) => [severity, ill.filter((service) => service.severity === severity).length] as const).filter(([, n]) => n > 0);
  return (
    <Card
      title="Service health"
      scope={all.length > 0 ? `${plural(all.length, "service")}, ${count(ill.length)} not well` : undefined}
      end={<span className="row" style={{ gap: 12 }}>{counts.map(([severity, n]) => <SeverityMark key={severity} severity={severity} text={String(n)} />)}</span>}
    >
      <Loaded query={services} what="services">
        {() => all.length === 0
          ? <EmptyState title="No service is declared"><p>A Service manifest names what people depend on and who owns it: <span className="mono">oncue apply -f service.yaml</span></p></EmptyState>
          : <div className="card-body health">{byHealth(all).map((service) => <Tile key={service.id} service={service} />)}</div>}
      </Loaded>
    </Card>
  );
}

function Tile({ service }: { service: Service }) {
  const bad = service.severity !== "clear";
  return (
    <Link className={bad ? `tile bad ${service.severity}` : "tile"} to="/services/$namespace/$id" params={{ namespace: service.namespace, id: `service:${service.name}` }} title={service.description ?? service.name}>
      {bad ? <SeverityShape severity={service.severity} small /> : <Icon name="check" size="s" />}
      {service.name}
      {bad && <small>{plural(service.alerts_firing, "alert")}</small>}
    </Link>
  );
}

function Noise({ stats, namespace }: { stats: Stats; namespace: string | undefined }) {
  const perMinute = stats.rate.at(-2)?.inputs ?? stats.rate.at(-1)?.inputs ?? 0;
  const points = (field: "inputs" | "events") => stats.rate.map((bucket) => [Date.parse(bucket.at), bucket[field]] as const);
  return (
    <Card title="Noise" scope="last 24 h" end={`${count(perMinute)} events in the last full minute`}>
      <div className="card-body noise">
        <div>
          <div className="funnel">
            {funnelOf(stats.funnel, namespace !== undefined).map((stage) => (
              <div key={stage.name}>
                <span className="eyebrow">{stage.name}</span>
                <b>{count(stage.value)}</b>
                <span className="t12 dim3">{stage.note}</span>
                <div className="meter"><i style={{ width: `${String(Math.round(stage.share * 100))}%` }} /></div>
              </div>
            ))}
          </div>
          {stats.alerts_quiet > 0 && (
            <p className="t12 dim3" style={{ marginTop: 12 }}>
              <Link className="link" to="/alerts" search={{ quiet: "1" }}>{plural(stats.alerts_quiet, "alert")}</Link> {stats.alerts_quiet === 1 ? "is" : "are"} quiet, each with its reason
            </p>
          )}
        </div>
        <figure>
          <figcaption className="eyebrow">Events a minute, last hour{namespace === undefined ? "" : ", every namespace"}</figcaption>
          <Chart label={`Events a minute over the last hour; ${count(perMinute)} in the last full minute`} height={112} series={[{ name: "received", points: points("inputs"), tone: "text-3", kind: "area" }]} />
        </figure>
      </div>
    </Card>
  );
}

function Severities({ stats }: { stats: Stats }) {
  return (
    <Card title="Firing alerts" scope={count(stats.firingAlerts)} end={<Link to="/alerts">All alerts</Link>}>
      <ul>
        {SEVERITIES.filter((severity) => severity !== "clear" && severity !== "info").map((severity) => {
          const n = stats.alerts_by_severity[severity] ?? 0;
          return (
            <li key={severity}>
              <Link to="/alerts" search={{ severity, state: "firing" }} className="moving-row" style={{ gridTemplateColumns: "1fr auto", opacity: 1 }}>
                {n > 0 ? <SeverityMark severity={severity} /> : <span className="dim3">{severity.charAt(0).toUpperCase() + severity.slice(1)}</span>}
                <span className={n > 0 ? "strong" : "dim3"}>{count(n)}</span>
              </Link>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function MovingRun({ run }: { run: Run }) {
  const stands = useStand(run);
  return (
    <Link to="/runs/$id" params={{ id: run.id }} className="moving-row">
      <span className="row"><span className="mono cut grow">{run.workflow}</span><StateMark state={stands.mark} text={stands.words} /></span>
      <span className="row t12 dim3">
        <span className="cut">{standing(run, stands)}</span>
        <span className="end nowrap">{nameOf(run.incident ?? "")} <RelativeTime at={run.started_at ?? run.created_at} /></span>
      </span>
    </Link>
  );
}

/** Policies that failed, on one glance; their list has the rest. */
const SHOWN_FAILED = 3;

function FailedPolicyRow({ one }: { one: Stats["policies_failed"][number] }) {
  const [namespace = "", name = ""] = one.policy.split("/");
  return (
    <Link to="/policies/$namespace/$name" params={{ namespace, name }} className="moving-row">
      <span className="row"><StateMark state="failed" text={`Policy ${name} failed${one.failed > 1 ? ` ${count(one.failed)} times` : ""}`} /><span className="end dim3 nowrap t12"><RelativeTime at={one.last_at} suffix=" ago" /></span></span>
      {one.detail !== "" && <span className="t12 failure cut">{one.detail}</span>}
    </Link>
  );
}

function Attention({ stats }: { stats: Stats }) {
  const failed = stats.policies_failed;
  const mayWatch = useMay()("metrics:read", "*");
  const outside = useItself(mayWatch).data?.outside;
  const watched = outside === undefined || outside.state === "ok";
  if (stats.monitors_failing === 0 && stats.dead_letters === 0 && failed.length === 0 && watched) return null;
  return (
    <Card title="OnCue itself">
      {failed.slice(0, SHOWN_FAILED).map((one) => <FailedPolicyRow key={one.policy} one={one} />)}
      {failed.length > SHOWN_FAILED && (
        <Link to="/policies" className="moving-row"><span className="failure">{plural(failed.length - SHOWN_FAILED, "more policy", "more policies")} failed</span></Link>
      )}
      {stats.monitors_failing > 0 && (
        <Link to="/integrations/$tab" params={{ tab: "monitors" }} className="moving-row">
          <StateMark state="failing" text={`${plural(stats.monitors_failing, "monitor")} cannot measure`} />
        </Link>
      )}
      {stats.dead_letters > 0 && (
        <Link to="/integrations/$tab" params={{ tab: "dead-letters" }} className="moving-row">
          <StateMark state="waiting" text={`${plural(stats.dead_letters, "dead letter")} to look at`} />
        </Link>
      )}
      {!watched && (
        <Link to="/admin/$tab" params={{ tab: "server" }} className="moving-row">
          {outside.state === "fail" ? <StateMark state="failed" text="The watch outside is not reached" /> : <StateMark state="pending" text={outside.set_up ? "The watch outside was not reached yet" : "Nobody outside notices if it stops"} />}
        </Link>
      )}
    </Card>
  );
}

/** One service or resource: how it is, what it needs, what needs it, what is wrong there, and planned work. */
import { useMediaQuery } from "@mantine/hooks";
import { useQueries } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useMemo } from "react";

import { get, Problem } from "../../data/http";
import { useShort } from "../../data/lists";
import { nameOf } from "../../data/me";
import { useWindows } from "../../data/quiet";
import { useSurroundings } from "../../data/topology";
import type { Alert, Edge, Incident, Place, Reached, Surroundings } from "../../data/types";
import { Card } from "../../parts/Card";
import { DataTable, PHONE, type Column } from "../../parts/DataTable";
import { count, plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { alertState, edge, ReasonChip, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { PlaceLink } from "../../parts/PlaceLink";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { crossingText } from "../../parts/story";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { ChangesAt } from "../change-records/ChangesAt";
import { IncidentTable } from "../incidents/IncidentTable";
import { whenText } from "../quiet/view";
import { AvailabilityCard } from "./AvailabilityCard";
import { aroundOf, concerns, dotOf } from "./view";

const Graph = lazy(() => import("../../parts/TopologyGraph"));
/** Incidents of alerts here that are about something else, at the most. */
const OTHERS = 10;
const HOPS = ["1", "2", "3", "4"];

export default function PlacePage() {
  const { namespace = "default", id = "" } = useParams({ strict: false });
  const [filters] = useFilters();
  const hops = Number(filters["hops"] ?? "2");
  const query = useSurroundings(namespace, id, hops);
  if (query.error && !query.data) {
    // What only alerts name has no place in the topology, and still alerts and incidents.
    if (query.error instanceof Problem && query.error.status === 404) return <View place={unknown(namespace, id)} found={null} hops={hops} />;
    return <div className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></div>;
  }
  if (!query.data) return <div className="page"><Loading what="the service" /></div>;
  return <View place={query.data.place} found={query.data} hops={hops} />;
}

function unknown(namespace: string, id: string): Place {
  const [kind = "", ...rest] = id.split(":");
  return { id, kind: kind === "service" ? "Service" : "Resource", namespace, name: rest.length > 0 ? rest.join(":") : id, aliases: [], type: "", criticality: null, owner: null, severity: "clear", alerts_firing: 0 };
}

function View({ place, found, hops }: { place: Place; found: Surroundings | null; hops: number }) {
  const by = place.kind === "Service" ? { service: place.name } : { resource: place.name };
  const incidents = useShort<Incident>("incidents", { ...by, namespace: place.namespace, state: "open,acknowledged", order: "priority", limit: 20 });
  const alerts = useShort<Alert>("alerts", { ...by, namespace: place.namespace, state: "firing", limit: 50 });
  const here = incidents.data?.items ?? [];
  // An alert here may belong to an incident that is about something else.
  const others = [...new Set((alerts.data?.items ?? []).flatMap((alert) => (alert.incident && !here.some((one) => one.id === alert.incident) ? [alert.incident] : [])))].slice(0, OTHERS);
  const elsewhere = useQueries({ queries: others.map((one) => ({ queryKey: ["incidents", "detail", one, "", {}], queryFn: ({ signal }: { signal: AbortSignal }) => get<Incident>(`/incidents/${encodeURIComponent(one)}`, {}, signal) })) });
  const rows = [...here, ...elsewhere.flatMap((one) => (one.data ? [one.data] : []))];
  const open = rows.length;
  return (
    <div className="page">
      <div className="page-head">
        <div>
          <div className="meta ruled">
            {place.severity === "clear" ? <StateMark state="ok" text="Well" /> : <SeverityMark severity={place.severity} />}
            <span>{sentence(place.kind === "Service" ? "service" : place.type || "resource")}</span>
            {place.criticality && <span>{place.criticality} criticality</span>}
            <span className="dim3">{place.namespace}</span>
          </div>
          <h1>{place.name}</h1>
          {place.aliases.length > 0 && <p className="dim">also called {place.aliases.join(", ")}</p>}
        </div>
        <div className="actions">{found && <Link className="btn" to="/services" search={{ namespace: place.namespace, view: "map", focus: place.id }}><Icon name="service" size="m" />On the map</Link>}</div>
      </div>
      <section className="card strip clip" aria-label="Figures">
        <div><span className="eyebrow">Open incidents</span><b>{count(open)}</b></div>
        <div><span className="eyebrow">Alerts</span><b>{count(place.alerts_firing || (alerts.data?.items.length ?? 0))} <small>firing</small></b></div>
        <div><span className="eyebrow">Owner</span><b>{nameOf(place.owner) || "nobody"}</b></div>
        <div><span className="eyebrow">Needs</span><b>{found ? count(found.needs.length) : "not known"} {found && <small>within {plural(hops, "step")}</small>}</b></div>
        <div><span className="eyebrow">Is needed by</span><b>{found ? count(found.needed_by.length) : "not known"} {found && <small>within {plural(hops, "step")}</small>}</b></div>
      </section>
      {found === null && <p className="dim">No manifest declares it: it is known from alerts alone. What needs what is not known of it.</p>}
      <div className="columns">
        <div>
          {found && (found.needs.length > 0 || found.needed_by.length > 0) && <Picture found={found} hops={hops} />}
          <Card title="Open incidents" scope={open > 0 ? count(open) : undefined} className="clip">
            <Loaded query={incidents} what="incidents">{() => <IncidentTable rows={rows} empty={<EmptyState title="None is open" />} />}</Loaded>
          </Card>
          <Card title="Alerts that fire" className="clip" end={<Link to="/alerts" search={{ ...by, namespace: place.namespace, state: "all" }}>Those that were, too</Link>}>
            <Loaded query={alerts} what="alerts">{(page) => <AlertTable alerts={page.items} />}</Loaded>
          </Card>
        </div>
        <div>
          {found && place.kind === "Service" && <AvailabilityCard place={place} />}
          {found && <Beside title="Needs" empty="It needs nothing that is known" reached={found.needs} truncated={found.truncated} />}
          {found && <Beside title="Is needed by" empty="Nothing is known to need it" reached={found.needed_by} truncated={found.truncated} />}
          {found && found.missing.length > 0 && (
            <Card title="Leads nowhere" scope={plural(found.missing.length, "link")}>
              {found.missing.map((link) => <div key={`${link.relation} ${link.target}`} className="moving-row"><span className="row wrapping"><ReasonChip code={link.relation} not /><span className="wrap">{link.target} is not there</span></span></div>)}
            </Card>
          )}
          <ChangesAt place={place} />
          <Maintenance place={place} />
        </div>
      </div>
    </div>
  );
}

function Picture({ found, hops }: { found: Surroundings; hops: number }) {
  const [filters, change] = useFilters();
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const nodes = useMemo(() => aroundOf(found), [found]);
  const dots = useMemo(() => nodes.map(dotOf), [nodes]);
  const edges: readonly Edge[] = found.edges;
  const choose = useCallback((id: string) => change({ show: id }), [change]);
  const chosen = nodes.find((node) => node.place.id === filters["show"])?.place;
  if (phone) return null;
  return (
    <Card
      title="What needs what" scope={`${plural(nodes.length, "place")}${found.truncated ? ", not all that there are" : ""}`} className="clip"
      end={<span className="segments" role="group" aria-label="Steps away">{HOPS.map((value) => <button key={value} type="button" aria-pressed={String(hops) === value} onClick={() => change({ hops: value })}>{value === "1" ? "1 step" : value}</button>)}</span>}
    >
      <Suspense fallback={<Loading what="the graph" />}><Graph label={`What ${found.place.name} needs and what needs it`} dots={dots} edges={edges} chosen={filters["show"] ?? found.place.id} choose={choose} root={found.place.id} /></Suspense>
      {chosen && chosen.id !== found.place.id && <div className="list-foot" aria-live="polite"><SeverityMark severity={chosen.severity} /><b className="med"><PlaceLink place={chosen} /></b><span>{[chosen.type, plural(chosen.alerts_firing, "alert")].filter(Boolean).join(", ")}</span></div>}
    </Card>
  );
}

/** Neighbours that are shown at first. */
const FIRST = 12;

function Beside({ title, empty, reached, truncated }: { title: string; empty: string; reached: readonly Reached[]; truncated: boolean }) {
  const shown = reached.slice(0, FIRST);
  return (
    <Card title={title} scope={reached.length > 0 ? `${count(reached.length)}${truncated ? " or more" : ""}` : undefined}>
      {reached.length === 0 && <EmptyState title={empty} />}
      {shown.map((one) => (
        <div key={one.place.id} className="moving-row">
          <span className="row">
            {one.place.severity === "clear" ? <Icon name={one.place.kind === "Service" ? "service" : "box"} size="s" /> : <SeverityShape severity={one.place.severity} small />}
            <span className="med cut"><PlaceLink place={one.place} /></span><span className="end t12 dim3 nowrap">{one.hops === 1 ? one.place.type : `${String(one.hops)} steps`}</span>
          </span>
          {one.hops > 1 && <span className="t12 dim3 wrap">{one.way}</span>}
        </div>
      ))}
      {reached.length > shown.length && (
        <details className="gone">
          <summary className="dim">{plural(reached.length - shown.length, "more", "more")}</summary>
          <p className="row wrapping" style={{ paddingTop: 6 }}>{reached.slice(FIRST).map((one) => <PlaceLink key={one.place.id} place={one.place} />)}</p>
        </details>
      )}
    </Card>
  );
}

const ALERTS: readonly Column<Alert>[] = [
  {
    id: "title", head: "Alert", className: (alert) => edge(alert.severity, alertState(alert)),
    cell: (alert) => (
      <>
        <span className="row"><SeverityShape severity={alert.severity} /><Link to="/alerts/$id" params={{ id: alert.id }} className="cut med">{alert.title}</Link></span>
        <span className="second">{[alert.resource, crossingText(alert.crossing)].filter(Boolean).join(" · ")}</span>
      </>
    ),
  },
  { id: "incident", head: "Incident", width: "88px", cell: (alert) => (alert.incident ? <Link to="/incidents/$id" params={{ id: alert.incident }} className="mono">{alert.incident}</Link> : "") },
  { id: "state", head: "State", width: "120px", cell: (alert) => <><StateMark state={alertState(alert)} /><span className="second">{alert.quiet[0] && <ReasonChip code={alert.quiet[0].reason} />}</span></> },
  { id: "age", head: "Since", width: "72px", num: true, cell: (alert) => <RelativeTime at={alert.first_seen_at} /> },
];

function AlertTable({ alerts }: { alerts: readonly Alert[] }) {
  return (
    <DataTable
      label="Alerts that fire" two rows={alerts} columns={ALERTS} rowKey={(alert) => alert.id} empty={<EmptyState title="None fires" />}
      card={(alert) => <Link to="/alerts/$id" params={{ id: alert.id }} className={`card-row ${edge(alert.severity, alertState(alert))}`}><span className="row"><SeverityMark severity={alert.severity} /><span className="end"><StateMark state={alertState(alert)} /></span></span><span className="title">{alert.title}</span></Link>}
    />
  );
}

function Maintenance({ place }: { place: Place }) {
  const windows = useWindows();
  const now = useNow();
  return (
    <Card title="Maintenance" end={<Link to="/quiet/$tab" params={{ tab: "windows" }}>All windows</Link>}>
      <Loaded query={windows} what="maintenance windows">
        {(page) => {
          const own = page.items.filter((window) => window.namespace === place.namespace && window.state !== "over" && concerns(window.spec.matchers, place));
          if (own.length === 0) return <EmptyState title="No window names it" />;
          return own.map((window) => (
            <div key={window.id} className="moving-row">
              <span className="row"><Link className="link med cut" to="/quiet/$tab" params={{ tab: "windows" }} search={{ show: window.id }}>{window.name}</Link><span className="end"><StateMark state={window.state === "open" ? "active" : "pending"} text={sentence(window.state)} /></span></span>
              <span className="t12 dim3 wrap">{[sentence(whenText(window, now)), window.description].filter(Boolean).join(": ")}</span>
            </div>
          ));
        }}
      </Loaded>
    </Card>
  );
}

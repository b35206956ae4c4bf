/** Events: every record of the journal, searched by fields, over time, or live. */
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo } from "react";

import { useList } from "../../data/lists";
import { SEVERITIES, type JournalEvent } from "../../data/types";
import { Chart, type Series } from "../../parts/Chart";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments, TextFilter } from "../../parts/Filters";
import { plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { isSeverity, SeverityMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { Clock, useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { histogram, rowText } from "./view";

const FILTERS = ["q", "state", "type", "severity", "resource", "service", "range", "since", "until"];

const COLUMNS: readonly Column<JournalEvent>[] = [
  { id: "at", head: "Recorded", width: "88px", className: (row) => (isSeverity(row.event.severity) && row.event.severity !== "clear" ? `edge ${row.event.severity}` : ""), cell: (row) => <span className="dim"><Clock at={row.recorded_at} /></span> },
  { id: "severity", head: "Severity", width: "96px", cell: (row) => (isSeverity(row.event.severity) ? <SeverityMark severity={row.event.severity} /> : null) },
  { id: "type", head: "Type", width: "30%", cell: (row) => <Link className="mono" to="/events/$position" params={{ position: row.position }}>{row.type}</Link> },
  { id: "text", head: "Says", cell: (row) => <>{row.rejected && <span className="reason not">rejected</span>} {rowText(row)}</> },
  { id: "resource", head: "Resource", width: "18%", cell: (row) => <span className="dim">{typeof row.event.resource === "string" ? row.event.resource : ""}</span> },
  { id: "position", head: "Position", width: "92px", num: true, cell: (row) => <span className="mono dim3">{row.position}</span> },
];

export default function EventsPage() {
  const [filters, change] = useFilters();
  const now = useNow();
  const navigate = useNavigate();
  const { position: current } = useParams({ strict: false });
  const full = current !== undefined && filters["full"] === "1";
  const tail = filters["tail"] === "1";
  const list = useList<JournalEvent>(
    "events",
    {
      q: filters["q"], type: filters["type"], severity: filters["severity"], resource: filters["resource"], service: filters["service"], state: filters["state"] || "received",
      namespace: filters["namespace"], since: filters["since"] ?? sinceOf(filters["range"], now), until: filters["until"],
    },
    { refetchInterval: tail ? 2000 : false },
  );
  // A page of the journal may hold nothing that fits and still have a next one: search on until the screen is full.
  const searching = list.more && list.items.length < 30;
  const { loadMore } = list;
  useEffect(() => {
    if (searching && !tail) loadMore();
  }, [searching, tail, loadMore]);

  const columns = current ? COLUMNS.filter((column) => column.id !== "resource" && column.id !== "position") : COLUMNS;
  return (
    <>
      {!full && (
        <div className="page fixed">
          <div className="page-head">
            <div><h1 className="place">Events</h1></div>
            <div className="actions">
              <button type="button" className="btn" aria-pressed={tail} onClick={() => change({ tail: tail ? undefined : "1" })}>
                <Icon name={tail ? "running" : "now"} size="m" />{tail ? "Following: stop" : "Follow live"}
              </button>
            </div>
          </div>
          <div className="filters">
            <SearchField label="Search in events" />
            <Segments name="state" label="Which events" options={[{ value: "", label: "Received" }, { value: "input,derived,rejected", label: "All" }, { value: "derived", label: "Derived" }, { value: "rejected", label: "Rejected" }]} />
            <MoreFilters names={["type", "severity", "resource", "service", "range"]}>
              <TextFilter name="type" label="Type, as net.*" />
              <Choice name="severity" label="Severity" values={SEVERITIES} />
              <TextFilter name="resource" label="Resource" width={130} />
              <TextFilter name="service" label="Service" width={110} />
              <Choice name="range" label="Recorded within" values={["15m", "1h", "6h", "24h", "7d", "30d"]} width={150} />
            </MoreFilters>
            <ClearFilters names={FILTERS} />
          </div>
          {list.items.length > 1 && <Over events={list.items} more={list.more} />}
          <section className="card fill" aria-label="Events">
            {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
              : list.isLoading ? <Loading what="events" />
              : (
                <DataTable
                  label="Events" rows={list.items} columns={columns} rowKey={(row) => row.position} current={current} more={list.more} loadMore={list.loadMore}
                  onOpen={(row) => void navigate({ to: "/events/$position", params: { position: row.position }, search: filters })}
                  empty={searching ? <Loading what="the journal" /> : <NoEvents filtered={FILTERS.some((name) => filters[name])} />}
                  card={(row) => (
                    <Link to="/events/$position" params={{ position: row.position }} search={filters} className={`card-row ${isSeverity(row.event.severity) ? `edge ${row.event.severity}` : ""}`}>
                      <span className="row">{isSeverity(row.event.severity) && <SeverityMark severity={row.event.severity} />}<span className="mono cut">{row.type}</span><span className="end dim3 t12"><Clock at={row.recorded_at} /></span></span>
                      <span className="title">{rowText(row) || row.id}</span>
                      <span className="t12 dim3 cut">{String(row.event.resource ?? row.event.source)}</span>
                    </Link>
                  )}
                />
              )}
            {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
          </section>
        </div>
      )}
      <Outlet />
    </>
  );
}

function Over({ events, more }: { events: readonly JournalEvent[]; more: boolean }) {
  const [, change] = useFilters();
  const newest = events[0] ? Date.parse(events[0].recorded_at) : 0;
  const { bars } = useMemo(() => histogram(events, newest), [events, newest]);
  const series = useMemo((): Series[] => [
    { name: "others", kind: "bar", tone: "ghost", points: bars.map((bar) => [bar.at, bar.other] as const) },
    { name: "major and above", kind: "bar", tone: "critical", points: bars.map((bar) => [bar.at, bar.bad] as const) },
  ], [bars]);
  const narrow = useCallback((from: number, to: number) => change({ since: new Date(from).toISOString(), until: new Date(to).toISOString(), range: undefined }), [change]);
  return (
    <section className="card wide-only" aria-label="Over time" style={{ flex: "none", padding: "6px 12px 0" }}>
      <div className="row t11 dim3">
        <span>{plural(events.length, "event")}{more ? ", the newest" : ""}, over time. Drag across to narrow.</span>
      </div>
      <Chart label="Events over time" height={84} series={series} onRange={narrow} />
    </section>
  );
}

function NoEvents({ filtered }: { filtered: boolean }) {
  if (filtered) return <EmptyState title="No event fits"><p>Widen or clear the filters above. “Derived” shows OnCue’s own events.</p></EmptyState>;
  return (
    <EmptyState title="Nothing was received yet">
      <p>Send the first event; it shows here within a second:</p>
      <pre className="code boxed">oncue emit --type demo.hello --severity info --resource host-1</pre>
    </EmptyState>
  );
}

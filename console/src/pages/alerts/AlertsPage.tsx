/** Alerts: the list with facets and bulk acts; a row opens the panel beside it. */
import { Checkbox } from "@mantine/core";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { useBulkAlerts } from "../../data/commands";
import { useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { SEVERITIES, type Alert } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments } from "../../parts/Filters";
import { count, plural } from "../../parts/format";
import { ListFoot } from "../../parts/ListFoot";
import { alertState, edge, ReasonChip, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { crossingText } from "../../parts/story";
import { RelativeTime, useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { acknowledgeable, facets, inView } from "./view";

const FILTERS = ["q", "state", "severity", "service", "resource", "type", "range", "quiet"];

export default function AlertsPage() {
  const [filters, change] = useFilters();
  const now = useNow();
  const navigate = useNavigate();
  const { id: current } = useParams({ strict: false });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const view = filters["quiet"] ? "quiet" : filters["state"] === "unacknowledged" ? "unacknowledged" : undefined;
  const state = { "": "firing", unacknowledged: "firing", firing: "firing", resolved: "resolved", all: "" }[filters["state"] ?? ""] ?? filters["state"];
  const list = useList<Alert>("alerts", {
    q: filters["q"], state, severity: filters["severity"], service: filters["service"], resource: filters["resource"],
    type: filters["type"], namespace: filters["namespace"], since: sinceOf(filters["range"], now),
    ...(view === "quiet" ? { quiet: true } : view === "unacknowledged" ? { quiet: false, acknowledged: false } : {}),
  });
  const rows = useMemo(() => inView(list.items, view), [list.items, view]);
  const full = current !== undefined && filters["full"] === "1";

  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const picked = rows.filter((row) => chosen.has(row.id));

  const columns: readonly Column<Alert>[] = [
    {
      id: "pick", width: "40px", className: (row) => edge(row.severity, alertState(row)),
      head: (
        <Checkbox
          size="xs" aria-label="Choose all that are shown" checked={rows.length > 0 && picked.length === rows.length} indeterminate={picked.length > 0 && picked.length < rows.length}
          onChange={() => setChosen(picked.length === rows.length ? new Set() : new Set(rows.map((row) => row.id)))}
        />
      ),
      cell: (row) => <Checkbox size="xs" aria-label={`Choose ${row.title}`} checked={chosen.has(row.id)} onChange={() => toggle(row.id)} />,
    },
    { id: "severity", head: current ? <span className="sr">Severity</span> : "Severity", width: current ? "34px" : "104px", cell: (row) => (current ? <SeverityShape severity={row.severity} /> : <SeverityMark severity={row.severity} />) },
    {
      id: "title", head: "Alert",
      cell: (row) => (
        <>
          <Link to="/alerts/$id" params={{ id: row.id }} search={filters} className="title">{row.title}</Link>
          <span className="second">{[row.resource, row.service, crossingText(row.crossing)].filter(Boolean).join(" · ")}</span>
        </>
      ),
    },
    {
      id: "state", head: "State", width: "150px",
      cell: (row) => (
        <>
          <StateMark state={alertState(row)} />
          <span className="second">{row.quiet[0] ? <ReasonChip code={row.quiet[0].reason} /> : (nameOf(row.acknowledged_by) || (current ? row.incident : ""))}</span>
        </>
      ),
    },
    ...(current ? [] : [
      { id: "incident", head: "Incident", width: "92px", cell: (row: Alert) => (row.incident ? <Link to="/incidents/$id" params={{ id: row.incident }} className="mono">{row.incident}</Link> : <span className="dim3">none</span>) },
      { id: "count", head: "Count", width: "72px", num: true, cell: (row: Alert) => count(row.count) },
    ]),
    { id: "age", head: "Since", width: "84px", num: true, cell: (row) => <RelativeTime at={row.first_seen_at} /> },
    ...(current ? [] : [{ id: "seen", head: "Last seen", width: "84px", num: true, cell: (row: Alert) => <span className="dim3"><RelativeTime at={row.last_seen_at} /></span> }]),
  ];

  return (
    <>
      {!full && (
        <div className="page fixed">
          <div className="page-head"><div><h1 className="place">Alerts</h1></div></div>
          <div className="filters">
            <SearchField label="Search titles and ids" />
            <Segments name="state" label="State" options={[{ value: "", label: "Firing" }, { value: "unacknowledged", label: "Not acknowledged" }, { value: "resolved", label: "Resolved" }, { value: "all", label: "All" }]} />
            <MoreFilters names={["quiet", "severity", "range"]}>
              <button type="button" className="btn" aria-pressed={filters["quiet"] === "1"} onClick={() => change({ quiet: filters["quiet"] ? undefined : "1" })}>
                {filters["quiet"] ? "Only quiet ones" : "Quiet"}
              </button>
              <Choice name="severity" label="Severity" values={SEVERITIES.slice(0, 5)} />
              <Choice name="range" label="Changed within" values={["1h", "24h", "7d", "30d"]} width={140} />
            </MoreFilters>
            <ClearFilters names={FILTERS} />
            <Announce resource="alerts" one="alert" />
          </div>
          <FacetRow alerts={rows} />
          <section className="card fill" aria-label="Alerts">
            {picked.length > 0 && <BulkBar alerts={picked} done={() => setChosen(new Set())} />}
            {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
              : list.isLoading ? <Loading what="alerts" />
              : (
                <DataTable
                  label="Alerts" rows={rows} columns={columns} rowKey={(row) => row.id} two current={current} selected={chosen}
                  more={list.more} loadMore={list.loadMore} onOpen={(row) => void navigate({ to: "/alerts/$id", params: { id: row.id }, search: filters })}
                  empty={<NoAlerts filtered={FILTERS.some((name) => filters[name])} />}
                  card={(row) => (
                    <Link to="/alerts/$id" params={{ id: row.id }} search={filters} className={`card-row ${edge(row.severity, alertState(row))}`}>
                      <span className="row"><SeverityMark severity={row.severity} /><span className="end dim3 t12"><RelativeTime at={row.first_seen_at} /></span></span>
                      <span className="title">{row.title}</span>
                      <span className="row t12 dim"><StateMark state={alertState(row)} /><span className="cut">{row.resource}</span><span className="end dim3 nowrap">{row.count > 1 ? `${count(row.count)} times` : ""}</span></span>
                    </Link>
                  )}
                />
              )}
            {rows.length > 0 && <ListFoot shown={rows.length} more={list.more} loading={list.isLoadingMore} />}
          </section>
        </div>
      )}
      <Outlet />
    </>
  );
}

function NoAlerts({ filtered }: { filtered: boolean }) {
  if (filtered) return <EmptyState title="No alert fits"><p>Widen or clear the filters above.</p></EmptyState>;
  return (
    <EmptyState title="No alert fires">
      <p>Alerts come from sources and monitors. <Link className="link" to="/integrations/$tab" params={{ tab: "sources" }}>Connect a source</Link>, or try one now:</p>
      <pre className="code boxed">oncue emit --type demo.disk.full --severity major --resource host-1</pre>
    </EmptyState>
  );
}

/** What is common among the alerts shown; a click narrows the list to it. */
function FacetRow({ alerts }: { alerts: readonly Alert[] }) {
  const [filters, change] = useFilters();
  const groups = [
    { name: "service", title: "Service", values: facets(alerts, (alert) => alert.service) },
    { name: "resource", title: "Resource", values: facets(alerts, (alert) => alert.resource, 5) },
    { name: "type", title: "Type", values: facets(alerts, (alert) => alert.type, 4) },
  ].filter((group) => group.values.length > 1 || filters[group.name]);
  if (groups.length === 0) return null;
  return (
    <div className="filters wide-only">
      {groups.map((group) => (
        <span key={group.name} className="row wrapping" style={{ gap: 4 }}>
          <span className="eyebrow">{group.title}</span>
          {group.values.map((facet) => {
            const on = filters[group.name] === facet.value;
            return (
              <button key={facet.value} type="button" className="tag" style={{ cursor: "pointer", ...(on ? { borderColor: "var(--accent)" } : {}) }} aria-pressed={on} onClick={() => change({ [group.name]: on ? undefined : facet.value })}>
                {facet.value} <span className="dim3">{count(facet.n)}</span>
              </button>
            );
          })}
        </span>
      ))}
    </div>
  );
}

function BulkBar({ alerts, done }: { alerts: readonly Alert[]; done: () => void }) {
  const bulk = useBulkAlerts();
  const may = useMay();
  const open = acknowledgeable(alerts).filter((alert) => may("alert:acknowledge", alert.namespace));
  const firing = alerts.filter((alert) => alert.state === "firing" && may("alert:resolve", alert.namespace));
  const refused = bulk.data?.refused ?? [];
  return (
    <div className="bulk-bar" role="region" aria-label="Chosen alerts">
      <b className="med">{plural(alerts.length, "alert")} chosen</b>
      <button
        type="button" className="btn primary" disabled={open.length === 0 || bulk.isPending}
        onClick={() => bulk.mutate({ ids: open.map((alert) => alert.id), verb: "acknowledge" }, { onSuccess: (outcome) => outcome.refused.length === 0 && done() })}
      >
        Acknowledge {open.length}
      </button>
      <button
        type="button" className="btn" disabled={firing.length === 0 || bulk.isPending}
        onClick={() => bulk.mutate({ ids: firing.map((alert) => alert.id), verb: "resolve" }, { onSuccess: (outcome) => outcome.refused.length === 0 && done() })}
      >
        Resolve {firing.length}
      </button>
      <button type="button" className="btn ghost" onClick={done}>Choose none</button>
      {refused.length > 0 && <span className="dim" role="alert">{plural(refused.length, "alert")} refused: {refused[0]?.why}</span>}
    </div>
  );
}

/** Alerts: the list with facets and bulk acts; a row opens the panel beside it. */
import { Checkbox, Menu } from "@mantine/core";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import { AT_ONCE, useActOnAlerts, type AlertFilter } from "../../data/commands";
import { useFacets } from "../../data/facets";
import { useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import { SEVERITIES, type Alert } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { Ask } from "../../parts/ask";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments } from "../../parts/Filters";
import { count, plural, sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { alertState, edge, ReasonChip, SeverityMark, SeverityShape, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { crossingText } from "../../parts/story";
import { RelativeTime, useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { NewSilence } from "../quiet/NewSilence";
import { FacetRow } from "./FacetRow";
import { askedOf, viewOf } from "./facets";
import { SnoozeMenu } from "./Snooze";
import { acknowledgeable, filterOf, hiddenFrom, inView, matchersOf, OPTIONAL } from "./view";

const FILTERS = ["q", "state", "severity", "service", "resource", "type", "range", "quiet", "reason"];

export default function AlertsPage() {
  const [filters, change] = useFilters();
  const now = useNow();
  const navigate = useNavigate();
  const { id: current } = useParams({ strict: false });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const view = viewOf(filters);
  const asked = askedOf(filters, sinceOf(filters["range"], now));
  const list = useList<Alert>("alerts", asked);
  const facets = useFacets(asked).data;
  const rows = useMemo(() => inView(list.items, view), [list.items, view]);
  const full = current !== undefined && filters["full"] === "1";

  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const picked = rows.filter((row) => chosen.has(row.id));
  const [hidden, setHidden] = useState(() => hiddenFrom(localStorage.getItem(HIDDEN)));
  const filter = filterOf(filters, asked["state"] as string | undefined, sinceOf(filters["range"], now));

  const every: readonly Column<Alert>[] = [
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

  const columns = every.filter((column) => !hidden.has(column.id));

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
            {filter && rows.length > 0 && <FilterActs filter={filter} held={filters} namespace={filters["namespace"] ?? rows[0]?.namespace ?? "default"} />}
            {!current && <ColumnChoice hidden={hidden} choose={setHidden} />}
            <Announce resource="alerts" one="alert" />
          </div>
          {facets && <FacetRow facets={facets} few={current !== undefined} />}
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
            {rows.length > 0 && <ListFoot shown={rows.length} total={facets?.total} more={list.more} loading={list.isLoadingMore} />}
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

function BulkBar({ alerts, done }: { alerts: readonly Alert[]; done: () => void }) {
  const bulk = useActOnAlerts();
  const may = useMay();
  const open = acknowledgeable(alerts).filter((alert) => may("alert:acknowledge", alert.namespace));
  const firing = alerts.filter((alert) => alert.state === "firing" && may("alert:resolve", alert.namespace));
  const dozing = alerts.filter((alert) => alert.state === "firing" && may("alert:snooze", alert.namespace));
  const refused = bulk.data?.refused ?? [];
  const act = (verb: "acknowledge" | "resolve", meant: readonly Alert[]): void =>
    bulk.mutate({ do: verb, ids: meant.slice(0, AT_ONCE).map((alert) => alert.id) }, { onSuccess: (outcome) => outcome.refused.length === 0 && done() });
  return (
    <div className="bulk-bar" role="region" aria-label="Chosen alerts">
      <b className="med">{plural(alerts.length, "alert")} chosen</b>
      <button type="button" className="btn primary" disabled={open.length === 0 || bulk.isPending} onClick={() => act("acknowledge", open)}>Acknowledge {open.length}</button>
      {dozing.length > 0 && (
        <SnoozeMenu
          label={`Snooze ${String(dozing.length)}`} title={`Snooze ${plural(dozing.length, "alert")}`} busy={bulk.isPending} effect="What still fires then is told again. Each snooze can be taken back at its alert."
          run={async (until, reason) => {
            const outcome = await bulk.mutateAsync({ do: "snooze", ids: dozing.slice(0, AT_ONCE).map((alert) => alert.id), until, ...(reason ? { reason } : {}) });
            if (outcome.refused.length === 0) done();
          }}
        />
      )}
      <button type="button" className="btn" disabled={firing.length === 0 || bulk.isPending} onClick={() => act("resolve", firing)}>Resolve {firing.length}</button>
      <button type="button" className="btn ghost" onClick={done}>Choose none</button>
      {refused.length > 0 && <span className="dim" role="alert">{plural(refused.length, "alert")} refused: {refused[0]?.why}</span>}
      {bulk.error && <span className="failure" role="alert">{bulk.error.message}</span>}
    </div>
  );
}

/** What is done to all that the filters find, whether it was read already or not. */
function FilterActs({ filter, held, namespace }: { filter: AlertFilter; held: Readonly<Record<string, string | undefined>>; namespace: string }) {
  const bulk = useActOnAlerts();
  const may = useMay();
  const [asking, setAsking] = useState<"acknowledge" | "resolve" | "silence" | null>(null);
  const matchers = matchersOf(held);
  const run = async (verb: "acknowledge" | "resolve", reason: string): Promise<void> => {
    const outcome = await bulk.mutateAsync({ do: verb, filter, ...(reason ? { reason } : {}) });
    if (outcome.refused.length > 0) throw new Error(`${plural(outcome.refused.length, "alert")} refused, ${count(outcome.done)} done: ${outcome.refused[0]?.why ?? ""}`);
  };
  return (
    <>
      <Menu position="bottom-end" width={220} withInitialFocusPlaceholder={false}>
        <Menu.Target><button type="button" className="btn" disabled={bulk.isPending}>All found<Icon name="down" size="s" /></button></Menu.Target>
        <Menu.Dropdown>
          {may("alert:acknowledge") && <Menu.Item onClick={() => setAsking("acknowledge")}>Acknowledge all …</Menu.Item>}
          {may("alert:resolve") && <Menu.Item onClick={() => setAsking("resolve")}>Resolve all …</Menu.Item>}
          {may("silence:write", namespace) && matchers.length > 0 && <Menu.Item onClick={() => setAsking("silence")}>Silence what it is about …</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      {bulk.data && bulk.data.refused.length === 0 && <span className="dim" role="status">{plural(bulk.data.done, "alert")} done{bulk.data.left > 0 ? `, ${count(bulk.data.left)} more: do it again` : ""}</span>}
      {(["acknowledge", "resolve"] as const).map((verb) => (
        <Ask
          key={verb} opened={asking === verb} onClose={() => setAsking(null)} title={`${sentence(verb)} all that the filter finds?`} act={`${sentence(verb)} all`}
          effect={`It is done to at most ${count(AT_ONCE)} alerts, also to those that are not read into the list yet. ${verb === "acknowledge" ? "Each acknowledgement can be taken back at its alert." : "Each counts as resolved until its sender reports the problem again."}`}
          field={{ label: "Reason, kept in the journal with your name", placeholder: "optional" }} run={(reason) => run(verb, reason)}
        />
      ))}
      <NewSilence opened={asking === "silence"} onClose={() => setAsking(null)} matchers={matchers} namespace={namespace} />
    </>
  );
}

const HIDDEN = "oncue-alert-columns";

function ColumnChoice({ hidden, choose }: { hidden: ReadonlySet<string>; choose: (hidden: ReadonlySet<string>) => void }) {
  return (
    <Menu position="bottom-end" width={180} closeOnItemClick={false} withInitialFocusPlaceholder={false}>
      <Menu.Target><button type="button" className="btn wide-only">Columns<Icon name="down" size="s" /></button></Menu.Target>
      <Menu.Dropdown>
        {OPTIONAL.map(([id, name]) => (
          <Menu.Item
            key={id} aria-label={`${name}, ${hidden.has(id) ? "hidden" : "shown"}`} leftSection={<Icon name={hidden.has(id) ? "resolved" : "check"} size="s" />}
            onClick={() => {
              const next = new Set(hidden);
              if (!next.delete(id)) next.add(id);
              localStorage.setItem(HIDDEN, [...next].join(","));
              choose(next);
            }}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

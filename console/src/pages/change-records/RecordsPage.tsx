/** Changes on record: what is being changed in the landscape, what was, and what is planned. A row opens the panel beside the list. */
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { nameOf, useMay, useMe } from "../../data/me";
import { useWindows } from "../../data/quiet";
import type { ChangeRecord } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, MoreFilters, SearchField, Segments, TextFilter } from "../../parts/Filters";
import { exact, moment, plural, sentence } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { Example } from "../quiet/Example";
import { lengthOf, matchersText, ruleText } from "../quiet/view";
import { ChangeTabs } from "../changes/ChangeTabs";
import { NewChange } from "./NewChange";
import { comingWithin, lengthText, whereText, type Coming } from "./view";

const STATES: Record<string, string> = { "": "", running: "running", over: "succeeded,failed,cancelled,lapsed" };
const FILTERS = ["q", "state", "resource", "service", "source"];
const PLANNED_DAYS = 14;

export default function RecordsPage() {
  const [filters, change] = useFilters();
  const may = useMay();
  const me = useMe().data;
  const { id: current } = useParams({ strict: false });
  const full = current !== undefined && filters["full"] === "1";
  const planned = filters["state"] === "planned";
  const namespace = filters["namespace"] ?? me?.home ?? "default";
  return (
    <>
      {!full && (
        <div className="page fixed">
          <div className="page-head">
            <div><h1 className="place">Changes</h1><p className="dim">Most of what fails was changed a short time before. <HelpLink page="how-to/changes.md">How changes get here</HelpLink></p></div>
            {may("change_record:write") && <div className="actions"><button type="button" className="btn primary" onClick={() => change({ new: "1" })}><Icon name="plus" size="m" />A change begins</button></div>}
          </div>
          <ChangeTabs current="/changes/reported" />
          <div className="filters">
            {!planned && <SearchField label="Search titles and ids" />}
            <Segments name="state" label="Which" options={[{ value: "", label: "All" }, { value: "running", label: "Running" }, { value: "over", label: "Made" }, { value: "planned", label: "Planned" }]} />
            {!planned && (
              <MoreFilters names={["resource", "service", "source"]}>
                <TextFilter name="resource" label="Resource" width={130} />
                <TextFilter name="service" label="Service" width={130} />
                <TextFilter name="source" label="Reported by" width={150} />
              </MoreFilters>
            )}
            <ClearFilters names={FILTERS} />
            {!planned && <Announce resource="change-records" one="change" />}
          </div>
          {planned ? <Planned /> : <Records current={current} />}
          <NewChange opened={filters["new"] === "1"} onClose={() => change({ new: undefined })} namespace={namespace} resources={filters["resource"] ?? ""} services={filters["service"] ?? ""} />
        </div>
      )}
      <Outlet />
    </>
  );
}

function Records({ current }: { current: string | undefined }) {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const now = useNow();
  const list = useList<ChangeRecord>("change-records", {
    q: filters["q"], state: STATES[filters["state"] ?? ""], resource: filters["resource"], service: filters["service"], source: filters["source"], namespace: filters["namespace"],
  });
  const columns: readonly Column<ChangeRecord>[] = [
    { id: "id", head: "Id", width: "84px", cell: (row) => <span className="mono">{row.id}</span> },
    {
      id: "title", head: "Change, where",
      cell: (row) => <><Link to="/changes/reported/$id" params={{ id: row.id }} search={filters} className="title">{row.title}</Link><span className="second">{whereText(row)}</span></>,
    },
    { id: "state", head: "State", width: "150px", cell: (row) => <><StateMark state={row.state} /><span className="second">{sentence(row.kind)}</span></> },
    ...(current ? [] : [
      { id: "by", head: "Who", width: "160px", cell: (row: ChangeRecord) => <>{nameOf(row.by)}<span className="second">{row.source === row.by ? row.namespace : nameOf(row.source)}</span></> },
      { id: "took", head: "How long", width: "220px", cell: (row: ChangeRecord) => <span className="dim">{lengthText(row, now)}</span> },
      { id: "followed", head: "Followed by", width: "110px", cell: (row: ChangeRecord) => (row.incidents.length > 0 ? plural(row.incidents.length, "incident") : <span className="dim3">nothing</span>) },
    ]),
    { id: "began", head: "Began", width: "84px", num: true, cell: (row) => <RelativeTime at={row.started_at} /> },
  ];
  return (
    <section className="card fill" aria-label="Changes">
      {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
        : list.isLoading ? <Loading what="changes" />
        : (
          <DataTable
            label="Changes" rows={list.items} columns={columns} rowKey={(row) => row.id} two current={current} more={list.more} loadMore={list.loadMore}
            onOpen={(row) => void navigate({ to: "/changes/reported/$id", params: { id: row.id }, search: filters })}
            empty={FILTERS.some((name) => filters[name]) ? <EmptyState title="No change fits"><p>Widen or clear the filters above.</p></EmptyState> : (
              <EmptyState title="No change is on record">
                <p>Wrap the step of a pipeline that makes one; it is on record before the command runs. Or write one down by hand, above.</p>
                <Example text={'oncue change-record run "Shop 2.4" --kind deployment --resource shop-1 -- ./deploy.sh'} />
              </EmptyState>
            )}
            card={(row) => (
              <Link to="/changes/reported/$id" params={{ id: row.id }} search={filters} className="card-row">
                <span className="row"><span className="mono">{row.id}</span><StateMark state={row.state} /><span className="end dim3 t12"><RelativeTime at={row.started_at} /></span></span>
                <span className="title">{row.title}</span>
                <span className="t12 dim wrap">{whereText(row)} · {nameOf(row.by)}{row.incidents.length > 0 && ` · followed by ${plural(row.incidents.length, "incident")}`}</span>
              </Link>
            )}
          />
        )}
      {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
    </section>
  );
}

/** That it opens again within the same days. */
function again(row: Coming): string {
  return row.again > 0 ? `, then again (${row.window.spec.rrule ? ruleText(row.window.spec.rrule) : "once more"})` : "";
}

/** Planned work is written down as maintenance windows. */
function Planned() {
  const [filters] = useFilters();
  const windows = useWindows();
  const now = useNow();
  return (
    <section className="card fill" aria-label="Planned work">
      <Loaded query={windows} what="planned work">
        {(page) => {
          const rows = comingWithin(page.items.filter((window) => !filters["namespace"] || window.namespace === filters["namespace"]), PLANNED_DAYS, now);
          return (
            <DataTable
              label="Planned work" two rows={rows} rowKey={(row) => row.window.id}
              columns={[
                { id: "when", head: "Opens", width: "26%", cell: (row) => <><time dateTime={row.starts_at} title={exact(row.starts_at)}>{moment(row.starts_at, now)}</time><span className="second">{lengthOf(row)}{again(row)}</span></> },
                { id: "name", head: "Maintenance window, why", cell: (row) => <><Link className="title" to="/quiet/$tab" params={{ tab: "windows" }} search={{ show: row.window.id }}>{row.window.name}</Link><span className="second">{row.window.description ?? ""}</span></> },
                { id: "where", head: "About", width: "30%", cell: (row) => <><span className="mono">{matchersText(row.window.spec.matchers)}</span><span className="second">{[row.window.namespace, nameOf(row.window.owner)].filter(Boolean).join(" · ")}</span></> },
                { id: "in", head: "In", width: "96px", num: true, cell: (row) => <RelativeTime at={row.starts_at} /> },
              ]}
              empty={<EmptyState title={`Nothing is planned in the next ${String(PLANNED_DAYS)} days`}><p>Planned work is a <Link className="link" to="/quiet/$tab" params={{ tab: "windows" }}>maintenance window</Link>: once, or every week.</p></EmptyState>}
              card={(row) => (
                <div className="card-row">
                  <span className="row t12 dim"><time dateTime={row.starts_at} title={exact(row.starts_at)}>{moment(row.starts_at, now)}</time><span className="dim3 end">{lengthOf(row)}{again(row)}</span></span>
                  <Link className="title" to="/quiet/$tab" params={{ tab: "windows" }} search={{ show: row.window.id }}>{row.window.name}</Link>
                  {row.window.description && <span className="t12 dim3 wrap">{row.window.description}</span>}
                </div>
              )}
            />
          );
        }}
      </Loaded>
    </section>
  );
}

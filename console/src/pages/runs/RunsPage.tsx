/** The list of runs. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Run } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments } from "../../parts/Filters";
import { duration } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { PauseButton } from "../../shell/Pauses";
import { sinceOf, useFilters } from "../../shell/filters";
import { lengthOf, startedBy, wordsOf } from "./view";

function Took({ run }: { run: Run }) {
  const now = useNow();
  return <>{duration(lengthOf(run, now))}</>;
}

const COLUMNS: readonly Column<Run>[] = [
  { id: "state", head: "State", width: "148px", cell: (row) => <StateMark state={row.state} text={wordsOf(row)} /> },
  {
    id: "workflow", head: "Workflow",
    cell: (row) => (
      <>
        <Link to="/runs/$id" params={{ id: row.id }} className="title mono">{row.workflow}</Link>
        <span className="second">by {nameOf(startedBy(row))}{row.reason ? ` · ${row.reason}` : ""}</span>
      </>
    ),
  },
  { id: "for", head: "For", width: "150px", cell: (row) => (row.incident ? <Link className="mono" to="/incidents/$id" params={{ id: row.incident }}>{row.incident}</Link> : <span className="dim3">{row.resource}</span>) },
  { id: "took", head: "Took", width: "84px", num: true, cell: (row) => <Took run={row} /> },
  { id: "at", head: "Started", width: "84px", num: true, cell: (row) => <RelativeTime at={row.started_at ?? row.created_at} /> },
];

export default function RunsPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const now = useNow();
  const may = useMay();
  const list = useList<Run>("runs", { q: filters["q"], type: filters["type"], state: filters["state"], namespace: filters["namespace"], since: sinceOf(filters["range"], now) });
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Runs</h1>{filters["type"] && <p className="dim">Of <span className="mono">{filters["type"]}</span> alone</p>}</div><div className="actions"><PauseButton />{may("run:start") && <Link className="btn" to="/workflows"><Icon name="effect" size="m" />Start a workflow</Link>}</div></div>
      <div className="filters">
        <SearchField label="Search ids" />
        <Segments name="state" label="State" options={[{ value: "", label: "All" }, { value: "running", label: "Running" }, { value: "paused", label: "Paused" }, { value: "failed", label: "Failed" }, { value: "succeeded", label: "Succeeded" }, { value: "queued", label: "Queued" }, { value: "rolling_back,rolled_back,rollback_failed", label: "Rolled back" }]} />
        <MoreFilters names={["range"]}><Choice name="range" label="Changed within" values={["1h", "24h", "7d", "30d"]} width={140} /></MoreFilters>
        <ClearFilters names={["q", "type", "state", "range"]} />
        <Announce resource="runs" one="run" />
      </div>
      <section className="card fill" aria-label="Runs">
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="runs" />
          : (
            <DataTable
              label="Runs" rows={list.items} columns={COLUMNS} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
              onOpen={(row) => void navigate({ to: "/runs/$id", params: { id: row.id } })}
              empty={<EmptyState title="No run fits"><p>A policy with <span className="mono">respond: [{"{run: …}"}]</span> starts a workflow. By hand: choose one under <Link className="link" to="/workflows">Workflows</Link>.</p></EmptyState>}
              card={(row) => (
                <Link to="/runs/$id" params={{ id: row.id }} className="card-row">
                  <span className="row"><StateMark state={row.state} text={wordsOf(row)} /><span className="end dim3 t12"><RelativeTime at={row.started_at ?? row.created_at} /></span></span>
                  <span className="title mono">{row.workflow}</span>
                  <span className="row t12 dim3"><span className="cut">by {nameOf(startedBy(row))}</span><span className="end"><Took run={row} /></span></span>
                </Link>
              )}
            />
          )}
        {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
      </section>
    </div>
  );
}

/** The list of runs. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";

import { useList, useShort } from "../../data/lists";
import { nameOf, useMay, withNames } from "../../data/me";
import type { Approval, Run } from "../../data/types";
import { useWorkflows } from "../../data/workflows";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, Picked, SearchField, Segments, TextFilter } from "../../parts/Filters";
import { duration } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { PauseButton } from "../../shell/Pauses";
import { sinceOf, useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { inputsText } from "../self-service/view";
import { Stands } from "./Stands";
import { lengthOf, startedBy } from "./view";

function Took({ run }: { run: Run }) {
  const now = useNow();
  return <>{duration(lengthOf(run, now))}</>;
}

type Asked = ReadonlyMap<string | null | undefined, Approval>;

const columnsOf = (asked: Asked): readonly Column<Run>[] => [
  { id: "state", head: "State", width: "22%", cell: (row) => <Stands run={row} approval={asked.get(row.id)} /> },
  {
    id: "workflow", head: "Workflow",
    cell: (row) => (
      <>
        <Link to="/runs/$id" params={{ id: row.id }} className="title mono">{row.workflow}</Link>
        <span className="second">by {nameOf(startedBy(row))}{row.reason ? ` · ${withNames(row.reason)}` : ""}</span>
      </>
    ),
  },
  { id: "inputs", head: "Inputs", width: "20%", cell: (row) => <span className="dim" title={inputsText(row.inputs ?? {})}>{inputsText(row.inputs ?? {})}</span> },
  { id: "for", head: "For", width: "130px", cell: (row) => (row.incident ? <Link className="mono" to="/incidents/$id" params={{ id: row.incident }}>{row.incident}</Link> : <span className="dim3">{row.resource}</span>) },
  { id: "took", head: "Took", width: "84px", num: true, cell: (row) => <Took run={row} /> },
  { id: "at", head: "Started", width: "84px", num: true, cell: (row) => <RelativeTime at={row.started_at ?? row.created_at} suffix=" ago" /> },
];

export default function RunsPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const now = useNow();
  const may = useMay();
  const pending = useShort<Approval>("approvals", { state: ["pending"], limit: 500 }, { enabled: may("approval:read") });
  const asked = useMemo(() => new Map((pending.data?.items ?? []).map((one) => [one.run, one])), [pending.data]);
  const columns = useMemo(() => columnsOf(asked), [asked]);
  const workflows = useWorkflows().data?.items ?? [];
  const names = [...new Set([...inNamespace(workflows, filters["namespace"]).map((one) => one.name), ...(filters["type"] ? [filters["type"]] : [])])].toSorted();
  const by = filters["by"] ?? "";
  const requester = by === "" || by.includes(":") ? by : `user:${by}`;
  const narrowed = ["q", "type", "by", "state", "range", "namespace"].some((name) => filters[name]);
  const list = useList<Run>("runs", { q: filters["q"], requester: requester === "" ? undefined : requester, type: filters["type"], state: filters["state"], namespace: filters["namespace"], since: sinceOf(filters["range"], now) });
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Runs</h1></div><div className="actions"><PauseButton />{may("run:start") && <Link className="btn" to="/workflows"><Icon name="effect" size="m" />Start a workflow</Link>}</div></div>
      <div className="filters">
        <SearchField label="Search ids" />
        <Segments name="state" label="State" options={[{ value: "", label: "All" }, { value: "running", label: "Running" }, { value: "paused", label: "Paused" }, { value: "failed", label: "Failed" }, { value: "succeeded", label: "Succeeded" }, { value: "queued", label: "Queued" }, { value: "rolling_back,rolled_back,rollback_failed", label: "Rolled back" }]} />
        <MoreFilters names={["type", "by", "range"]}><Picked name="type" label="Workflow" values={names} width={190} /><TextFilter name="by" label="Asked for by" width={130} /><Choice name="range" label="Changed within" values={["1h", "24h", "7d", "30d"]} width={140} /></MoreFilters>
        <ClearFilters names={["q", "type", "by", "state", "range"]} />
        <Announce resource="runs" one="run" />
      </div>
      <section className="card fill" aria-label="Runs">
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="runs" />
          : (
            <DataTable
              label="Runs" rows={list.items} columns={columns} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
              onOpen={(row) => void navigate({ to: "/runs/$id", params: { id: row.id } })}
              empty={narrowed ? <EmptyState title="No run fits"><p>Change the search, or take filters away.</p></EmptyState> : <EmptyState title="Nothing has run yet"><p>A policy with <span className="mono">respond: [{"{run: …}"}]</span> starts a workflow. By hand: choose one under <Link className="link" to="/workflows">Workflows</Link>.</p></EmptyState>}
              card={(row) => (
                <Link to="/runs/$id" params={{ id: row.id }} className="card-row">
                  <span className="row" style={{ alignItems: "flex-start" }}><span className="stack" style={{ gap: 0 }}><Stands run={row} approval={asked.get(row.id)} /></span><span className="end nowrap dim3 t12"><RelativeTime at={row.started_at ?? row.created_at} suffix=" ago" /></span></span>
                  <span className="title mono">{row.workflow}</span>
                  {Object.keys(row.inputs ?? {}).length > 0 && <span className="t12 dim cut">{inputsText(row.inputs ?? {})}</span>}
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

/** Workflows: what can be run, by policies and by hand. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";

import { useShort } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Manifest, Policy, Run } from "../../data/types";
import { useWorkflows } from "../../data/workflows";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField, Segments } from "../../parts/Filters";
import { capital, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { useStand } from "../runs/Stands";
import { RUN_WORDS } from "../runs/view";
import { Schedules } from "./Schedules";
import { startsOf } from "./triggers";
import { describe, lastRuns, stepsOf, takes } from "./view";

/** How many of the last runs show how they went. */
const PIPS = 8;

/** The newest is the rightmost. */
function LastRuns({ newest, runs }: { newest: Run; runs: readonly Run[] }) {
  const stands = useStand(newest);
  const said = `${stands.words}; the last ${String(runs.length)}: ${runs.map((run) => (run === newest ? stands.words : RUN_WORDS[run.state]).toLowerCase()).join(", ")}`;
  return (
    <Link to="/runs/$id" params={{ id: newest.id }} title={stands.detail === "" ? said : `${stands.detail}\n${said}`}>
      <span className="run-pips" aria-hidden="true">{runs.toReversed().map((run) => <i key={run.id} className={run.state} />)}</span>
      <span className="sr">{said}</span>
      <span className="second">{stands.words}, <RelativeTime at={newest.ended_at ?? newest.started_at ?? newest.created_at} suffix=" ago" /></span>
    </Link>
  );
}

const NONE: readonly Policy[] = [];

/** The first in full, the others counted; people with the right to may start any. */
function Starts({ those, row }: { those: readonly string[]; row: Manifest }) {
  const [first, ...others] = those;
  if (first === undefined) return <span className="dim3">people alone</span>;
  return <Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} hash="triggers" title={those.join("\n")}>{capital(first)}<span className="second">{others.join(", ")}</span></Link>;
}

export default function WorkflowsPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const may = useMay();
  const schedules = filters["view"] === "schedules";
  const query = useWorkflows();
  const newest = useShort<Run>("runs", { limit: 500, namespace: filters["namespace"] });
  const runs = useMemo(() => lastRuns(newest.data?.items ?? [], PIPS), [newest.data]);
  const policies = useShort<Policy>("policies", { limit: 500 }, { enabled: may("manifest:read") && !schedules }).data?.items ?? NONE;
  const wanted = (filters["q"] ?? "").toLowerCase();
  const rows = useMemo(
    () => inNamespace(query.data?.items ?? [], filters["namespace"]).filter((each) => `${each.name} ${describe(each)}`.toLowerCase().includes(wanted)),
    [query.data, filters, wanted],
  );

  const columns: readonly Column<Manifest>[] = [
    {
      id: "name", head: "Workflow",
      cell: (row) => (
        <>
          <Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="title">{row.name}</Link>
          <span className="second">{describe(row) || takes(row)}</span>
        </>
      ),
    },
    { id: "starts", head: "What starts it", width: "18%", cell: (row) => <Starts those={startsOf(row, policies, query.data?.items ?? [])} row={row} /> },
    { id: "steps", head: "Steps", width: "16%", cell: (row) => <><span className="dim">{plural(stepsOf(row).length, "step")}</span><span className="second">{stepsOf(row).join(", ")}</span></> },
    { id: "runs", head: "Last runs", width: "180px", cell: (row) => {
      const those = runs.get(`${row.namespace}/${row.name}`) ?? [];
      const [latest] = those;
      return latest === undefined ? <span className="dim3">none yet</span> : <LastRuns newest={latest} runs={those} />;
    } },
    { id: "namespace", head: "Namespace, owner", width: "150px", cell: (row) => <><span className="dim">{row.namespace}</span><span className="second">{nameOf(row.owner) || "no owner"}</span></> },
    { id: "changed", head: "Changed", width: "100px", num: true, cell: (row) => <RelativeTime at={row.updated_at} suffix=" ago" /> },
    {
      id: "start", head: <span className="sr">Start</span>, width: "84px", num: true,
      cell: (row) => (may("run:start", row.namespace)
        ? <Link className="btn small" to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} hash="start" aria-label={`Start ${row.name}`}>Start</Link>
        : null),
    },
  ];
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Workflows</h1><p className="dim">Steps that survive a restart. Policies start them; so can you.</p></div><div className="actions">{may("manifest:write") && <Link className="btn" to="/workflows/new"><Icon name="plus" size="m" />New workflow</Link>}</div></div>
      <div className="filters">
        {!schedules && <SearchField label="Search names and descriptions" />}
        <Segments name="view" label="Which" options={[{ value: "", label: "Workflows" }, { value: "schedules", label: "Schedules" }]} />
        {!schedules && <ClearFilters names={["q"]} />}
      </div>
      {schedules ? <Schedules runs={newest.data?.items ?? []} /> : (
        <section className="card fill" aria-label="Workflows">
          <Loaded query={query} what="workflows">
            {() => (
              <DataTable
                label="Workflows" rows={rows} columns={columns} rowKey={(row) => row.id} two
                onOpen={(row) => void navigate({ to: "/workflows/$namespace/$name", params: { namespace: row.namespace, name: row.name } })}
                empty={wanted !== "" || filters["namespace"]
                  ? <EmptyState title="No workflow fits"><p>Change the search, or choose another namespace above.</p></EmptyState>
                  : <EmptyState title="There is no workflow yet"><p>A workflow is a list of steps that survives a restart. {may("manifest:write") ? <Link className="link" to="/workflows/new">Write the first one</Link> : "Write one"}, or apply it:</p><pre className="code boxed">oncue apply -f workflow.yaml</pre></EmptyState>}
                card={(row) => (
                  <Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="card-row">
                    <span className="title">{row.name}</span>
                    {describe(row) !== "" && <span className="t12 dim3 wrap">{describe(row)}</span>}
                    <span className="row t12 dim"><span className="nowrap">{plural(stepsOf(row).length, "step")}</span><span className="cut end dim3">{startsOf(row, policies, query.data?.items ?? []).join(", ") || takes(row)}</span></span>
                  </Link>
                )}
              />
            )}
          </Loaded>
          {rows.length > 0 && <ListFoot shown={rows.length} more={false} loading={false} />}
        </section>
      )}
    </div>
  );
}

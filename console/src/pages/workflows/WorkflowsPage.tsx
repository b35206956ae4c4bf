/** Workflows: what can be run, by policies and by hand. */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";

import { useMay } from "../../data/me";
import type { Manifest } from "../../data/types";
import { useWorkflows } from "../../data/workflows";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField } from "../../parts/Filters";
import { plural } from "../../parts/format";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { describe, stepsOf, takes } from "./view";

export default function WorkflowsPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const may = useMay();
  const query = useWorkflows();
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
    { id: "steps", head: "Steps", width: "26%", cell: (row) => <><span className="dim">{plural(stepsOf(row).length, "step")}</span><span className="second">{stepsOf(row).map((step) => step.id).join(", ")}</span></> },
    { id: "namespace", head: "Namespace, owner", width: "150px", cell: (row) => <><span className="dim">{row.namespace}</span><span className="second">{row.owner ?? "no owner"}</span></> },
    { id: "changed", head: "Changed", width: "92px", num: true, cell: (row) => <RelativeTime at={row.updated_at} /> },
    {
      id: "start", head: <span className="sr">Start</span>, width: "84px", num: true,
      cell: (row) => (may("run:start", row.namespace)
        ? <Link className="btn small" to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} hash="start" aria-label={`Start ${row.name}`}>Start</Link>
        : null),
    },
  ];
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Workflows</h1><p className="dim">Steps that survive a restart. Policies start them; so can you</p></div></div>
      <div className="filters"><SearchField label="Search names and descriptions" /><ClearFilters names={["q"]} /></div>
      <section className="card fill" aria-label="Workflows">
        <Loaded query={query} what="workflows">
          {() => (
            <DataTable
              label="Workflows" rows={rows} columns={columns} rowKey={(row) => row.id} two
              onOpen={(row) => void navigate({ to: "/workflows/$namespace/$name", params: { namespace: row.namespace, name: row.name } })}
              empty={wanted !== "" || filters["namespace"]
                ? <EmptyState title="No workflow fits"><p>Change the search, or choose another namespace above.</p></EmptyState>
                : <EmptyState title="There is no workflow yet"><p>A workflow is a list of steps that survives a restart. Write one and apply it:</p><pre className="code boxed">oncue apply -f workflow.yaml</pre></EmptyState>}
              card={(row) => (
                <Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="card-row">
                  <span className="title">{row.name}</span>
                  {describe(row) !== "" && <span className="t12 dim3 wrap">{describe(row)}</span>}
                  <span className="row t12 dim"><span>{plural(stepsOf(row).length, "step")}</span><span className="cut end dim3">{takes(row)}</span></span>
                </Link>
              )}
            />
          )}
        </Loaded>
        {rows.length > 0 && <ListFoot shown={rows.length} more={false} loading={false} />}
      </section>
    </div>
  );
}

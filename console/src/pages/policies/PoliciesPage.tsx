/** Policies: what decides, how often it fired, and how often it held back. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { useMay } from "../../data/me";
import type { Policy } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField } from "../../parts/Filters";
import { count } from "../../parts/format";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { PauseButton } from "../../shell/Pauses";
import { useFilters } from "../../shell/filters";
import { responds, selects } from "./view";

const COLUMNS: readonly Column<Policy>[] = [
  {
    id: "name", head: "Policy",
    cell: (row) => (
      <>
        <Link to="/policies/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="title">{row.name}</Link>
        <span className="second">{row.description ?? selects(row)}</span>
      </>
    ),
  },
  { id: "does", head: "What it does", width: "24%", cell: (row) => <span className="dim">{responds(row).join(", ") || "records it"}</span> },
  { id: "mode", head: "Mode", width: "100px", cell: (row) => <><StateMark state={row.mode === "observe" ? "observe" : "active"} /><span className="second">{row.namespace}</span></> },
  { id: "fired", head: "Fired", width: "76px", num: true, cell: (row) => <b className="med">{count(row.stats.fired)}</b> },
  { id: "blocked", head: "Held back", width: "84px", num: true, cell: (row) => count(row.stats.blocked) },
  { id: "failed", head: "Failed", width: "76px", num: true, cell: (row) => <Failures n={row.stats.failed} /> },
  { id: "near", head: "Near misses", width: "96px", num: true, cell: (row) => <span className="dim3">{count(row.stats.near_misses.length)}</span> },
  { id: "last", head: "Last fired", width: "92px", num: true, cell: (row) => <RelativeTime at={row.stats.last_fired_at} /> },
];

/** Responses that should have been and were not: the one count of a policy that always wants a look. */
function Failures({ n }: { n: number }) {
  return n > 0 ? <b className="med failure">{count(n)}</b> : <span className="dim3">0</span>;
}

export default function PoliciesPage() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const may = useMay();
  const list = useList<Policy>("policies", { q: filters["q"], namespace: filters["namespace"] });
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Policies</h1><p className="dim">Written here or applied with <span className="mono">oncue apply</span></p></div><div className="actions"><PauseButton /><Link className="btn" to="/policies/try">Try on an event</Link>{may("manifest:write") && <Link className="btn primary" to="/policies/new">New policy</Link>}</div></div>
      <div className="filters"><SearchField label="Search names" /><ClearFilters names={["q"]} /></div>
      <section className="card fill" aria-label="Policies">
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="policies" />
          : (
            <DataTable
              label="Policies" rows={list.items} columns={COLUMNS} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
              onOpen={(row) => void navigate({ to: "/policies/$namespace/$name", params: { namespace: row.namespace, name: row.name } })}
              empty={<EmptyState title="No policy fits"><p>A policy says what an event means and what to do. Write one and apply it:</p><pre className="code boxed">oncue apply -f policy.yaml</pre><p>or begin with “New policy” above.</p></EmptyState>}
              card={(row) => (
                <Link to="/policies/$namespace/$name" params={{ namespace: row.namespace, name: row.name }} className="card-row">
                  <span className="title">{row.name}</span>
                  <span className="t12 dim3 wrap">{row.description ?? selects(row)}</span>
                  <span className="row t12 dim"><StateMark state={row.mode === "observe" ? "observe" : "active"} /><span className="end">fired {count(row.stats.fired)}, held back {count(row.stats.blocked)}{row.stats.failed > 0 && <>, <b className="med failure">failed {count(row.stats.failed)}</b></>}</span></span>
                </Link>
              )}
            />
          )}
        {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
      </section>
    </div>
  );
}

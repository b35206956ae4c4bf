/** The audit log: sign-ins, refusals, changes and commands, each an event in the journal. */
import { Link } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { nameOf } from "../../data/me";
import type { JournalEvent } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, SearchField } from "../../parts/Filters";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { deed, object } from "./view";

const COLUMNS: readonly Column<JournalEvent>[] = [
  { id: "at", head: "When", width: "88px", cell: (row) => <RelativeTime at={row.recorded_at} /> },
  { id: "who", head: "Who", width: "170px", cell: (row) => <span className="med">{nameOf(row.actor) || "nobody"}</span> },
  { id: "what", head: "What", width: "220px", cell: (row) => <Link to="/events/$position" params={{ position: row.position }}>{deed(row.type)}</Link> },
  { id: "object", head: "On", cell: (row) => <span className="dim3" title={object(row.event.data)}>{object(row.event.data)}</span> },
];

export function Audit() {
  const [filters] = useFilters();
  const now = useNow();
  const list = useList<JournalEvent>("audit", { q: filters["q"], since: sinceOf(filters["range"], now) }, { refetchInterval: 15_000 });
  return (
    <>
      <div className="filters"><SearchField label="Search the audit log" /><Choice name="range" label="Within" values={["1h", "24h", "7d", "30d"]} /></div>
      <section className="card" aria-label="Audit log" style={{ height: "min(70vh, 900px)", overflow: "hidden" }}>
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="the audit log" />
          : (
            <DataTable
              label="Audit log" rows={list.items} columns={COLUMNS} rowKey={(row) => row.position} more={list.more} loadMore={list.loadMore} empty={<EmptyState title="Nothing fits" />}
              card={(row) => (
                <Link to="/events/$position" params={{ position: row.position }} className="card-row">
                  <span className="row"><b className="med">{nameOf(row.actor)}</b><span className="end dim3 t12"><RelativeTime at={row.recorded_at} /></span></span>
                  <span>{deed(row.type)}</span><span className="t12 dim3 wrap">{object(row.event.data)}</span>
                </Link>
              )}
            />
          )}
        <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />
      </section>
    </>
  );
}

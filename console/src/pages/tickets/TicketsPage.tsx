/** Tickets: the record of work. A row opens the panel beside the list. */
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Ticket } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments } from "../../parts/Filters";
import { sentence } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { isSeverity, PriorityTag, SeverityMark, StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { NewTicket } from "./NewTicket";

export default function TicketsPage() {
  const [filters, change] = useFilters();
  const may = useMay();
  const navigate = useNavigate();
  const { id: current } = useParams({ strict: false });
  const full = current !== undefined && filters["full"] === "1";
  const state = { "": "new,in_progress", resolved: "resolved,closed", all: "" }[filters["state"] ?? ""];
  const list = useList<Ticket>("tickets", { q: filters["q"], state, type: filters["type"], namespace: filters["namespace"] });

  const columns: readonly Column<Ticket>[] = [
    { id: "id", head: "Id", width: "84px", cell: (row) => <span className="mono">{row.id}</span> },
    {
      id: "title", head: "Ticket",
      cell: (row) => (
        <>
          <Link to="/tickets/$id" params={{ id: row.id }} search={filters} className="title">{row.title}</Link>
          <span className="second">{[sentence(row.type), row.service, row.incident, row.change].filter(Boolean).join(" · ")}</span>
        </>
      ),
    },
    { id: "state", head: "State, who", width: "128px", cell: (row) => <><StateMark state={row.state} /><span className="second">{nameOf(row.assignee) || "nobody yet"}</span></> },
    ...(current ? [] : [
      { id: "priority", head: "Priority, severity", width: "140px", cell: (row: Ticket) => <span className="row">{row.priority && <PriorityTag priority={row.priority} />}{isSeverity(row.severity) && <SeverityMark severity={row.severity} />}</span> },
      { id: "by", head: "Opened by", width: "180px", cell: (row: Ticket) => <span className="dim">{nameOf(row.opened_by)}</span> },
    ]),
    { id: "age", head: "Age", width: "84px", num: true, cell: (row) => <RelativeTime at={row.opened_at} /> },
  ];
  return (
    <>
      {!full && (
        <div className="page fixed">
          <div className="page-head">
            <div><h1 className="place">Tickets</h1></div>
            <div className="actions">{may("ticket:create") && <button type="button" className="btn primary" onClick={() => change({ new: "1" })}><Icon name="plus" size="m" />New ticket</button>}</div>
          </div>
          <div className="filters">
            <SearchField label="Search titles and ids" />
            <Segments name="state" label="State" options={[{ value: "", label: "Open" }, { value: "resolved", label: "Done" }, { value: "all", label: "All" }]} />
            <MoreFilters names={["type"]}><Choice name="type" label="Type" values={["incident", "request", "problem", "change"]} /></MoreFilters>
            <ClearFilters names={["q", "state", "type"]} />
            <Announce resource="tickets" one="ticket" />
          </div>
          <section className="card fill" aria-label="Tickets">
            {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
              : list.isLoading ? <Loading what="tickets" />
              : (
                <DataTable
                  label="Tickets" rows={list.items} columns={columns} rowKey={(row) => row.id} two current={current} more={list.more} loadMore={list.loadMore}
                  onOpen={(row) => void navigate({ to: "/tickets/$id", params: { id: row.id }, search: filters })}
                  empty={<EmptyState title="No ticket fits"><p>Policies and runs write tickets; so can you, above or on an incident’s page.</p></EmptyState>}
                  card={(row) => (
                    <Link to="/tickets/$id" params={{ id: row.id }} search={filters} className="card-row">
                      <span className="row"><span className="mono">{row.id}</span><StateMark state={row.state} /><span className="end dim3 t12"><RelativeTime at={row.opened_at} /></span></span>
                      <span className="title">{row.title}</span>
                      <span className="t12 dim3">{[sentence(row.type), row.service, row.incident, row.change, nameOf(row.assignee)].filter(Boolean).join(" · ")}</span>
                    </Link>
                  )}
                />
              )}
            {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
          </section>
          <NewTicket opened={filters["new"] === "1"} onClose={() => change({ new: undefined })} />
        </div>
      )}
      <Outlet />
    </>
  );
}

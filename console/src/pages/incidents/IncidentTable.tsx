/** Incidents as rows: on Now and in the list. */
import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { nameOf } from "../../data/me";
import type { Incident } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { edge, PriorityTag, SeverityMark, StateMark } from "../../parts/marks";
import { RelativeTime } from "../../parts/time";

export function ownerOf(incident: Incident): string {
  return nameOf(incident.assignee) || nameOf(incident.acknowledged_by) || incident.owner || "nobody yet";
}

const COLUMNS: readonly Column<Incident>[] = [
  {
    id: "priority", head: "Priority, severity", width: "136px", className: (row) => edge(row.severity, row.state),
    cell: (row) => <span className="row" style={{ gap: 10 }}><PriorityTag priority={row.priority} /><SeverityMark severity={row.severity} /></span>,
  },
  {
    id: "title", head: "Incident",
    cell: (row) => (
      <>
        <Link to="/incidents/$id" params={{ id: row.id }} className="title">{row.title}</Link>
        <span className="second"><span className="mono">{row.id}</span>{row.service ? ` · ${row.service}` : ""}{row.resource ? ` · ${row.resource}` : ""}</span>
      </>
    ),
  },
  { id: "state", head: "State, owner", width: "148px", cell: (row) => <><StateMark state={row.state} /><span className="second">{ownerOf(row)}</span></> },
  { id: "alerts", head: <span title="firing / all">Alerts</span>, width: "72px", num: true, cell: (row) => `${String(row.alerts_firing)} / ${String(row.alerts_total)}` },
  { id: "age", head: "Age", width: "88px", num: true, cell: (row) => <RelativeTime at={row.opened_at} /> },
];

export function IncidentTable({ rows, more = false, loadMore, empty = null }: { rows: readonly Incident[]; more?: boolean; loadMore?: () => void; empty?: ReactNode }) {
  const navigate = useNavigate();
  return (
    <DataTable
      label="Incidents" rows={rows} columns={COLUMNS} rowKey={(row) => row.id} two more={more} empty={empty}
      {...(loadMore ? { loadMore } : {})}
      onOpen={(row) => void navigate({ to: "/incidents/$id", params: { id: row.id } })}
      card={(row) => (
        <Link to="/incidents/$id" params={{ id: row.id }} className={`card-row ${edge(row.severity, row.state)}`}>
          <span className="row"><PriorityTag priority={row.priority} /><SeverityMark severity={row.severity} /><span className="end dim3 t12"><RelativeTime at={row.opened_at} /></span></span>
          <span className="title">{row.title}</span>
          <span className="row t12 dim"><StateMark state={row.state} /><span className="cut">{ownerOf(row)}</span><span className="end dim3 mono">{row.id}</span></span>
        </Link>
      )}
    />
  );
}

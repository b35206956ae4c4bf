/** Incidents as rows: on Now and in the list. */
import { Checkbox } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useStuck } from "../../data/calling";
import { nameOf } from "../../data/me";
import type { Incident } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { edge, PriorityTag, ReasonChip, SeverityMark, StateMark } from "../../parts/marks";
import { RelativeTime } from "../../parts/time";

export function ownerOf(incident: Incident): string {
  return nameOf(incident.assignee) || nameOf(incident.acknowledged_by) || nameOf(incident.owner) || "nobody yet";
}

/** That nobody is called any more, or not for now. */
function Stuck({ id }: { id: string }) {
  const state = useStuck().get(id);
  if (state === undefined) return null;
  return <ReasonChip code={state} failed={state === "exhausted"} not title={state === "exhausted" ? "Everyone was told, and nobody has acknowledged" : "Nobody is called while all that fires is quiet"} />;
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
  { id: "state", head: "State, owner", width: "168px", cell: (row) => <><span className="row" style={{ gap: 8 }}><StateMark state={row.state} /><Stuck id={row.id} /></span><span className="second">{ownerOf(row)}</span></> },
  { id: "alerts", head: <span title="firing / all">Alerts</span>, width: "72px", num: true, cell: (row) => `${String(row.alerts_firing)} / ${String(row.alerts_total)}` },
  { id: "age", head: "Age", width: "88px", num: true, cell: (row) => <RelativeTime at={row.opened_at} /> },
];

interface Props {
  rows: readonly Incident[];
  more?: boolean;
  loadMore?: () => void;
  empty?: ReactNode;
  /** Ids of those that are chosen, where some may be. */
  chosen?: ReadonlySet<string>;
  choose?: (ids: ReadonlySet<string>) => void;
}

function choosing(rows: readonly Incident[], chosen: ReadonlySet<string>, choose: (ids: ReadonlySet<string>) => void): Column<Incident> {
  const picked = rows.filter((row) => chosen.has(row.id)).length;
  return {
    id: "pick", width: "40px", className: (row) => edge(row.severity, row.state),
    head: <Checkbox size="xs" aria-label="Choose all that are shown" checked={rows.length > 0 && picked === rows.length} indeterminate={picked > 0 && picked < rows.length} onChange={() => choose(picked === rows.length ? new Set() : new Set(rows.map((row) => row.id)))} />,
    cell: (row) => (
      <Checkbox
        size="xs" aria-label={`Choose ${row.id} ${row.title}`} checked={chosen.has(row.id)}
        onChange={() => {
          const next = new Set(chosen);
          if (!next.delete(row.id)) next.add(row.id);
          choose(next);
        }}
      />
    ),
  };
}

export function IncidentTable({ rows, more = false, loadMore, empty = null, chosen, choose }: Props) {
  const navigate = useNavigate();
  const columns = chosen && choose ? [choosing(rows, chosen, choose), ...COLUMNS.map((column) => (column.id === "priority" ? { ...column, className: () => "" } : column))] : COLUMNS;
  return (
    <DataTable
      label="Incidents" rows={rows} columns={columns} {...(chosen ? { selected: chosen } : {})} rowKey={(row) => row.id} two more={more} empty={empty}
      {...(loadMore ? { loadMore } : {})}
      onOpen={(row) => void navigate({ to: "/incidents/$id", params: { id: row.id } })}
      card={(row) => (
        <Link to="/incidents/$id" params={{ id: row.id }} className={`card-row ${edge(row.severity, row.state)}`}>
          <span className="row"><PriorityTag priority={row.priority} /><SeverityMark severity={row.severity} /><span className="end dim3 t12"><RelativeTime at={row.opened_at} /></span></span>
          <span className="title">{row.title}</span>
          <span className="row t12 dim"><StateMark state={row.state} /><Stuck id={row.id} /><span className="cut">{ownerOf(row)}</span><span className="end dim3 mono">{row.id}</span></span>
        </Link>
      )}
    />
  );
}

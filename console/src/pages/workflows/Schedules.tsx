/** All schedules: which starts a run next, and which could not. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useSchedules } from "../../data/schedules";
import type { Run, ScheduleView } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { capital, exact, moment } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { inNamespace } from "../../shell/namespace";
import { Example } from "../quiet/Example";
import { RUN_WORDS } from "../runs/view";
import { inZone, scheduleText, trouble } from "./triggers";

const EXAMPLE = `  triggers:
    - {id: nightly, schedule: {cron: "0 3 * * MON-FRI", zone: Europe/Berlin}}`;

export function Schedules({ runs }: { runs: readonly Run[] }) {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useSchedules();
  const open = (row: ScheduleView): void => void navigate({ to: "/workflows/$namespace/$name", params: { namespace: row.namespace, name: row.workflow }, hash: "triggers" });
  const columns: readonly Column<ScheduleView>[] = [
    { id: "next", head: "Next", width: "24%", cell: (row) => <Next row={row} /> },
    { id: "workflow", head: "Workflow", cell: (row) => <><Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.workflow }} hash="triggers" className="title">{row.workflow}</Link><span className="second">{row.namespace}, trigger {row.trigger}</span></> },
    { id: "rule", head: "When", width: "24%", cell: (row) => <>{capital(scheduleText(row.spec))}<span className="second">{row.spec.zone ?? "UTC"}</span></> },
    { id: "last", head: "Last time", width: "26%", cell: (row) => <Last row={row} run={runs.find((one) => one.id === row.run)} /> },
  ];
  return (
    <section className="card fill" aria-label="Schedules">
      <Loaded query={query} what="schedules">
        {(page) => {
          const rows = inNamespace(page.items, filters["namespace"]);
          return (
            <>
              <DataTable
                label="Schedules" rows={rows} columns={columns} rowKey={(row) => row.id} two onOpen={open}
                empty={<EmptyState title="No workflow has a schedule"><p>A trigger with a <span className="mono">schedule</span> starts runs by the clock. Write it into a workflow:</p><Example text={EXAMPLE} /><p><HelpLink page="how-to/workflows.md#what-starts-it-by-itself">All that it can say</HelpLink></p></EmptyState>}
                card={(row) => (
                  <div className="card-row">
                    <Link to="/workflows/$namespace/$name" params={{ namespace: row.namespace, name: row.workflow }} hash="triggers" className="title">{row.workflow}</Link>
                    <span className="t12 dim"><Next row={row} /></span>
                    <span className="t12 dim3 wrap">{capital(scheduleText(row.spec))}, {row.spec.zone ?? "UTC"}</span>
                    {trouble(row) !== null && <span className="t12 failure">{trouble(row)}</span>}
                  </div>
                )}
              />
              {rows.length > 0 && <ListFoot shown={rows.length} more={false} loading={false} />}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function Next({ row }: { row: ScheduleView }) {
  const now = useNow();
  const [next] = row.next;
  if (next === undefined) return <span className="dim3">never again</span>;
  const there = inZone(next, row.spec.zone ?? "UTC");
  return <><time dateTime={next} title={exact(next)}>{moment(next, now)}</time> <span className="dim3"><RelativeTime at={next} /></span>{there && <>{" "}<span className="second">{there} there</span></>}</>;
}

/** `run` is the last one, if it is among the newest. */
function Last({ row, run }: { row: ScheduleView; run: Run | undefined }) {
  const wrong = trouble(row);
  if (row.planned_at === null) return <span className="dim3">not yet</span>;
  return (
    <>
      {wrong === null ? <span className="row">{run && <StateMark state={run.state} text={RUN_WORDS[run.state]} />}<span className="dim"><RelativeTime at={row.planned_at} suffix=" ago" /></span></span> : <StateMark state="failed" text={row.fault === null ? "Passed over" : "Not started"} />}
      {wrong !== null ? <span className="second" title={wrong}>{wrong}</span>
        : row.run && <Link className="second mono" to="/runs/$id" params={{ id: row.run }}>{row.run}</Link>}
    </>
  );
}

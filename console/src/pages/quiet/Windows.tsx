/** Maintenance windows: planned work, once or again and again, and what it keeps quiet. */
import { useCallback, type ReactNode } from "react";

import { nameOf } from "../../data/me";
import { useWindow, useWindows } from "../../data/quiet";
import type { WindowView } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { DataTable, type Column } from "../../parts/DataTable";
import { exact, moment, sentence } from "../../parts/format";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { EmptyState, Loaded } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { ManifestSection, named } from "./Manifest";
import { Example } from "./Example";
import { MatchCount, Matches } from "./Matches";
import { endsSoon, lengthOf, matchersText, ruleText, whenText } from "./view";

const EXAMPLE = `apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: database-patches}
spec:
  description: The database hosts get their patches
  matchers: [{name: resource, value: "db-.*", is_regex: true}]
  starts_at: "2027-03-07T22:00"
  rrule: FREQ=MONTHLY;BYDAY=1SU
  duration: 4h
  zone: Europe/Berlin`;

const MARKS: Record<string, string> = { open: "active", coming: "pending", over: "expired" };

export function Windows({ head }: { head: ReactNode }) {
  const [filters, change] = useFilters();
  const query = useWindows();
  const now = useNow();
  const current = filters["show"];
  const close = useCallback(() => change({ show: undefined, full: undefined }), [change]);
  const shown = (window: WindowView): boolean => !filters["namespace"] || window.namespace === filters["namespace"];
  const columns: readonly Column<WindowView>[] = [
    {
      id: "name", head: "Window, why",
      cell: (row) => <><button type="button" className="as-link title" onClick={() => change({ show: row.id })}>{row.name}</button><span className="second">{row.description ?? matchersText(row.spec.matchers)}</span></>,
    },
    ...(current ? [] : [
      { id: "matches", head: "Matches", width: "28%", cell: (row: WindowView) => <><span className="mono" title={matchersText(row.spec.matchers)}>{matchersText(row.spec.matchers)}</span><span className="second">{[row.namespace, nameOf(row.owner)].filter(Boolean).join(" · ")}</span></> },
      { id: "now", head: "Fires now", width: "84px", num: true, cell: (row: WindowView) => <MatchCount matchers={row.spec.matchers} namespace={row.namespace} /> },
    ]),
    ...(current ? [] : [{ id: "state", head: "State", width: "116px", cell: (row: WindowView) => <StateMark state={MARKS[row.state] ?? row.state} text={sentence(endsSoon(row.open?.ends_at, now) ?? row.state)} /> }]),
    { id: "when", head: "When", width: current ? "46%" : "26%", cell: (row) => <><span title={row.open ? exact(row.open.ends_at) : row.next[0] ? exact(row.next[0].starts_at) : undefined}>{sentence(whenText(row, now))}</span><span className="second" title={row.spec.rrule}>{row.spec.rrule ? `${ruleText(row.spec.rrule)}, ${row.spec.zone ?? "UTC"}` : "once"}</span></> },
  ];
  return (
    <>
      <div className="page fixed">
        {head}
        <section className="card fill" aria-label="Maintenance windows">
          <Loaded query={query} what="maintenance windows">
            {(page) => {
              const rows = page.items.filter(shown);
              return (
                <>
                  <DataTable
                    label="Maintenance windows" rows={rows} columns={columns} rowKey={(row) => row.id} two current={current} onOpen={(row) => change({ show: row.id })}
                    empty={(
                      <EmptyState title="No maintenance window">
                        <p>Quiet for planned work, once or every week, written down and reviewed. Whoever still has to know is told at its end.</p>
                        <Example text={EXAMPLE} />
                        <p className="mono t12">oncue quiet preview -f window.yaml && oncue apply -f window.yaml</p>
                      </EmptyState>
                    )}
                    card={(row) => (
                      <div className="card-row">
                        <span className="row"><StateMark state={MARKS[row.state] ?? row.state} text={sentence(endsSoon(row.open?.ends_at, now) ?? row.state)} /><span className="end dim3 t12"><MatchCount matchers={row.spec.matchers} namespace={row.namespace} /> now</span></span>
                        <button type="button" className="as-link title" onClick={() => change({ show: row.id })}>{row.name}</button>
                        <span className="t12 dim wrap">{sentence(whenText(row, now))}</span>
                        {row.description && <span className="t12 dim3 wrap">{row.description}</span>}
                      </div>
                    )}
                  />
                  {rows.length > 0 && <ListFoot shown={rows.length} more={false} loading={false} />}
                </>
              );
            }}
          </Loaded>
        </section>
      </div>
      {current && <Panel key={current} id={current} window={query.data?.items.find((each) => each.id === current)} onClose={close} />}
    </>
  );
}

function Panel({ id, window, onClose }: { id: string; window: WindowView | undefined; onClose: () => void }) {
  const { namespace, name } = named(id);
  const preview = useWindow(namespace, name);
  const now = useNow();
  return (
    <SidePanel label="Maintenance window" onClose={onClose} title={window ? <StateMark state={MARKS[window.state] ?? window.state} text={sentence(whenText(window, now))} /> : <b>Maintenance window</b>}>
      <div className="panel-section stack">
        <h2 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{name}</h2>
        {window?.description && <p className="dim wrap">{window.description}</p>}
        {window && <Pairs entries={[["Matches", <span key="m" className="mono wrap">{matchersText(window.spec.matchers)}</span>], ["Owner", nameOf(window.owner)], ["Namespace", window.namespace], ["Recurs", window.spec.rrule ? <span key="r">{sentence(ruleText(window.spec.rrule))}{ruleText(window.spec.rrule) !== window.spec.rrule && <span className="mono dim3 wrap"> {window.spec.rrule}</span>}</span> : "no"], ["Zone", window.spec.zone ?? "UTC"]]} />}
      </div>
      <Loaded query={preview} what="the window">
        {(view) => (
          <>
            <div className="panel-section stack" style={{ gap: 6 }}>
              <h2 className="heading">{view.open ? "Keeps quiet" : "Would keep quiet"}</h2>
              <Matches found={view} />
            </div>
            <div className="panel-section stack" style={{ gap: 6 }}>
              <h2 className="heading">Opens next</h2>
              {view.next.length === 0 ? <p className="dim">Not again.</p> : (
                <ol aria-label="Next occurrences">
                  {view.next.map((one) => (
                    <li key={one.starts_at} className="row" style={{ minHeight: 24 }}>
                      <time dateTime={one.starts_at} title={exact(one.starts_at)}>{moment(one.starts_at, now)}</time>
                      <span className="dim3">{lengthOf(one)}</span>
                      <span className="end dim3"><RelativeTime at={one.starts_at} /></span>
                    </li>
                  ))}
                </ol>
              )}
            </div>
          </>
        )}
      </Loaded>
      <ManifestSection kind="MaintenanceWindow" namespace={namespace} name={name} />
    </SidePanel>
  );
}

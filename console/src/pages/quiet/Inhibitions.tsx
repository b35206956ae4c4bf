/** Inhibitions: what only follows from something else that fires calls nobody. */
import { useCallback, type ReactNode } from "react";

import { nameOf } from "../../data/me";
import { useInhibitions } from "../../data/quiet";
import type { Inhibition } from "../../data/types";
import { Pairs } from "../../parts/Card";
import { DataTable, type Column } from "../../parts/DataTable";
import { ListFoot } from "../../parts/ListFoot";
import { SidePanel } from "../../parts/SidePanel";
import { EmptyState, Loaded } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { Example } from "./Example";
import { ManifestSection, named } from "./Manifest";
import { MatchCount, MatchPreview } from "./Matches";
import { matchersText } from "./view";

const EXAMPLE = `apiVersion: oncue/v1
kind: Inhibition
metadata: {name: rack-without-power}
spec:
  description: Without power, that a host is down says nothing new
  source: [{name: type, value: rack.power.lost}]
  target: [{name: type, value: host.down}]
  equal: [rack]`;

const idOf = (row: Inhibition): string => `${row.namespace}/${row.name}`;
const why = (row: Inhibition): string => row.spec.description ?? row.description ?? "";

export function Inhibitions({ head }: { head: ReactNode }) {
  const [filters, change] = useFilters();
  const query = useInhibitions();
  const current = filters["show"];
  const close = useCallback(() => change({ show: undefined, full: undefined }), [change]);
  const columns: readonly Column<Inhibition>[] = [
    {
      id: "name", head: "Inhibition, why",
      cell: (row) => <><button type="button" className="as-link title" onClick={() => change({ show: idOf(row) })}>{row.name}</button><span className="second">{why(row)}</span></>,
    },
    { id: "source", head: "While this fires", width: current ? "30%" : "24%", cell: (row) => <><span className="mono">{matchersText(row.spec.source)}</span><span className="second"><MatchCount matchers={row.spec.source} namespace={row.namespace} /> now</span></> },
    { id: "target", head: "this calls nobody", width: "24%", cell: (row) => <><span className="mono">{matchersText(row.spec.target)}</span><span className="second"><MatchCount matchers={row.spec.target} namespace={row.namespace} /> now</span></> },
    ...(current ? [] : [
      { id: "equal", head: "with equal", width: "120px", cell: (row: Inhibition) => <span className="mono">{(row.spec.equal ?? []).join(", ") || "anything"}</span> },
      { id: "owner", head: "Owner", width: "120px", cell: (row: Inhibition) => <>{nameOf(row.owner) || <span className="dim3">none</span>}<span className="second">{row.namespace}</span></> },
    ]),
  ];
  return (
    <>
      <div className="page fixed">
        {head}
        <section className="card fill" aria-label="Inhibitions">
          <Loaded query={query} what="inhibitions">
            {(page) => {
              const rows = page.items.filter((row) => !filters["namespace"] || row.namespace === filters["namespace"]);
              return (
                <>
                  <DataTable
                    label="Inhibitions" rows={rows} columns={columns} rowKey={idOf} two current={current} onOpen={(row) => change({ show: idOf(row) })}
                    empty={(
                      <EmptyState title="No inhibition">
                        <p>No calls for what only follows from something else that fires: the hosts of a rack without power, the pods of a node that is gone.</p>
                        <Example text={EXAMPLE} />
                        <p className="mono t12">oncue apply -f inhibition.yaml</p>
                      </EmptyState>
                    )}
                    card={(row) => (
                      <div className="card-row">
                        <button type="button" className="as-link title" onClick={() => change({ show: idOf(row) })}>{row.name}</button>
                        <span className="t12 dim wrap">While <span className="mono">{matchersText(row.spec.source)}</span> fires (<MatchCount matchers={row.spec.source} namespace={row.namespace} /> now), <span className="mono">{matchersText(row.spec.target)}</span> calls nobody.</span>
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
      {current && <Panel key={current} id={current} row={query.data?.items.find((each) => idOf(each) === current)} onClose={close} />}
    </>
  );
}

function Panel({ id, row, onClose }: { id: string; row: Inhibition | undefined; onClose: () => void }) {
  const { namespace, name } = named(id);
  return (
    <SidePanel label="Inhibition" onClose={onClose} title={<b>Inhibition</b>}>
      <div className="panel-section stack">
        <h2 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{name}</h2>
        {row && why(row) !== "" && <p className="dim wrap">{why(row)}</p>}
        {row && <Pairs entries={[["Equal", <span key="e" className="mono">{(row.spec.equal ?? []).join(", ") || "nothing needs to be"}</span>], ["Owner", nameOf(row.owner)], ["Namespace", namespace]]} />}
      </div>
      {row && (
        <>
          <div className="panel-section stack" style={{ gap: 6 }}>
            <h2 className="heading">While one of these fires</h2>
            <p className="mono wrap">{matchersText(row.spec.source)}</p>
            <MatchPreview matchers={row.spec.source} namespace={namespace} />
          </div>
          <div className="panel-section stack" style={{ gap: 6 }}>
            <h2 className="heading">These call nobody{(row.spec.equal ?? []).length > 0 ? `, where ${(row.spec.equal ?? []).join(" and ")} ${(row.spec.equal ?? []).length === 1 ? "is" : "are"} equal` : ""}</h2>
            <p className="mono wrap">{matchersText(row.spec.target)}</p>
            <MatchPreview matchers={row.spec.target} namespace={namespace} />
          </div>
        </>
      )}
      <ManifestSection kind="Inhibition" namespace={namespace} name={name} />
    </SidePanel>
  );
}

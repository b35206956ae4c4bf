/** Silences: who asked for quiet, for what, until when. */
import { useCallback, useState, type ReactNode } from "react";

import { useExpireSilence } from "../../data/commands";
import { useDetail, useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Silence } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { Ask } from "../../parts/ask";
import { Pairs } from "../../parts/Card";
import { DataTable, type Column } from "../../parts/DataTable";
import { Segments } from "../../parts/Filters";
import { sentence } from "../../parts/format";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { SidePanel } from "../../parts/SidePanel";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { Example } from "./Example";
import { MatchCount, MatchPreview } from "./Matches";
import { NewSilence } from "./NewSilence";
import { endsSoon, matchersText } from "./view";

const STATES: Record<string, string> = { "": "active,pending", expired: "expired", all: "" };

export function Silences({ head }: { head: ReactNode }) {
  const [filters, change] = useFilters();
  const may = useMay();
  const now = useNow();
  const expire = useExpireSilence();
  const [ending, setEnding] = useState<Silence | null>(null);
  const list = useList<Silence>("silences", { state: STATES[filters["state"] ?? ""], namespace: filters["namespace"] });
  const current = filters["show"];
  const close = useCallback(() => change({ show: undefined, full: undefined }), [change]);

  const end = (row: Silence) =>
    row.state !== "expired" && may("silence:write", row.namespace)
      ? <button type="button" className="btn small" onClick={() => setEnding(row)}>End</button> : null;

  const columns: readonly Column<Silence>[] = [
    {
      id: "what", head: "Matches, why",
      cell: (row) => <><button type="button" className="as-link mono cut" onClick={() => change({ show: row.id })}>{matchersText(row.matchers)}</button><span className="second">{row.comment}</span></>,
    },
    { id: "by", head: "By", width: current ? "104px" : "140px", cell: (row) => <>{nameOf(row.created_by)}<span className="second">{row.namespace}</span></> },
    ...(current ? [] : [
      { id: "now", head: "Fires now", width: "84px", num: true, cell: (row: Silence) => (row.state === "expired" ? <span className="dim3">ended</span> : <MatchCount matchers={row.matchers} namespace={row.namespace} />) },
      { id: "state", head: "State", width: "120px", cell: (row: Silence) => <State silence={row} now={now} /> },
    ]),
    { id: "until", head: "Ends", width: "104px", num: true, cell: (row) => <RelativeTime at={row.ends_at} /> },
    ...(current ? [] : [{ id: "act", head: <span className="sr">Act</span>, width: "72px", num: true, cell: end }]),
  ];
  return (
    <>
      <div className="page fixed">
        {head}
        <div className="filters">
          <Segments name="state" label="State" options={[{ value: "", label: "In force" }, { value: "expired", label: "Ended" }, { value: "all", label: "All" }]} />
          <Announce resource="silences" one="silence" />
        </div>
        <section className="card fill" aria-label="Silences">
          {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
            : list.isLoading ? <Loading what="silences" />
            : (
              <DataTable
                label="Silences" rows={list.items} columns={columns} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
                current={current} onOpen={(row) => change({ show: row.id })}
                empty={(
                  <EmptyState title="No silence">
                    <p>Quiet for what matches some labels, from now until then, by hand. Open an alert and choose “Silence”: its matchers are filled in. Or:</p>
                    <Example text={'amtool silence add resource=db-1 --duration=2h --comment="disk is extended"'} />
                  </EmptyState>
                )}
                card={(row) => (
                  <div className="card-row">
                    <span className="row"><State silence={row} now={now} /><span className="end dim3 t12">ends <RelativeTime at={row.ends_at} /></span></span>
                    <button type="button" className="as-link mono wrap" onClick={() => change({ show: row.id })}>{matchersText(row.matchers)}</button>
                    <span className="row t12 dim"><span className="wrap grow">{row.comment}, by {nameOf(row.created_by)}</span>{end(row)}</span>
                  </div>
                )}
              />
            )}
          {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
        </section>
      </div>
      {current && <Panel id={current} onClose={close} onEnd={setEnding} onSet={(silence) => change({ show: silence.id })} />}
      <Ask
        opened={ending !== null} onClose={() => setEnding(null)} title="End this silence?" act="End the silence"
        effect={<>Alerts with <span className="mono">{ending ? matchersText(ending.matchers) : ""}</span> call people again from now on.</>}
        run={() => (ending ? expire.mutateAsync({ id: ending.id }) : Promise.resolve())}
      />
    </>
  );
}

/** One that ends soon says so: what it keeps quiet is heard then. */
function State({ silence, now }: { silence: Silence; now: number }) {
  const soon = silence.state === "active" ? endsSoon(silence.ends_at, now) : null;
  return <StateMark state={silence.state} {...(soon ? { text: sentence(soon) } : {})} />;
}

function Panel({ id, onClose, onEnd, onSet }: { id: string; onClose: () => void; onEnd: (silence: Silence) => void; onSet: (silence: Silence) => void }) {
  const query = useDetail<Silence>("silences", id);
  const may = useMay();
  const [changing, setChanging] = useState(false);
  return (
    <SidePanel label="Silence" onClose={onClose} title={query.data ? <StateMark state={query.data.state} /> : <b>Silence</b>}>
      <Loaded query={query} what="the silence">
        {(silence) => (
          <>
            <div className="panel-section stack">
              <h2 className="wrap" style={{ font: "600 var(--t-16) var(--font-sans)" }}>{silence.comment}</h2>
              {may("silence:write", silence.namespace) && (
                <div className="row wrapping">
                  <button type="button" className="btn primary" onClick={() => setChanging(true)}>{silence.state === "expired" ? "Set it again" : "Change"}</button>
                  {silence.state !== "expired" && <button type="button" className="btn" onClick={() => onEnd(silence)}>End</button>}
                </div>
              )}
            </div>
            <div className="panel-section">
              <Pairs
                entries={[
                  ["Matches", <span key="m" className="mono wrap">{matchersText(silence.matchers)}</span>],
                  ["By", nameOf(silence.created_by)],
                  ["From", <RelativeTime key="f" at={silence.starts_at} suffix={Date.parse(silence.starts_at) > Date.now() ? "" : " ago"} />],
                  ["Until", <RelativeTime key="u" at={silence.ends_at} />],
                  ["Namespace", silence.namespace],
                  ["Id", <span key="i" className="mono">{silence.id}</span>],
                ]}
              />
            </div>
            <div className="panel-section stack" style={{ gap: 6 }}>
              <h2 className="heading">{silence.state === "active" ? "Keeps quiet" : "Would keep quiet"}</h2>
              <MatchPreview matchers={silence.matchers} namespace={silence.namespace} />
            </div>
            <NewSilence opened={changing} onClose={() => setChanging(false)} matchers={silence.matchers} namespace={silence.namespace} from={silence} onSet={onSet} />
          </>
        )}
      </Loaded>
    </SidePanel>
  );
}

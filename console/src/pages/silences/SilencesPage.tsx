/** Silences: who asked for quiet, for what, until when. */
import { useState } from "react";

import { useExpireSilence } from "../../data/commands";
import { useList } from "../../data/lists";
import { nameOf, useMay, useMe } from "../../data/me";
import type { Silence } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { Ask } from "../../parts/ask";
import { DataTable, type Column } from "../../parts/DataTable";
import { Segments } from "../../parts/Filters";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { NewSilence, operator } from "./NewSilence";

export function matcherText(silence: Pick<Silence, "matchers">): string {
  return silence.matchers.map((matcher) => `${matcher.name}${operator(matcher)}"${matcher.value}"`).join(", ");
}

export default function SilencesPage() {
  const [filters] = useFilters();
  const may = useMay();
  const me = useMe().data;
  const expire = useExpireSilence();
  const [ending, setEnding] = useState<Silence | null>(null);
  const [adding, setAdding] = useState(false);
  const state = { "": "active,pending", expired: "expired", all: "" }[filters["state"] ?? ""];
  const list = useList<Silence>("silences", { state: filters["id"] ? "" : state, namespace: filters["namespace"] });
  const rows = filters["id"] ? list.items.filter((silence) => silence.id === filters["id"]) : list.items;
  const home = filters["namespace"] ?? me?.home ?? "default";

  const end = (row: Silence) =>
    row.state !== "expired" && may("silence:write", row.namespace)
      ? <button type="button" className="btn small" onClick={() => setEnding(row)}>End</button> : null;

  const columns: readonly Column<Silence>[] = [
    { id: "what", head: "Matches", cell: (row) => <><span className="mono">{matcherText(row)}</span><span className="second">{row.comment}</span></> },
    { id: "by", head: "By", width: "140px", cell: (row) => nameOf(row.created_by) },
    { id: "state", head: "State", width: "110px", cell: (row) => <StateMark state={row.state} /> },
    { id: "until", head: "Ends", width: "110px", num: true, cell: (row) => <RelativeTime at={row.ends_at} /> },
    { id: "act", head: <span className="sr">Act</span>, width: "72px", num: true, cell: end },
  ];
  return (
    <div className="page fixed">
      <div className="page-head">
        <div><h1 className="place">Silences</h1><p className="dim">A person’s reason for quiet, with matchers, an author, and an end</p></div>
        <div className="actions">{may("silence:write") && <button type="button" className="btn primary" onClick={() => setAdding(true)}><Icon name="plus" size="m" />New silence</button>}</div>
      </div>
      <div className="filters">
        <Segments name="state" label="State" options={[{ value: "", label: "In force" }, { value: "expired", label: "Ended" }, { value: "all", label: "All" }]} />
        <Announce resource="silences" one="silence" />
      </div>
      <section className="card fill" aria-label="Silences">
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="silences" />
          : (
            <DataTable
              label="Silences" rows={rows} columns={columns} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
              empty={<EmptyState title="No silence"><p>Open an alert and choose “Silence”: its matchers are filled in. <span className="mono">amtool silence add</span> works, too.</p></EmptyState>}
              card={(row) => (
                <div className="card-row">
                  <span className="row"><StateMark state={row.state} /><span className="end dim3 t12">ends <RelativeTime at={row.ends_at} /></span></span>
                  <span className="mono wrap">{matcherText(row)}</span>
                  <span className="row t12 dim"><span className="wrap grow">{row.comment}, by {nameOf(row.created_by)}</span>{end(row)}</span>
                </div>
              )}
            />
          )}
        {rows.length > 0 && <ListFoot shown={rows.length} more={list.more} loading={list.isLoadingMore} />}
      </section>
      <Ask
        opened={ending !== null} onClose={() => setEnding(null)} title="End this silence?" act="End the silence"
        effect={<>Alerts with <span className="mono">{ending ? matcherText(ending) : ""}</span> call people again from now on.</>}
        run={() => (ending ? expire.mutateAsync({ id: ending.id }) : Promise.resolve())}
      />
      <NewSilence opened={adding} onClose={() => setAdding(false)} matchers={[{ name: "resource", value: "", is_regex: false, is_equal: true }]} namespace={home} />
    </div>
  );
}

/** Changes that are planned and made with OnCue: wanted, agreed to, under way, done. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useList } from "../../data/lists";
import { nameOf, useMay } from "../../data/me";
import type { Change } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, MoreFilters, SearchField, Segments, TextFilter } from "../../parts/Filters";
import { exact, sentence } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { StateMark } from "../../parts/marks";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { RelativeTime, useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { Example } from "../quiet/Example";
import { ChangeTabs } from "./ChangeTabs";
import { NewChange } from "./NewChange";
import { plain, reachOf, standingOf, targetsOf, whenOf } from "./view";

const STATES: Record<string, string> = { "": "draft,assess,authorise,scheduled,implement,review", waiting: "draft,assess,authorise,scheduled", implement: "implement", review: "review", over: "closed,cancelled", all: "" };
const FILTERS = ["q", "state", "template"];

export default function ChangesPage() {
  const [filters, change] = useFilters();
  const may = useMay();
  return (
    <div className="page fixed">
      <div className="page-head">
        <div><h1 className="place">Changes</h1><p className="dim">Planned, agreed to, made in waves, and undone if they fail. <HelpLink page="reference/kinds.md">How they are written</HelpLink></p></div>
        {may("change:write") && <div className="actions"><button type="button" className="btn primary" onClick={() => change({ new: "1" })}><Icon name="plus" size="m" />New change</button></div>}
      </div>
      <ChangeTabs current="/changes" />
      <div className="filters">
        <SearchField label="Search titles and ids" />
        <Segments
          name="state" label="State"
          options={[{ value: "", label: "Open" }, { value: "waiting", label: "Waiting" }, { value: "implement", label: "Under way" }, { value: "review", label: "To review" }, { value: "over", label: "Over" }, { value: "all", label: "All" }]}
        />
        <MoreFilters names={["template"]}><TextFilter name="template" label="Template" width={150} /></MoreFilters>
        <ClearFilters names={FILTERS} />
        <Announce resource="changes" one="change" />
      </div>
      <List />
      <NewChange opened={filters["new"] === "1"} chosen={filters["of"]} choose={(of) => change({ of })} onClose={() => change({ new: undefined, of: undefined })} />
    </div>
  );
}

function List() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const list = useList<Change>("changes", { q: filters["q"], state: STATES[filters["state"] ?? ""], template: filters["template"], namespace: filters["namespace"] });
  const columns: readonly Column<Change>[] = [
    { id: "id", head: "Id", width: "84px", cell: (row) => <span className="mono">{row.id}</span> },
    { id: "title", head: "Change, targets", cell: (row) => <><Link to="/changes/$id" params={{ id: row.id }} className="title">{row.title}</Link><span className="second">{targetsOf(row)}</span></> },
    { id: "state", head: "State, why", width: "260px", cell: (row) => <><Mark change={row} /><span className="second" title={row.said ?? ""}>{row.said ? plain(row.said) : reachOf(row)}</span></> },
    { id: "type", head: "Type", width: "120px", cell: (row) => <>{sentence(row.type)}<span className="second">{row.template ?? "its own plan"}</span></> },
    { id: "who", head: "Who wants it", width: "150px", cell: (row) => <>{nameOf(row.requester)}<span className="second">{row.namespace}</span></> },
    { id: "when", head: "When", width: "110px", num: true, cell: (row) => <When change={row} /> },
  ];
  const narrowed = FILTERS.some((name) => filters[name]);
  return (
    <section className="card fill" aria-label="Changes">
      {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
        : list.isLoading ? <Loading what="changes" />
        : (
          <DataTable
            label="Changes" rows={list.items} columns={columns} rowKey={(row) => row.id} two more={list.more} loadMore={list.loadMore}
            onOpen={(row) => void navigate({ to: "/changes/$id", params: { id: row.id } })}
            empty={narrowed ? <EmptyState title="No change fits"><p>Widen or clear the filters above.</p></EmptyState> : (
              <EmptyState title="No change is open">
                <p>A change is made by a template: which targets, which steps, how each is validated and undone. Apply a <span className="mono">ChangeTemplate</span>, then make one here or from a terminal.</p>
                <Example text={'oncue apply -f restart-web.yaml\noncue change new restart-web --reason "A new version"'} />
                <p className="dim3">What a pipeline changes by itself is under <Link className="link" to="/changes/reported">Reported</Link>; what is over, under Over.</p>
              </EmptyState>
            )}
            card={(row) => (
              <Link to="/changes/$id" params={{ id: row.id }} className="card-row">
                <span className="row"><span className="mono">{row.id}</span><Mark change={row} /><span className="end dim3 t12"><When change={row} inline /></span></span>
                <span className="title">{row.title}</span>
                <span className="t12 dim wrap">{sentence(row.type)} · {targetsOf(row)} · {nameOf(row.requester)}</span>
              </Link>
            )}
          />
        )}
      {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
    </section>
  );
}

function Mark({ change }: { change: Change }) {
  const { mark, words } = standingOf(change);
  return <StateMark state={mark} text={words} />;
}

function When({ change, inline = false }: { change: Change; inline?: boolean }) {
  const { what, at } = whenOf(change, useNow());
  if (at === null) return <span className="dim3">{what}</span>;
  if (inline) return <span title={exact(at)}>{what} <RelativeTime at={at} /></span>;
  return <span title={exact(at)}><RelativeTime at={at} /><span className="second">{what}</span></span>;
}

/** The list of incidents. */
import { useState } from "react";

import { useList } from "../../data/lists";
import { useMay, useMe } from "../../data/me";
import { SEVERITIES, type Incident } from "../../data/types";
import { Announce } from "../../parts/Announce";
import { Choice, ClearFilters, MoreFilters, SearchField, Segments, TextFilter } from "../../parts/Filters";
import { Icon } from "../../parts/Icon";
import { ListFoot } from "../../parts/ListFoot";
import { EmptyState, ErrorState, Loading } from "../../parts/states";
import { useNow } from "../../parts/time";
import { sinceOf, useFilters } from "../../shell/filters";
import { BulkIncidents } from "./BulkIncidents";
import { IncidentTable } from "./IncidentTable";
import { NewIncident } from "./NewIncident";

/** The order of a view: what needs work by priority, then age; what is over by when it last changed. */
function orderOf(state: string | undefined): "priority" | "changed" {
  return state === "resolved" || state === "all" ? "changed" : "priority";
}

const NONE: ReadonlySet<string> = new Set();
const STATES: Record<string, string> = { "": "open,acknowledged", open: "open", resolved: "resolved,closed", all: "" };

export default function IncidentsPage() {
  const [filters] = useFilters();
  const now = useNow();
  const may = useMay();
  const me = useMe().data;
  const [opening, setOpening] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(NONE);
  const list = useList<Incident>("incidents", {
    q: filters["q"], severity: filters["severity"], service: filters["service"], namespace: filters["namespace"],
    state: STATES[filters["state"] ?? ""] ?? filters["state"], since: sinceOf(filters["range"], now), order: orderOf(filters["state"]),
  });
  const works = may("incident:acknowledge");
  const picked = list.items.filter((one) => chosen.has(one.id));
  return (
    <div className="page fixed">
      <div className="page-head"><div><h1 className="place">Incidents</h1><p className="dim">{orderOf(filters["state"]) === "priority" ? "By priority, then age: the oldest first" : "The last changed first"}</p></div>{may("incident:edit") && <div className="actions"><button type="button" className="btn" onClick={() => setOpening(true)}><Icon name="plus" size="m" />Open incident</button></div>}</div>
      <div className="filters">
        <SearchField label="Search titles and ids" />
        <Segments name="state" label="State" options={[{ value: "", label: "Open" }, { value: "open", label: "Not acknowledged" }, { value: "resolved", label: "Resolved" }, { value: "all", label: "All" }]} />
        <MoreFilters names={["severity", "service", "range"]}>
          <Choice name="severity" label="Severity" values={SEVERITIES.slice(0, 4)} />
          <TextFilter name="service" label="Service" />
          <Choice name="range" label="Changed within" values={["1h", "24h", "7d", "30d"]} width={140} />
        </MoreFilters>
        <ClearFilters names={["q", "state", "severity", "service", "range"]} />
        <Announce resource="incidents" one="incident" />
      </div>
      <section className="card fill" aria-label="Incidents">
        {picked.length > 0 && <BulkIncidents chosen={picked} done={() => setChosen(NONE)} />}
        {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
          : list.isLoading ? <Loading what="incidents" />
          : (
            <IncidentTable
              rows={list.items} more={list.more} loadMore={list.loadMore} {...(works ? { chosen, choose: setChosen } : {})}
              empty={<EmptyState title="No incident fits"><p>{filters["state"] ? "Widen the filters above." : "Nothing is open. Resolved incidents are under “Resolved”."}</p></EmptyState>}
            />
          )}
        {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
      </section>
      <NewIncident opened={opening} onClose={() => setOpening(false)} namespace={filters["namespace"] ?? me?.home ?? "default"} />
    </div>
  );
}

/** Services: how each is; every resource; and the map of what needs what. */
import { Link, useNavigate } from "@tanstack/react-router";

import { useList, useShort } from "../../data/lists";
import { nameOf } from "../../data/me";
import { SEVERITIES, type Place, type Service } from "../../data/types";
import { DataTable, type Column } from "../../parts/DataTable";
import { ClearFilters, SearchField, Segments } from "../../parts/Filters";
import { count, plural } from "../../parts/format";
import { HelpLink } from "../../parts/HelpLink";
import { ListFoot } from "../../parts/ListFoot";
import { SeverityMark } from "../../parts/marks";
import { PlaceLink } from "../../parts/PlaceLink";
import { EmptyState, ErrorState, Loaded, Loading } from "../../parts/states";
import { useFilters } from "../../shell/filters";
import { MapView } from "./MapView";

const VIEWS = [{ value: "", label: "Services" }, { value: "resources", label: "Everything" }, { value: "map", label: "Map" }];

export default function ServicesPage() {
  const [filters] = useFilters();
  const view = filters["view"] ?? "";
  const head = <div className="page-head"><div><h1 className="place">Services</h1></div></div>;
  if (view === "map") return <div className="page fixed">{head}<MapView views={<Segments name="view" label="What is shown" options={VIEWS} />} namespace={filters["namespace"] ?? "default"} /></div>;
  return (
    <div className="page fixed">
      {head}
      <div className="filters"><SearchField label="Search names" /><Segments name="view" label="What is shown" options={VIEWS} /><ClearFilters names={["q"]} /></div>
      {view === "resources" ? <Everything /> : <ServiceList />}
    </div>
  );
}

const edgeOf = (severity: Service["severity"]): string => (severity === "clear" ? "" : `edge ${severity}`);

const SERVICES: readonly Column<Service>[] = [
  { id: "health", head: "Health", width: "112px", className: (row) => edgeOf(row.severity), cell: (row) => (row.severity === "clear" ? <span className="dim">Well</span> : <SeverityMark severity={row.severity} />) },
  {
    id: "name", head: "Service",
    cell: (row) => (
      <>
        <Link to="/services/$namespace/$id" params={{ namespace: row.namespace, id: `service:${row.name}` }} className="title">{row.name}</Link>
        <span className="second">{row.description ?? (row.manifest ? row.namespace : "only named by alerts: no manifest declares it")}</span>
      </>
    ),
  },
  { id: "criticality", head: "Criticality", width: "104px", cell: (row) => row.criticality },
  { id: "owner", head: "Owner", width: "18%", cell: (row) => nameOf(row.owner) || <span className="dim3">nobody</span> },
  { id: "incidents", head: "Open incidents", width: "112px", num: true, cell: (row) => (row.incidents_open > 0 ? <Link to="/incidents" search={{ service: row.name }} className="med">{count(row.incidents_open)}</Link> : <span className="dim3">0</span>) },
  { id: "alerts", head: "Alerts firing", width: "104px", num: true, cell: (row) => (row.alerts_firing > 0 ? <Link to="/alerts" search={{ service: row.name }}>{count(row.alerts_firing)}</Link> : <span className="dim3">0</span>) },
];

function ServiceList() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const query = useShort<Service>("services", { namespace: filters["namespace"] }, { refetchInterval: 10_000 });
  const q = filters["q"]?.toLowerCase() ?? "";
  return (
    <section className="card fill" aria-label="Services">
      <Loaded query={query} what="services">
        {(page) => {
          const rows = page.items.filter((row) => row.name.toLowerCase().includes(q) || (row.description ?? "").toLowerCase().includes(q));
          const ill = rows.filter((row) => row.severity !== "clear").length;
          return (
            <>
              <DataTable
                label="Services" rows={rows} columns={SERVICES} rowKey={(row) => row.id} two onOpen={(row) => void navigate({ to: "/services/$namespace/$id", params: { namespace: row.namespace, id: `service:${row.name}` } })}
                empty={q === "" ? <NoServices /> : <EmptyState title="No service fits" />}
                card={(row) => (
                  <Link to="/services/$namespace/$id" params={{ namespace: row.namespace, id: `service:${row.name}` }} className={`card-row ${edgeOf(row.severity)}`}>
                    <span className="row"><span className="title">{row.name}</span><span className="end">{row.severity === "clear" ? <span className="dim3">Well</span> : <SeverityMark severity={row.severity} />}</span></span>
                    <span className="t12 dim3">{[row.criticality, nameOf(row.owner), row.incidents_open > 0 && plural(row.incidents_open, "open incident"), row.alerts_firing > 0 && plural(row.alerts_firing, "alert")].filter(Boolean).join(" · ")}</span>
                  </Link>
                )}
              />
              {rows.length > 0 && <div className="list-foot">{plural(rows.length, "service")}, {count(ill)} not well</div>}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}

function NoServices() {
  return (
    <EmptyState title="No service is declared">
      <p>A service says what people depend on, who owns it and what it needs. <HelpLink page="how-to/topology.md">Say what needs what</HelpLink></p>
      <pre className="code boxed">{"apiVersion: oncue/v1\nkind: Service\nmetadata: {name: shop}\nspec: {criticality: high, owner: \"team:basis\", depends_on: [orders]}"}</pre>
    </EmptyState>
  );
}

const PLACES: readonly Column<Place>[] = [
  { id: "health", head: "Health", width: "112px", className: (row) => edgeOf(row.severity), cell: (row) => (row.severity === "clear" ? <span className="dim">Well</span> : <SeverityMark severity={row.severity} />) },
  { id: "name", head: "Name", cell: (row) => <><span className="title"><PlaceLink place={row} /></span>{row.aliases.length > 0 && <span className="dim3 t12"> {row.aliases.join(", ")}</span>}</> },
  { id: "type", head: "Type", width: "18%", cell: (row) => row.type || <span className="dim3">none</span> },
  { id: "owner", head: "Owner", width: "18%", cell: (row) => nameOf(row.owner) },
  { id: "alerts", head: "Alerts firing", width: "104px", num: true, cell: (row) => (row.alerts_firing > 0 ? count(row.alerts_firing) : <span className="dim3">0</span>) },
];

/** Resources and services alike, of one namespace: tens of thousands are read page by page. */
function Everything() {
  const [filters] = useFilters();
  const navigate = useNavigate();
  const namespace = filters["namespace"] ?? "default";
  const list = useList<Place>("services", { namespace, q: filters["q"] }, { path: "/topology" });
  return (
    <section className="card fill" aria-label="Resources and services">
      {list.error ? <div className="card-body"><ErrorState error={list.error} retry={list.retry} /></div>
        : list.isLoading ? <Loading what="the topology" />
        : (
          <DataTable
            label="Resources and services" rows={list.items} columns={PLACES} rowKey={(row) => row.id} more={list.more} loadMore={list.loadMore}
            onOpen={(row) => void navigate({ to: "/services/$namespace/$id", params: { namespace: row.namespace, id: row.id } })}
            empty={filters["q"] ? <EmptyState title="Nothing fits" /> : <NoServices />}
            card={(row) => (
              <Link to="/services/$namespace/$id" params={{ namespace: row.namespace, id: row.id }} className={`card-row ${edgeOf(row.severity)}`}>
                <span className="row"><span className="title">{row.name}</span><span className="end">{SEVERITIES.includes(row.severity) && row.severity !== "clear" ? <SeverityMark severity={row.severity} /> : <span className="dim3">Well</span>}</span></span>
                <span className="t12 dim3">{[row.type, nameOf(row.owner)].filter(Boolean).join(" · ")}</span>
              </Link>
            )}
          />
        )}
      {list.items.length > 0 && <ListFoot shown={list.items.length} more={list.more} loading={list.isLoadingMore} />}
    </section>
  );
}

/**
 * The map of what needs what. A large landscape is folded into wholes or types, and unfolds where one wants to look; or
 * one looks at the neighbours of a single place. What fails comes first; what is not drawn is counted.
 */
import { useMediaQuery } from "@mantine/hooks";
import { lazy, Suspense, useCallback, useMemo, type ReactNode } from "react";

import { nameOf } from "../../data/me";
import { useMap, useSurroundings } from "../../data/topology";
import type { Edge, MapNode } from "../../data/types";
import { PHONE } from "../../parts/DataTable";
import { count, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { SeverityMark, SeverityShape } from "../../parts/marks";
import { PlaceLink } from "../../parts/PlaceLink";
import { EmptyState, Loaded, Loading } from "../../parts/states";
import { noteOf, type Dot } from "../../parts/dot";
import { useFilters } from "../../shell/filters";
import { FindPlace } from "./FindPlace";
import { aroundOf, dotOf, mapSaid } from "./view";

const Graph = lazy(() => import("../../parts/TopologyGraph"));

const FOLDS = [{ value: "", label: "Fit" }, { value: "none", label: "Every place" }, { value: "whole", label: "Wholes" }, { value: "type", label: "Types" }];
const LAYERS = [{ value: "", label: "All layers" }, { value: "2", label: "Top 2" }, { value: "3", label: "Top 3" }, { value: "4", label: "Top 4" }];

function Choose({ label, options, value, choose }: { label: string; options: readonly { value: string; label: string }[]; value: string; choose: (value: string) => void }) {
  return (
    <div className="segments" role="group" aria-label={label}>
      {options.map((option) => <button key={option.value} type="button" aria-pressed={value === option.value} onClick={() => choose(option.value)}>{option.label}</button>)}
    </div>
  );
}

export function MapView({ namespace, views }: { namespace: string; views: ReactNode }) {
  const [filters, change] = useFilters();
  const focus = filters["focus"];
  return (
    <>
      <div className="filters">
        <FindPlace namespace={namespace} choose={(place) => change({ focus: place.id, show: place.id })} />
        {views}
        {focus === undefined
          ? <><Choose label="How it is folded" options={FOLDS} value={filters["fold"] ?? ""} choose={(fold) => change({ fold, open: undefined, show: undefined })} /><Choose label="Layers" options={LAYERS} value={filters["depth"] ?? ""} choose={(depth) => change({ depth })} /></>
          : <><Choose label="Steps away" options={["1", "2", "3", "4"].map((value) => ({ value, label: value === "1" ? "1 step" : value }))} value={filters["hops"] ?? "2"} choose={(hops) => change({ hops })} /><button type="button" className="btn" onClick={() => change({ focus: undefined, hops: undefined })}><Icon name="back" size="s" />The whole map</button></>}
      </div>
      {focus === undefined ? <Whole namespace={namespace} /> : <Around namespace={namespace} id={focus} hops={Number(filters["hops"] ?? "2")} />}
    </>
  );
}

function Whole({ namespace }: { namespace: string }) {
  const [filters] = useFilters();
  const opened = useMemo(() => (filters["open"] ?? "").split("|").filter((id) => id !== ""), [filters]);
  const query = useMap({ namespace, fold: filters["fold"] ?? "auto", open: opened, depth: Number(filters["depth"] ?? 0) || undefined });
  return (
    <section className="card fill map" aria-label="Map">
      <Loaded query={query} what="the map">
        {(map) => map.total === 0
          ? <EmptyState title={`The topology of ${namespace} is empty`}><p>Resources and services come from manifests, or from an inventory: <span className="mono">oncue topology import inventory.csv --apply</span></p></EmptyState>
          : <Drawn nodes={map.nodes} lines={map.edges} said={`${namespace}: ${mapSaid(map)}`} opened={opened} />}
      </Loaded>
    </section>
  );
}

function Around({ namespace, id, hops }: { namespace: string; id: string; hops: number }) {
  const query = useSurroundings(namespace, id, hops);
  const nodes = useMemo(() => (query.data ? aroundOf(query.data) : []), [query.data]);
  return (
    <section className="card fill map" aria-label="Map">
      <Loaded query={query} what="its neighbours">
        {(found) => <Drawn nodes={nodes} lines={found.edges} root={found.place.id} opened={[]} said={`${found.place.name}, what it needs and what needs it: ${plural(nodes.length - 1, "place")}${found.truncated ? ", and more that is not shown" : ""}`} />}
      </Loaded>
    </section>
  );
}

interface Props {
  nodes: readonly MapNode[];
  lines: readonly { of: string; on: string; relation?: string }[];
  said: string;
  opened: readonly string[];
  root?: string;
}

function Drawn({ nodes, lines, said, opened, root }: Props) {
  const [filters, change] = useFilters();
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const chosen = filters["show"] ?? null;
  const edges = useMemo((): Edge[] => lines.map((line) => ({ of: line.of, on: line.on, relation: line.relation ?? "depends_on" })), [lines]);
  const near = useMemo(() => new Set(edges.flatMap((edge) => (edge.of === chosen ? [edge.on] : edge.on === chosen ? [edge.of] : []))), [edges, chosen]);
  const known = chosen !== null && nodes.some((node) => node.place.id === chosen);
  const dots = useMemo((): Dot[] => nodes.map((node) => ({ ...dotOf(node), faint: known && node.place.id !== chosen && !near.has(node.place.id) })), [nodes, known, chosen, near]);
  const choose = useCallback((id: string) => change({ show: id }), [change]);
  const node = nodes.find((each) => each.place.id === chosen);
  const open = (ids: readonly string[]): void => change({ open: ids.join("|") });
  return (
    <>
      {phone ? <MapList dots={dots} /> : <Suspense fallback={<Loading what="the map" />}><Graph label="Map of what needs what" dots={dots} edges={edges} chosen={chosen} choose={choose} fill {...(root ? { root } : {})} /></Suspense>}
      <div className="map-bar" aria-live="polite">
        {node && !phone ? (
          <>
            <SeverityMark severity={node.place.severity} />
            <b className="med">{node.place.id.startsWith("type:") ? `All of the type ${node.place.name}` : <PlaceLink place={node.place} />}</b>
            <span>{[node.place.type, node.place.criticality, nameOf(node.place.owner), node.place.alerts_firing > 0 && plural(node.place.alerts_firing, "alert"), `${String(near.size)} beside it`].filter(Boolean).join(", ")}</span>
            <span className="end row">
              {node.folded > 0 && <button type="button" className="btn small" onClick={() => open([...opened, node.place.id])}>Unfold {count(node.folded)}</button>}
              {node.opens && <button type="button" className="btn small" onClick={() => open(opened.filter((id) => id !== node.place.id))}>Fold again</button>}
              {!node.place.id.startsWith("type:") && root !== node.place.id && <button type="button" className="btn small" onClick={() => change({ focus: node.place.id })}>Only its neighbours</button>}
              <button type="button" className="btn small ghost" onClick={() => change({ show: undefined })}>Choose none</button>
            </span>
          </>
        ) : (
          <>
            <span className="wrap">{said}</span>
            <span className="end row wrapping dim3 t12 wide-only"><span>what needs stands above what it needs</span>{opened.length > 0 && <button type="button" className="btn small" onClick={() => open([])}>Fold all again</button>}</span>
          </>
        )}
      </div>
    </>
  );
}

/** On a phone: the same places, what fails first. */
function MapList({ dots }: { dots: readonly Dot[] }) {
  const shown = dots.slice(0, 100);
  return (
    <ul className="cards-list" aria-label="Places on the map">
      {shown.map((dot) => (
        <li key={dot.place.id} className="card-row">
          <span className="row">
            {dot.place.severity === "clear" ? <Icon name={dot.place.kind === "Service" ? "service" : "box"} size="s" /> : <SeverityShape severity={dot.place.severity} small />}
            <span className="med wrap">{dot.place.id.startsWith("type:") ? dot.place.name : <PlaceLink place={dot.place} />}</span><span className="t12 dim3 end nowrap">{noteOf(dot)}</span>
          </span>
        </li>
      ))}
      {dots.length > shown.length && <li className="list-foot">{count(dots.length - shown.length)} more that are well; find one by its name above.</li>}
    </ul>
  );
}

/**
 * A piece of the topology: what needs above what it needs. Severity is colour and shape; what fails has a solid edge,
 * what is only quiet a dashed one; a suspect has its rank. React Flow draws, elk places; both load only where this is.
 * What is too much for lines stands in bands instead, and shows the lines of the node that is chosen.
 */
import { Background, BackgroundVariant, Controls, Handle, Position, ReactFlow, type Edge as Line, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useState } from "react";

import type { Edge } from "../data/types";
import { bandsIn, type Band, type Banded } from "./bands";
import { noteOf, type Dot } from "./dot";
import { count } from "./format";
import { Icon, type IconName } from "./Icon";
import { layers, type Laid } from "./layout";
import { SeverityShape } from "./marks";
import { Loading } from "./states";

const WIDTH = 148;
const HEIGHT = 44;
const TILE = { width: 116, height: 26, gap: 6, head: 24 };
const MARGIN = 14;
const CONTROLS = 40;
/** Below this nothing can be read: the graph is moved instead. */
const SMALLEST = 0.8;
const TILE_ZOOMS = [0.9, 0.8];
/** Nodes and lines up to which every line is drawn. */
const NODES = 80;
const LINES = 160;

type Drawn = Node<{ dot: Dot; chosen: boolean; root: boolean; small: boolean }, "place">;
type Head = Node<{ band: Band }, "head">;

function iconOf(dot: Dot): IconName {
  if ((dot.folded ?? 0) > 0) return "many";
  if (dot.place.kind === "Service") return "service";
  return dot.place.type === "database" || dot.place.type === "storage" ? "database" : "box";
}

function PlaceNode({ data: { dot, chosen, root, small } }: NodeProps<Drawn>) {
  const { place } = dot;
  const classes = [
    "node place", place.severity === "clear" ? "neutral" : place.severity, chosen && "chosen", dot.mark === "cause" && "cause", place.alerts_firing > 0 && place.severity === "clear" && "only-quiet",
    dot.faint && "beside", (dot.folded ?? 0) > 0 && "many", root && "root", small && "small",
  ].filter(Boolean).join(" ");
  return (
    <div className={classes} style={small ? { width: TILE.width, height: TILE.height, minHeight: 0 } : { width: WIDTH, height: HEIGHT }} title={`${place.name}: ${noteOf(dot)}`}>
      <Handle type="target" position={Position.Top} style={{ opacity: 0 }} isConnectable={false} />
      <span className="name">
        {place.severity === "clear" ? <Icon name={iconOf(dot)} size="s" /> : <SeverityShape severity={place.severity} small />}
        <span className="cut">{place.name}</span>
        {dot.rank && <span className="rank" title={`Suspect ${String(dot.rank)}`}>{dot.rank}</span>}
        {small && (dot.folded ?? 0) > 0 && <span className="dim3 t11 end">{count(dot.folded ?? 0)}</span>}
      </span>
      {!small && <span className="about">{noteOf(dot)}</span>}
      <Handle type="source" position={Position.Bottom} style={{ opacity: 0 }} isConnectable={false} />
    </div>
  );
}

function BandHead({ data: { band } }: NodeProps<Head>) {
  return <div className="lane-head">{band.depth < 0 ? "Fails" : band.depth === 0 ? "Nothing needs it" : band.depth === 1 ? "1 step down" : `${String(band.depth)} steps down`} <span className="dim3">{count(band.count)}</span></div>;
}

const TYPES = { place: PlaceNode, head: BandHead };

interface Props {
  label: string;
  dots: readonly Dot[];
  edges: readonly Edge[];
  chosen?: string | null;
  choose?: (id: string) => void;
  /** The node that it is all about. */
  root?: string;
  /** Takes the room that there is, and does not grow with what it shows. */
  fill?: boolean;
}

const isBanded = (laid: Laid | Banded): laid is Banded => "bands" in laid;

/** Where each node is; null while that is being found out. */
function useLaid(dots: readonly Dot[], edges: readonly Edge[], dense: boolean, room: { width: number; height: number }): { laid: Laid | Banded; zoom: number | null } | null {
  const [laid, setLaid] = useState<{ key: string; laid: Laid } | null>(null);
  const key = useMemo(() => JSON.stringify([dots.map((dot) => dot.place.id), edges.map((edge) => [edge.of, edge.on])]), [dots, edges]);
  useEffect(() => {
    if (dense) return undefined;
    let current = true;
    const [ids, lines] = JSON.parse(key) as [string[], [string, string][]];
    void layers(ids.map((id) => ({ id, width: WIDTH, height: HEIGHT })), lines.map(([from, to]) => ({ from, to })), { direction: "DOWN", gap: 12, between: 30 }).then((found) => {
      if (current) setLaid({ key, laid: found });
    });
    return () => {
      current = false;
    };
  }, [key, dense]);
  const failing = useMemo(() => dots.filter((dot) => dot.fails).map((dot) => dot.place.id).join("\n"), [dots]);
  const { width, height } = room;
  const banded = useMemo(() => {
    if (!dense || width <= 0 || height <= 0) return null;
    const [ids, lines] = JSON.parse(key) as [string[], [string, string][]];
    return bandsIn(ids, lines.map(([from, to]) => ({ from, to })), TILE, { width, height }, new Set(failing.split("\n")), TILE_ZOOMS);
  }, [key, dense, width, height, failing]);
  return dense ? banded : laid?.key === key ? { laid: laid.laid, zoom: null } : null;
}

/** A service stands above what provides it, as all that needs something does. */
const upright = (edge: Edge): Edge => (edge.relation === "provides" ? { ...edge, of: edge.on, on: edge.of } : edge);

export default function TopologyGraph({ label, dots, edges: given, chosen = null, choose, root, fill = false }: Props) {
  const edges = useMemo(() => given.map(upright), [given]);
  const { ref, width, height: room } = useElementSize();
  const dense = fill && (dots.length > NODES || edges.length > LINES);
  const found = useLaid(dots, edges, dense, { width: width - 2 * MARGIN, height: room - 2 * MARGIN });
  const laid = found?.laid ?? null;
  const nodes = useMemo((): (Drawn | Head)[] => {
    if (laid === null) return [];
    const heads = isBanded(laid) ? laid.bands.map((band): Head => ({ id: `band:${String(band.depth)}`, type: "head", position: { x: 0, y: band.y }, width: 200, height: TILE.head, draggable: false, selectable: false, focusable: false, data: { band } })) : [];
    return [...heads, ...dots.map((dot): Drawn => ({
      id: dot.place.id, type: "place", position: laid.places.get(dot.place.id) ?? { x: 0, y: 0 }, width: dense ? TILE.width : WIDTH, height: dense ? TILE.height : HEIGHT, draggable: false, connectable: false, zIndex: 2,
      ariaLabel: `${dot.place.kind} ${dot.place.name}: ${dot.place.severity === "clear" ? "" : `${dot.place.severity}, `}${noteOf(dot)}`,
      data: { dot, chosen: dot.place.id === chosen, root: dot.place.id === root, small: dense },
    }))];
  }, [dots, laid, chosen, root, dense]);

  const lines = useMemo((): Line[] => {
    const known = new Map(dots.map((dot) => [dot.place.id, dot]));
    return edges.flatMap((edge): Line[] => {
      const [of, on] = [known.get(edge.of), known.get(edge.on)];
      const fault = (of?.fails ?? false) && (on?.fails ?? false);
      const near = chosen !== null && (edge.of === chosen || edge.on === chosen);
      if (dense && !near) return [];
      const faint = (of?.faint ?? false) || (on?.faint ?? false);
      return [{
        id: `${edge.of}>${edge.on}>${edge.relation}`, source: edge.of, target: edge.on, focusable: false, zIndex: fault || near ? 1 : 0,
        style: { stroke: near ? "var(--accent)" : fault ? `var(--${on?.place.severity === "clear" ? "text-2" : on?.place.severity ?? "text-2"})` : "var(--line-strong)", strokeWidth: fault || near ? 2 : 1.25, opacity: faint && !near ? 0.4 : 1 },
      }];
    });
  }, [dots, edges, chosen, dense]);

  const fits = laid === null ? 1 : Math.min((width - 2 * MARGIN) / laid.width, fill ? (room - 2 * MARGIN) / laid.height : 1);
  const zoom = found?.zoom ?? Math.min(1, Math.max(SMALLEST, fits));
  const wide = laid === null ? 0 : laid.width * zoom;
  const moves = fill || wide > width - MARGIN;
  const height = laid === null ? 120 : Math.round(laid.height * zoom + 2 * MARGIN + (moves ? CONTROLS : 0));
  // In the middle where it fits; from its corner where it does not.
  const x = Math.max(MARGIN, (width - wide) / 2);
  const y = fill && laid !== null ? Math.max(MARGIN, (room - laid.height * zoom) / 2) : MARGIN;
  return (
    <div className={fill ? "graph fill" : "graph"} ref={ref} style={fill ? {} : { height: `min(${String(Math.max(height, 120))}px, 56vh)` }} role="group" aria-label={label}>
      {laid === null || width === 0 ? <Loading what="the graph" /> : (
        <ReactFlow
          key={`${String(width)} ${String(laid.width)} ${String(laid.height)} ${String(dots.length)}`} nodes={nodes} edges={lines} nodeTypes={TYPES} defaultViewport={{ x, y, zoom }} minZoom={0.2} maxZoom={1.5} onlyRenderVisibleElements={dense}
          nodesDraggable={false} nodesConnectable={false} zoomOnScroll={false} panOnScroll={fill} preventScrolling={fill} {...(choose ? { onNodeClick: (_: unknown, node: Drawn | Head) => node.type === "place" && choose(node.id) } : {})}
          onSelectionChange={({ nodes: [first] }) => first !== undefined && first.type === "place" && first.id !== chosen && choose?.(first.id)}
        >
          {!dense && <Background variant={BackgroundVariant.Dots} gap={16} size={1} />}
          {moves && <Controls showInteractive={false} orientation="horizontal" />}
        </ReactFlow>
      )}
    </div>
  );
}

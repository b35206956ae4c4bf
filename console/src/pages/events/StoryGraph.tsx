/** The story as a graph: React Flow draws, elk places. Both load only here. */
import { Background, BackgroundVariant, Controls, Handle, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import ELK from "elkjs/lib/elk.bundled.js";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo, useState } from "react";

import type { Story, StoryNode } from "../../data/types";
import { Icon, type IconName } from "../../parts/Icon";
import { isSeverity, SeverityShape } from "../../parts/marks";
import { Loading } from "../../parts/states";
import { about, didNot, failed, laneOf, LANES, type Lane } from "./view";

const WIDTH = 184;
const HEIGHT = 46;
const HEAD = 26;
/** Around the graph, in pixels of the screen. */
const MARGIN = 16;
/** Below the graph, for the buttons that move it. */
const CONTROLS = 36;
/** Below this nothing can be read: the graph is moved instead. */
const SMALLEST = 0.8;

const ICONS: Record<Lane, IconName> = { Event: "event", Alert: "alert", Incident: "incident", Decision: "policy", Response: "effect" };
const ABOUT_ICONS: Record<string, IconName> = { run: "run", ticket: "ticket", effect: "effect", step: "run", comment: "comment" };

type Drawn = Node<{ node: StoryNode; chosen: boolean; root: boolean }, "box">;
type Head = Node<{ lane: Lane; count: number }, "head">;

function tone(node: StoryNode, root: boolean): string {
  if (failed(node)) return "critical";
  if (isSeverity(node.severity)) return node.severity;
  const lane = laneOf(node);
  if (root || lane === "Event") return "neutral";
  return lane === "Response" ? "clear" : lane === "Decision" ? "active-tone" : "neutral";
}

function Box({ data: { node, chosen, root } }: NodeProps<Drawn>) {
  const icon = ABOUT_ICONS[node.about_kind ?? ""] ?? ICONS[laneOf(node)];
  return (
    <div className={`node ${tone(node, root)}${chosen ? " chosen" : ""}${didNot(node) ? " did-not" : ""}${failed(node) ? " failed" : ""}${root ? " cause" : ""}`} title={[node.title, node.reason, node.detail].filter(Boolean).join("\n")}>
      <Handle type="target" position={Position.Left} style={{ opacity: 0 }} isConnectable={false} />
      <span className="name">{isSeverity(node.severity) ? <SeverityShape severity={node.severity} small /> : <Icon name={failed(node) ? "failed" : icon} size="s" />}<span className="cut">{laneOf(node) === "Decision" ? node.title.split("/").at(-1) : node.title}</span></span>
      <span className="about">{about(node)}</span>
      <Handle type="source" position={Position.Right} style={{ opacity: 0 }} isConnectable={false} />
    </div>
  );
}

function LaneHead({ data: { lane, count } }: NodeProps<Head>) {
  return <div className="lane-head">{lane} <span className="dim3">{count}</span></div>;
}

const TYPES = { box: Box, head: LaneHead };

interface Laid {
  places: Map<string, { x: number; y: number }>;
  width: number;
  height: number;
}

/** Places of the nodes, left to right in lanes. */
async function placed(story: Story): Promise<Laid> {
  const elk = new ELK();
  const laid = await elk.layout({
    id: "story",
    layoutOptions: {
      "elk.algorithm": "layered", "elk.direction": "RIGHT", "elk.partitioning.activate": "true",
      "elk.spacing.nodeNode": "14", "elk.layered.spacing.nodeNodeBetweenLayers": "44", "elk.padding": "[top=0,left=0,bottom=0,right=0]", "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    },
    children: story.nodes.map((node) => ({
      id: node.id, width: WIDTH, height: HEIGHT, layoutOptions: { "elk.partitioning.partition": String(LANES.indexOf(laneOf(node))) },
    })),
    edges: story.edges.map((edge, index) => ({ id: String(index), sources: [edge.from], targets: [edge.to] })),
  });
  const places = new Map((laid.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: (child.y ?? 0) + HEAD }]));
  const found = [...places.values()];
  return { places, width: Math.max(0, ...found.map((place) => place.x)) + WIDTH, height: Math.max(0, ...found.map((place) => place.y)) + HEIGHT };
}

/** The name of each lane above its leftmost node. */
function heads(story: Story, { places }: Laid): Head[] {
  return LANES.flatMap((lane): Head[] => {
    const nodes = story.nodes.filter((node) => laneOf(node) === lane);
    if (nodes.length === 0) return [];
    const x = Math.min(...nodes.map((node) => places.get(node.id)?.x ?? 0));
    return [{ id: `lane:${lane}`, type: "head", position: { x, y: 0 }, width: WIDTH, height: HEAD, draggable: false, selectable: false, focusable: false, data: { lane, count: nodes.length } }];
  });
}

export default function StoryGraph({ story, chosen, choose }: { story: Story; chosen: string | null; choose: (id: string) => void }) {
  const [laid, setLaid] = useState<Laid | null>(null);
  const { ref, width } = useElementSize();
  useEffect(() => {
    let current = true;
    void placed(story).then((found) => {
      if (current) setLaid(found);
    });
    return () => {
      current = false;
    };
  }, [story]);

  const nodes = useMemo((): Drawn[] => story.nodes.map((node) => ({
    id: node.id, type: "box", position: laid?.places.get(node.id) ?? { x: 0, y: 0 }, width: WIDTH, height: HEIGHT, draggable: false, connectable: false,
    ariaLabel: `${laneOf(node)}: ${node.title}${didNot(node) ? `, did not happen: ${node.reason ?? ""}` : failed(node) ? `, failed: ${node.detail ?? node.reason ?? ""}` : ""}`,
    data: { node, chosen: node.id === chosen, root: node.id === story.root },
  })), [story, laid, chosen]);

  const edges = useMemo((): Edge[] => {
    const refused = new Set(story.nodes.filter(didNot).map((node) => node.id));
    return story.edges.map((edge) => {
      const not = edge.kind === "prevented" || refused.has(edge.to);
      return {
        id: `${edge.from}>${edge.to}`, source: edge.from, target: edge.to, focusable: false,
        style: { stroke: not ? "var(--ghost)" : edge.kind === "asked" ? "var(--accent)" : "var(--text-3)", strokeWidth: 1.5, ...(not ? { strokeDasharray: "4 4" } : {}) },
      };
    });
  }, [story]);

  if (laid === null) return <Loading what="the graph" />;
  // As large as it fits, and never too small to read: what is wider begins at its left and is moved by dragging.
  const zoom = Math.min(1, Math.max(SMALLEST, (width - 2 * MARGIN) / laid.width));
  const moves = width < laid.width * zoom;
  const height = Math.round(laid.height * zoom + 2 * MARGIN + (moves ? CONTROLS : 0));
  return (
    <div className="graph" ref={ref} style={{ height: `min(${String(Math.max(height, 150))}px, 64vh)` }}>
      {width > 0 && (
        <ReactFlow
          key={`${String(width)} ${String(laid.width)}`} nodes={[...heads(story, laid), ...nodes]} edges={edges} nodeTypes={TYPES} defaultViewport={{ x: MARGIN, y: MARGIN, zoom }} minZoom={0.2} maxZoom={1.5}
          nodesDraggable={false} nodesConnectable={false} zoomOnScroll={false} preventScrolling={false} onNodeClick={(_, node) => node.type === "box" && choose(node.id)}
          onSelectionChange={({ nodes: [first] }) => first?.type === "box" && choose(first.id)}
        >
          <Background variant={BackgroundVariant.Dots} gap={16} size={1} />
          {moves && <Controls showInteractive={false} orientation="horizontal" />}
        </ReactFlow>
      )}
    </div>
  );
}

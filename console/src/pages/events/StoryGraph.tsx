/** The story as a graph: React Flow draws, elk places. Both load only here. */
import { Background, BackgroundVariant, Controls, Handle, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import ELK from "elkjs/lib/elk.bundled.js";
import { useEffect, useMemo, useState } from "react";

import type { Story, StoryNode } from "../../data/types";
import { Icon, type IconName } from "../../parts/Icon";
import { isSeverity, SeverityShape } from "../../parts/marks";
import { Loading } from "../../parts/states";
import { didNot, failed, laneOf, LANES, type Lane } from "./view";

const WIDTH = 196;
const HEIGHT = 46;

const ICONS: Record<Lane, IconName> = { Event: "event", Alert: "alert", Incident: "incident", Decision: "policy", Response: "effect" };
const ABOUT_ICONS: Record<string, IconName> = { run: "run", ticket: "ticket", effect: "effect", step: "run", comment: "comment" };

type Drawn = Node<{ node: StoryNode; chosen: boolean; root: boolean }>;

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
      <span className="name">{isSeverity(node.severity) ? <SeverityShape severity={node.severity} small /> : <Icon name={failed(node) ? "failed" : icon} size="s" />}<span className="cut">{node.title}</span></span>
      <span className="about">{[node.reason, node.detail ?? node.type].filter(Boolean).join(" · ")}</span>
      <Handle type="source" position={Position.Right} style={{ opacity: 0 }} isConnectable={false} />
    </div>
  );
}

const TYPES = { box: Box };

/** Places of the nodes, left to right in lanes. */
async function placed(story: Story): Promise<Map<string, { x: number; y: number }>> {
  const elk = new ELK();
  const laid = await elk.layout({
    id: "story",
    layoutOptions: {
      "elk.algorithm": "layered", "elk.direction": "RIGHT", "elk.partitioning.activate": "true",
      "elk.spacing.nodeNode": "14", "elk.layered.spacing.nodeNodeBetweenLayers": "56", "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    },
    children: story.nodes.map((node) => ({
      id: node.id, width: WIDTH, height: HEIGHT, layoutOptions: { "elk.partitioning.partition": String(LANES.indexOf(laneOf(node))) },
    })),
    edges: story.edges.map((edge, index) => ({ id: String(index), sources: [edge.from], targets: [edge.to] })),
  });
  return new Map((laid.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }]));
}

export default function StoryGraph({ story, chosen, choose }: { story: Story; chosen: string | null; choose: (id: string) => void }) {
  const [places, setPlaces] = useState<Map<string, { x: number; y: number }> | null>(null);
  useEffect(() => {
    let current = true;
    void placed(story).then((found) => {
      if (current) setPlaces(found);
    });
    return () => {
      current = false;
    };
  }, [story]);

  const nodes = useMemo((): Drawn[] => story.nodes.map((node) => ({
    id: node.id, type: "box", position: places?.get(node.id) ?? { x: 0, y: 0 }, width: WIDTH, height: HEIGHT, draggable: false, connectable: false,
    ariaLabel: `${laneOf(node)}: ${node.title}${didNot(node) ? `, did not happen: ${node.reason ?? ""}` : failed(node) ? `, failed: ${node.detail ?? node.reason ?? ""}` : ""}`,
    data: { node, chosen: node.id === chosen, root: node.id === story.root },
  })), [story, places, chosen]);

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

  if (places === null) return <Loading what="the graph" />;
  return (
    <div className="graph">
      <ReactFlow
        nodes={nodes} edges={edges} nodeTypes={TYPES} fitView fitViewOptions={{ padding: 0.08, maxZoom: 1 }} minZoom={0.2} maxZoom={1.5}
        nodesDraggable={false} nodesConnectable={false} zoomOnScroll={false} preventScrolling={false} onNodeClick={(_, node) => choose(node.id)}
        onSelectionChange={({ nodes: [first] }) => first && choose(first.id)}
      >
        <Background variant={BackgroundVariant.Dots} gap={16} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

/** Places for a graph's nodes. elk does it in a thread of its own, so that the page stays quick while it thinks. */
import ELK, { type ElkNode } from "elkjs/lib/elk-api.js";
import engine from "elkjs/lib/elk-worker.min.js?url";

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface Arrow {
  from: string;
  to: string;
}

export interface Laid {
  places: ReadonlyMap<string, { x: number; y: number }>;
  width: number;
  height: number;
}

export type Direction = "DOWN" | "RIGHT";

/** Nodes in layers along the arrows; parts that hang together by nothing stand side by side, in the proportion of `aspect`. */
export async function layers(boxes: readonly Box[], arrows: readonly Arrow[], options: { direction: Direction; gap: number; between: number; aspect?: number }): Promise<Laid> {
  const elk = new ELK({ workerFactory: () => new Worker(engine) });
  try {
    const known = new Set(boxes.map((box) => box.id));
    const graph: ElkNode = {
      id: "graph",
      layoutOptions: {
        "elk.algorithm": "layered", "elk.direction": options.direction, "elk.spacing.nodeNode": String(options.gap), "elk.layered.spacing.nodeNodeBetweenLayers": String(options.between),
        "elk.spacing.componentComponent": String(options.gap * 2), "elk.aspectRatio": String(options.aspect ?? 1.6), "elk.padding": "[top=0,left=0,bottom=0,right=0]",
        "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF", "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
        ...(boxes.length > 150 ? { "elk.layered.thoroughness": "2" } : {}),
      },
      children: boxes.map((box) => ({ ...box })),
      edges: arrows.filter((arrow) => known.has(arrow.from) && known.has(arrow.to)).map((arrow, index) => ({ id: String(index), sources: [arrow.from], targets: [arrow.to] })),
    };
    const laid = await elk.layout(graph);
    const places = new Map((laid.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }]));
    return { places, width: laid.width ?? 0, height: laid.height ?? 0 };
  } finally {
    elk.terminateWorker();
  }
}

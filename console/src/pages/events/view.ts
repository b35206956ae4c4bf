/** Events over time, and the story graph's lanes, before they are drawn. */
import type { JournalEvent, Story, StoryNode } from "../../data/types";

const STEPS_MS = [1000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 86_400_000];

export interface Histogram {
  stepMs: number;
  /** Start of the interval, events that matter (major and above), and the others. */
  bars: { at: number; bad: number; other: number }[];
}

/** How the events read so far lie in time, in at most sixty bars. */
export function histogram(events: readonly JournalEvent[], now: number): Histogram {
  const times = events.map((event) => Date.parse(event.recorded_at));
  if (times.length === 0) return { stepMs: 60_000, bars: [] };
  const from = Math.min(...times);
  const to = Math.max(now, ...times);
  const stepMs = STEPS_MS.find((step) => (to - from) / step <= 60) ?? 86_400_000;
  const first = Math.floor(from / stepMs) * stepMs;
  const bars = Array.from({ length: Math.floor((to - first) / stepMs) + 1 }, (_, index) => ({ at: first + index * stepMs, bad: 0, other: 0 }));
  for (const [index, event] of events.entries()) {
    const bar = bars[Math.floor(((times[index] ?? first) - first) / stepMs)];
    if (bar === undefined) continue;
    if (event.event.severity === "critical" || event.event.severity === "major") bar.bad += 1;
    else bar.other += 1;
  }
  return { stepMs, bars };
}

/** What one row of the list says besides the type. */
export function rowText(event: JournalEvent): string {
  const { title, data, subject } = event.event;
  if (typeof title === "string" && title !== "") return title;
  if (typeof data === "object" && data !== null) {
    for (const name of ["summary", "title", "message", "reason", "name"]) {
      const value = (data as Record<string, unknown>)[name];
      if (typeof value === "string" && value !== "") return value;
    }
  }
  return typeof subject === "string" ? subject : "";
}

export const LANES = ["Event", "Alert", "Incident", "Decision", "Response"] as const;
export type Lane = (typeof LANES)[number];

/** The column of a node in the story: from what came in, over what it meant, to what was done. */
export function laneOf(node: StoryNode): Lane {
  if (node.kind === "input") return "Event";
  if (node.kind === "decision" || node.kind === "near_miss") return "Decision";
  const kind = node.about_kind ?? node.type.split(".")[1] ?? "";
  switch (kind) {
    case "alert": return "Alert";
    case "incident": case "membership": return "Incident";
    case "policy": return "Decision";
    case "run": case "step": case "effect": case "ticket": case "comment": return "Response";
    default: return node.kind === "quiet" ? "Alert" : "Event";
  }
}

/** Whether the node stands for something that did not happen. */
export function didNot(node: StoryNode): boolean {
  return node.kind === "near_miss" || node.kind === "quiet" || node.outcome === "blocked";
}

/** `12 events, 1 alert, 2 decisions, 1 of them not to act`. */
export function summary(story: Story): string {
  const parts: string[] = [];
  for (const lane of LANES) {
    const nodes = story.nodes.filter((node) => laneOf(node) === lane);
    const things = lane === "Event" || lane === "Decision" ? nodes.length : new Set(nodes.map((node) => node.about_id ?? node.id)).size;
    if (things > 0) parts.push(`${String(things)} ${lane.toLowerCase()}${things === 1 ? "" : "s"}`);
  }
  const not = story.nodes.filter(didNot).length;
  return `${parts.join(", ")}${not > 0 ? `, ${String(not)} did not happen` : ""}${story.truncated ? ", the rest is left out" : ""}`;
}

/** Facts about the same thing become one node, whose newest fact names it; edges follow. */
export function merged(story: Story): Story {
  const owner = new Map<string, string>();
  const groups = new Map<string, StoryNode[]>();
  for (const node of story.nodes) {
    const key = node.kind === "fact" && node.about_kind && node.about_id ? `${node.about_kind}:${node.about_id}` : node.id;
    owner.set(node.id, key);
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  const nodes = [...groups].map(([key, members]): StoryNode => {
    const [first] = members;
    const last = members.at(-1);
    if (first === undefined || last === undefined) throw new Error("a group has a member");
    if (members.length === 1) return { ...first, id: key };
    const words = members.map((member) => member.type.split(".").at(-1) ?? "");
    return { ...last, id: key, detail: [...new Set(words)].map((word) => word.replaceAll("_", " ")).join(", ") };
  });
  const seen = new Set<string>();
  const edges = story.edges.flatMap((edge) => {
    const from = owner.get(edge.from);
    const to = owner.get(edge.to);
    if (from === undefined || to === undefined || from === to) return [];
    const key = `${from}>${to}`;
    if (seen.has(key) || seen.has(`${to}>${from}`)) return [];
    seen.add(key);
    return [{ ...edge, from, to }];
  });
  return { ...story, root: owner.get(story.root) ?? story.root, nodes, edges };
}

/** Events over time, and the story graph's lanes, before they are drawn. */
import type { JournalEvent, Story, StoryNode } from "../../data/types";
import { plural } from "../../parts/format";

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
    case "alert": case "monitor": return "Alert";
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

/** Whether the node stands for something that should have happened, and could not. */
export function failed(node: StoryNode): boolean {
  return node.outcome === "failed";
}

/** The second line of a node: why, and what became of it. */
export function about(node: StoryNode): string {
  return [node.reason, node.detail ?? (node.kind === "input" ? node.type : node.outcome)].filter(Boolean).join(" · ");
}

export interface OutlineRow {
  node: StoryNode;
  depth: number;
}

/** The story as an outline: each thing once, under what caused it first. What nothing leads to follows at the end. */
export function outline(story: Story): OutlineRow[] {
  const nodes = new Map(story.nodes.map((node) => [node.id, node]));
  const rows: OutlineRow[] = [];
  const walk = (id: string, depth: number): void => {
    const node = nodes.get(id);
    if (node === undefined) return;
    nodes.delete(id);
    rows.push({ node, depth });
    for (const edge of story.edges) if (edge.from === id) walk(edge.to, depth + 1);
  };
  walk(story.root, 0);
  for (const node of story.nodes) walk(node.id, 0);
  return rows;
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
  const broken = story.nodes.filter(failed).length;
  return `${parts.join(", ")}${broken > 0 ? `, ${String(broken)} failed` : ""}${not > 0 ? `, ${String(not)} did not happen` : ""}${story.truncated ? ", the rest is left out" : ""}`;
}

/** What a fact is drawn as part of: steps belong to their run, memberships to their incident. */
function thingOf(node: StoryNode): string {
  if (node.kind !== "fact" || node.about_kind === null || node.about_id === null) return node.id;
  const [owner = ""] = node.about_id.split("/");
  if (node.about_kind === "step") return `run:${owner}`;
  if (node.about_kind === "membership") return `incident:${owner}`;
  return `${node.about_kind}:${node.about_id}`;
}

const PLUMBING = /^oncue\.(effect\.(result|started)|sample|heartbeat\.received)$/;

const NAMED = new Set(["incident", "ticket"]);

function asOne(key: string, members: readonly StoryNode[]): StoryNode {
  const own = members.filter((member) => member.about_kind !== "step" && member.about_kind !== "membership");
  const last = own.at(-1) ?? members.at(-1);
  if (last === undefined) throw new Error("a group has a member");
  if (last.about_kind === "membership") {
    const incident = last.about_id?.split("/")[0] ?? last.title;
    return { ...last, id: key, title: incident, about_kind: "incident", about_id: incident, detail: last.reason ?? "an alert joined", reason: null };
  }
  const title = last.about_kind === "comment" ? "Comment" : last.title;
  const words = [...new Set(own.map((member) => (member.type.split(".").at(-1) ?? "").replaceAll("_", " ")))].join(", ");
  const steps = new Set(members.filter((member) => member.about_kind === "step").map((member) => member.about_id)).size;
  const what = [last.about_kind !== null && NAMED.has(last.about_kind) ? last.about_id : null, words].filter(Boolean).join(" ");
  const told = members.length === 1 ? (last.detail ?? (last.kind === "fact" ? what : null)) : [what, steps > 0 ? plural(steps, "step") : ""].filter(Boolean).join(", ");
  return { ...last, id: key, title, detail: told };
}

/**
 * The story with each thing once, named by its newest fact. What only reports back (an effect's result) is left out;
 * what such a report caused hangs on the run or effect that it reported on. An alert leads to its incident.
 */
export function merged(story: Story): Story {
  const owner = new Map<string, string>();
  const groups = new Map<string, StoryNode[]>();
  const hidden = new Set<string>();
  const edges: Story["edges"] = [];
  for (const node of story.nodes) {
    if (node.kind === "input" && node.id !== story.root && PLUMBING.test(node.type)) {
      hidden.add(node.id);
      continue;
    }
    const key = thingOf(node);
    owner.set(node.id, key);
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  const seen = new Set<string>();
  const join = (from: string, to: string, kind: Story["edges"][number]["kind"]): void => {
    if (from === to || !groups.has(from) || !groups.has(to) || seen.has(`${from}>${to}`) || seen.has(`${to}>${from}`)) return;
    seen.add(`${from}>${to}`);
    edges.push({ from, to, kind });
  };
  const joined = new Set<string>();
  for (const node of story.nodes) {
    if (node.about_kind !== "membership" || node.about_id === null) continue;
    const [incident = "", alert = ""] = node.about_id.split("/");
    if (groups.has(`alert:${alert}`)) {
      join(`alert:${alert}`, `incident:${incident}`, "caused");
      joined.add(`incident:${incident}`);
    }
  }
  const reached = new Set<string>([owner.get(story.root) ?? story.root, ...joined]);
  for (const edge of story.edges) {
    const from = owner.get(edge.from);
    const to = owner.get(edge.to);
    if (from === undefined || to === undefined || joined.has(to)) continue;
    join(from, to, edge.kind);
    reached.add(to);
  }
  for (const report of hidden) {
    const touched = [...new Set(story.edges.filter((edge) => edge.from === report).flatMap((edge) => owner.get(edge.to) ?? []))];
    const host = touched.find((key) => key.startsWith("run:")) ?? touched.find((key) => key.startsWith("effect:")) ?? owner.get(story.root);
    for (const key of touched) {
      if (reached.has(key) || host === undefined) continue;
      join(host, key, "caused");
      reached.add(key);
    }
  }
  return { ...story, root: owner.get(story.root) ?? story.root, nodes: [...groups].map(([key, members]) => asOne(key, members)), edges };
}
